-- +goose Up

-- Keys start with the parking, so that the schema can be divided by parking
-- later. A parking is named by its slug, which sorts bytewise.

create table operator (
  id         uuid primary key,
  name       text not null unique,
  created_at timestamptz not null default now()
);

create table parking (
  id         text collate "C" primary key,
  operator   uuid not null references operator,
  name       text not null,
  address    text not null default '',
  city       text not null default '',
  kind       text not null,
  latitude   double precision not null check (latitude between -90 and 90),
  longitude  double precision not null check (longitude between -180 and 180),
  timezone   text not null,
  tariff     jsonb not null,
  policy     jsonb not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table space_type (
  parking  text collate "C" not null references parking,
  id       text collate "C" not null,
  class    text not null,
  label    text not null,
  capacity smallint not null check (capacity >= 0),
  primary key (parking, id)
);

-- The head orders a parking's commits: whoever changes anything about it locks
-- this row first and takes the next revisions.
create table parking_head (
  parking  text collate "C" primary key references parking,
  revision bigint not null default 0
) with (fillfactor = 50);

-- One row per parking, space type and UTC day with 96 quarter-hours. No index
-- but the key, so that updates stay heap-only.
create table inventory_day (
  parking    text collate "C" not null,
  space_type text collate "C" not null,
  day        int not null,                  -- UTC days since the Unix epoch
  version    bigint not null default 0,
  cap        smallint not null,
  free       smallint[] not null,
  over       smallint[] not null,
  primary key (parking, space_type, day),
  constraint inventory_shape   check (cardinality(free) = 96 and cardinality(over) = 96),
  constraint inventory_no_sale check (0 <= all (free)),     -- a quarter is never sold below zero
  constraint inventory_no_gift check (cap >= all (free)),   -- nor released twice
  constraint inventory_over    check (0 <= all (over))
) with (fillfactor = 50);

-- +goose StatementBegin
create function inventory_guard() returns trigger language plpgsql as $$
begin
  if new.version <> old.version + 1 then
    raise exception 'stale inventory write' using errcode = 'PX003';
  end if;
  return new;
end $$;
-- +goose StatementEnd
create trigger inventory_guard before update on inventory_day
  for each row execute function inventory_guard();

create table reservation (
  parking            text collate "C" not null references parking,
  id                 uuid not null,
  version            bigint not null,
  state              text not null check (state in ('held','confirmed','active','completed','expired','cancelled')),
  generation         int not null,
  space_type         text collate "C" not null,
  from_at            timestamptz not null,
  to_at              timestamptz not null check (to_at > from_at),
  claim_from_q       bigint not null,       -- quarter-hours since the epoch; equal ends: no claim
  claim_to_q         bigint not null check (claim_to_q >= claim_from_q),
  quote              jsonb not null,
  payment            uuid not null,
  email              text not null,
  phone              text not null default '',
  plate              text not null default '',
  hold_until         timestamptz not null,
  no_show_at         timestamptz not null,
  session            uuid,
  confirmed_revision bigint not null default 0,
  created_at         timestamptz not null,
  updated_at         timestamptz not null,
  primary key (parking, id)
);
create index reservation_id on reservation (id);
create index reservation_held on reservation (hold_until) where state = 'held';
create index reservation_live on reservation (parking, to_at) where state in ('confirmed','active');

create table payment (
  parking        text collate "C" not null references parking,
  id             uuid not null,
  version        bigint not null,
  reservation    uuid not null,
  state          text not null check (state in ('requested','requires_action','authorized','declined','unknown',
                                               'capture_requested','captured','void_requested','voided')),
  provider       text not null,
  method         text not null,
  ref            text not null default '',
  currency       char(3) not null,
  amount         bigint not null check (amount >= 0),
  authorized     bigint not null default 0 check (authorized >= 0),
  capture_amount bigint not null default 0 check (capture_amount between 0 and authorized),
  capture_tax    bigint not null default 0,
  captured       bigint not null default 0 check (captured between 0 and authorized),
  capture_before timestamptz,
  next_action    text not null default '',
  decline_code   text not null default '',
  updated_at     timestamptz not null,
  primary key (parking, id)
);
create index payment_reservation on payment (parking, reservation);
create index payment_open on payment (updated_at)
  where state in ('requested','unknown','capture_requested','void_requested');

-- +goose StatementBegin
create function payment_guard() returns trigger language plpgsql as $$
begin
  if old.captured > 0 and new.captured <> old.captured then
    raise exception 'a hold is captured at most once' using errcode = 'PX005';
  end if;
  return new;
end $$;
-- +goose StatementEnd
create trigger payment_guard before update on payment
  for each row execute function payment_guard();

create table session (
  parking      text collate "C" not null references parking,
  id           uuid not null,
  version      bigint not null,
  reservation  uuid,
  space_type   text collate "C" not null,
  state        text not null check (state in ('inside','left')),
  allotted     boolean not null,
  claim_to_q   bigint not null,
  entered_at   timestamptz not null,
  exited_at    timestamptz,
  entry_lane   text not null default '',
  exit_lane    text not null default '',
  entry_reason text not null default '',
  exit_reason  text not null default '',
  inferred     boolean not null default false,
  currency     char(3),
  due          bigint,
  owed         bigint,
  primary key (parking, id)
);
create index session_inside on session (parking) where state = 'inside';
create unique index session_reservation on session (parking, reservation)
  where reservation is not null and state = 'inside';

create table ledger_entry (
  parking     text collate "C" not null,
  txn         uuid not null,
  line        smallint not null,
  kind        text not null,
  account     text not null,
  currency    char(3) not null,
  amount      bigint not null,
  reservation uuid,
  session     uuid,
  payment     uuid,
  at          timestamptz not null,
  primary key (parking, txn, line)
);
create index ledger_reservation on ledger_entry (parking, reservation);

-- +goose StatementBegin
create function ledger_balanced() returns trigger language plpgsql as $$
begin
  if exists (select 1 from ledger_entry e where e.parking = new.parking and e.txn = new.txn
             group by e.currency having sum(e.amount) <> 0) then
    raise exception 'ledger transaction does not sum to zero' using errcode = 'PX006';
  end if;
  return null;
end $$;
create function append_only() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'PX007';
end $$;
-- +goose StatementEnd
create constraint trigger ledger_balanced after insert on ledger_entry
  deferrable initially deferred for each row execute function ledger_balanced();
create trigger ledger_append_only before update or delete on ledger_entry
  for each row execute function append_only();

create table idempotency_key (
  principal    text not null,
  key          text not null,
  request_hash bytea not null,
  parking      text collate "C" not null,
  reservation  uuid not null,
  created_at   timestamptz not null default now(),
  primary key (principal, key)
);

create table edge (
  parking     text collate "C" primary key references parking,
  id          uuid not null unique,
  secret_hash bytea not null,               -- SHA-256 of a random 256-bit secret
  enrolled_at timestamptz not null default now()
);

create table edge_watermark (
  parking    text collate "C" primary key references parking,
  version    bigint not null,
  journal    uuid not null,
  epoch      int not null,
  seq        bigint not null,
  hash       bytea not null,
  trusted_lo timestamptz,
  updated_at timestamptz not null default now()
) with (fillfactor = 50);

-- Every journal a parking's edge has ever had, so that a retired one is known.
create table edge_journal (
  parking text collate "C" not null,
  journal uuid not null,
  epoch   int not null,
  since   timestamptz not null default now(),
  primary key (parking, journal),
  unique (parking, epoch)
);

create table allotment (
  parking    text collate "C" not null,
  space_type text collate "C" not null,
  version    bigint not null,
  units      smallint not null check (units >= 0),
  granted    smallint not null check (granted between 0 and units),
  until_q    bigint not null,
  primary key (parking, space_type)
);

-- Applied journal events as they came. The key makes applying one twice
-- impossible.
create table observation (
  parking    text collate "C" not null,
  epoch      int not null,
  seq        bigint not null,
  kind       smallint not null,
  at         timestamptz not null,
  raw        bytea not null,
  applied_at timestamptz not null default now(),
  primary key (parking, epoch, seq)
);

create table incident (
  parking     text collate "C" not null,
  id          uuid not null,
  class       text not null,
  reservation uuid,
  session     uuid,
  detail      text not null,
  at          timestamptz not null,
  primary key (parking, id)
);

create table quote (
  parking    text collate "C" not null,
  id         uuid not null,
  space_type text collate "C" not null,
  from_at    timestamptz not null,
  to_at      timestamptz not null,
  quote      jsonb not null,
  expires_at timestamptz not null,
  primary key (parking, id)
);

-- The feed. Divided by day, so that old days can be dropped; a day's partition
-- is made ahead of time by openlot itself, and the default one is the net
-- below it.
create table event (
  parking  text collate "C" not null,
  revision bigint not null,
  xid      xid8 not null default pg_current_xact_id(),
  at       timestamptz not null default now(),
  kind     text not null,
  body     jsonb not null
) partition by range (at);
create index event_parking on event (parking, revision);
create index event_xid on event (xid);
create table event_default partition of event default;

create table feed_cursor (
  name text primary key,
  xid  xid8 not null
);

create table signing_key (
  kid        bytea primary key,
  seed       bytea not null,                -- Ed25519
  public     bytea not null,
  created_at timestamptz not null default now(),
  retired_at timestamptz
);

create table secret (
  name  text primary key,
  value bytea not null
);

-- The sandbox provider's own books. Nothing of ours refers to them.
create schema sandbox;
create table sandbox.hold (
  ref            text primary key,
  key            text not null unique,
  parking        text not null,
  reservation    text not null,
  method         text not null,
  state          text not null,
  currency       char(3) not null,
  amount         bigint not null,
  captured       bigint not null default 0 check (captured <= amount),
  refunded       bigint not null default 0,
  decline_code   text not null default '',
  second_factor  text not null default '',
  capture_before timestamptz not null,
  created_at     timestamptz not null default now(),
  updated_at     timestamptz not null default now()
);
create index hold_parking on sandbox.hold (parking, created_at);
create table sandbox.call (
  key    text primary key,
  ref    text not null,
  kind   text not null,
  tries  int not null default 0,
  answer jsonb
);

-- The built-in inbox.
create table dev_mail (
  id         bigint generated always as identity primary key,
  message_id text not null,
  sender     text not null,
  recipients text[] not null,
  subject    text not null,
  raw        bytea not null,
  at         timestamptz not null default now()
);

-- What the running program may do. Roles are shared by all databases of a
-- cluster, so that another database may have made it before.
-- +goose StatementBegin
do $$ begin
  create role openlot_app nologin;
exception when duplicate_object or unique_violation then null;
end $$;
do $$ begin
  if not pg_has_role(current_user, 'openlot_app', 'member') then
    execute format('grant openlot_app to %I', current_user);
  end if;
end $$;
-- +goose StatementEnd
grant usage on schema public, sandbox to openlot_app;
grant select on all tables in schema public to openlot_app;
grant insert, update on operator, parking, space_type, edge, quote, feed_cursor, signing_key, secret to openlot_app;
grant insert on parking_head, incident to openlot_app;
grant insert, delete on dev_mail to openlot_app;
grant delete on quote to openlot_app;
grant select, insert, update on all tables in schema sandbox to openlot_app;
