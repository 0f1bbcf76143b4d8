-- +goose Up

create table account (
  id             uuid primary key,
  email          text collate "C" not null unique, -- in small letters; verified before the row is made
  password       text not null,                    -- PHC, argon2id
  name           text not null default '',
  language       text not null default 'en',
  hour_cycle     text not null default '' check (hour_cycle in ('', 'h12', 'h23')),
  currency       text not null default '',
  phone          text not null default '',
  remind_by_mail boolean not null default true,
  remind_by_sms  boolean not null default true,
  plates         text[] not null default '{}',
  totp           bytea,
  totp_begun     bytea,                            -- a secret whose first code was not confirmed yet
  totp_begun_at  timestamptz,
  totp_step      bigint not null default 0,        -- the last step whose code was used
  recovery       bytea[] not null default '{}',    -- SHA-256 of the codes that are left
  created_at     timestamptz not null
);

-- A role of an account with an operator, or with the platform (operator null).
create table membership (
  account  uuid not null references account on delete cascade,
  operator uuid references operator,
  role     text not null check (role in ('staff', 'owner', 'admin')),
  since    timestamptz not null default now(),
  check ((role = 'admin') = (operator is null)),
  unique nulls not distinct (account, operator)
);
create index membership_operator on membership (operator);

-- A key on a device that logs in (WebAuthn).
create table passkey (
  id              uuid primary key,
  account         uuid not null references account on delete cascade,
  name            text not null default '',
  credential      bytea not null unique,            -- its id, by the device
  public_key      bytea not null,                   -- COSE
  sign_count      bigint not null,
  backup_eligible boolean not null,
  backed_up       boolean not null,
  transports      text[] not null default '{}',
  model           bytea not null,                   -- AAGUID
  created_at      timestamptz not null,
  last_used_at    timestamptz
);
create index passkey_account on passkey (account);

-- What a device was asked and has not answered: by the SHA-256 of the challenge.
create table passkey_challenge (
  challenge  bytea primary key,
  account    uuid references account on delete cascade, -- null: of whoever logs in
  remembered bytea not null,
  created_at timestamptz not null,
  expires_at timestamptz not null
);
create index passkey_challenge_expires on passkey_challenge (expires_at);
create index passkey_challenge_account on passkey_challenge (account);

-- A log-in on one device. The cookie has the token, the row its SHA-256.
create table login (
  id            uuid primary key,
  account       uuid not null references account on delete cascade,
  token         bytea not null unique,
  device        text not null default '',
  second_factor boolean not null default false,
  passkey       uuid,                              -- that opened it; null: a password did
  created_at    timestamptz not null,
  last_seen_at  timestamptz not null,
  expires_at    timestamptz not null
);
create index login_account on login (account);
create index login_expires on login (expires_at);

-- What a mail about an account is for. Its token follows from the id and a secret,
-- so that the job that sends it needs no token; the row has the token's SHA-256.
create table account_link (
  id         uuid primary key,
  kind       text not null check (kind in ('verify', 'known', 'reset', 'none')),
  email      text collate "C" not null,
  token      bytea not null unique,
  language   text not null default 'en',
  created_at timestamptz not null,
  expires_at timestamptz not null,
  used_at    timestamptz
);
create index account_link_email on account_link (email);
create index account_link_expires on account_link (expires_at);

-- When the tries of somebody (an address of the network, or of a person; hashed)
-- will all have been forgotten. Shared by the instances.
create table login_tries (
  key     bytea primary key,
  full_at timestamptz not null
);
create index login_tries_full on login_tries (full_at);

-- Whose a reservation is. The key of the request says it, in the same commit.
create table reservation_account (
  parking     text collate "C" not null,
  reservation uuid not null primary key,
  account     uuid not null, -- no foreign key: people are not in the database of a parking when those are divided
  since       timestamptz not null default now()
);
create index reservation_account_newest on reservation_account (account, reservation desc);

-- +goose StatementBegin
create function account_reserves() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
  insert into reservation_account (parking, reservation, account)
  values (new.parking, new.reservation, substr(new.principal, 9)::uuid) on conflict do nothing;
  return null;
end $$;
-- +goose StatementEnd
create trigger account_reserves after insert on idempotency_key for each row
  when (new.principal like 'account:%') execute function account_reserves();

grant select, insert, update, delete on account, membership, login, account_link, login_tries, passkey, passkey_challenge to openlot_app;
grant select, insert, delete on reservation_account to openlot_app;
