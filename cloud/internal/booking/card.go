package booking

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// MoreCards is how many other cards may be tried for a reservation that is kept when
// a card is declined: enough for a wallet, too few to find out which stolen cards work.
const MoreCards = 4

// CodeNoMoreCards says that a reservation waits for no other card: it was not asked to
// be kept, or as many were tried as may be.
const CodeNoMoreCards = "no_more_cards"

// noSuchMethod is how providers decline what is no card of theirs. Nothing is kept for it:
// whoever makes words up would hold spaces that cost him nothing.
const noSuchMethod = "unknown_payment_method"

// waitsForCard reports whether a reservation whose card was declined is kept for
// another one. It is a pure rule.
func waitsForCard(r *reservation.Reservation, now time.Time) bool {
	return r.State == reservation.Held && r.Quote.CardsLeft > 0 && now.Before(r.HoldUntil)
}

// TryCard gives a held reservation whose card was declined another payment, with
// another card, that is to be asked for, or finds what its key did before. The claim
// and the time for paying stay as they are. A payment that waits for its driver's
// second step makes way for it; one whose outcome is not known does not, so that
// never two of them are on their way.
type TryCard struct {
	Target
	Key         commit.Key
	RequestHash [32]byte
	PaymentID   id.Payment // always the same for the same key
	Provider    string
	Method      string

	ran bool

	// Set by Apply.
	After    Snapshot
	About    *payment.Payment
	Replayed bool // the key was used before
}

// Prefetch implements commit.Op.
func (o *TryCard) Prefetch(r *commit.Rows) {
	r.Keys = append(r.Keys, o.Key)
	r.Payments = append(r.Payments, o.PaymentID)
	o.Target.Prefetch(r)
}

// Apply implements commit.Op. Its faults are CodeKeyReused, CodePaying, CodeNoMoreCards,
// reservation.CodeNoHoldPending and reservation.CodeFinished.
func (o *TryCard) Apply(w *commit.Work, now time.Time) error {
	known, err := paidBy(w, o.Key, o.PaymentID, o.RequestHash, o.ID)
	if err != nil {
		return err
	}
	c, err := o.load(w, now)
	if err != nil {
		return err
	}
	if known != nil {
		o.After, o.About, o.Replayed = c.after(), known, !o.ran
		return nil
	}
	if err := c.refuseCard(); err != nil {
		return err
	}
	if err := c.giveBack(); err != nil { // a second step that is not wanted any more; what is settled stays
		return err
	}
	c.hand = hand{w: w, now: now, p: &payment.Payment{
		ID: o.PaymentID, Reservation: c.r.ID, State: payment.Requested, Provider: o.Provider, Method: o.Method,
		Amount: c.r.Quote.Total,
	}}
	c.r.Payment = o.PaymentID
	c.r.Quote.CardsLeft--
	c.touch()
	c.tellPayment()
	w.PutKey(o.Key, &commit.KeyRecord{RequestHash: o.RequestHash, Parking: o.In, Reservation: o.ID})
	about := c.stored()
	o.After, o.About, o.Replayed, o.ran = c.after(), &about, false, true
	return nil
}

// refuseCard says why no other card can be tried now, or nothing.
func (c *change) refuseCard() error {
	switch c.r.State {
	case reservation.Held:
	case reservation.Confirmed, reservation.Active:
		return fault.New(fault.Conflict, reservation.CodeNoHoldPending, "The payment of this reservation is secured: no other card is needed.")
	default:
		return fault.New(fault.Conflict, reservation.CodeFinished, "The reservation has ended. Nothing was held on this card.")
	}
	if !c.now.Before(c.r.HoldUntil) {
		return fault.New(fault.Conflict, reservation.CodeFinished, "The time for paying is over, and the space is for sale again. Nothing was held on this card.")
	}
	if c.p.State == payment.Requested || c.p.State == payment.Unknown {
		return fault.New(fault.Conflict, CodePaying, "The bank is still being asked about the card before, and its answer is not known yet. Look again in a moment.")
	}
	if c.r.Quote.CardsLeft <= 0 {
		return fault.New(fault.Conflict, CodeNoMoreCards, "No other card can be tried for this reservation. Reserve anew, or look at what it waits for.")
	}
	return nil
}

// CardRequest asks for another card to be tried.
type CardRequest struct {
	Key     string     // the caller's idempotency key
	Method  string     // the provider's token for a card
	Account id.Account // who asks, and whose the key is; zero: a guest
}

// TryCard asks for the hold of a reservation on another card, after the one before
// was declined. The same request with the same key finds what it did before. Its
// faults are those of the op, CodeDeclined when the reservation has come to nothing by
// it, CodeMethodNeeded for what is no card, CodePaymentGone and those of requests.
func (s *Service) TryCard(ctx context.Context, r id.Reservation, q CardRequest) (View, error) {
	if err := CheckKey(q.Key); err != nil {
		return View{}, err
	}
	if err := checkMethod(q.Method); err != nil {
		return View{}, fault.New(fault.Invalid, CodeRequestInvalid, "Some of what was sent cannot be used; fields says what.").
			WithField("payment_method", err.Error())
	}
	with := s.providerFor(q.Method)
	if !with.Capabilities().Secures {
		return View{}, fault.New(fault.Invalid, CodeMethodNeeded, "Say which card to try. To pay in another way, cancel this reservation and make another one.").
			WithField("payment_method", "is no card")
	}
	text, err := json.Marshal(struct {
		Kind        string
		Reservation id.Reservation
		Method      string
	}{"card", r, q.Method})
	if err != nil {
		return View{}, fmt.Errorf("hash a request: %w", err)
	}
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), s.ProviderTimeout+2*recordTimeout)
	defer done()
	at, err := s.snapshot(ctx, r)
	if err != nil {
		return View{}, err
	}
	key := commit.Key{Principal: changer(q.Account), Key: q.Key}
	op := &TryCard{
		Target: TargetOf(at), Key: key, RequestHash: sha256.Sum256(text),
		PaymentID: cardPayment(r, key), Provider: with.Name(), Method: q.Method,
	}
	if _, err := s.Commits.Commit(ctx, op); err != nil {
		return View{}, err
	}
	switch p := op.About; {
	case p.State == payment.Requested && op.Replayed && s.workedOn(p, s.Now()):
		return View{}, errInProgress()
	case p.State == payment.Requested:
		return s.hold(ctx, op.After, *p)
	case p.ID != op.After.Payment.ID: // also one that was declined: how it stands is what the newest made of it
		return View{}, fault.New(fault.Conflict, CodePaymentGone, "This card was given up for another one. GET shows how the reservation stands.")
	default:
		return s.answer(op.After, *p)
	}
}

// cardPayment is the payment that a key tries a card with. It follows from the key, so
// that a repetition finds it.
func cardPayment(r id.Reservation, key commit.Key) id.Payment {
	h := sha256.New()
	h.Write([]byte("card-payment-1:"))
	h.Write(r.Bytes())
	h.Write(scoped(key))
	return derived(r, h.Sum(nil))
}
