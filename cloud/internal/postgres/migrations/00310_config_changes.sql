-- +goose Up

-- Who changed what of a parking's configuration. Each row is written in the commit of
-- the change, by whatever way it came, and never again. Numbers run without gaps in
-- each parking: its head is locked. The author is an account's id or the name of a
-- command: people are not in the database of a parking when those are divided.
create table config_change (
  parking text collate "C" not null references parking,
  number  bigint not null,
  at      timestamptz not null default now(),
  author  text collate "C" not null,
  what    text collate "C" not null,
  before  jsonb,
  after   jsonb,
  why     text not null default '',
  primary key (parking, number)
);
grant select on config_change to openlot_app;
create trigger config_change_append_only before update or delete on config_change
  for each row execute function append_only();
create trigger config_change_never_emptied before truncate on config_change
  for each statement execute function append_only();

-- +goose StatementBegin
create function note_change(p_parking text, p_author text, p_what text, p_before jsonb, p_after jsonb, p_why text) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare n bigint;
begin
  perform from parking_head where parking = p_parking for no key update;
  if not found then
    raise exception 'no parking %', p_parking using errcode = 'PX009';
  end if;
  insert into config_change (parking, number, author, what, before, after, why)
  select p_parking, coalesce(max(c.number), 0) + 1, p_author, p_what, p_before, p_after, p_why
    from config_change c where c.parking = p_parking returning number into n;
  return n;
end $$;

create function quarter_text(p_q bigint) returns text language sql immutable
  return to_char(to_timestamp(p_q * 900) at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"');

-- The ops of capacity tell what they did by an event, which stores it (capacity_told)
-- and, before that, by its name, puts it into the history.
create function capacity_noted() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  body jsonb := new.body;
  b    jsonb := body->'block';
  c    jsonb := body->'capacity';
  was  jsonb;
  now_is jsonb;
  stood block%rowtype;
begin
  if new.kind = 'capacity.changed' then
    was := jsonb_build_object('space_type', c->'space_type', 'capacity', c->'was');
    now_is := jsonb_build_object('space_type', c->'space_type', 'capacity', c->'capacity',
                                 'from', to_char(date '1970-01-01' + (c->>'from_day')::int, 'YYYY-MM-DD'));
  else
    now_is := jsonb_build_object('id', b->'id', 'space_type', b->'space_type', 'n', b->'n', 'reason', b->'reason',
                                 'from', quarter_text((b->>'from_q')::bigint), 'to', quarter_text((b->>'to_q')::bigint));
    if new.kind = 'capacity.unblocked' then
      select * into stood from block k where k.parking = new.parking and k.id = b->>'id';
      was := now_is || jsonb_build_object('to', quarter_text(stood.to_q));
    end if;
  end if;
  perform note_change(new.parking, coalesce(body->>'by', ''), new.kind, was, now_is, coalesce(body->>'why', ''));
  return null;
end $$;
-- +goose StatementEnd
revoke execute on function note_change, capacity_noted from public;
grant execute on function note_change to openlot_app;
create trigger capacity_noted after insert on event for each row
  when (new.kind in ('capacity.changed', 'capacity.blocked', 'capacity.unblocked'))
  execute function capacity_noted();

-- Of two who change the policy they have seen, one has seen it as it is not any more.
alter table parking add column policy_version bigint not null default 1;
-- +goose StatementBegin
create function count_policy() returns trigger language plpgsql as $$
begin
  new.policy_version := old.policy_version + 1;
  return new;
end $$;
-- +goose StatementEnd
create trigger parking_policy_version before update of policy on parking for each row
  when (old.policy is distinct from new.policy) execute function count_policy();

-- Tariffs that a parking will go over to. One that has taken effect, or was withdrawn,
-- is taken out in the same commit: what is here has not happened.
create table tariff_scheduled (
  parking    text collate "C" not null references parking,
  version    bigint not null,
  document   jsonb not null,
  from_at    timestamptz not null,
  author     text collate "C" not null,
  why        text not null default '',
  created_at timestamptz not null default now(),
  primary key (parking, version)
);
create index tariff_scheduled_from on tariff_scheduled (from_at);
grant select, insert, delete on tariff_scheduled to openlot_app;

-- What a replay of past stays looks through: stays by their end, and reservations that
-- were charged where no gate could see a stay.
create index session_left on session (parking, exited_at, id) where exited_at is not null;
create index bill_stayless on bill (parking, at, number) where session is null;
