package payout

import (
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// SentBack is the class of incident raised when a bank sent back what was paid out.
const SentBack = "payout_sent_back"

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

// Returned books back what of a payout is a parking's, once, when it was booked: the
// bank has sent it back. It pays again with the provider's next payout.
type Returned struct {
	Of       Paid
	Incident id.Incident
}

// Parking implements commit.Op.
func (o *Returned) Parking() id.Parking { return o.Of.At }

// Prefetch implements commit.Op.
func (o *Returned) Prefetch(r *commit.Rows) { r.Keys = append(r.Keys, o.Of.key(), o.key()) }

func (o *Returned) key() commit.Key {
	return commit.Key{Principal: "payout_back:" + o.Of.Provider, Key: o.Of.key().Key}
}

// Apply implements commit.Op.
func (o *Returned) Apply(w *commit.Work, now time.Time) error {
	booked, err := w.Key(o.Of.key())
	if err != nil || booked == nil {
		return err
	}
	if done, err := w.Key(o.key()); err != nil || done != nil {
		return err
	}
	w.PutKey(o.key(), &commit.KeyRecord{Parking: o.Of.At, Reservation: id.New[id.Reservation](now)})
	back := o.Of.Amount
	back.Minor = -back.Minor
	if err := w.Book(ledger.PaidOut(ledger.Provider, back)); err != nil {
		return err
	}
	w.Raise(commit.Incident{
		ID: o.Incident, Class: SentBack, At: now,
		Detail: fmt.Sprintf("The bank has sent back payout %s, of which %s was for this parking. Look at the bank account that the payment provider (%s) has; it pays again with its next payout.", o.Of.Payout, o.Of.Amount, o.Of.Provider),
	})
	return nil
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
