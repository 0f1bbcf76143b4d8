-- +goose Up

-- The whole life of a reservation: its ends, the bay it is bound to, whether
-- its driver was reminded of the end, and a change that is not paid for yet.
alter table reservation
  drop constraint reservation_state_check,
  add constraint reservation_state_check check (state in
    ('held','confirmed','active','completed','expired','cancelled','no_show','walked','voided')),
  add column space text,
  add column reminded_at timestamptz,
  add column pending jsonb;
create index reservation_no_show on reservation (no_show_at) where state = 'confirmed';
create index reservation_pending on reservation (parking, id) where pending is not null;

-- As before, and besides: the capacity of a day, the new columns, another
-- payment for a reservation, another amount for a payment.
drop function commit_batch;
-- +goose StatementBegin
create function commit_batch(
  p_parking text[], p_events int[],
  d_parking text[], d_type text[], d_day int[], d_version bigint[],
  d_cap smallint[], d_free smallint[], d_over smallint[],
  p_reservations jsonb, p_payments jsonb, p_sessions jsonb, p_allotments jsonb, p_watermarks jsonb,
  p_keys jsonb, p_ledger jsonb, p_incidents jsonb, p_observations jsonb, p_feed jsonb
) returns table (parking text, base bigint, problem text)
language plpgsql security definer set search_path = public, pg_temp as $$
#variable_conflict use_column
declare
  heads  text[];
  bases  bigint[];
  bad    text[] := '{}';
  why    text[] := '{}';
  stale  text[];
  n      int;
  wanted int;
begin
  with locked as (
    select h.parking, h.revision from parking_head h
     where h.parking = any (p_parking) order by h.parking for no key update)
  select array_agg(l.parking), array_agg(l.revision) into heads, bases from locked l;

  -- A parking without a head does not exist.
  select coalesce(array_agg(p), '{}') into stale from unnest(p_parking) p where p <> all (coalesce(heads, '{}'));
  bad := bad || stale; why := why || array_fill('parking'::text, array[cardinality(stale)]);

  if cardinality(d_parking) > 0 then
    select coalesce(array_agg(distinct k.parking), '{}') into stale
      from unnest(d_parking, d_type, d_day, d_version) k(parking, space_type, day, version)
      left join inventory_day i using (parking, space_type, day)
     where i.version is distinct from k.version;
    bad := bad || stale; why := why || array_fill('inventory'::text, array[cardinality(stale)]);
  end if;

  select coalesce(array_agg(distinct x.parking), '{}') into stale
    from jsonb_to_recordset(p_reservations) x(parking text, id uuid, version bigint)
    left join reservation r on r.parking = x.parking and r.id = x.id
   where r.version is distinct from nullif(x.version, 0);
  bad := bad || stale; why := why || array_fill('reservation'::text, array[cardinality(stale)]);

  select coalesce(array_agg(distinct x.parking), '{}') into stale
    from jsonb_to_recordset(p_payments) x(parking text, id uuid, version bigint)
    left join payment r on r.parking = x.parking and r.id = x.id
   where r.version is distinct from nullif(x.version, 0);
  bad := bad || stale; why := why || array_fill('payment'::text, array[cardinality(stale)]);

  select coalesce(array_agg(distinct x.parking), '{}') into stale
    from jsonb_to_recordset(p_sessions) x(parking text, id uuid, version bigint)
    left join session r on r.parking = x.parking and r.id = x.id
   where r.version is distinct from nullif(x.version, 0);
  bad := bad || stale; why := why || array_fill('session'::text, array[cardinality(stale)]);

  select coalesce(array_agg(distinct x.parking), '{}') into stale
    from jsonb_to_recordset(p_allotments) x(parking text, space_type text, version bigint)
    left join allotment r on r.parking = x.parking and r.space_type = x.space_type
   where r.version is distinct from nullif(x.version, 0);
  bad := bad || stale; why := why || array_fill('allotment'::text, array[cardinality(stale)]);

  select coalesce(array_agg(distinct x.parking), '{}') into stale
    from jsonb_to_recordset(p_watermarks) x(parking text, version bigint)
    left join edge_watermark r on r.parking = x.parking
   where r.version is distinct from nullif(x.version, 0);
  bad := bad || stale; why := why || array_fill('watermark'::text, array[cardinality(stale)]);

  -- A key that exists, or that another transaction is about to commit, spoils
  -- its own parking only.
  if jsonb_array_length(p_keys) > 0 then
    with wanted_keys as (
      select x.* from jsonb_to_recordset(p_keys) x(principal text, key text, request_hash text, parking text, reservation uuid)
       where x.parking <> all (bad) order by x.principal, x.key),
    added as (
      insert into idempotency_key (principal, key, request_hash, parking, reservation)
      select w.principal, w.key, decode(w.request_hash, 'hex'), w.parking, w.reservation from wanted_keys w
      on conflict do nothing returning principal, key, reservation)
    select coalesce(array_agg(distinct w.parking), '{}') into stale
      from wanted_keys w left join added a on a.principal = w.principal and a.key = w.key and a.reservation = w.reservation
     where a.key is null;
    if cardinality(stale) > 0 then
      delete from idempotency_key i using jsonb_to_recordset(p_keys) x(principal text, key text, reservation uuid, parking text)
       where i.principal = x.principal and i.key = x.key and i.reservation = x.reservation and x.parking = any (stale)
         and i.created_at = now();
      bad := bad || stale; why := why || array_fill('idempotency_key'::text, array[cardinality(stale)]);
    end if;
  end if;

  if cardinality(d_parking) > 0 then
    update inventory_day i
       set version = k.version + 1,
           cap = d_cap[k.n],
           free = d_free[(k.n - 1) * 96 + 1 : k.n * 96],
           over = d_over[(k.n - 1) * 96 + 1 : k.n * 96]
      from unnest(d_parking, d_type, d_day, d_version) with ordinality k(parking, space_type, day, version, n)
     where i.parking = k.parking and i.space_type = k.space_type and i.day = k.day and i.version = k.version
       and k.parking <> all (bad);
    get diagnostics n = row_count;
    select count(*) into wanted from unnest(d_parking) k where k <> all (bad);
    if n <> wanted then
      raise exception 'wrote % inventory rows of %', n, wanted using errcode = 'PX004';
    end if;
  end if;

  insert into reservation as r (parking, id, version, state, generation, space_type, from_at, to_at, claim_from_q, claim_to_q,
      quote, payment, email, phone, plate, hold_until, no_show_at, session, space, reminded_at, pending,
      confirmed_revision, created_at, updated_at)
  select x.parking, x.id, x.version + 1, x.state, x.generation, x.space_type, x.from_at, x.to_at, x.claim_from_q, x.claim_to_q,
      x.quote, x.payment, x.email, x.phone, x.plate, x.hold_until, x.no_show_at, x.session, x.space, x.reminded_at, x.pending,
      case when x.confirmed_event > 0 then bases[array_position(heads, x.parking)] + x.confirmed_event else x.confirmed_revision end,
      x.created_at, x.updated_at
    from jsonb_to_recordset(p_reservations) x(parking text, id uuid, version bigint, state text, generation int, space_type text,
      from_at timestamptz, to_at timestamptz, claim_from_q bigint, claim_to_q bigint, quote jsonb, payment uuid, email text,
      phone text, plate text, hold_until timestamptz, no_show_at timestamptz, session uuid, space text,
      reminded_at timestamptz, pending jsonb, confirmed_revision bigint, confirmed_event int, created_at timestamptz, updated_at timestamptz)
   where x.parking <> all (bad)
  on conflict (parking, id) do update set version = excluded.version, state = excluded.state, generation = excluded.generation,
      space_type = excluded.space_type, from_at = excluded.from_at, to_at = excluded.to_at,
      claim_from_q = excluded.claim_from_q, claim_to_q = excluded.claim_to_q, quote = excluded.quote, payment = excluded.payment,
      email = excluded.email, phone = excluded.phone, plate = excluded.plate,
      hold_until = excluded.hold_until, no_show_at = excluded.no_show_at, session = excluded.session,
      space = excluded.space, reminded_at = excluded.reminded_at, pending = excluded.pending,
      confirmed_revision = excluded.confirmed_revision, updated_at = excluded.updated_at;

  insert into payment as r (parking, id, version, reservation, state, provider, method, ref, currency, amount, authorized,
      capture_amount, capture_tax, captured, capture_before, next_action, decline_code, updated_at)
  select x.parking, x.id, x.version + 1, x.reservation, x.state, x.provider, x.method, x.ref, x.currency, x.amount, x.authorized,
      x.capture_amount, x.capture_tax, x.captured, x.capture_before, x.next_action, x.decline_code, x.updated_at
    from jsonb_to_recordset(p_payments) x(parking text, id uuid, version bigint, reservation uuid, state text, provider text,
      method text, ref text, currency text, amount bigint, authorized bigint, capture_amount bigint, capture_tax bigint,
      captured bigint, capture_before timestamptz, next_action text, decline_code text, updated_at timestamptz)
   where x.parking <> all (bad)
  on conflict (parking, id) do update set version = excluded.version, state = excluded.state, ref = excluded.ref,
      amount = excluded.amount, authorized = excluded.authorized, capture_amount = excluded.capture_amount, capture_tax = excluded.capture_tax,
      captured = excluded.captured, capture_before = excluded.capture_before, next_action = excluded.next_action,
      decline_code = excluded.decline_code, updated_at = excluded.updated_at;

  insert into session as r (parking, id, version, reservation, space_type, state, allotted, claim_to_q, entered_at, exited_at,
      entry_lane, exit_lane, entry_reason, exit_reason, inferred, currency, due, owed)
  select x.parking, x.id, x.version + 1, x.reservation, x.space_type, x.state, x.allotted, x.claim_to_q, x.entered_at, x.exited_at,
      x.entry_lane, x.exit_lane, x.entry_reason, x.exit_reason, x.inferred, x.currency, x.due, x.owed
    from jsonb_to_recordset(p_sessions) x(parking text, id uuid, version bigint, reservation uuid, space_type text, state text,
      allotted boolean, claim_to_q bigint, entered_at timestamptz, exited_at timestamptz, entry_lane text, exit_lane text,
      entry_reason text, exit_reason text, inferred boolean, currency text, due bigint, owed bigint)
   where x.parking <> all (bad)
  on conflict (parking, id) do update set version = excluded.version, reservation = excluded.reservation, state = excluded.state,
      allotted = excluded.allotted, claim_to_q = excluded.claim_to_q, entered_at = excluded.entered_at, exited_at = excluded.exited_at,
      entry_lane = excluded.entry_lane, exit_lane = excluded.exit_lane, entry_reason = excluded.entry_reason,
      exit_reason = excluded.exit_reason, inferred = excluded.inferred, currency = excluded.currency,
      due = excluded.due, owed = excluded.owed;

  insert into allotment as r (parking, space_type, version, units, granted, until_q)
  select x.parking, x.space_type, x.version + 1, x.units, x.granted, x.until_q
    from jsonb_to_recordset(p_allotments) x(parking text, space_type text, version bigint, units smallint, granted smallint, until_q bigint)
   where x.parking <> all (bad)
  on conflict (parking, space_type) do update set version = excluded.version, units = excluded.units,
      granted = excluded.granted, until_q = excluded.until_q;

  insert into edge_watermark as r (parking, version, journal, epoch, seq, hash, trusted_lo, updated_at)
  select x.parking, x.version + 1, x.journal, x.epoch, x.seq, decode(x.hash, 'hex'), x.trusted_lo, now()
    from jsonb_to_recordset(p_watermarks) x(parking text, version bigint, journal uuid, epoch int, seq bigint, hash text, trusted_lo timestamptz)
   where x.parking <> all (bad)
  on conflict (parking) do update set version = excluded.version, journal = excluded.journal, epoch = excluded.epoch,
      seq = excluded.seq, hash = excluded.hash, trusted_lo = excluded.trusted_lo, updated_at = excluded.updated_at;
  insert into edge_journal (parking, journal, epoch)
  select x.parking, x.journal, x.epoch from jsonb_to_recordset(p_watermarks) x(parking text, journal uuid, epoch int)
   where x.parking <> all (bad)
  on conflict (parking, journal) do nothing;

  insert into ledger_entry (parking, txn, line, kind, account, currency, amount, reservation, session, payment, at)
  select x.parking, x.txn, x.line, x.kind, x.account, x.currency, x.amount, x.reservation, x.session, x.payment, x.at
    from jsonb_to_recordset(p_ledger) x(parking text, txn uuid, line smallint, kind text, account text, currency text,
      amount bigint, reservation uuid, session uuid, payment uuid, at timestamptz)
   where x.parking <> all (bad);

  insert into incident (parking, id, class, reservation, session, detail, at)
  select x.parking, x.id, x.class, x.reservation, x.session, x.detail, x.at
    from jsonb_to_recordset(p_incidents) x(parking text, id uuid, class text, reservation uuid, session uuid, detail text, at timestamptz)
   where x.parking <> all (bad);

  insert into observation (parking, epoch, seq, kind, at, raw)
  select x.parking, x.epoch, x.seq, x.kind, x.at, decode(x.raw, 'hex')
    from jsonb_to_recordset(p_observations) x(parking text, epoch int, seq bigint, kind smallint, at timestamptz, raw text)
   where x.parking <> all (bad);

  insert into event (parking, revision, kind, body)
  select x.parking, bases[array_position(heads, x.parking)] + x.ord, x.kind, x.body
    from jsonb_to_recordset(p_feed) x(parking text, ord int, kind text, body jsonb)
   where x.parking <> all (bad);

  update parking_head h set revision = h.revision + k.events
    from unnest(p_parking, p_events) k(parking, events)
   where h.parking = k.parking and k.events > 0 and k.parking <> all (bad);

  return query
    select p.parking, bases[array_position(heads, p.parking)], why[array_position(bad, p.parking)]
      from unnest(p_parking) p(parking);
end $$;
-- +goose StatementEnd
revoke execute on function commit_batch from public;
grant execute on function commit_batch to openlot_app;
