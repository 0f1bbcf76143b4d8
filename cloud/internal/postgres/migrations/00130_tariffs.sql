-- +goose Up

-- Every edition of every parking's tariff: quotes, bills and receipts name the
-- version that they were made by. It is written with the parking itself, and
-- nothing takes anything out of it.
create table parking_tariff (
  parking    text collate "C" not null references parking,
  version    bigint not null,
  document   jsonb not null,
  adopted_at timestamptz not null,
  primary key (parking, version)
);
grant select on parking_tariff to openlot_app;

insert into parking_tariff select id, (tariff ->> 'version')::bigint, tariff, updated_at from parking where tariff ? 'version';

-- +goose StatementBegin
create function keep_tariff() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
  insert into parking_tariff values (new.id, (new.tariff ->> 'version')::bigint, new.tariff, new.updated_at);
  return null;
end $$;
-- +goose StatementEnd
create trigger parking_tariff_first after insert on parking for each row
  when (new.tariff ? 'version') execute function keep_tariff();
create trigger parking_tariff_next after update of tariff on parking for each row
  when (old.tariff is distinct from new.tariff and new.tariff ? 'version') execute function keep_tariff();
