-- +goose Up

-- A stay keeps the edition of the tariff that was in force when its vehicle went
-- in (0: it is older than this), what was paid for it at machines, and what of
-- that is a credit. It may end without anybody seeing the vehicle leave
-- (presumed), or be known by a payment alone (only_paid).
alter table session
  drop constraint session_state_check,
  add constraint session_state_check check (state in ('inside','left','presumed','only_paid')),
  add column tariff_version bigint not null default 0,
  add column credit bigint not null default 0 check (credit >= 0),
  add column payments jsonb;

-- The edge of a parking still counts a walk-in that was presumed to have left,
-- until it says otherwise.
create index session_allotted on session (parking) where allotted;

-- Stays of which nobody has seen the end are looked for by their beginning.
create index session_inside_since on session (entered_at) where state = 'inside';

-- Parkings that were described before get the defaults: a day, and a week.
update parking set policy = jsonb_build_object('presume_left_after', 86400000000000, 'longest_walkin', 604800000000000) || policy;

-- As before, with the new columns of a session.
drop function commit_batch;
-- +goose StatementBegin
create function commit_batch(
  p_parking text[], p_events int[],
  p_days commit_day[], p_reservations commit_reservation[], p_payments commit_payment[],
  p_keys commit_key[], p_feed commit_event[],
  p_sessions jsonb default null, p_allotments jsonb default null, p_watermarks jsonb default null,
  p_ledger jsonb default null, p_incidents jsonb default null, p_observations jsonb default null
) returns table (parking text, base bigint, problem text)
language plpgsql security definer
set search_path = public, pg_temp set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
#variable_conflict use_column
declare
  heads   text[];
  bases   bigint[];
  bad     text[] := '{}';
  why     text[] := '{}';
  stale   text[];
  n       int;
  wanted  int;
  added   boolean;
  changed boolean;
  paid    boolean;
  repaid  boolean;
begin
  with locked as (
    select h.parking, h.revision from parking_head h
     where h.parking = any (p_parking) order by h.parking for no key update)
  select array_agg(l.parking), array_agg(l.revision) into heads, bases from locked l;

  -- A parking without a head does not exist.
  if heads is distinct from p_parking then
    select array_agg(h.revision order by p.n), coalesce(array_agg(p.parking) filter (where h.parking is null), '{}')
      into bases, stale
      from unnest(p_parking) with ordinality p(parking, n) left join parking_head h on h.parking = p.parking;
    bad := bad || stale; why := why || array_fill('parking'::text, array[cardinality(stale)]);
  end if;

  if cardinality(p_days) > 0 then
    select array_agg(distinct k.parking) into stale
      from unnest(p_days) k left join inventory_day i using (parking, space_type, day)
     where i.version is distinct from k.version;
    if stale is not null then
      bad := bad || stale; why := why || array_fill('inventory'::text, array[cardinality(stale)]);
    end if;
  end if;

  if cardinality(p_reservations) > 0 then
    select array_agg(distinct x.parking) filter (where r.version is distinct from nullif(x.version, 0)),
           bool_or(x.version = 0), bool_or(x.version <> 0) into stale, added, changed
      from unnest(p_reservations) x left join reservation r on r.parking = x.parking and r.id = x.id;
    if stale is not null then
      bad := bad || stale; why := why || array_fill('reservation'::text, array[cardinality(stale)]);
    end if;
  end if;

  if cardinality(p_payments) > 0 then
    select array_agg(distinct x.parking) filter (where r.version is distinct from nullif(x.version, 0)),
           bool_or(x.version = 0), bool_or(x.version <> 0) into stale, paid, repaid
      from unnest(p_payments) x left join payment r on r.parking = x.parking and r.id = x.id;
    if stale is not null then
      bad := bad || stale; why := why || array_fill('payment'::text, array[cardinality(stale)]);
    end if;
  end if;

  if p_sessions is not null then
    select coalesce(array_agg(distinct x.parking), '{}') into stale
      from jsonb_to_recordset(p_sessions) x(parking text, id uuid, version bigint)
      left join session r on r.parking = x.parking and r.id = x.id
     where r.version is distinct from nullif(x.version, 0);
    bad := bad || stale; why := why || array_fill('session'::text, array[cardinality(stale)]);
  end if;
  if p_allotments is not null then
    select coalesce(array_agg(distinct x.parking), '{}') into stale
      from jsonb_to_recordset(p_allotments) x(parking text, space_type text, version bigint)
      left join allotment r on r.parking = x.parking and r.space_type = x.space_type
     where r.version is distinct from nullif(x.version, 0);
    bad := bad || stale; why := why || array_fill('allotment'::text, array[cardinality(stale)]);
  end if;
  if p_watermarks is not null then
    select coalesce(array_agg(distinct x.parking), '{}') into stale
      from jsonb_to_recordset(p_watermarks) x(parking text, version bigint)
      left join edge_watermark r on r.parking = x.parking
     where r.version is distinct from nullif(x.version, 0);
    bad := bad || stale; why := why || array_fill('watermark'::text, array[cardinality(stale)]);
  end if;

  -- A key that exists, or that another transaction is about to commit, spoils
  -- its own parking only.
  if cardinality(p_keys) > 0 then
    insert into idempotency_key (principal, key, request_hash, parking, reservation)
    select x.principal, x.key, x.request_hash, x.parking, x.reservation from unnest(p_keys) x
     where x.parking <> all (bad) order by x.principal, x.key
    on conflict do nothing;
    get diagnostics n = row_count;
    if n < cardinality(p_keys) then
      -- The rows of this transaction, and no others, are those just added.
      select coalesce(array_agg(distinct x.parking), '{}') into stale
        from unnest(p_keys) x left join idempotency_key i
          on i.principal = x.principal and i.key = x.key and i.reservation = x.reservation
         and i.xmin = pg_current_xact_id()::xid
       where x.parking <> all (bad) and i.key is null;
      if cardinality(stale) > 0 then
        delete from idempotency_key i using unnest(p_keys) x
         where i.principal = x.principal and i.key = x.key and i.reservation = x.reservation and x.parking = any (stale)
           and i.xmin = pg_current_xact_id()::xid;
        bad := bad || stale; why := why || array_fill('idempotency_key'::text, array[cardinality(stale)]);
      end if;
    end if;
  end if;

  if cardinality(p_days) > 0 then
    update inventory_day i set version = k.version + 1, cap = k.cap, free = k.free, over = k.over
      from unnest(p_days) k
     where i.parking = k.parking and i.space_type = k.space_type and i.day = k.day and i.version = k.version
       and k.parking <> all (bad);
    get diagnostics n = row_count;
    wanted := cardinality(p_days);
    if n <> wanted then
      select count(*) into wanted from unnest(p_days) k where k.parking <> all (bad);
      if n <> wanted then
        raise exception 'wrote % inventory rows of %', n, wanted using errcode = 'PX004';
      end if;
    end if;
  end if;

  if added then
    insert into reservation (parking, id, version, state, generation, space_type, from_at, to_at, claim_from_q, claim_to_q,
        quote, payment, email, phone, plate, hold_until, no_show_at, session, space, reminded_at, pending,
        confirmed_revision, created_at, updated_at)
    select x.parking, x.id, 1, x.state, x.generation, x.space_type, x.from_at, x.to_at, x.claim_from_q, x.claim_to_q,
        x.quote, x.payment, x.email, x.phone, x.plate, x.hold_until, x.no_show_at, x.session, x.space, x.reminded_at, x.pending,
        case when x.confirmed_event > 0 then bases[x.n] + x.confirmed_event else x.confirmed_revision end,
        x.created_at, x.updated_at
      from unnest(p_reservations) x where x.version = 0 and x.parking <> all (bad);
  end if;
  if changed then
    update reservation r set version = x.version + 1, state = x.state, generation = x.generation,
        space_type = x.space_type, from_at = x.from_at, to_at = x.to_at,
        claim_from_q = x.claim_from_q, claim_to_q = x.claim_to_q, quote = x.quote, payment = x.payment,
        email = x.email, phone = x.phone, plate = x.plate,
        hold_until = x.hold_until, no_show_at = x.no_show_at, session = x.session,
        space = x.space, reminded_at = x.reminded_at, pending = x.pending,
        confirmed_revision = case when x.confirmed_event > 0 then bases[x.n] + x.confirmed_event else x.confirmed_revision end,
        updated_at = x.updated_at
      from unnest(p_reservations) x
     where x.version <> 0 and r.parking = x.parking and r.id = x.id and x.parking <> all (bad);
  end if;

  if paid then
    insert into payment (parking, id, version, reservation, state, provider, method, ref, currency, amount, authorized,
        capture_amount, capture_tax, captured, capture_before, next_action, decline_code, updated_at)
    select x.parking, x.id, 1, x.reservation, x.state, x.provider, x.method, x.ref, x.currency, x.amount, x.authorized,
        x.capture_amount, x.capture_tax, x.captured, x.capture_before, x.next_action, x.decline_code, x.updated_at
      from unnest(p_payments) x where x.version = 0 and x.parking <> all (bad);
  end if;
  if repaid then
    update payment r set version = x.version + 1, state = x.state, ref = x.ref,
        amount = x.amount, authorized = x.authorized, capture_amount = x.capture_amount, capture_tax = x.capture_tax,
        captured = x.captured, capture_before = x.capture_before, next_action = x.next_action,
        decline_code = x.decline_code, updated_at = x.updated_at
      from unnest(p_payments) x
     where x.version <> 0 and r.parking = x.parking and r.id = x.id and x.parking <> all (bad);
  end if;

  if p_sessions is not null then
    insert into session as r (parking, id, version, reservation, space_type, state, allotted, claim_to_q, entered_at, exited_at,
        entry_lane, exit_lane, entry_reason, exit_reason, inferred, tariff_version, currency, due, owed, credit, payments)
    select x.parking, x.id, x.version + 1, x.reservation, x.space_type, x.state, x.allotted, x.claim_to_q, x.entered_at, x.exited_at,
        x.entry_lane, x.exit_lane, x.entry_reason, x.exit_reason, x.inferred, x.tariff_version, x.currency, x.due, x.owed, x.credit, x.payments
      from jsonb_to_recordset(p_sessions) x(parking text, id uuid, version bigint, reservation uuid, space_type text, state text,
        allotted boolean, claim_to_q bigint, entered_at timestamptz, exited_at timestamptz, entry_lane text, exit_lane text,
        entry_reason text, exit_reason text, inferred boolean, tariff_version bigint, currency text, due bigint, owed bigint,
        credit bigint, payments jsonb)
     where x.parking <> all (bad)
    on conflict (parking, id) do update set version = excluded.version, reservation = excluded.reservation,
        space_type = excluded.space_type, state = excluded.state,
        allotted = excluded.allotted, claim_to_q = excluded.claim_to_q, entered_at = excluded.entered_at, exited_at = excluded.exited_at,
        entry_lane = excluded.entry_lane, exit_lane = excluded.exit_lane, entry_reason = excluded.entry_reason,
        exit_reason = excluded.exit_reason, inferred = excluded.inferred, tariff_version = excluded.tariff_version,
        currency = excluded.currency, due = excluded.due, owed = excluded.owed, credit = excluded.credit, payments = excluded.payments;
  end if;
  if p_allotments is not null then
    insert into allotment as r (parking, space_type, version, units, granted, until_q)
    select x.parking, x.space_type, x.version + 1, x.units, x.granted, x.until_q
      from jsonb_to_recordset(p_allotments) x(parking text, space_type text, version bigint, units smallint, granted smallint, until_q bigint)
     where x.parking <> all (bad)
    on conflict (parking, space_type) do update set version = excluded.version, units = excluded.units,
        granted = excluded.granted, until_q = excluded.until_q;
  end if;
  if p_watermarks is not null then
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
  end if;
  if p_ledger is not null then
    insert into ledger_entry (parking, txn, line, kind, account, currency, amount, reservation, session, payment, at)
    select x.parking, x.txn, x.line, x.kind, x.account, x.currency, x.amount, x.reservation, x.session, x.payment, x.at
      from jsonb_to_recordset(p_ledger) x(parking text, txn uuid, line smallint, kind text, account text, currency text,
        amount bigint, reservation uuid, session uuid, payment uuid, at timestamptz)
     where x.parking <> all (bad);
  end if;
  if p_incidents is not null then
    insert into incident (parking, id, class, reservation, session, detail, at)
    select x.parking, x.id, x.class, x.reservation, x.session, x.detail, x.at
      from jsonb_to_recordset(p_incidents) x(parking text, id uuid, class text, reservation uuid, session uuid, detail text, at timestamptz)
     where x.parking <> all (bad);
  end if;
  if p_observations is not null then
    insert into observation (parking, epoch, seq, kind, at, raw)
    select x.parking, x.epoch, x.seq, x.kind, x.at, decode(x.raw, 'hex')
      from jsonb_to_recordset(p_observations) x(parking text, epoch int, seq bigint, kind smallint, at timestamptz, raw text)
     where x.parking <> all (bad);
  end if;

  if cardinality(p_feed) > 0 then
    insert into event (parking, revision, kind, body)
    select x.parking, bases[x.n] + x.ord, x.kind, x.body from unnest(p_feed) x where x.parking <> all (bad);

    update parking_head h set revision = h.revision + k.events
      from unnest(p_parking, p_events) k(parking, events)
     where h.parking = k.parking and k.events > 0 and k.parking <> all (bad);
  end if;

  if cardinality(bad) = 0 then
    return query select p.parking, p.base, null::text from unnest(p_parking, bases) p(parking, base);
  else
    return query select p.parking, p.base, why[array_position(bad, p.parking)] from unnest(p_parking, bases) p(parking, base);
  end if;
end $$;
-- +goose StatementEnd
revoke execute on function commit_batch from public;
grant execute on function commit_batch to openlot_app;
