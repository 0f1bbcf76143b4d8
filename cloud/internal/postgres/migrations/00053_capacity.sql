-- +goose Up

-- Bays that are out of use for a run of quarters. A block is a claim like any
-- other: capacity − Σ claims − Σ blocks = free − over in every quarter, over
-- the rows of this table whether they were removed or not, because removing
-- one ends it at the quarter that was running.
create table block (
  parking    text collate "C" not null references parking,
  id         text collate "C" not null,      -- blk_…, as it is written everywhere
  space_type text collate "C" not null,
  from_q     bigint not null,                -- quarter-hours since the epoch
  to_q       bigint not null check (to_q >= from_q),
  n          smallint not null check (n > 0),
  reason     text not null,
  created_at timestamptz not null,
  removed_at timestamptz,
  primary key (parking, id)
);
grant select on block to openlot_app;

-- What the events of capacity say is stored by the statement that stores them:
-- commit_batch writes the days, then the event, and this the row that belongs
-- to it, in one commit. So a type's capacity and its days cannot come apart,
-- nor a block and its claim, whatever ends between. The head of the parking is
-- locked by then. PX003 makes the committer read again and apply its ops anew.
-- +goose StatementBegin
create function capacity_told() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  b   jsonb := new.body->'block';
  c   jsonb := new.body->'capacity';
  old block%rowtype;
  n   int;
begin
  if new.kind = 'capacity.changed' then
    update space_type set capacity = (c->>'capacity')::smallint
     where parking = new.parking and id = c->>'space_type';
    get diagnostics n = row_count;
    if n = 0 or exists (select from inventory_day i
                         where i.parking = new.parking and i.space_type = c->>'space_type'
                           and i.day >= (c->>'from_day')::int and i.cap <> (c->>'capacity')::smallint) then
      raise exception 'the days of % have another capacity', c->>'space_type' using errcode = 'PX003';
    end if;

  elsif new.kind = 'capacity.blocked' then
    insert into block (parking, id, space_type, from_q, to_q, n, reason, created_at)
    values (new.parking, b->>'id', b->>'space_type', (b->>'from_q')::bigint, (b->>'to_q')::bigint,
            (b->>'n')::smallint, b->>'reason', (b->>'at')::timestamptz)
    on conflict do nothing;
    get diagnostics n = row_count;
    if n = 0 then
      raise exception 'block % is there already', b->>'id' using errcode = 'PX003';
    end if;
    if new.body->'claims' is distinct from jsonb_build_array(jsonb_build_object('type', b->'space_type',
         'from_q', b->'from_q', 'to_q', b->'to_q', 'n', b->'n')) then
      raise exception 'block % is not claimed', b->>'id' using errcode = 'PX008';
    end if;

  else
    select * into old from block k where k.parking = new.parking and k.id = b->>'id' and k.removed_at is null;
    if not found then
      raise exception 'block % is gone', b->>'id' using errcode = 'PX003';
    end if;
    if old.to_q > (b->>'to_q')::bigint and new.body->'claims' is distinct from jsonb_build_array(jsonb_build_object(
         'type', old.space_type, 'from_q', b->'to_q', 'to_q', old.to_q, 'n', -old.n)) then
      raise exception 'block % is not released', b->>'id' using errcode = 'PX008';
    end if;
    update block k set to_q = least(k.to_q, (b->>'to_q')::bigint), removed_at = (b->>'at')::timestamptz
     where k.parking = new.parking and k.id = b->>'id';
  end if;
  return null;
end $$;
-- +goose StatementEnd
create trigger capacity_told after insert on event for each row
  when (new.kind in ('capacity.changed', 'capacity.blocked', 'capacity.unblocked'))
  execute function capacity_told();

-- The capacity of a type is what its newest day has, and changes with it only.
revoke update on space_type from openlot_app;
grant update (class, label) on space_type to openlot_app;

-- seed_horizon adds the days up to two past the horizon (today and tomorrow's
-- windows may reach it before the next run) to one parking, or to the first
-- p_limit parkings that lack some, and returns how many it added. The heads are
-- locked first: a day is seeded with the capacity that the last change left,
-- and a change finds every day. It cannot alter a day that exists.
drop function seed_inventory(text, int, int);
-- +goose StatementBegin
create function seed_horizon(p_today int, p_parking text, p_limit int) returns int
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  due text[] := array[p_parking];
  n   int;
begin
  if p_parking is null then
    select array_agg(d.parking) into due from (
      select t.parking from space_type t join parking p on p.id = t.parking
       where coalesce((select max(i.day) from inventory_day i where i.parking = t.parking and i.space_type = t.id), -1)
             < p_today + least((p.policy->>'horizon_days')::int, 396) + 1
       group by t.parking order by t.parking limit p_limit) d;
  end if;
  if due is null then
    return 0;
  end if;
  perform from parking_head h where h.parking = any (due) order by h.parking for no key update;
  insert into inventory_day (parking, space_type, day, cap, free, over)
  select t.parking, t.id, d, t.capacity, array_fill(t.capacity, array[96]), array_fill(0::smallint, array[96])
    from space_type t
    join parking p on p.id = t.parking
    left join lateral (select max(i.day) + 1 as day from inventory_day i
                        where i.parking = t.parking and i.space_type = t.id) next on true
    cross join generate_series(greatest(p_today, next.day), p_today + least((p.policy->>'horizon_days')::int, 396) + 1) d
   where t.parking = any (due)
  on conflict do nothing;
  get diagnostics n = row_count;
  return n;
end $$;

-- prune_inventory drops up to p_limit days before p_before that nothing can
-- refer to any more, and returns how many. A reservation or a stay that is not
-- over keeps its days, and an edge the days whose events may still come.
create function prune_inventory(p_before int, p_limit int) returns int
language plpgsql security definer set search_path = public, pg_temp as $$
declare n int;
begin
  delete from inventory_day i using (
    select d.parking, d.space_type, d.day
      from space_type t cross join lateral (
        select k.parking, k.space_type, k.day from inventory_day k
         where k.parking = t.parking and k.space_type = t.id and k.day < p_before order by k.day) d
     where not exists (select from reservation r
                        where r.parking = d.parking and r.state in ('confirmed', 'active')
                          and r.claim_from_q < (d.day + 1)::bigint * 96 and r.claim_to_q > d.day::bigint * 96)
       and not exists (select from session s
                        where s.parking = d.parking and s.state = 'inside'
                          and s.entered_at < to_timestamp((d.day + 1)::bigint * 86400))
       and not exists (select from edge e left join edge_watermark m on m.parking = e.parking
                        where e.parking = d.parking
                          and (m.trusted_lo is null or m.trusted_lo < to_timestamp((d.day + 1)::bigint * 86400)))
     limit p_limit) x
   where i.parking = x.parking and i.space_type = x.space_type and i.day = x.day;
  get diagnostics n = row_count;
  return n;
end $$;
-- +goose StatementEnd
revoke execute on function seed_horizon, prune_inventory, capacity_told from public;
grant execute on function seed_horizon, prune_inventory to openlot_app;
