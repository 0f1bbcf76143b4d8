-- +goose Up

-- Several changes of a type's capacity that are folded into one commit find the
-- days as the last of them left them. As before but for that: each compared them
-- with its own capacity, and none could ever be committed.
-- +goose StatementBegin
create or replace function capacity_told() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  body jsonb := new.body;
  b    jsonb := body->'block';
  c    jsonb := body->'capacity';
  old  block%rowtype;
  n    int;
begin
  if new.kind = 'capacity.changed' then
    update space_type set capacity = (c->>'capacity')::smallint
     where parking = new.parking and id = c->>'space_type';
    get diagnostics n = row_count;
    -- The days from which a later change of the commit holds are compared with that.
    if n = 0 or exists (select from inventory_day i
                         where i.parking = new.parking and i.space_type = c->>'space_type'
                           and i.day >= (c->>'from_day')::int and i.cap <> (c->>'capacity')::smallint
                           and not exists (select from event e
                                            where e.parking = new.parking and e.revision > new.revision and e.kind = 'capacity.changed'
                                              and e.body->'capacity'->>'space_type' = i.space_type
                                              and (e.body->'capacity'->>'from_day')::int <= i.day)) then
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
    if body->'claims' is distinct from jsonb_build_array(jsonb_build_object('type', b->'space_type',
         'from_q', b->'from_q', 'to_q', b->'to_q', 'n', b->'n')) then
      raise exception 'block % is not claimed', b->>'id' using errcode = 'PX008';
    end if;

  else
    select * into old from block k where k.parking = new.parking and k.id = b->>'id' and k.removed_at is null;
    if not found then
      raise exception 'block % is gone', b->>'id' using errcode = 'PX003';
    end if;
    if old.to_q > (b->>'to_q')::bigint and body->'claims' is distinct from jsonb_build_array(jsonb_build_object(
         'type', old.space_type, 'from_q', b->'to_q', 'to_q', old.to_q, 'n', -old.n)) then
      raise exception 'block % is not released', b->>'id' using errcode = 'PX008';
    end if;
    update block k set to_q = least(k.to_q, (b->>'to_q')::bigint), removed_at = (b->>'at')::timestamptz
     where k.parking = new.parking and k.id = b->>'id';
  end if;
  return null;
end $$;
-- +goose StatementEnd
