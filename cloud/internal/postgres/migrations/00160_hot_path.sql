-- +goose Up

-- What every reservation pays for, and need not.

-- Plans are made once and used for years, and this one's may have been made
-- when the tables were empty: without nested loops it read whole indexes for
-- each batch once they had grown.
alter function commit_batch set enable_hashjoin = off;
alter function commit_batch set enable_mergejoin = off;
alter function commit_batch set enable_material = off;

-- Each of these looked up and locked the parking's row for each row written.
-- commit_batch writes at parkings whose head it has locked and at no others, the
-- head refers to the parking, and nothing deletes either; the role of the
-- program can write these tables in no other way.
alter table reservation drop constraint reservation_parking_fkey;
alter table payment drop constraint payment_parking_fkey;

-- Keys are compared and never sorted for people.
alter table idempotency_key
  alter column principal type text collate "C",
  alter column key type text collate "C";
alter type commit_key
  alter attribute principal type text collate "C",
  alter attribute key type text collate "C";

-- The same guard; the function is called for a violation alone.
drop trigger inventory_guard on inventory_day;
create trigger inventory_guard before update on inventory_day for each row
  when (new.version is distinct from old.version + 1)
  execute function inventory_guard();
drop trigger payment_guard on payment;
create trigger payment_guard before update on payment for each row
  when (old.captured > 0 and new.captured is distinct from old.captured)
  execute function payment_guard();
