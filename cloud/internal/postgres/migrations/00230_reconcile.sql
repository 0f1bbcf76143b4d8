-- +goose Up

-- Up to where the clock has compared each payment provider's books with ours.
create table reconciled (
  provider text primary key,
  until    timestamptz not null
);
grant select, insert, update on reconciled to openlot_app;
