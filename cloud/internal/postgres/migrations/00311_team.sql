-- +goose Up

-- Mails about a team: an invitation, and what became of a role. What they say beside
-- the link is kept with it.
alter table account_link drop constraint account_link_kind_check,
  add constraint account_link_kind_check check (kind in ('verify', 'known', 'reset', 'none', 'invite', 'joined', 'role_changed', 'removed',
    'password_changed', 'totp_added', 'totp_removed', 'recovery_renewed', 'passkey_added', 'passkey_removed', 'factors_reset')),
  add column operator text not null default '', -- its name
  add column role     text not null default '',
  add column who      text not null default ''; -- the address of somebody else

-- Somebody who may work for an operator, once he accepts. The mail's link has the token.
create table invitation (
  id         uuid primary key,
  operator   uuid not null references operator,
  email      text collate "C" not null, -- in small letters
  role       text not null check (role in ('staff', 'owner')),
  author     text collate "C" not null,
  link       uuid not null unique, -- of account_link
  created_at timestamptz not null,
  expires_at timestamptz not null,
  closed_at  timestamptz -- accepted, withdrawn or replaced
);
create unique index invitation_open on invitation (operator, email) where closed_at is null;
create index invitation_expires on invitation (expires_at);
grant select, insert, update, delete on invitation to openlot_app;

-- Who changed what of whom an operator works with; null: of the platform's own people.
-- It is written in the commit of the change, and never again.
create table operator_change (
  number   bigint generated always as identity primary key,
  operator uuid references operator,
  at       timestamptz not null default now(),
  author   text collate "C" not null,
  what     text collate "C" not null,
  before   jsonb,
  after    jsonb,
  why      text not null default ''
);
create index operator_change_newest on operator_change (operator, number desc);
create trigger operator_change_append_only before update or delete on operator_change
  for each row execute function append_only();
create trigger operator_change_never_emptied before truncate on operator_change
  for each statement execute function append_only();
grant select, insert on operator_change to openlot_app;
