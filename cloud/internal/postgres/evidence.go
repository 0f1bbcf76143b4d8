package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/evidence"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

var _ evidence.Store = Receipts{}

// Evidence implements evidence.Store, all of it as one moment left it. It looks
// through all that the parking's edge has written since the reservation was
// made, which takes a while.
func (s Receipts) Evidence(ctx context.Context, i id.Reservation) (evidence.Facts, error) {
	var f evidence.Facts
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, s.db.pool, snapshot, func(tx pgx.Tx) error {
		var err error
		if f.Reservation, err = first(ctx, tx, `select `+reservationColumns+` from reservation r where r.id = $1`, scanReservation, i.UUID()); err != nil {
			return err
		}
		if f.Reservation == nil {
			return fault.New(fault.NotFound, booking.CodeReservationNotFound, "There is no such reservation.")
		}
		if err := facts(ctx, tx, &f.Facts); err != nil {
			return err
		}
		r := f.Reservation
		parts := []bill.Part{{TariffVersion: r.Quote.TariffVersion}}
		stay := r.Session
		if f.Bill != nil {
			parts = append(parts, f.Bill.Parts...)
			if !f.Bill.Session.IsZero() {
				stay = f.Bill.Session
			}
		}
		if f.Editions, err = editions(ctx, tx, r.Parking, parts); err != nil {
			return err
		}
		if f.Told, err = told(ctx, tx, r); err != nil {
			return err
		}
		if f.Journal, err = journal(ctx, tx, r, stay); err != nil {
			return err
		}
		if f.Disputes, err = disputes(ctx, tx, f.Payments); err != nil {
			return err
		}
		f.Incidents, err = incidents(ctx, tx, r, stay)
		return err
	})
	return f, unavailable("read evidence", err)
}

// told are the events about a reservation; those of days that were dropped are
// not among them.
func told(ctx context.Context, tx pgx.Tx, r *reservation.Reservation) ([]feed.Event, error) {
	rows, err := tx.Query(ctx, `select revision, at, kind, body from event
		where parking = $1 and at >= $3::timestamptz - interval '1 hour' and body #>> '{reservation,id}' = $2 order by revision`,
		string(r.Parking), r.ID.String(), r.CreatedAt)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (feed.Event, error) {
		e := feed.Event{Parking: r.Parking}
		var body []byte
		if err := row.Scan(&e.Revision, &e.At, &e.Kind, &body); err != nil {
			return e, err
		}
		if err := json.Unmarshal(body, &e.Body); err != nil {
			return e, fmt.Errorf("event %d of %s: %w", e.Revision, r.Parking, err)
		}
		return e, nil
	})
}

// journal is what the edge wrote about a reservation or its stay: passages,
// decisions, refusals and payments.
func journal(ctx context.Context, tx pgx.Tx, r *reservation.Reservation, stay id.Session) (out []evidence.Journalled, err error) {
	rows, err := tx.Query(ctx, `select epoch, seq, kind, at, raw, applied_at from observation
		where parking = $1 and kind in (1, 2, 3, 4, 5, 6, 11, 12) and applied_at >= $2 order by epoch, seq`, string(r.Parking), r.CreatedAt)
	if err != nil {
		return nil, err
	}
	err = each(rows, func(row pgx.CollectableRow) error {
		var o evidence.Journalled
		if err := row.Scan(&o.Epoch, &o.Seq, &o.Kind, &o.At, &o.Raw, &o.Applied); err != nil {
			return err
		}
		e, err := wire.Unmarshal[wire.Event](o.Raw)
		if err != nil { // it is on record as an incident
			return nil //nolint:nilerr // what cannot be read is about nobody
		}
		if e.Reservation == r.ID || !stay.IsZero() && e.Session == stay {
			out = append(out, o)
		}
		return nil
	})
	return out, err
}

// disputes are what the driver disputes of payments.
func disputes(ctx context.Context, tx pgx.Tx, of []payment.Payment) (map[id.Payment][]payment.Dispute, error) {
	out := map[id.Payment][]payment.Dispute{}
	ids := make([][16]byte, len(of))
	for i, p := range of {
		ids[i] = p.ID.UUID()
	}
	rows, err := tx.Query(ctx, `select payment, ref, state, amount, currency, reason from dispute where payment = any ($1) order by opened_at, ref`, ids)
	if err != nil {
		return nil, err
	}
	return out, each(rows, func(row pgx.CollectableRow) error {
		var p id.Payment
		var d payment.Dispute
		err := row.Scan(&p, &d.Ref, &d.State, &d.Amount.Minor, &d.Amount.Currency, &d.Reason)
		out[p] = append(out[p], d)
		return err
	})
}

func incidents(ctx context.Context, tx pgx.Tx, r *reservation.Reservation, stay id.Session) ([]commit.Incident, error) {
	rows, err := tx.Query(ctx, `select id, class, detail, at from incident where parking = $1 and (reservation = $2 or session = $3) order by at, id`,
		string(r.Parking), r.ID.UUID(), stay.UUID())
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (i commit.Incident, err error) {
		return i, row.Scan(&i.ID, &i.Class, &i.Detail, &i.At)
	})
}
