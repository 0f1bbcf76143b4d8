-- +goose Up

-- The sandbox's books: what is held, charged or saved, and what was given back. A saved method is a row that holds nothing.
alter table sandbox.hold
  add column kind text not null default 'hold' check (kind in ('hold', 'charge', 'method')),
  add column asked bigint,
  add column refunds jsonb not null default '[]',
  add check (refunded between 0 and captured);
update sandbox.hold set asked = amount;
alter table sandbox.hold alter column asked set not null;
create index hold_placed on sandbox.hold (created_at);
