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

var _ schedule.Store = Schedule{}

// NewSchedule makes the clock's store.
func NewSchedule(db *DB) Schedule { return Schedule{db} }

const scheduleDueHolds = `select parking, id from (
	(select parking, id, hold_until as due from reservation where state = 'held' and hold_until <= $1 order by hold_until limit $2)
	union all
	select parking, id, (pending->>'until')::timestamptz from reservation where pending is not null and (pending->>'until')::timestamptz <= $1
) x order by due limit $2`

// DueHolds implements schedule.Store.
func (s Schedule) DueHolds(ctx context.Context, now time.Time, limit int) ([]schedule.Held, error) {
	rows, err := s.db.pool.Query(ctx, scheduleDueHolds, now, limit)
	if err != nil {
		return nil, unavailable("find unpaid reservations", err)
	}
	due, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (h schedule.Held, err error) {
		return h, row.Scan(&h.Parking, &h.Reservation)
	})
	return due, unavailable("find unpaid reservations", err)
}

const scheduleUnsettled = `select parking, id, reservation, state from payment
where state in ('requested','unknown','capture_requested','void_requested')
  and updated_at < case when state in ('requested','unknown') then $1::timestamptz else $2::timestamptz end
order by updated_at limit $3`

// Unsettled implements schedule.Store.
func (s Schedule) Unsettled(ctx context.Context, unheard, stalled time.Time, limit int) ([]relay.Job, error) {
	rows, err := s.db.pool.Query(ctx, scheduleUnsettled, unheard, stalled, limit)
	if err != nil {
		return nil, unavailable("find unsettled payments", err)
	}
	jobs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (relay.Job, error) {
		var j relay.Job
		var state payment.State
		if err := row.Scan(&j.Parking, &j.Payment, &j.Reservation, &state); err != nil {
			return j, err
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
