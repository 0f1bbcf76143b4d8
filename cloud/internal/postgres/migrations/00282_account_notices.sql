-- +goose Up

-- A mail about an account may also tell that one of its ways in has changed: such a link
-- opens nothing, its token is nobody's.
alter table account_link drop constraint account_link_kind_check;
alter table account_link add constraint account_link_kind_check check (kind in (
  'verify', 'known', 'reset', 'none',
  'password_changed', 'totp_added', 'totp_removed', 'recovery_renewed', 'passkey_added', 'passkey_removed', 'factors_reset'));
alter table account_link add column detail text not null default ''; -- such as a passkey's name
