-- +goose Up

-- A hold may lapse before the stay ends, and a method may be saved before there
-- is any hold.
alter table payment drop constraint payment_state_check;
alter table payment add constraint payment_state_check check (state in
  ('requested', 'requires_action', 'authorized', 'declined', 'unknown', 'capture_requested', 'captured',
   'void_requested', 'voided', 'lapsed', 'method_saved'));

-- Holds by the instant at which they lapse; what lapsed stays until its stay is over.
create index payment_lapses on payment (capture_before) where state in ('authorized', 'lapsed');
-- Those with no hold yet.
create index payment_saved on payment (parking, reservation) where state = 'method_saved';
