-- +goose Up

-- A code of a shop that is told of under a second payment (session.Paid.Again) is not billed
-- again: it is no use that the shop owes. What a code was used for is looked up by its serial.
drop index shop_use_shop;
create index shop_use_code on shop_use (parking, number, serial);

-- +goose StatementBegin
create or replace function session_by_shops() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  insert into shop_use (parking, payment, number, serial, session, amount, currency, at)
  select new.parking, p->>'id', (p->>'shop')::integer, (p->>'serial')::integer, new.id,
         (p->'amount'->>'minor')::bigint, p->'amount'->>'currency', (p->>'at')::timestamptz
    from jsonb_array_elements(new.payments) p where p ? 'shop' and not p ? 'again'
  on conflict do nothing;
  return null;
end $$;
-- +goose StatementEnd
