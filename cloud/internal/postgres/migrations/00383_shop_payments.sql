-- +goose Up

-- What shops have paid of what their codes took off. A payment is stored by the event that
-- tells it, in the commit that books it: neither is there without the other. A wrong one is
-- reversed, with an opposite entry, and never deleted or changed.
create table shop_payment (
  parking     text collate "C" not null references parking,
  id          text collate "C" not null,      -- shp_…, as it is written everywhere
  number      integer not null,
  paid_on     date not null,
  amount      bigint not null check (amount > 0),
  currency    text not null,
  way         text not null,
  note        text not null,
  author      text collate "C" not null,
  booked_at   timestamptz not null,
  reversed_at timestamptz,
  reversed_by text collate "C",
  why         text,
  primary key (parking, id),
  foreign key (parking, number) references shop (parking, number),
  check ((reversed_at is null) = (reversed_by is null) and (reversed_at is null) = (why is null))
);
create index shop_payment_shop on shop_payment (parking, number, paid_on);
grant select on shop_payment to openlot_app;

-- +goose StatementBegin
create function shop_payment_told() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
declare
  p jsonb := new.body->'shop_payment';
  n int;
begin
  if new.kind = 'shop.paid' then
    insert into shop_payment (parking, id, number, paid_on, amount, currency, way, note, author, booked_at)
    values (new.parking, p->>'id', (p->>'shop')::integer, (p->>'paid_on')::date, (p->'amount'->>'minor')::bigint, p->'amount'->>'currency',
            p->>'way', coalesce(p->>'note', ''), coalesce(new.body->>'by', ''), (p->>'at')::timestamptz)
    on conflict do nothing;
  else
    update shop_payment set reversed_at = (p->>'at')::timestamptz, reversed_by = coalesce(new.body->>'by', ''), why = coalesce(new.body->>'why', '')
     where parking = new.parking and id = p->>'id' and reversed_at is null;
  end if;
  get diagnostics n = row_count;
  if n = 0 then -- somebody else did it meanwhile: it is read again
    raise exception 'payment % of a shop was booked already', p->>'id' using errcode = 'PX003';
  end if;
  return null;
end $$;

create function shop_payment_stays() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and old.reversed_at is null and new.reversed_at is not null
     and to_jsonb(old) - '{reversed_at,reversed_by,why}'::text[] = to_jsonb(new) - '{reversed_at,reversed_by,why}'::text[] then
    return new;
  end if;
  raise exception 'shop_payment is append-only' using errcode = 'PX007';
end $$;

-- record_event, as before, tells nothing that commit_batch books: the row of a payment would
-- be there without its entry.
create or replace function record_event(p_parking text, p_kind text, p_body jsonb) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare r bigint;
begin
  if p_body ? 'claims' or p_body ? 'shop_payment' then
    raise exception 'claims and payments are changed by commit_batch only' using errcode = 'PX008';
  end if;
  update parking_head set revision = revision + 1 where parking = p_parking returning revision into r;
  if r is null then
    raise exception 'no parking %', p_parking using errcode = 'PX009';
  end if;
  insert into event (parking, revision, kind, body) values (p_parking, r, p_kind, p_body);
  return r;
end $$;
-- +goose StatementEnd
revoke execute on function shop_payment_told from public;
create trigger shop_payment_told after insert on event for each row
  when (new.kind in ('shop.paid', 'shop.payment_reversed')) execute function shop_payment_told();
create trigger shop_payment_stays before update or delete on shop_payment for each row execute function shop_payment_stays();
create trigger shop_payment_never_emptied before truncate on shop_payment for each statement execute function append_only();
