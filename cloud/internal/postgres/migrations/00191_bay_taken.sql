-- +goose Up

-- As before, with a code of its own: commit_unopposed says PX010, which means that
-- a row is stale.
-- +goose StatementBegin
create or replace function reservation_one_bay() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  if exists (select from reservation r
      where r.parking = new.parking and r.space_type = new.space_type and r.space = new.space
        and r.state in ('confirmed', 'active') and r.id <> new.id
        and r.claim_from_q < new.claim_to_q and new.claim_from_q < r.claim_to_q) then
    raise exception 'two claims in one bay' using errcode = 'PX011';
  end if;
  return null;
end $$;
-- +goose StatementEnd
