-- +goose Up

-- Promises to pay at the parking (payment/cash). Nothing is held for one.
create table cash_promise (
  ref         text primary key,
  key         text not null unique,
  parking     text not null,
  reservation text not null,
  currency    char(3) not null,
  amount      bigint not null check (amount >= 0),
  state       text not null check (state in ('authorized', 'voided')),
  at          timestamptz not null
);
grant select, insert, update on cash_promise to openlot_app;
