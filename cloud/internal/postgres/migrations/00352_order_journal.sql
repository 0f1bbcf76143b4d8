-- +goose Up

-- The edge's journal at which an order was given. It goes with the order, so that an edge
-- which has begun another one since, and may have forgotten what it did, drops it; null of
-- those that were given before it was kept.
alter table gate_order add column journal uuid;
