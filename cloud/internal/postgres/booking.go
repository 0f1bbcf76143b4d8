package postgres

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// Booking is the store of package booking, and keeps the server's keys.
type Booking struct{ db *DB }

var _ booking.Store = Booking{}

// NewBooking is the store over a pool.
func NewBooking(db *DB) Booking { return Booking{db} }

// Parking implements booking.Store.
func (b Booking) Parking(ctx context.Context, p id.Parking) (*parking.Parking, error) {
	found, err := b.db.parkings(ctx, []string{string(p)})
	if err != nil || len(found) == 0 {
		return nil, unavailable("read a parking", err)
	}
	return found[0], nil
}

// selectBooking gives one row, and one more for each payment of a pending change or
// of what the stay owed, so that all of it is as one commit left it.
const selectBooking = `select ` + reservationColumns + `, s.owed, s.currency, s.paying, s.entered_at, ` + paymentColumns + `
	from reservation r join payment p on p.parking = r.parking and p.reservation = r.id and (p.id = r.payment or r.pending is not null or p.debt is not null)
	left join session s on s.parking = r.parking and s.id = r.session
	where r.id = $1`

// Reservation implements booking.Store: the reservation and its payments as one
// commit left them.
func (b Booking) Reservation(ctx context.Context, i id.Reservation) (*booking.Snapshot, error) {
	rows, err := b.db.pool.Query(ctx, selectBooking, i.UUID())
	if err != nil {
		return nil, unavailable("read a reservation", err)
	}
	var s *booking.Snapshot
	err = each(rows, func(row pgx.CollectableRow) error {
		first, last := part{CollectableRow: row}, part{CollectableRow: row, last: true}
		r, err := scanReservation(&first)
		if err != nil {
			return err
		}
		_, p, err := scanPayment(&last)
		if err != nil {
			return err
		}
		var owed *int64
		var currency *money.Currency
		var paying id.Payment
		var entered *time.Time
		if err := row.Scan(between(&first, &last, &owed, &currency, &paying, &entered)...); err != nil {
			return err
		}
		if s == nil {
			s = &booking.Snapshot{Reservation: *r}
			if entered != nil {
				s.Entered = entered.UTC()
			}
			if owed != nil && currency != nil {
				s.Owed = new(money.New(*owed, *currency))
			}
		}
		switch {
		case p.ID == r.Payment:
			s.Payment = *p
		case p.ForDebt():
			if p.Debt.Session == r.Session && s.Debt.Older(p, paying) {
				s.Debt = p
			}
		case r.Pending != nil && p.ID == r.Pending.Payment:
			s.Change = p
		}
		return nil
	})
	if err != nil {
		return nil, unavailable("read a reservation", err)
	}
	return s, nil
}

// part is the first or the last columns of a row, as many as are scanned.
type part struct {
	pgx.CollectableRow
	last bool

	columns int // that were scanned
}

// between are the columns that neither of two parts has scanned.
func between(first, last *part, dest ...any) []any {
	all := make([]any, len(first.FieldDescriptions()))
	copy(all[first.columns:len(all)-last.columns], dest)
	return all
}

// Scan implements pgx.CollectableRow.
func (p *part) Scan(dest ...any) error {
	all := make([]any, len(p.FieldDescriptions()))
	if len(dest) > len(all) {
		return fmt.Errorf("scan %d of %d columns", len(dest), len(all))
	}
	p.columns = len(dest)
	at := 0
	if p.last {
		at = len(all) - len(dest)
	}
	copy(all[at:], dest)
	return p.CollectableRow.Scan(all...)
}

const selectQuote = `select space_type, from_at, to_at, quote, expires_at from quote where parking = $1 and id = $2`

// Quote implements booking.Store.
func (b Booking) Quote(ctx context.Context, p id.Parking, i id.Quote) (*booking.Quote, error) {
	q := booking.Quote{ID: i, Parking: p}
	var price []byte
	err := b.db.pool.QueryRow(ctx, selectQuote, string(p), i.UUID()).Scan(&q.SpaceType, &q.Window.From, &q.Window.To, &price, &q.ExpiresAt)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, unavailable("read a quote", err)
	}
	if err := json.Unmarshal(price, &q.Price); err != nil {
		return nil, fmt.Errorf("price of %s: %w", i, err)
	}
	for _, t := range []*time.Time{&q.Window.From, &q.Window.To, &q.ExpiresAt} {
		*t = t.UTC()
	}
	return &q, nil
}

// Days implements booking.Store.
func (b Booking) Days(ctx context.Context, at id.Parking, t id.SpaceType, q timerange.Quarters) (map[inventory.Key]*inventory.Day, error) {
	var days []int32
	for k := range inventory.Touched(t, q) {
		days = append(days, k.Day)
	}
	rows, err := b.db.pool.Query(ctx, `select parking, space_type, day, version, cap, free, over from inventory_day
		where parking = $1 and space_type = $2 and day = any ($3)`, string(at), string(t), days)
	if err != nil {
		return nil, unavailable("read days", err)
	}
	out := map[inventory.Key]*inventory.Day{}
	err = each(rows, func(row pgx.CollectableRow) error {
		_, k, d, err := scanDay(row)
		out[k] = d
		return err
	})
	return out, unavailable("read days", err)
}

// Tariff implements booking.Store.
func (b Booking) Tariff(ctx context.Context, at id.Parking, version uint32) (*tariff.Tariff, error) {
	e, err := NewTariffs(b.db).Edition(ctx, at, version)
	if err != nil || e == nil {
		return nil, err
	}
	return &e.Tariff, nil
}

// insertQuote also sweeps some of the parking's quotes that are long expired,
// so that nobody else has to.
const insertQuote = `with swept as (
		delete from quote where ctid = any (array(select ctid from quote
			where parking = $1 and expires_at < $7::timestamptz - interval '1 hour' limit 20 for update skip locked)))
	insert into quote (parking, id, space_type, from_at, to_at, quote, expires_at) values ($1, $2, $3, $4, $5, $6, $7)`

// InsertQuote implements booking.Store.
func (b Booking) InsertQuote(ctx context.Context, q booking.Quote) error {
	price, err := json.Marshal(q.Price)
	if err != nil {
		return fmt.Errorf("store a quote: %w", err)
	}
	_, err = b.db.pool.Exec(ctx, insertQuote, string(q.Parking), q.ID.UUID(), string(q.SpaceType), q.Window.From, q.Window.To, price, q.ExpiresAt)
	return unavailable("store a quote", err)
}

// SigningKey returns the key that passes are signed with. The first caller
// makes it, whichever process that is.
func (b Booking) SigningKey(ctx context.Context) (key pass.SigningKey, err error) {
	err = pgx.BeginFunc(ctx, b.db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtext('openlot signing key'))`); err != nil {
			return err
		}
		var seed []byte
		err := tx.QueryRow(ctx, `select seed from signing_key where retired_at is null order by created_at desc, kid limit 1`).Scan(&seed)
		if err == nil {
			key, err = pass.SigningKeyFromSeed(seed)
			return err
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if key, err = pass.NewSigningKey(); err != nil {
			return err
		}
		public := key.Public()
		_, err = tx.Exec(ctx, `insert into signing_key (kid, seed, public) values ($1, $2, $3)`, public.ID, key.Seed(), public.Public)
		return err
	})
	return key, unavailable("load the signing key", err)
}

// PassKeys lists the keys with which passes may be signed that are still good.
func (b Booking) PassKeys(ctx context.Context) ([]pass.PublicKey, error) {
	rows, err := b.db.pool.Query(ctx, `select kid, public from signing_key where retired_at is null order by created_at, kid`)
	if err != nil {
		return nil, unavailable("read the pass keys", err)
	}
	keys, err := pgx.CollectRows(rows, pgx.RowToStructByPos[pass.PublicKey])
	return keys, unavailable("read the pass keys", err)
}

// Secret returns 32 random bytes that all processes share under a name. The
// first caller makes them.
func (b Booking) Secret(ctx context.Context, name string) ([]byte, error) {
	fresh := make([]byte, 32)
	if _, err := rand.Read(fresh); err != nil {
		return nil, fmt.Errorf("make a secret: %w", err)
	}
	var value []byte
	// The update changes nothing; it makes the row that was there come back.
	err := b.db.pool.QueryRow(ctx, `insert into secret as s (name, value) values ($1, $2)
		on conflict (name) do update set value = s.value returning value`, name, fresh).Scan(&value)
	return value, unavailable("load a secret", err)
}
