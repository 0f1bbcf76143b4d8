package booking

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
)

// ChangeRequest asks for another window or space type of a reservation.
type ChangeRequest struct {
	Key       string     // the caller's idempotency key
	From, To  time.Time  // of the new window; an extension has no From
	SpaceType string     // empty: as it is
	Version   int64      // of the reservation that the caller has seen; 0: any
	Account   id.Account // who asks, and whose the key is; zero: a guest
	// Price is what the caller was shown that the whole stay costs then; nil: any.
	Price *money.Amount
}

// asked is a ChangeRequest as it is told apart from others with the same key.
type asked struct {
	Kind        string // no request for a reservation has one
	Reservation id.Reservation
	From, To    time.Time
	SpaceType   id.SpaceType
	Version     int64
	Price       *money.Amount `json:",omitempty"` // so that keys from before there was one still fit
}

// The kinds of change.
const (
	kindExtend = "extend"
	kindModify = "modify"
)

// remakes bounds how often a change is made anew because the reservation was
// changed while it was made.
const remakes = 5

// Extend moves the end of a reservation back, before or during the stay. What
// it costs more is secured by a hold of the whole new price, before the old
// hold is given back; until then the reservation stays as it is. The same
// request with the same key finds what it did before.
func (s *Service) Extend(ctx context.Context, r id.Reservation, c ChangeRequest) (View, error) {
	c.From, c.SpaceType = time.Time{}, ""
	return s.change(ctx, r, c, kindExtend)
}

// Modify gives a reservation another window or space type, as Extend does. Once
// the vehicle is inside, only the end can change.
func (s *Service) Modify(ctx context.Context, r id.Reservation, c ChangeRequest) (View, error) {
	return s.change(ctx, r, c, kindModify)
}

func (s *Service) change(ctx context.Context, r id.Reservation, c ChangeRequest, kind string) (View, error) {
	if err := CheckKey(c.Key); err != nil {
		return View{}, err
	}
	a := asked{
		Kind: kind, Reservation: r, From: c.From.UTC().Truncate(time.Second), To: c.To.UTC().Truncate(time.Second),
		SpaceType: id.SpaceType(c.SpaceType), Version: c.Version, Price: c.Price,
	}
	if err := writable(a.From, a.To); err != nil {
		return View{}, err
	}
	if kind == kindModify {
		if _, err := newWindow(a.From, a.To); err != nil {
			return View{}, err
		}
	}
	if c.SpaceType != "" {
		if _, err := id.ParseSpaceType(c.SpaceType); err != nil {
			return View{}, errSpaceType()
		}
	}
	text, err := json.Marshal(a)
	if err != nil {
		return View{}, fmt.Errorf("hash a request: %w", err)
	}
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), s.ProviderTimeout+2*recordTimeout)
	defer done()
	began := s.Now()
	for range remakes {
		op, receipt, err := s.claimChange(ctx, a, commit.Key{Principal: changer(c.Account), Key: c.Key}, sha256.Sum256(text))
		if errors.Is(err, ErrMoved) {
			continue
		}
		if err != nil {
			return View{}, err
		}
		claimed := s.Now()
		v, err := s.pay(ctx, op, receipt)
		v.Took.Claim = claimed.Sub(began)
		return v, err
	}
	return View{}, fault.New(fault.Unavailable, "contended", "Too many changed the same at this moment. Send the same request again.")
}

// claimChange commits the first step of a change, which may be the only one.
func (s *Service) claimChange(ctx context.Context, a asked, key commit.Key, hash [32]byte) (*Modify, commit.Receipt, error) {
	at, err := s.snapshot(ctx, a.Reservation)
	if err != nil {
		return nil, commit.Receipt{}, err
	}
	now := s.Now().UTC()
	op := &Modify{
		Target: TargetOf(at), Key: key, RequestHash: hash, PaymentID: paymentOf(a.Reservation, key),
		Extend: a.Kind == kindExtend, Window: timerange.Range{From: a.From, To: a.To}, SpaceType: a.SpaceType, Version: a.Version,
		Shown: a.Price,
	}
	if op.Extend {
		op.Window.From = at.Reservation.Window.From
	}
	if with, err := s.providerOf(&at.Payment); err == nil { // without one nothing can be held, which is said later
		op.Life = with.Capabilities().HoldLife
	}
	if op.Quote, op.Refusal = s.reprice(ctx, &at.Reservation, op, now); op.Refusal != nil {
		if k := fault.From(op.Refusal).Kind; k == fault.Internal || k == fault.Unavailable {
			return nil, commit.Receipt{}, op.Refusal
		}
	}
	receipt, err := s.Commits.Commit(ctx, op)
	return op, receipt, err
}

// reprice is what the whole new window costs: now, or as agreed when only its end
// changes. What was agreed on for not coming stands.
func (s *Service) reprice(ctx context.Context, r *reservation.Reservation, op *Modify, now time.Time) (reservation.Quote, error) {
	p, err := s.parking(ctx, r.Parking)
	if err != nil {
		return reservation.Quote{}, err
	}
	if err := changeable(r, op.Window, op.spaceType(r), op.Extend, p, now); err != nil {
		return reservation.Quote{}, err
	}
	t, err := sold(p, op.spaceType(r))
	if err != nil {
		return reservation.Quote{}, err
	}
	var q reservation.Quote
	if t.ID == r.SpaceType && op.Window.From.Equal(r.Window.From) {
		q, err = s.priceLocked(ctx, p, r, op.Window)
	} else {
		q, err = s.priceNow(ctx, p, t, op.Window, now)
	}
	if err == nil && r.Quote.NoShowCharge != nil {
		q.NoShowCharge = r.Quote.NoShowCharge
	}
	q.EarlyCharge = r.Quote.EarlyCharge
	return q, err
}

// pay answers a change that is committed, after it has asked for its payment if
// it needs one.
func (s *Service) pay(ctx context.Context, op *Modify, receipt commit.Receipt) (View, error) {
	p := op.About
	if p == nil { // it cost no more
		after, err := s.passed(ctx, op.After, op.Confirmed, receipt)
		if err != nil {
			return View{}, err
		}
		return s.view(after)
	}
	stands := p.ID == op.After.Reservation.Payment
	pending := op.After.Change != nil && op.After.Change.ID == p.ID
	r := &op.After.Reservation
	switch {
	case pending && p.State == payment.Requested:
		if op.Replayed && s.workedOn(p, s.Now()) {
			return View{}, errInProgress()
		}
		v, err := s.hold(ctx, op.After, *p)
		if err == nil && v.Payment.ID != p.ID && (v.Change == nil || v.Change.ID != p.ID) {
			return View{}, errChangeLapsed() // it was taken back while the provider was asked
		}
		return v, err
	case stands || pending || p.State == payment.Declined:
		return s.answer(op.After, *p)
	case sameWindow(r.Window, op.Window) && r.SpaceType == op.spaceType(r):
		return s.view(op.After)
	default:
		return View{}, errChangeLapsed()
	}
}

func errChangeLapsed() error {
	return fault.New(fault.Conflict, CodeChangeLapsed, "This change is not in force: it was not paid for in time, it was taken back, or another one came after it. The reservation is as GET shows it.")
}

// paymentOf is the payment of the change that a key asks for. It follows from
// the key, so that a repetition finds it; its time is the reservation's.
func paymentOf(r id.Reservation, key commit.Key) id.Payment {
	h := sha256.New()
	h.Write([]byte("change-payment-1:"))
	h.Write(r.Bytes())
	h.Write(scoped(key))
	return derived(r, h.Sum(nil))
}

// scoped is a key as it is told apart from the same one of somebody else.
func scoped(key commit.Key) []byte {
	if key.Principal == Guest { // as it was when there were guests alone
		return []byte(key.Key)
	}
	return []byte(key.Principal + ":" + key.Key)
}

// derived is a payment's id made of a hash, with the time of its reservation.
func derived(r id.Reservation, hash []byte) id.Payment {
	b := append(r.Bytes()[:6], hash[:10]...)
	b[6] = b[6]&0x0f | 0x70 // a UUID of version 7
	b[8] = b[8]&0x3f | 0x80
	p, err := id.FromBytes[id.Payment](b)
	if err != nil { // sixteen bytes are always an id
		return id.Payment{}
	}
	return p
}
