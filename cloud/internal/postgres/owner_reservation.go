package postgres

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/lookup"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/wire"
)

const (
	selectDetailPayments = `select id, state, provider, decline_code, currency, amount, authorized, captured, refunded, debt is not null, updated_at
		from payment where parking = $1 and reservation = $2 order by id`
	selectDetailBills    = `select number, at, document from bill where reservation = $1 order by number`
	selectDetailPostings = `select e.at, e.parking, '', e.txn, e.line, e.kind, e.account, e.currency, e.amount, e.reservation, e.session, e.payment
		from ledger_entry e where e.parking = $1 and e.reservation = $2 order by e.at, e.txn, e.line`
	selectDetailStays = `select ` + listedSession + ` from session s left join reservation r on r.parking = s.parking and r.id = s.reservation
		where s.parking = $1 and (s.reservation = $2 or s.id = $3) order by s.entered_at, s.id`
	// What the gate told of its stays; a stay's passages are found by their index.
	selectDetailJournal = `select raw, applied_at from observation o where o.parking = $1 and journal_session(o.raw) = any ($2::uuid[]) and o.kind in (1, 2, 4, 5) order by epoch, seq`
	selectDetailEvents  = `select at, kind, coalesce(body #>> '{reservation,state}', ''), coalesce(body #>> '{payment,state}', '') from event
		where parking = $1 and at >= $3::timestamptz - interval '1 hour' and at < $4::timestamptz + interval '1 day' and (body #>> '{reservation,id}' = $2 or body #>> '{payment,reservation}' = $2) order by revision`
	selectMessages = `select coalesce(finalized_at, created_at), kind, state::text from river.river_job
		where (kind like 'mail\_%' or kind like 'sms\_%') and args @> jsonb_build_object('reservation', $1::text) order by id`
)

// Details reads everything about a reservation of a parking. A fault of kind NotFound
// says that there is none.
func (l Lookup) Details(ctx context.Context, p id.Parking, i id.Reservation) (d lookup.Details, err error) {
	err = l.r.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		return pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
			d, err = details(ctx, tx, p, i)
			return err
		})
	})
	return d, unavailable("read a reservation", err)
}

func details(ctx context.Context, tx pgx.Tx, p id.Parking, i id.Reservation) (d lookup.Details, err error) {
	found, err := first(ctx, tx, `select `+reservationColumns+`, coalesce(y.state, '') from reservation r left join payment y on y.parking = r.parking and y.id = r.payment
		where r.parking = $1 and r.id = $2`, func(row pgx.CollectableRow) (*lookup.Reservation, error) {
		l, err := scanListed(row)
		return &l, err
	}, string(p), i.UUID())
	if err != nil {
		return d, err
	}
	if found == nil {
		return d, fault.New(fault.NotFound, booking.CodeReservationNotFound, "There is no such reservation.")
	}
	d.Reservation = *found
	read := func(sql string, scan func(pgx.CollectableRow) error, args ...any) {
		if err == nil {
			var rows pgx.Rows
			if rows, err = tx.Query(ctx, sql, args...); err == nil {
				err = each(rows, scan)
			}
		}
	}
	read(selectDetailPayments, func(row pgx.CollectableRow) error {
		var x lookup.Payment
		var c money.Currency
		var a [4]int64
		err := row.Scan(&x.ID, &x.State, &x.Provider, &x.DeclineCode, &c, &a[0], &a[1], &a[2], &a[3], &x.ForDebt, &x.UpdatedAt)
		x.Amount, x.Authorized, x.Captured, x.Refunded = money.New(a[0], c), money.New(a[1], c), money.New(a[2], c), money.New(a[3], c)
		d.Payments = append(d.Payments, x)
		return err
	}, string(p), i.UUID())
	read(selectDetailBills, func(row pgx.CollectableRow) error {
		x := lookup.Bill{Bill: &bill.Bill{}}
		var document []byte
		if err := row.Scan(&x.Number, &x.At, &document); err != nil {
			return err
		}
		d.Bills = append(d.Bills, x)
		return json.Unmarshal(document, x.Bill)
	}, i.String())
	read(selectDetailPostings, func(row pgx.CollectableRow) error {
		x, err := scanPosting(row)
		d.Money = append(d.Money, x)
		return err
	}, string(p), i.UUID())
	stays := [][16]byte{}
	read(selectDetailStays, func(row pgx.CollectableRow) error {
		x, err := scanSessionListed(row)
		d.Stays, stays = append(d.Stays, x), append(stays, x.ID.UUID())
		return err
	}, string(p), i.UUID(), d.Reservation.Session.UUID())
	read(selectDetailJournal, func(row pgx.CollectableRow) error {
		var raw []byte
		var told time.Time
		if err := row.Scan(&raw, &told); err != nil {
			return err
		}
		if e, err := wire.Unmarshal[wire.Event](raw); err == nil { // what cannot be read is an incident
			d.Facts = append(d.Facts, gateFact(&e, told))
		}
		return nil
	}, string(p), stays)
	read(selectDetailEvents, func(row pgx.CollectableRow) error {
		var f lookup.Fact
		var payment string
		err := row.Scan(&f.At, &f.Code, &f.State, &payment)
		if payment != "" {
			f.State = payment
		}
		d.Facts = append(d.Facts, f)
		return err
	}, string(p), i.String(), d.Reservation.CreatedAt, d.Reservation.UpdatedAt)
	read(selectMessages, func(row pgx.CollectableRow) error {
		var m lookup.Message
		err := row.Scan(&m.At, &m.Kind, &m.State)
		switch m.State {
		case "completed":
			m.State = "sent"
		case "cancelled", "discarded":
			m.State = "failed"
		default:
			m.State = "waiting"
		}
		d.Messages = append(d.Messages, m)
		return err
	}, i.String())
	slices.SortStableFunc(d.Facts, func(a, b lookup.Fact) int { return a.At.Compare(b.At) })
	return d, err
}

func gateFact(e *wire.Event, told time.Time) lookup.Fact {
	f := lookup.Fact{At: e.Time(), Gate: true, Lane: string(e.Lane), Reason: string(e.Reason), ToldAt: &told}
	if e.Uncertainty != wire.Uncertain {
		f.Uncertain = time.Duration(e.Uncertainty) * time.Millisecond
	}
	switch e.Kind {
	case wire.Admitted:
		f.Code = "admitted"
	case wire.Entered:
		f.Code = "entered"
	case wire.Released:
		f.Code = "released"
	default:
		f.Code = "exited"
	}
	return f
}
