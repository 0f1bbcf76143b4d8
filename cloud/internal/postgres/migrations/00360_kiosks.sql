-- +goose Up

-- How each machine that takes money is set now, as its edge says with the lanes.
alter table edge_now add column machines jsonb not null default '[]';
