package payout

import (
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// Fee books what a provider kept for a payment, once for each line of its balance.
type Fee struct {
	Of       Owner
	Provider string
	Line     string // the provider's name for it
	Amount   money.Amount
}

// Parking implements commit.Op.
func (o *Fee) Parking() id.Parking { return o.Of.Parking }

// Prefetch implements commit.Op.
func (o *Fee) Prefetch(r *commit.Rows) { r.Keys = append(r.Keys, o.key()) }

func (o *Fee) key() commit.Key { return commit.Key{Principal: "fee:" + o.Provider, Key: o.Line} }

// Apply implements commit.Op.
func (o *Fee) Apply(w *commit.Work, _ time.Time) error {
	return once(w, o.key(), o.Of.Parking, o.Of.Reservation, ledger.FeeKept(o.Of.Reservation, o.Of.Payment, o.Amount))
}

// Paid books what of a payout is a parking's, once.
type Paid struct {
	At       id.Parking
	Provider string
	Payout   string       // the provider's name for it
	Amount   money.Amount // below zero: it was fetched from the operator's bank
}

// Parking implements commit.Op.
func (o *Paid) Parking() id.Parking { return o.At }

// Prefetch implements commit.Op.
func (o *Paid) Prefetch(r *commit.Rows) { r.Keys = append(r.Keys, o.key()) }

// key has the parking in it: a payout is of many.
func (o *Paid) key() commit.Key {
	return commit.Key{Principal: "payout:" + o.Provider, Key: o.Payout + " " + string(o.At)}
}

// Apply implements commit.Op.
func (o *Paid) Apply(w *commit.Work, now time.Time) error {
	// A key is always used for something.
	used := id.New[id.Reservation](now)
	return once(w, o.key(), o.At, used, ledger.PaidOut(ledger.Provider, o.Amount))
}

// once books an entry unless its key was used.
func once(w *commit.Work, k commit.Key, at id.Parking, used id.Reservation, e ledger.Entry) error {
	before, err := w.Key(k)
	if err != nil || before != nil {
		return err
	}
	w.PutKey(k, &commit.KeyRecord{Parking: at, Reservation: used})
	return w.Book(e)
}
