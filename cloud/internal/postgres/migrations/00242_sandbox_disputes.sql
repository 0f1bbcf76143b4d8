-- +goose Up

-- What drivers dispute in the sandbox's books, and when it took what.
alter table sandbox.hold
  add column captured_at timestamptz,
  add column dispute jsonb;
update sandbox.hold set captured_at = updated_at where captured > 0;
create index hold_captured on sandbox.hold (updated_at) where captured > 0;
