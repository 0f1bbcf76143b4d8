-- +goose Up

-- What a stay, or a reservation that ended without one, was charged and why. It
-- is written by the event that tells it, in the commit that decides it, and
-- never again. Numbers run without gaps in each parking: the head is locked.
create table bill (
  parking     text collate "C" not null references parking,
  number      bigint not null,
  reservation text collate "C",
  session     text collate "C",
  document    jsonb not null,
  at          timestamptz not null,
  primary key (parking, number)
);
create index bill_reservation on bill (reservation, number) where reservation is not null;
create index bill_session on bill (session) where session is not null;
grant select on bill to openlot_app;
create trigger bill_append_only before update or delete on bill
  for each row execute function append_only();
create trigger bill_never_emptied before truncate on bill
  for each statement execute function append_only();
create trigger ledger_never_emptied before truncate on ledger_entry
  for each statement execute function append_only();

-- +goose StatementBegin
create function bill_told() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
  insert into bill (parking, number, reservation, session, document, at)
  select new.parking, coalesce(max(b.number), 0) + 1, new.body #>> '{bill,reservation}', new.body #>> '{bill,session}',
         (new.body -> 'bill')::jsonb, new.at
    from bill b where b.parking = new.parking;
  return null;
end $$;
-- +goose StatementEnd
revoke execute on function bill_told from public;
create trigger bill_told after insert on event for each row
  when (new.kind in ('session.closed', 'session.rebilled', 'reservation.completed', 'reservation.no_show', 'reservation.cancelled',
                     'reservation.walked', 'reservation.voided') and new.body -> 'bill' is not null)
  execute function bill_told();

-- The session that a journal event names, null when it names none or cannot be
-- read: a walk over the event's CBOR map, whose keys are small integers in
-- order and whose values are integers, strings and booleans (protocol/wire).
-- +goose StatementBegin
create function journal_session(raw bytea) returns uuid language plpgsql immutable strict parallel safe as $$
declare
  at     int := 1;
  key    int;
  major  int;
  size   bigint;
  length int;
begin
  if get_byte(raw, 0) >> 5 <> 5 then
    return null;
  end if;
  for pair in 1..(get_byte(raw, 0) & 31) loop
    key := get_byte(raw, at);
    at := at + 1;
    major := get_byte(raw, at) >> 5;
    size := get_byte(raw, at) & 31;
    at := at + 1;
    if major <> 7 and size >= 24 then
      length := 1 << (size - 24)::int;
      size := 0;
      for i in 1..length loop
        size := size << 8 | get_byte(raw, at);
        at := at + 1;
      end loop;
    end if;
    if key = 8 then
      return case when major = 2 and size = 16 then encode(substr(raw, at + 1, 16), 'hex')::uuid end;
    end if;
    if major in (2, 3) then
      at := at + size::int;
    end if;
  end loop;
  return null;
exception when others then
  return null; -- what cannot be read names no session
end $$;
-- +goose StatementEnd
-- What proves that a vehicle went in and out is found by its session.
create index observation_passage on observation (parking, journal_session(raw)) where kind in (1, 2, 4, 5);
create index ledger_session on ledger_entry (parking, session) where session is not null;
