-- +goose Up

-- The labels of the bays of a type, in the order in which they are dealt out.
-- Null: its spaces have no numbers.
alter table space_type add column bays text[] check (cardinality(bays) > 0);

grant update (bays) on space_type to openlot_app;

-- Who stands, or is to stand, where. Most reservations have no bay and are not
-- in it.
create index reservation_bay on reservation (parking, space_type, space)
  where space is not null and state in ('confirmed', 'active');

-- The last line: no commit leaves two claims that overlap in one bay. Commits of
-- a parking follow each other under its head's lock, so the later of two sees
-- the other. What stands is the claim; a vehicle that stays longer is what the
-- next claim is bound around.
-- +goose StatementBegin
create function reservation_one_bay() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  if exists (select from reservation r
      where r.parking = new.parking and r.space_type = new.space_type and r.space = new.space
        and r.state in ('confirmed', 'active') and r.id <> new.id
        and r.claim_from_q < new.claim_to_q and new.claim_from_q < r.claim_to_q) then
    raise exception 'two claims in one bay' using errcode = 'PX010';
  end if;
  return null;
end $$;
-- +goose StatementEnd
create trigger reservation_one_bay after insert or update on reservation for each row
  when (new.space is not null and new.state in ('confirmed', 'active') and new.claim_from_q < new.claim_to_q)
  execute function reservation_one_bay();
