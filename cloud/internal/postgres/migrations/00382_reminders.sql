-- +goose Up

-- By what the driver of one reservation wants to be told that his time ends soon. Who has
-- said nothing has no row: then his account says, else both.
create table reservation_reminders (
  parking     text collate "C" not null,
  reservation uuid not null,
  mail        boolean not null,
  sms         boolean not null,
  since       timestamptz not null default now(),
  primary key (parking, reservation),
  foreign key (parking, reservation) references reservation (parking, id)
);
grant select, insert, update on reservation_reminders to openlot_app;
