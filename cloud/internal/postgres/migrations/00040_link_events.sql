-- +goose Up

-- The newest word about each edge's connection, which the listing reads when it
-- starts.
create index event_link on event (parking, revision) where kind = 'edge.link';
