-- +goose Up

-- What plates, cards and PINs are hashed with before an edge is told of them. Of
-- two random uuids, since each has 122 bits that nobody can guess.
alter table parking add column gate_key bytea not null
  default sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
  check (length(gate_key) = 32);

-- What there is about a reservation's pass at the gate beside the reservation:
-- hashes of cards that stand for it, and when an operator said that it is not
-- known whether it is inside. Each change is an event of the feed.
create table reservation_gate (
  reservation uuid not null,
  parking     text collate "C" not null,
  cards       bytea[] not null default '{}',
  neutral_at  timestamptz,
  neutral_by  text not null default '',
  neutral_why text not null default '',
  updated_at  timestamptz not null default now(),
  primary key (parking, reservation),
  foreign key (parking, reservation) references reservation (parking, id)
);
grant select, insert, update on reservation_gate to openlot_app;
