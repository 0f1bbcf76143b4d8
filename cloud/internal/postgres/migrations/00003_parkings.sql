-- +goose Up

-- seed_inventory adds the days [p_from, p_from + p_days) of every space type
-- of a parking that are not there yet, with nothing claimed, and returns how
-- many it added. It cannot change a day that exists.
-- +goose StatementBegin
create function seed_inventory(p_parking text, p_from int, p_days int) returns int
language plpgsql security definer set search_path = public, pg_temp as $$
declare n int;
begin
  insert into inventory_day (parking, space_type, day, cap, free, over)
  select t.parking, t.id, d, t.capacity, array_fill(t.capacity, array[96]), array_fill(0::smallint, array[96])
    from space_type t cross join generate_series(p_from, p_from + p_days - 1) d
   where t.parking = p_parking
  on conflict do nothing;
  get diagnostics n = row_count;
  return n;
end $$;

-- record_event appends one event that changes no claim, under the parking's
-- next revision, which it returns.
create function record_event(p_parking text, p_kind text, p_body jsonb) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare r bigint;
begin
  if p_body ? 'claims' then
    raise exception 'claims are changed by commit_batch only' using errcode = 'PX008';
  end if;
  update parking_head set revision = revision + 1 where parking = p_parking returning revision into r;
  if r is null then
    raise exception 'no parking %', p_parking using errcode = 'PX009';
  end if;
  insert into event (parking, revision, kind, body) values (p_parking, r, p_kind, p_body);
  return r;
end $$;

-- partition_events makes the feed's partitions for today and the days after
-- it. A day whose events are in the default partition already stays there.
create function partition_events(p_days int) returns int
language plpgsql security definer set search_path = public, pg_temp as $$
declare d date; n int := 0;
begin
  for d in select generate_series((now() at time zone 'utc')::date, (now() at time zone 'utc')::date + p_days, '1 day')::date loop
    if to_regclass(format('event_%s', to_char(d, 'YYYYMMDD'))) is null then
      begin
        execute format('create table event_%s partition of event for values from (%L) to (%L)',
          to_char(d, 'YYYYMMDD'), d::text || ' 00:00:00+00', (d + 1)::text || ' 00:00:00+00');
        n := n + 1;
      exception when check_violation or duplicate_table then null;
      end;
    end if;
  end loop;
  return n;
end $$;
-- +goose StatementEnd
revoke execute on function seed_inventory, record_event, partition_events from public;
grant execute on function seed_inventory, record_event, partition_events to openlot_app;
