-- +goose Up

-- What happened in each hour (package trends): counted from the facts, and again
-- whenever one of them touches the hour.
create table trend_hour (
  parking     text collate "C" not null references parking,
  hour        timestamptz not null,
  space_type  text collate "C" not null,
  known_ms    int not null,                -- of the hour, that the edge has told of
  occupied_ms bigint not null,             -- by all vehicles together, in that
  capacity    int not null,
  arrivals    int not null,
  departures  int not null,
  refused     int not null,
  due         int not null,
  no_shows    int not null,
  resold      int not null,
  early       int not null,
  stays       int[] not null,              -- minutes, the shortest first
  told_at     timestamptz,                 -- when the newest fact in it was heard
  late        boolean not null default false, -- it was shown as something else
  counted_at  timestamptz not null,        -- when it became what it is
  primary key (parking, hour, space_type)
);
create table trend_money (
  parking    text collate "C" not null references parking,
  hour       timestamptz not null,
  space_type text collate "C" not null,
  currency   char(3) not null,
  reserved   bigint not null,
  walk_in    bigint not null,
  primary key (parking, hour, space_type, currency)
);

-- The hours that are to be counted again.
create table trend_touched (
  parking text collate "C" not null references parking,
  hour    timestamptz not null,
  primary key (parking, hour)
);

-- Up to where of each parking it was noted what they touch: the journal, what the
-- edge has told, the clock. Whoever counts a parking holds its row.
create table trend_head (
  parking     text collate "C" primary key references parking,
  epoch       int not null default 0,
  seq         bigint not null default 0,
  known_until timestamptz,
  hour        timestamptz not null
);
insert into feed_cursor (name, xid) values ('trends', '0') on conflict do nothing;

-- How many wanted to book from an hour on and were told that it is sold out.
create table sold_out (
  parking    text collate "C" not null references parking,
  hour       timestamptz not null,
  space_type text collate "C" not null,
  n          int not null,
  primary key (parking, hour, space_type)
);

-- Which capacity a type had, from each UTC day on: the days of the inventory are
-- dropped when they are over.
create table capacity_since (
  parking    text collate "C" not null references parking,
  space_type text collate "C" not null,
  day        int not null,                 -- since the epoch
  capacity   int not null,
  primary key (parking, space_type, day)
);
insert into capacity_since select parking, id, 0, capacity from space_type;

-- +goose StatementBegin
create function capacity_begins() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
  insert into capacity_since values (new.parking, new.id, 0, new.capacity) on conflict do nothing;
  return null;
end $$;
create function capacity_goes_on() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
declare
  c jsonb := new.body -> 'capacity';
begin
  delete from capacity_since where parking = new.parking and space_type = c ->> 'space_type' and day > (c ->> 'from_day')::int;
  insert into capacity_since values (new.parking, c ->> 'space_type', (c ->> 'from_day')::int, (c ->> 'capacity')::int)
  on conflict (parking, space_type, day) do update set capacity = excluded.capacity;
  return null;
end $$;
-- +goose StatementEnd
revoke execute on function capacity_begins, capacity_goes_on from public;
create trigger capacity_begins after insert on space_type for each row execute function capacity_begins();
create trigger capacity_goes_on after insert on event for each row
  when (new.kind = 'capacity.changed') execute function capacity_goes_on();

grant select, insert, update, delete on trend_hour, trend_money, trend_touched, trend_head to openlot_app;
grant select, insert, update on sold_out to openlot_app;
grant select on capacity_since to openlot_app;

-- Stays by when they began, those that lasted for long by themselves; what was heard
-- of an hour; reservations that somebody came for, or not.
create index session_entered on session (parking, entered_at, id);
-- The end of a walk-in's ticket, and a plate, as somebody types them while a car waits.
create index session_ticket on session (parking, reverse(replace(id::text, '-', '')) text_pattern_ops);
create index reservation_plate on reservation (parking, plate text_pattern_ops) where plate <> '' and state not in ('held', 'expired');
create index session_long on session (parking, entered_at) where exited_at - entered_at > interval '2 days';
create index observation_at on observation (parking, at);
-- By when they begin; that of a sale that is never paid for is not written.
create index reservation_from on reservation (parking, from_at, id) where state not in ('held', 'expired');
-- Accounts of the books, but for what is written with every sale.
create index ledger_account on ledger_entry (parking, account, at) where account not in ('held', 'held_contra');
