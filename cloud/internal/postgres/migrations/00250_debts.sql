-- +goose Up

-- What a stay owed when it had ended is paid by a payment of its own, which says so,
-- and which the stay names while it is under way.
alter table payment add column debt jsonb;
alter type commit_payment add attribute debt jsonb;
alter table session add column paying uuid;

-- The functions that commit, as they are, with the new columns.
-- +goose StatementBegin
do $$
declare
  f    regproc;
  body text;
begin
  foreach f in array array['commit_batch', 'commit_unopposed']::regproc[] loop
    body := pg_get_functiondef(f);
    body := replace(body, 'decline_code, updated_at, refunded', 'decline_code, updated_at, debt, refunded');
    body := replace(body, 'x.updated_at, x.refunded', 'x.updated_at, x.debt, x.refunded');
    if (length(body) - length(replace(body, ' debt, ', ''))) / length(' debt, ') <> 1 or position('x.debt' in body) = 0 then
      raise exception '% does not write payments as was expected', f;
    end if;
    execute body;
  end loop;
  body := pg_get_functiondef('commit_batch'::regproc);
  body := replace(body, 'owed, credit, payments)', 'owed, credit, payments, paying)');
  body := replace(body, 'x.credit, x.payments', 'x.credit, x.payments, x.paying');
  body := replace(body, 'payments jsonb)', 'payments jsonb, paying uuid)');
  body := replace(body, 'payments = excluded.payments', 'payments = excluded.payments, paying = excluded.paying');
  if (length(body) - length(replace(body, 'paying', ''))) / length('paying') <> 5 then
    raise exception 'commit_batch does not write stays as was expected';
  end if;
  execute body;
end $$;
-- +goose StatementEnd

-- Stays that owe something, and payments of it that wait for their driver.
create index session_owing on session (exited_at) where owed > 0;
create index payment_debt_waits on payment (updated_at) where state = 'requires_action' and debt is not null;
