-- +goose Up

-- commit_unopposed does what commit_batch does for a batch in which nothing is
-- stale and no key was used, which is nearly every one. It looks for nothing
-- beforehand: each version is compared by the statement that writes the row, and
-- the rows that were written are counted. Where one is missing it raises PX010,
-- or a unique violation, and has done nothing; commit_batch then says who is at
-- fault and commits the others.
--
-- Heads are locked in the order in which p_parking names them, which is sorted
-- bytewise, by plan: the array drives a nested loop.
-- +goose StatementBegin
create function commit_unopposed(
  p_parking text[], p_events int[],
  p_days commit_day[], p_reservations commit_reservation[], p_payments commit_payment[],
  p_keys commit_key[], p_feed commit_event[], p_ledger jsonb, p_incidents jsonb,
  out bases bigint[], out at timestamptz)
language plpgsql security definer
set search_path = public, pg_temp set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_material = off as $$
declare
  n      int;
  fresh  int;
begin
  with h as (
    update parking_head h set revision = h.revision + k.events
      from unnest(p_parking, p_events) with ordinality k(parking, events, n)
     where h.parking = k.parking
    returning k.n, h.revision - k.events as base)
  select array_agg(h.base order by h.n) into bases from h;
  if cardinality(bases) is distinct from cardinality(p_parking) then
    raise exception 'a parking is not there' using errcode = 'PX010';
  end if;

  if cardinality(p_days) > 0 then
    update inventory_day i set version = k.version + 1, cap = k.cap, free = k.free, over = k.over
      from unnest(p_days) k
     where i.parking = k.parking and i.space_type = k.space_type and i.day = k.day and i.version = k.version;
    get diagnostics n = row_count;
    if n <> cardinality(p_days) then
      raise exception 'stale inventory' using errcode = 'PX010';
    end if;
  end if;

  if cardinality(p_reservations) > 0 then
    insert into reservation (parking, id, version, state, generation, space_type, from_at, to_at, claim_from_q, claim_to_q,
        quote, payment, email, phone, plate, hold_until, no_show_at, session, space, reminded_at, pending,
        confirmed_revision, created_at, updated_at)
    select x.parking, x.id, 1, x.state, x.generation, x.space_type, x.from_at, x.to_at, x.claim_from_q, x.claim_to_q,
        x.quote, x.payment, x.email, x.phone, x.plate, x.hold_until, x.no_show_at, x.session, x.space, x.reminded_at, x.pending,
        case when x.confirmed_event > 0 then bases[x.n] + x.confirmed_event else x.confirmed_revision end,
        x.created_at, x.updated_at
      from unnest(p_reservations) x where x.version = 0;
    get diagnostics fresh = row_count;
    if fresh < cardinality(p_reservations) then
      update reservation r set version = x.version + 1, state = x.state, generation = x.generation,
          space_type = x.space_type, from_at = x.from_at, to_at = x.to_at,
          claim_from_q = x.claim_from_q, claim_to_q = x.claim_to_q, quote = x.quote, payment = x.payment,
          email = x.email, phone = x.phone, plate = x.plate,
          hold_until = x.hold_until, no_show_at = x.no_show_at, session = x.session,
          space = x.space, reminded_at = x.reminded_at, pending = x.pending,
          confirmed_revision = case when x.confirmed_event > 0 then bases[x.n] + x.confirmed_event else x.confirmed_revision end,
          updated_at = x.updated_at
        from unnest(p_reservations) x
       where x.version <> 0 and r.parking = x.parking and r.id = x.id and r.version = x.version;
      get diagnostics n = row_count;
      if fresh + n <> cardinality(p_reservations) then
        raise exception 'stale reservation' using errcode = 'PX010';
      end if;
    end if;
  end if;

  if cardinality(p_payments) > 0 then
    insert into payment (parking, id, version, reservation, state, provider, method, ref, currency, amount, authorized,
        capture_amount, capture_tax, captured, capture_before, next_action, decline_code, updated_at)
    select x.parking, x.id, 1, x.reservation, x.state, x.provider, x.method, x.ref, x.currency, x.amount, x.authorized,
        x.capture_amount, x.capture_tax, x.captured, x.capture_before, x.next_action, x.decline_code, x.updated_at
      from unnest(p_payments) x where x.version = 0;
    get diagnostics fresh = row_count;
    if fresh < cardinality(p_payments) then
      update payment r set version = x.version + 1, state = x.state, ref = x.ref,
          amount = x.amount, authorized = x.authorized, capture_amount = x.capture_amount, capture_tax = x.capture_tax,
          captured = x.captured, capture_before = x.capture_before, next_action = x.next_action,
          decline_code = x.decline_code, updated_at = x.updated_at
        from unnest(p_payments) x
       where x.version <> 0 and r.parking = x.parking and r.id = x.id and r.version = x.version;
      get diagnostics n = row_count;
      if fresh + n <> cardinality(p_payments) then
        raise exception 'stale payment' using errcode = 'PX010';
      end if;
    end if;
  end if;

  if cardinality(p_keys) > 0 then
    insert into idempotency_key (principal, key, request_hash, parking, reservation)
    select x.principal, x.key, x.request_hash, x.parking, x.reservation from unnest(p_keys) x
     order by x.principal, x.key;
  end if;
  if p_ledger is not null then
    insert into ledger_entry (parking, txn, line, kind, account, currency, amount, reservation, session, payment, at)
    select x.parking, x.txn, x.line, x.kind, x.account, x.currency, x.amount, x.reservation, x.session, x.payment, x.at
      from jsonb_to_recordset(p_ledger) x(parking text, txn uuid, line smallint, kind text, account text, currency text,
        amount bigint, reservation uuid, session uuid, payment uuid, at timestamptz);
  end if;
  if p_incidents is not null then
    insert into incident (parking, id, class, reservation, session, detail, at)
    select x.parking, x.id, x.class, x.reservation, x.session, x.detail, x.at
      from jsonb_to_recordset(p_incidents) x(parking text, id uuid, class text, reservation uuid, session uuid, detail text, at timestamptz);
  end if;
  if cardinality(p_feed) > 0 then
    insert into event (parking, revision, at, kind, body)
    select x.parking, bases[x.n] + x.ord, now(), x.kind, x.body from unnest(p_feed) x;
  end if;
  at := now();
end $$;
-- +goose StatementEnd
revoke execute on function commit_unopposed from public;
grant execute on function commit_unopposed to openlot_app;
