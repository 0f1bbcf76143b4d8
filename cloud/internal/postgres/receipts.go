package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/receipt"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/wire"
)

// Receipts reads what receipts are made from.
type Receipts struct{ db *DB }

var _ receipt.Store = Receipts{}

// NewReceipts is the store over a pool.
func NewReceipts(db *DB) Receipts { return Receipts{db} }

// Facts implements receipt.Store, all of it as one moment left it.
func (s Receipts) Facts(ctx context.Context, i id.Reservation) (receipt.Facts, error) {
	f, err := factsIn(ctx, s.db.pool, i)
	return f, unavailable("read what a receipt is made from", err)
}

// Receipts makes receipts from what is reported.
func (r *Reports) Receipts() ReportedReceipts { return ReportedReceipts{r} }

// ReportedReceipts reads what receipts are made from, and nothing that anybody could
// decide by.
type ReportedReceipts struct{ from *Reports }

var _ receipt.Store = ReportedReceipts{}

// Facts implements receipt.Store.
func (s ReportedReceipts) Facts(ctx context.Context, i id.Reservation) (f receipt.Facts, err error) {
	err = s.from.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		f, err = factsIn(ctx, pool, i)
		return err
	})
	return f, unavailable("read what a receipt is made from", err)
}

func factsIn(ctx context.Context, pool *pgxpool.Pool, i id.Reservation) (f receipt.Facts, err error) {
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, pool, snapshot, func(tx pgx.Tx) error {
		r, err := first(ctx, tx, `select `+reservationColumns+` from reservation r where r.id = $1`, scanReservation, i.UUID())
		if err != nil {
			return err
		}
		if r == nil {
			return fault.New(fault.NotFound, booking.CodeReservationNotFound, "There is no such reservation.")
		}
		f.Reservation = r
		return facts(ctx, tx, &f)
	})
	return f, err
}

// facts reads the rest about a reservation.
func facts(ctx context.Context, tx pgx.Tx, f *receipt.Facts) error {
	r := f.Reservation
	var err error
	if f.Parking, err = first(ctx, tx, selectParkings+` where p.id = $1`, scanParking, string(r.Parking)); err != nil {
		return err
	}
	if f.Parking == nil {
		return fmt.Errorf("%s has no parking", r.ID)
	}
	if err := tx.QueryRow(ctx, `select name from operator where id = $1`, f.Parking.Operator.UUID()).Scan(&f.Operator); err != nil {
		return err
	}
	stay := r.Session
	var document []byte
	err = tx.QueryRow(ctx, `select number, document, at from bill where reservation = $1 order by number desc limit 1`, r.ID.String()).
		Scan(&f.Number, &document, &f.Decided)
	switch {
	case err == nil:
		f.Bill = &bill.Bill{}
		if err := json.Unmarshal(document, f.Bill); err != nil {
			return fmt.Errorf("bill %d of %s: %w", f.Number, r.Parking, err)
		}
		if !f.Bill.Session.IsZero() {
			stay = f.Bill.Session
		}
	case !errors.Is(err, pgx.ErrNoRows):
		return err
	}
	if !stay.IsZero() {
		if f.Session, err = oneSession(ctx, tx, r.Parking, stay); err != nil {
			return err
		}
	}
	rows, err := tx.Query(ctx, `select `+paymentColumns+` from payment p where p.parking = $1 and p.reservation = $2 order by p.id`, string(r.Parking), r.ID.UUID())
	if err != nil {
		return err
	}
	f.Payments, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (payment.Payment, error) {
		_, p, err := scanPayment(row)
		if p == nil {
			return payment.Payment{}, err
		}
		return *p, err
	})
	if err != nil {
		return err
	}
	if f.Movements, err = movements(ctx, tx, r, stay); err != nil {
		return err
	}
	if f.Bill == nil {
		return nil
	}
	if f.Tariffs, err = editions(ctx, tx, r.Parking, f.Bill.Parts); err != nil {
		return err
	}
	return passages(ctx, tx, r.Parking, stay, f)
}

// first is the first row of a query, nil when there is none.
func first[T any](ctx context.Context, q querier, sql string, scan func(pgx.CollectableRow) (*T, error), args ...any) (*T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, scan)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// selectMovements are the entries about a reservation, but for those of another
// stay on it, and those of its stay that name no reservation.
const selectMovements = `select txn, line, kind, account, currency, amount, payment, at from ledger_entry
	where parking = $1 and reservation = $2 and (session is null or session = $3)
	union all
	select txn, line, kind, account, currency, amount, payment, at from ledger_entry
	where parking = $1 and session = $3 and reservation is null`

// movements are sorted by their time; those of one commit as they were booked.
func movements(ctx context.Context, tx pgx.Tx, r *reservation.Reservation, stay id.Session) ([]receipt.Movement, error) {
	rows, err := tx.Query(ctx, `select * from (`+selectMovements+`) m order by m.at, m.txn, m.line`, string(r.Parking), r.ID.UUID(), stay.UUID())
	if err != nil {
		return nil, err
	}
	var out []receipt.Movement
	var last [16]byte
	err = each(rows, func(row pgx.CollectableRow) error {
		var txn [16]byte
		var m receipt.Movement
		var p ledger.Posting
		if err := row.Scan(&txn, nil, &m.Kind, &p.Account, &p.Amount.Currency, &p.Amount.Minor, &m.Payment, &m.At); err != nil {
			return err
		}
		if len(out) == 0 || txn != last {
			out, last = append(out, m), txn
		}
		m0 := &out[len(out)-1]
		m0.Postings = append(m0.Postings, p)
		return nil
	})
	return out, err
}

// editions are those that the parts of a bill name, the oldest first.
func editions(ctx context.Context, tx pgx.Tx, at id.Parking, parts []bill.Part) ([]tariff.Tariff, error) {
	versions := []int64{}
	for _, p := range parts {
		versions = append(versions, int64(p.TariffVersion))
	}
	rows, err := tx.Query(ctx, `select document from parking_tariff where parking = $1 and version = any ($2) order by version`, string(at), versions)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (t tariff.Tariff, err error) {
		var raw []byte
		if err := row.Scan(&raw); err != nil {
			return t, err
		}
		return t, json.Unmarshal(raw, &t)
	})
}

// passages are what the edge wrote about the vehicle's way in and out.
func passages(ctx context.Context, tx pgx.Tx, at id.Parking, stay id.Session, f *receipt.Facts) error {
	if stay.IsZero() {
		return nil
	}
	rows, err := tx.Query(ctx, `select epoch, seq, kind, at, raw from observation
		where parking = $1 and journal_session(raw) = $2 and kind in (1, 2, 4, 5) order by epoch, seq`, string(at), stay.UUID())
	if err != nil {
		return err
	}
	f.Observations, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (o commit.Observation, err error) {
		return o, row.Scan(&o.Epoch, &o.Seq, &o.Kind, &o.At, &o.Raw)
	})
	if err != nil {
		return err
	}
	return marks(ctx, tx, at, f)
}

// marks adds the time marks that say when passages were which could not say it
// themselves.
func marks(ctx context.Context, tx pgx.Tx, at id.Parking, f *receipt.Facts) error {
	found := map[[2]uint64]commit.Observation{}
	for _, o := range f.Observations {
		e, err := wire.Unmarshal[wire.Event](o.Raw)
		if err != nil || !e.Vague() {
			continue
		}
		rows, err := tx.Query(ctx, `select epoch, seq, kind, at, raw from observation
			where parking = $1 and epoch = $2 and seq > $3 and kind = 7 and position($4 in raw) > 0 order by seq limit 100`, string(at), o.Epoch, o.Seq, e.Boot.Bytes())
		if err != nil {
			return err
		}
		done := false
		err = each(rows, func(row pgx.CollectableRow) error {
			var m commit.Observation
			if err := row.Scan(&m.Epoch, &m.Seq, &m.Kind, &m.At, &m.Raw); err != nil || done {
				return err
			}
			mark, err := wire.Unmarshal[wire.Event](m.Raw)
			if done = err == nil && e.Places(&mark); done {
				found[[2]uint64{uint64(m.Epoch), m.Seq}] = m
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, m := range found {
		f.Observations = append(f.Observations, m)
	}
	slices.SortFunc(f.Observations, func(a, b commit.Observation) int {
		return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Seq, b.Seq))
	})
	return nil
}

// Edition is one edition of a parking's tariff and when it was adopted, nil when
// there is none.
func (s Tariffs) Edition(ctx context.Context, at id.Parking, version uint32) (*parking.Edition, error) {
	found, err := first(ctx, s.db.pool, `select document, adopted_at from parking_tariff where parking = $1 and version = $2`,
		func(row pgx.CollectableRow) (*parking.Edition, error) {
			var e parking.Edition
			var raw []byte
			if err := row.Scan(&raw, &e.Adopted); err != nil {
				return nil, err
			}
			return &e, json.Unmarshal(raw, &e.Tariff)
		}, string(at), int64(version))
	return found, unavailable("read a tariff", err)
}

// Published lists every key that receipts and passes were ever signed with: a
// receipt is kept for longer than a key is used.
func (b Booking) Published(ctx context.Context) ([]pass.PublicKey, error) {
	rows, err := b.db.pool.Query(ctx, `select kid, public from signing_key order by created_at, kid`)
	if err != nil {
		return nil, unavailable("read the keys", err)
	}
	keys, err := pgx.CollectRows(rows, pgx.RowToStructByPos[pass.PublicKey])
	return keys, unavailable("read the keys", err)
}

// Session is a stay, nil when there is none.
func (s Receipts) Session(ctx context.Context, at id.Parking, i id.Session) (*session.Session, error) {
	found, err := oneSession(ctx, s.db.pool, at, i)
	return found, unavailable("read a stay", err)
}

func oneSession(ctx context.Context, q querier, at id.Parking, i id.Session) (*session.Session, error) {
	return first(ctx, q, `select `+sessionColumns+` from session s where s.parking = $1 and s.id = $2`, func(row pgx.CollectableRow) (*session.Session, error) {
		_, s, err := scanSession(row)
		return s, err
	}, string(at), i.UUID())
}
