-- +goose Up

-- SMS of the built-in inbox. The same text to the same number is the same
-- message, however often it is sent.
create table dev_sms (
  id        bigint generated always as identity primary key,
  recipient text not null,
  text      text not null check (length(text) <= 160),
  at        timestamptz not null,
  unique (recipient, text)
);
grant select, insert, delete on dev_sms to openlot_app;
