-- +goose Up

-- Who leaves early pays for all of the time, as before, until the owner says
-- otherwise.
update parking set policy = jsonb_build_object('early_charge', 100) || policy;
