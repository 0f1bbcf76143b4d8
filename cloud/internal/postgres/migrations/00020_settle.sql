-- +goose Up

-- River's tables live in a schema of their own; River's own migrations, run by
-- the same role after these, fill it.
create schema if not exists river;
grant usage on schema river to openlot_app;
alter default privileges in schema river grant select, insert, update, delete on tables to openlot_app;
alter default privileges in schema river grant usage, select on sequences to openlot_app;

-- Where the relay stands in the feed: it has turned every event of a
-- transaction below into jobs.
insert into feed_cursor (name, xid) values ('relay', '0') on conflict do nothing;

