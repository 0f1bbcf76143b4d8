package postgres

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// Gate stores what stands for a reservation at the gate beside its pass, and what
// operators say about it there.
type Gate struct{ db *DB }

// NewGate is the store over a pool.
func NewGate(db *DB) Gate { return Gate{db} }

// Faults of a Gate.
const (
	CodeReservationNotFound = "reservation_not_found"
	CodeTooManyCards        = "too_many_cards"
	CodeCardInvalid         = "card_invalid"
)

// maxCards leaves room for the plate and the PIN.
const maxCards = wire.MaxCredentials - 2

const selectGateKey = `select gate_key from parking where id = $1`

// GateKey implements booking.Store.
func (b Booking) GateKey(ctx context.Context, at id.Parking) (k credential.Key, err error) {
	err = b.db.pool.QueryRow(ctx, selectGateKey, at).Scan(scanKey(&k))
	if errors.Is(err, pgx.ErrNoRows) {
		return k, fault.New(fault.NotFound, capacity.CodeParkingNotFound, "There is no such parking.")
	}
	return k, unavailable("read a gate key", err)
}

// Neutral notes that it is not known whether a reservation's pass is inside: its
// next use is let through. Who said so and why stays on record.
func (g Gate) Neutral(ctx context.Context, at id.Parking, r id.Reservation, by, why string, now time.Time) error {
	return g.change(ctx, at, r, func(tx pgx.Tx, _ credential.Key) error {
		_, err := tx.Exec(ctx, `insert into reservation_gate (reservation, parking, neutral_at, neutral_by, neutral_why) values ($1, $2, $3, $4, $5)
			on conflict (parking, reservation) do update set neutral_at = excluded.neutral_at, neutral_by = excluded.neutral_by, neutral_why = excluded.neutral_why, updated_at = now()`,
			r, at, now, by, why)
		return err
	})
}

// Card makes a card stand for a reservation, or no longer. Only its keyed hash is
// kept.
func (g Gate) Card(ctx context.Context, at id.Parking, r id.Reservation, token string, add bool) error {
	token = string(bytes.TrimSpace([]byte(token)))
	if token == "" || len(token) > credential.MaxCard {
		return fault.Newf(fault.Invalid, CodeCardInvalid, "A card's token has 1 to %d bytes.", credential.MaxCard)
	}
	return g.change(ctx, at, r, func(tx pgx.Tx, k credential.Key) error {
		var cards [][]byte
		err := tx.QueryRow(ctx, `select cards from reservation_gate where parking = $1 and reservation = $2`, at, r).Scan(&cards)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		h := k.Card(token)
		cards = slices.DeleteFunc(cards, func(c []byte) bool { return bytes.Equal(c, h[:]) })
		if add {
			if len(cards) >= maxCards {
				return fault.Newf(fault.Conflict, CodeTooManyCards, "A reservation has at most %d cards.", maxCards)
			}
			cards = append(cards, h[:])
		}
		_, err = tx.Exec(ctx, `insert into reservation_gate (reservation, parking, cards) values ($1, $2, $3)
			on conflict (parking, reservation) do update set cards = excluded.cards, updated_at = now()`, r, at, cards)
		return err
	})
}

// change does something about a reservation at its gate, and tells its edge in the
// same commit.
func (g Gate) change(ctx context.Context, at id.Parking, r id.Reservation, do func(pgx.Tx, credential.Key) error) error {
	err := pgx.BeginFunc(ctx, g.db.pool, func(tx pgx.Tx) error {
		// Whoever else changes something here waits, and sees this change.
		var k credential.Key
		err := tx.QueryRow(ctx, selectGateKey+` for no key update`, at).Scan(scanKey(&k))
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.New(fault.NotFound, capacity.CodeParkingNotFound, "There is no such parking.")
		}
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, selectByID, at, [][16]byte{r.UUID()})
		if err != nil {
			return err
		}
		found, err := pgx.CollectRows(rows, scanReservation)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fault.New(fault.NotFound, CodeReservationNotFound, "There is no such reservation at this parking.")
		}
		if err := do(tx, k); err != nil {
			return err
		}
		body := feed.Body{Reservation: gateReservation(found[0])}
		raw, err := body.AppendJSON(nil)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `select record_event($1, $2, $3)`, at, string(feed.ReservationGate), raw)
		return err
	})
	return unavailable("change what stands for a reservation at the gate", err)
}

func gateReservation(r *reservation.Reservation) *feed.Reservation {
	return &feed.Reservation{
		ID: r.ID, State: string(r.State), Version: r.Version, Generation: r.Generation, SpaceType: r.SpaceType,
		From: r.Window.From, To: r.Window.To, Space: r.Space,
	}
}

// scanKey scans a gate key.
type keyScanner struct{ to *credential.Key }

func scanKey(to *credential.Key) keyScanner { return keyScanner{to} }

// ScanBytes implements pgtype.BytesScanner.
func (s keyScanner) ScanBytes(b []byte) error {
	if len(b) != len(s.to) {
		return errors.New("a gate key does not have 32 bytes")
	}
	copy(s.to[:], b)
	return nil
}

// What an edge is told of beside the reservations themselves.
const (
	selectGates   = `select reservation, cards, neutral_at from reservation_gate where parking = $1`
	selectGatesOf = selectGates + ` and reservation = any ($2::uuid[])`
)

func collectGates(into *map[id.Reservation]fleet.Note) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		var r id.Reservation
		var cards [][]byte
		var neutral *time.Time
		out := map[id.Reservation]fleet.Note{}
		_, err := pgx.ForEachRow(rows, []any{&r, &cards, &neutral}, func() error {
			var g fleet.Note
			for _, c := range cards {
				if len(c) != len(credential.Hash{}) {
					return errors.New("the hash of a card does not have 16 bytes")
				}
				g.Cards = append(g.Cards, credential.Hash(c))
			}
			if neutral != nil {
				g.Neutral = *neutral
			}
			out[r] = g
			return nil
		})
		*into = out
		return err
	}
}
