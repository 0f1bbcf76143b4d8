-- +goose Up

-- What drivers dispute of what a payment took, and how far that has come.
alter table payment add column disputes jsonb;
alter type commit_payment add attribute disputes jsonb;

-- A bank may enquire before it takes anything back.
alter table dispute drop constraint dispute_state_check;
alter table dispute add constraint dispute_state_check check (state in ('asked', 'open', 'won', 'lost'));

-- The two functions that commit, as they are, with the new column.
-- +goose StatementBegin
do $$
declare
  f    regproc;
  body text;
begin
  foreach f in array array['commit_batch', 'commit_unopposed']::regproc[] loop
    body := pg_get_functiondef(f);
    body := replace(body, 'refunded, refunds, raise)', 'refunded, refunds, raise, disputes)');
    body := replace(body, 'x.refunds, x.raise', 'x.refunds, x.raise, x.disputes');
    body := replace(body, 'raise = x.raise', 'raise = x.raise, disputes = x.disputes');
    if (length(body) - length(replace(body, 'x.disputes', ''))) / length('x.disputes') <> 2 or position('raise, disputes)' in body) = 0 then
      raise exception '% does not write payments as was expected', f;
    end if;
    execute body;
  end loop;
end $$;
-- +goose StatementEnd
