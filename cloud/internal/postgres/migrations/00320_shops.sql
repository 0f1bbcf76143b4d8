-- +goose Up

-- A shop of a parking gives its customers codes that take something off what they pay, and
-- owes what they took off. Serials of codes are given out from 1 on; a code itself follows
-- from the parking's gate key and is kept nowhere.
create table shop (
  parking    text collate "C" not null references parking,
  number     integer not null check (number between 1 and 1023),
  name       text not null check (octet_length(name) between 1 and 64),
  gives      text not null check (gives in ('minutes', 'percent', 'amount')),
  value      integer not null check (value > 0),
  most       bigint not null default 0 check (most >= 0),
  good_until timestamptz not null,
  issued     integer not null default 0 check (issued between 0 and 10000),
  created_at timestamptz not null default now(),
  primary key (parking, number),
  unique (parking, name)
);
grant select, insert, update on shop to openlot_app;

-- What their codes took off, from the payments of stays, where each is once.
create table shop_use (
  parking  text collate "C" not null,
  payment  text collate "C" not null,
  number   integer not null,
  serial   integer not null,
  session  uuid not null,
  amount   bigint not null,
  currency text not null,
  at       timestamptz not null,
  primary key (parking, payment)
);
create index shop_use_shop on shop_use (parking, number);
grant select on shop_use to openlot_app;

-- +goose StatementBegin
create function session_by_shops() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  insert into shop_use (parking, payment, number, serial, session, amount, currency, at)
  select new.parking, p->>'id', (p->>'shop')::integer, (p->>'serial')::integer, new.id,
         (p->'amount'->>'minor')::bigint, p->'amount'->>'currency', (p->>'at')::timestamptz
    from jsonb_array_elements(new.payments) p where p ? 'shop'
  on conflict do nothing;
  return null;
end $$;
-- +goose StatementEnd
create trigger session_by_shops after insert or update of payments on session
  for each row when (jsonb_path_exists(new.payments, '$[*].shop')) execute function session_by_shops();
