-- +goose Up

-- What a no-show costs, and when drivers are reminded: parkings that were
-- described before get the defaults.
update parking set policy = jsonb_build_object('no_show_charge', 100, 'remind_before', 900000000000) || policy;

-- Stays whose driver is to be reminded of the end.
create index reservation_remind on reservation (to_at) where state = 'active' and reminded_at is null;
-- No-shows that may still come.
create index reservation_late on reservation (parking, to_at) where state = 'no_show';
