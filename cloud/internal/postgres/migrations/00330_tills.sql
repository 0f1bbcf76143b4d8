-- +goose Up

-- What was followed of the cash of machines (fleet.Drawer), and the shifts that staff has
-- counted at them (books.Closing). Both come with the events that tell of them, in the
-- commit that books them.
create table till (
  parking text collate "C" not null references parking,
  machine text collate "C" not null,
  state   jsonb not null,
  primary key (parking, machine)
);
create table cash_shift (
  parking  text collate "C" not null references parking,
  id       text collate "C" not null,
  machine  text collate "C" not null,
  operator uuid not null references operator,
  scope    text collate "C" not null,
  seq      bigint not null,
  made_at  timestamptz not null,
  document jsonb not null,
  primary key (parking, id)
);
create index cash_shift_at on cash_shift (parking, made_at);
grant select on till, cash_shift to openlot_app;
create trigger cash_shift_append_only before update or delete on cash_shift
  for each row execute function append_only();
create trigger cash_shift_never_emptied before truncate on cash_shift
  for each statement execute function append_only();

-- +goose StatementBegin
create function till_told() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
declare
  t jsonb := new.body->'till';
begin
  if new.kind = 'till.changed' then
    insert into till as k (parking, machine, state) values (new.parking, t->>'machine', (t->>'state')::jsonb)
    on conflict (parking, machine) do update set state = excluded.state;
  else
    insert into cash_shift (parking, id, machine, operator, scope, seq, made_at, document)
    select new.parking, t->>'shift', t->>'machine', p.operator, t->>'scope', (t->>'seq')::bigint, (t->>'made_at')::timestamptz, (t->>'document')::jsonb
      from parking p where p.id = new.parking
    on conflict do nothing;
  end if;
  return null;
end $$;
-- +goose StatementEnd
revoke execute on function till_told from public;
create trigger till_told after insert on event for each row
  when (new.kind in ('till.changed', 'shift.closed'))
  execute function till_told();

-- Calls for help at machines, by when they were.
create index observation_help on observation (parking, at) where kind = 23;
