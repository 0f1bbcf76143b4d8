-- +goose Up

-- What of a payment was given back after it was taken: each time with its reason,
-- for which it is given back once, and how far it has come.
alter table payment
  add column refunded bigint not null default 0,
  add column refunds jsonb,
  add constraint payment_refunded_check check (refunded between 0 and captured);
alter type commit_payment
  add attribute refunded bigint,
  add attribute refunds jsonb;

-- Those of which the provider has not said the last word.
create index payment_refunding on payment (updated_at)
  where refunds @? '$[*] ? (@.state == "requested" || @.state == "pending")';

-- The two functions that commit, as they are, with the new columns.
-- +goose StatementBegin
do $$
declare
  f    regproc;
  was  text;
  body text;
begin
  foreach f in array array['commit_batch', 'commit_unopposed']::regproc[] loop
    was := pg_get_functiondef(f);
    body := replace(was, 'capture_before, next_action, decline_code, updated_at)', 'capture_before, next_action, decline_code, updated_at, refunded, refunds)');
    body := replace(body, 'x.capture_before, x.next_action, x.decline_code, x.updated_at', 'x.capture_before, x.next_action, x.decline_code, x.updated_at, x.refunded, x.refunds');
    body := replace(body, 'decline_code = x.decline_code, updated_at = x.updated_at', 'decline_code = x.decline_code, updated_at = x.updated_at, refunded = x.refunded, refunds = x.refunds');
    if (length(body) - length(replace(body, 'refunds', ''))) / length('refunds') <> 4 then
      raise exception '% does not write payments as was expected', f;
    end if;
    execute body;
  end loop;
end $$;
-- +goose StatementEnd
