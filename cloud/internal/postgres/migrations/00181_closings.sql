-- +goose Up

-- Closings of the books (package books): documents that are chained by their
-- hashes, one chain for each operator and scope, and never changed.
create table closing (
  operator uuid not null references operator,
  scope    text collate "C" not null,
  seq      bigint not null check (seq > 0),
  document bytea not null,
  previous bytea not null,
  hash     bytea not null,
  primary key (operator, scope, seq),
  constraint closing_sealed check (hash = sha256(previous || document))
);
grant select, insert on closing to openlot_app;
create trigger closing_append_only before update or delete on closing
  for each row execute function append_only();
create trigger closing_never_emptied before truncate on closing
  for each statement execute function append_only();

-- Up to where each parking's days are closed.
create table closed_until (
  parking text collate "C" primary key references parking,
  at      timestamptz not null
);
grant select on closed_until to openlot_app;

-- A closing follows the one before it, and that of a day closes it.
-- +goose StatementBegin
create function closing_follows() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
declare
  before bytea := decode(repeat('00', 32), 'hex');
  d      jsonb := convert_from(new.document, 'UTF8')::jsonb;
begin
  if new.seq > 1 then
    select c.hash into before from closing c where c.operator = new.operator and c.scope = new.scope and c.seq = new.seq - 1;
  end if;
  if new.previous is distinct from before or (d->>'seq')::bigint <> new.seq or d->>'scope' <> new.scope then
    raise exception 'closing % of % does not follow', new.seq, new.scope using errcode = 'PX009';
  end if;
  if new.scope = 'day' then
    insert into closed_until as u (parking, at)
    select s->>'parking', (s->>'to')::timestamptz from jsonb_array_elements(d->'parkings') s
      join parking p on p.id = s->>'parking' and p.operator = new.operator
    on conflict (parking) do update set at = greatest(u.at, excluded.at);
  end if;
  return new;
end $$;

-- What is booked on a day that is closed, by a clock that is behind, is booked
-- on the day that is open. Whoever closes holds the parkings' heads.
create function ledger_open_day() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
  new.at := greatest(new.at, (select u.at from closed_until u where u.parking = new.parking));
  return new;
end $$;
-- +goose StatementEnd
revoke execute on function closing_follows, ledger_open_day from public;
create trigger closing_follows before insert on closing for each row execute function closing_follows();
create trigger ledger_open_day before insert on ledger_entry for each row execute function ledger_open_day();

create index ledger_at on ledger_entry (parking, at);
