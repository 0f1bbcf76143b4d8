-- +goose Up

-- What payment providers have told by webhook: each event once, with the job that
-- heeds it in the same transaction. Its text is not kept; what is true is asked.
create table payment_notice (
  provider text collate "C" not null,
  event    text collate "C" not null,  -- the provider's id of it
  kind     text not null,              -- the provider's word
  about    text not null default '' check (about in ('', 'refund', 'dispute')),
  parking  text collate "C" not null,
  key      text not null,              -- of the call it tells of; empty: none of ours
  ref      text not null,
  dispute  jsonb,
  at       timestamptz not null,       -- of the event
  heard_at timestamptz not null,
  done_at  timestamptz,                -- null: still to be heeded
  primary key (provider, event)
);
create index payment_notice_open on payment_notice (heard_at) where done_at is null;
create index payment_notice_done on payment_notice (done_at) where done_at is not null;
grant select, insert, update, delete on payment_notice to openlot_app;

-- Payments that a driver disputes at his bank. Which state follows which is
-- payment.Dispute's.
create table dispute (
  provider   text collate "C" not null,
  ref        text collate "C" not null, -- the provider's name for it
  hold       text not null,             -- the provider's name for what was taken
  parking    text collate "C",          -- null: of no payment of ours
  payment    uuid,
  currency   char(3) not null,
  amount     bigint not null check (amount >= 0), -- minor units
  reason     text not null,             -- the provider's word
  state      text not null check (state in ('open', 'won', 'lost')),
  at         timestamptz not null,      -- of the event that told this
  opened_at  timestamptz not null,      -- of the first event about it
  updated_at timestamptz not null,
  primary key (provider, ref)
);
create index dispute_payment on dispute (parking, payment);
grant select, insert, update on dispute to openlot_app;

-- A dispute names what was taken and not the call that took it. Holds that were
-- never captured cost nothing here.
create index payment_taken on payment (ref) where captured > 0;

-- Webhooks that the sandbox sends, written with what they tell of.
create table sandbox.webhook (
  event  text primary key,
  hold   text not null references sandbox.hold (ref),
  body   text not null,
  forged boolean not null default false, -- signed with a wrong secret
  due_at timestamptz not null,
  times  int not null,                   -- left to be sent
  tries  int not null default 0
);
create index webhook_due on sandbox.webhook (due_at) where times > 0;
grant select, insert, update on sandbox.webhook to openlot_app;
