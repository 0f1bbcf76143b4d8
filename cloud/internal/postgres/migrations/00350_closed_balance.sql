-- +goose Up

-- How the accounts of a parking stood where its days were closed, so that nobody has to
-- sum up all that was ever booked. Nothing is booked before a closed end any more
-- (ledger_open_day), so that a balance stays what it is.
create table closed_balance (
  parking text collate "C" not null references parking,
  at      timestamptz not null,
  sums    jsonb not null, -- [{account, currency, debit, credit}] of all that was booked before
  primary key (parking, at)
);
grant select on closed_balance to openlot_app;

-- +goose StatementBegin
create function balances_until(lot text, until timestamptz) returns table (account text, currency text, debit bigint, credit bigint)
language sql stable as $$
  with base as (
    select b.at, b.sums from closed_balance b where b.parking = lot and b.at <= until order by b.at desc limit 1)
  select x.account, x.currency, sum(x.debit)::bigint, sum(x.credit)::bigint from (
    select j.account, j.currency, j.debit, j.credit from base, jsonb_to_recordset(base.sums) j(account text, currency text, debit bigint, credit bigint)
    union all
    select e.account, e.currency, greatest(e.amount, 0), greatest(-e.amount, 0) from ledger_entry e
     where e.parking = lot and e.at >= coalesce((select base.at from base), '-infinity') and e.at < until) x
  group by x.account, x.currency
$$;

create function balance_closed() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
  insert into closed_balance (parking, at, sums)
  select new.parking, new.at, coalesce(jsonb_agg(to_jsonb(x)), '[]') from balances_until(new.parking, new.at) x
  on conflict do nothing; -- a day without an hour: its zone was changed
  return null;
end $$;
-- +goose StatementEnd
revoke execute on function balance_closed from public;
create trigger balance_closed after insert or update on closed_until for each row execute function balance_closed();

insert into closed_balance (parking, at, sums)
select u.parking, u.at, (select coalesce(jsonb_agg(to_jsonb(x)), '[]') from balances_until(u.parking, u.at) x) from closed_until u;
