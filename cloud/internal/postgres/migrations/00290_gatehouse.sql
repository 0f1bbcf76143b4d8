-- +goose Up

-- What each edge says of itself and its lanes now. Unlogged: it is written whenever a
-- lane changes and is only shown, and what a crash or a fail-over empties, the edges
-- have told again within a quarter of a minute.
create unlogged table edge_now (
  parking     text collate "C" primary key,
  lanes       jsonb not null,       -- wire.LaneStatus of each
  journal     uuid not null,
  minor       smallint not null,    -- of the protocol, that it speaks with us
  software    text not null,
  last_seq    bigint not null,      -- of its journal
  revision    bigint not null,      -- that its cache is complete through
  uncertainty bigint not null,      -- of its clock, in milliseconds
  heard_at    timestamptz not null, -- to within a quarter of a minute
  lanes_at    timestamptz not null  -- since when the lanes look so
);

-- What somebody has a lane do from afar; see package gatehouse.
create table gate_order (
  parking    text collate "C" not null,
  id         uuid not null,
  lane       text collate "C" not null,
  command    text not null,
  count      int,
  by_account uuid not null,
  by_email   text not null,
  why        text not null,
  at         timestamptz not null,
  expires_at timestamptz not null,
  state      text not null check (state in ('sent', 'done', 'refused', 'expired')),
  code       text not null default '',
  settled_at timestamptz,
  key        bytea not null, -- SHA-256 of the account and the Idempotency-Key
  request    bytea not null,        -- SHA-256 of what was asked with it
  primary key (parking, id),
  unique (parking, key)
);
create index gate_order_at on gate_order (parking, at);
create index gate_order_open on gate_order (expires_at) where state = 'sent';
create index gate_order_unanswered on gate_order (parking, at) where state in ('sent', 'expired');

-- Commands are looked for by when they were given.
create index observation_command on observation (parking, at) where kind = 13;
-- How many have come and gone since a time.
create index observation_flow on observation (parking, at) include (kind) where kind in (2, 5);

create table incident_read (
  parking    text collate "C" not null,
  incident   uuid not null,
  at         timestamptz not null,
  by_account uuid not null,
  by_email   text not null,
  note       text not null default '',
  primary key (parking, incident),
  foreign key (parking, incident) references incident (parking, id)
);
create index incident_at on incident (parking, at, id);

grant select, insert, update, delete on edge_now to openlot_app;
grant select, insert, update on gate_order to openlot_app;
grant select, insert on incident_read to openlot_app;
