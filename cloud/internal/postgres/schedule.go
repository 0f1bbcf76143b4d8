package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/relay"
	"github.com/openlot/openlot/cloud/internal/schedule"
	"github.com/openlot/openlot/protocol/id"
)

// Schedule finds what is due.
type Schedule struct{ db *DB }

var (
	_ schedule.Store     = Schedule{}
	_ schedule.DebtStore = Schedule{}
)

// NewSchedule makes the clock's store.
func NewSchedule(db *DB) Schedule { return Schedule{db} }

const scheduleDueHolds = `select parking, id from (
	(select parking, id, hold_until as due from reservation where state = 'held' and hold_until <= $1 order by hold_until limit $2)
	union all
	select parking, id, (pending->>'until')::timestamptz from reservation where pending is not null and (pending->>'until')::timestamptz <= $1
) x order by due limit $2`

// DueHolds implements schedule.Store.
func (s Schedule) DueHolds(ctx context.Context, now time.Time, limit int) ([]schedule.Due, error) {
	return s.due(ctx, "find unpaid reservations", scheduleDueHolds, now, limit)
}

const scheduleSecondSteps = `select p.parking, p.id, p.reservation from (
	select parking, id, hold_until as due from reservation where state = 'held' and hold_until <= $1
	union all
	select parking, id, (pending->>'until')::timestamptz from reservation where pending is not null and (pending->>'until')::timestamptz <= $1
) r join payment p on p.parking = r.parking and p.reservation = r.id where p.state = 'requires_action' order by r.due limit $2`

// SecondSteps implements schedule.Store.
func (s Schedule) SecondSteps(ctx context.Context, before time.Time, limit int) ([]relay.Job, error) {
	return s.resolving(ctx, "find second steps", scheduleSecondSteps, before, limit)
}

// resolving runs a query for payments of which something is to be found out.
func (s Schedule) resolving(ctx context.Context, what, query string, args ...any) ([]relay.Job, error) {
	rows, err := s.db.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, unavailable(what, err)
	}
	jobs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (relay.Job, error) {
		j := relay.Job{Kind: relay.Resolve}
		return j, row.Scan(&j.Parking, &j.Payment, &j.Reservation)
	})
	return jobs, unavailable(what, err)
}

// due runs a query for reservations, with or without the time since when their
// gates are watched.
func (s Schedule) due(ctx context.Context, what, query string, args ...any) ([]schedule.Due, error) {
	rows, err := s.db.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, unavailable(what, err)
	}
	due, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d schedule.Due, err error) {
		if len(row.FieldDescriptions()) == 2 {
			return d, row.Scan(&d.Parking, &d.Reservation)
		}
		var since *time.Time
		err = row.Scan(&d.Parking, &d.Reservation, &since)
		if since != nil {
			d.WatchedSince = since.UTC()
		}
		return d, err
	})
	return due, unavailable(what, err)
}

// watched is when the edge of the parking of r said hello for the first time:
// an edge knows no pass before that, and its journals stay on record when it is
// replaced.
const watched = `(select min(j.since) from edge_journal j where j.parking = r.parking)`

// What is written with a pending change is left to whoever completes that; a
// renewal of the hold changes nothing.
const scheduleMissed = `select r.parking, r.id from reservation r join edge_watermark m using (parking)
where r.state = 'confirmed' and (r.pending is null or r.pending ->> 'renews' is not null) and r.no_show_at <= $1 and m.trusted_lo >= r.no_show_at
  and ` + watched + ` < r.no_show_at
order by r.no_show_at limit $2`

// Missed implements schedule.Store.
func (s Schedule) Missed(ctx context.Context, now time.Time, limit int) ([]schedule.Due, error) {
	return s.due(ctx, "find no-shows", scheduleMissed, now, limit)
}

// A window does not end before the deadline for coming, which is indexed.
const scheduleUnwatched = `select r.parking, r.id, ` + watched + ` from reservation r join parking p on p.id = r.parking
where r.state = 'confirmed' and (r.pending is null or r.pending ->> 'renews' is not null) and r.no_show_at <= $1
  and r.to_at <= $1::timestamptz - make_interval(secs => coalesce((p.policy ->> 'exit_grace')::numeric, 0)::float8 / 1e9)
  and (coalesce(` + watched + ` >= r.no_show_at, true) or exists (select from edge_watermark m where m.parking = r.parking
    and m.journal = '00000000-0000-0000-0000-000000000000' and coalesce(m.trusted_lo < r.no_show_at, true)))
order by r.to_at limit $2`

// Unwatched implements schedule.Store.
func (s Schedule) Unwatched(ctx context.Context, now time.Time, limit int) ([]schedule.Due, error) {
	return s.due(ctx, "find reservations that nobody watched", scheduleUnwatched, now, limit)
}

// No policy reminds earlier than a day before the end.
const scheduleEndingSoon = `select r.parking, r.id from reservation r join parking p on p.id = r.parking
where r.state = 'active' and r.reminded_at is null and r.to_at > $1 and r.to_at <= $1::timestamptz + interval '1 day'
  and r.to_at <= $1::timestamptz + make_interval(secs => coalesce((p.policy ->> 'remind_before')::numeric, 0)::float8 / 1e9)
order by r.to_at limit $2`

// EndingSoon implements schedule.Store.
func (s Schedule) EndingSoon(ctx context.Context, now time.Time, limit int) ([]schedule.Due, error) {
	return s.due(ctx, "find stays that end soon", scheduleEndingSoon, now, limit)
}

// What the rule decides on, and a little more: holds that lapse within a day and
// before their stay is over, and stays that begin within a day on a saved method.
// Holds that have lapsed come last, the latest first: most are not tried any more.
const scheduleLapsing = `select parking, id from (
	select r.parking, r.id, p.capture_before as due, p.state = 'lapsed' as late from payment p join reservation r on r.parking = p.parking and r.id = p.reservation and r.payment = p.id
	where p.state in ('authorized', 'lapsed') and p.capture_before <= $1::timestamptz + interval '1 day' and r.pending is null and r.state in ('confirmed', 'active')
	  and (r.state = 'active' or r.to_at + interval '1 day' > p.capture_before) and (p.state = 'authorized' or p.updated_at > $1::timestamptz - interval '2 days')
	union all
	select r.parking, r.id, r.from_at, false from payment p join reservation r on r.parking = p.parking and r.id = p.reservation and r.payment = p.id
	where p.state = 'method_saved' and r.pending is null and r.state in ('confirmed', 'active') and r.from_at <= $1::timestamptz + interval '1 day' and r.from_at > $1
) x order by late, case when late then -extract(epoch from due) else extract(epoch from due) end limit $2`

// Lapsing implements schedule.Store.
func (s Schedule) Lapsing(ctx context.Context, now time.Time, limit int) ([]schedule.Due, error) {
	return s.due(ctx, "find holds that lapse", scheduleLapsing, now, limit)
}

// One that was captured by hand stays authorized, and is not looked at for ever.
const scheduleLapsed = `select parking, id, reservation from payment where state = 'authorized' and capture_before <= $1
	and capture_before > $1::timestamptz - interval '7 days' order by capture_before limit $2`

// Lapsed implements schedule.Store.
func (s Schedule) Lapsed(ctx context.Context, now time.Time, limit int) ([]relay.Job, error) {
	return s.resolving(ctx, "find holds that lapsed", scheduleLapsed, now, limit)
}

const scheduleOwing = `select s.parking, r.id from session s
	join reservation r on r.parking = s.parking and r.id = s.reservation and r.session = s.id and r.state = 'completed'
	join payment p on p.parking = r.parking and p.id = r.payment and p.state in ('captured', 'voided', 'lapsed', 'method_saved') and p.provider = any ($1)
where s.owed > 0 and s.paying is null and s.exited_at > $2::timestamptz - interval '30 days'
	and not exists (select from payment d where d.parking = r.parking and d.reservation = r.id and (d.debt -> 'away')::boolean)
order by s.exited_at limit $3`

// Owing implements schedule.DebtStore.
func (s Schedule) Owing(ctx context.Context, providers []string, now time.Time, limit int) ([]schedule.Due, error) {
	return s.due(ctx, "find stays that owe", scheduleOwing, providers, now, limit)
}

const scheduleDebtSteps = `select parking, id, reservation from payment
where state = 'requires_action' and debt is not null and updated_at <= case when (debt -> 'away')::boolean then $2::timestamptz else $1::timestamptz end
order by updated_at limit $3`

// DebtSteps implements schedule.DebtStore.
func (s Schedule) DebtSteps(ctx context.Context, before, away time.Time, limit int) ([]relay.Job, error) {
	return s.resolving(ctx, "find second steps of debts", scheduleDebtSteps, before, away, limit)
}

// A bank may take days to pay out: it is asked once an hour.
const scheduleUnsettled = `(select parking, id, reservation, state, false, updated_at from payment
where state in ('requested','unknown','capture_requested','void_requested')
  and updated_at < case when state in ('requested','unknown') then $1::timestamptz else $2::timestamptz end
order by updated_at limit $3)
union all
(select parking, id, reservation, state, true, updated_at from payment
where refunds @? '$[*] ? (@.state == "requested" || @.state == "pending")' and state = 'captured'
  and updated_at < case when refunds @? '$[*] ? (@.state == "requested")' then $2::timestamptz else $2::timestamptz - interval '1 hour' end
order by updated_at limit $3)
order by 6 limit $3`

// Unsettled implements schedule.Store.
func (s Schedule) Unsettled(ctx context.Context, unheard, stalled time.Time, limit int) ([]relay.Job, error) {
	rows, err := s.db.pool.Query(ctx, scheduleUnsettled, unheard, stalled, limit)
	if err != nil {
		return nil, unavailable("find unsettled payments", err)
	}
	jobs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (relay.Job, error) {
		var j relay.Job
		var state payment.State
		var refund bool
		if err := row.Scan(&j.Parking, &j.Payment, &j.Reservation, &state, &refund, nil); err != nil {
			return j, err
		}
		if refund {
			j.Kind = relay.Refund
			return j, nil
		}
		if state == payment.Requested { // nobody recorded an answer, not even none
			state = payment.Unknown
		}
		var ok bool
		if j.Kind, ok = relay.ForPayment(state); !ok {
			return j, fmt.Errorf("payment %s is %s", j.Payment, state)
		}
		return j, nil
	})
	return jobs, unavailable("find unsettled payments", err)
}

// Payments reads payments for their settlement.
type Payments struct{ db *DB }

// NewPayments makes a reader of payments.
func NewPayments(db *DB) Payments { return Payments{db} }

const onePayment = `select ` + paymentColumns + ` from payment p where p.parking = $1 and p.id = $2`

// Payment returns a payment, nil when there is none.
func (p Payments) Payment(ctx context.Context, at id.Parking, i id.Payment) (*payment.Payment, error) {
	rows, err := p.db.pool.Query(ctx, onePayment, string(at), i.UUID())
	if err != nil {
		return nil, unavailable("read a payment", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*payment.Payment, error) {
		_, p, err := scanPayment(row)
		return p, err
	})
	if err != nil || len(found) == 0 {
		return nil, unavailable("read a payment", err)
	}
	return found[0], nil
}
