-- +goose Up

-- The raising of a hold, once, to pay with it what its stay owes beyond it.
alter table payment add column raise jsonb;
alter type commit_payment add attribute raise jsonb;

-- The two functions that commit, as they are, with the new column.
-- +goose StatementBegin
do $$
declare
  f    regproc;
  body text;
begin
  foreach f in array array['commit_batch', 'commit_unopposed']::regproc[] loop
    body := pg_get_functiondef(f);
    body := replace(body, 'updated_at, refunded, refunds)', 'updated_at, refunded, refunds, raise)');
    body := replace(body, 'x.refunded, x.refunds', 'x.refunded, x.refunds, x.raise');
    body := replace(body, 'refunds = x.refunds', 'refunds = x.refunds, raise = x.raise');
    if (length(body) - length(replace(body, 'x.raise', ''))) / length('x.raise') <> 2 or position('refunds, raise)' in body) = 0 then
      raise exception '% does not write payments as was expected', f;
    end if;
    execute body;
  end loop;
end $$;
-- +goose StatementEnd
