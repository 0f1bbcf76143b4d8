package booking

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// Fault codes of the dialogue with the provider.
const (
	CodeInProgress = "request_in_progress"
	CodeDeclined   = "payment_declined"
)

// Store is what the service reads, and the quotes that it writes.
type Store interface {
	// Parking returns nil when there is none.
	Parking(ctx context.Context, p id.Parking) (*parking.Parking, error)
	// Reservation returns nil when there is none.
	Reservation(ctx context.Context, r id.Reservation) (*Snapshot, error)
	// Quote returns nil when there is none.
	Quote(ctx context.Context, p id.Parking, q id.Quote) (*Quote, error)
	// GateKey is what the parking's PINs follow from.
	GateKey(ctx context.Context, p id.Parking) (credential.Key, error)
	InsertQuote(ctx context.Context, q Quote) error
	// Days are those that a run of quarters of a type touches.
	Days(ctx context.Context, at id.Parking, t id.SpaceType, q timerange.Quarters) (map[inventory.Key]*inventory.Day, error)
	// Tariff is an edition of the parking's tariff, nil when there is none.
	Tariff(ctx context.Context, at id.Parking, version uint32) (*tariff.Tariff, error)
}

// Config is what a Service needs.
type Config struct {
	Store           Store
	Commits         commit.Committer
	Provider        payment.Provider  // of any method of payment
	Others          payment.Providers // that take some methods by their names
	Tokens          Tokens
	Passes          Passes
	Log             *slog.Logger
	Now             func() time.Time // nil: time.Now
	ProviderTimeout time.Duration    // for all tries of one call together; 0: 10 s
}

// Service sells. Its methods are safe for concurrent use.
type Service struct{ Config }

// Limits of the dialogue with the provider.
const (
	defaultProviderTimeout = 10 * time.Second
	tries                  = 3
	firstPause             = 100 * time.Millisecond // between tries, doubled each time
	recordTimeout          = 10 * time.Second       // for booking the provider's answer
)

// NewService makes a service.
func NewService(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.ProviderTimeout == 0 {
		c.ProviderTimeout = defaultProviderTimeout
	}
	c.Log = c.Log.With("component", "booking")
	return &Service{c}
}

// View is a reservation as its driver may see it.
type View struct {
	Snapshot
	Pass  string // empty unless the pass is good
	Token ManageToken
	Took  Took

	Promised bool // nothing secures its payment: it is to be paid at the machine
}

// Took says where the time of a request went; zero for what it did not need.
type Took struct {
	Quote  time.Duration // until there was a price
	Claim  time.Duration // until the claim was committed
	Hold   time.Duration // until the provider had answered
	Record time.Duration // until the answer was committed
	Pass   time.Duration // until the pass was signed
}

// Pending reports whether the outcome of the reservation's payment, of that of its
// pending change, or of that of what its stay owes, is not known yet.
func (v *View) Pending() bool {
	if v.Debt != nil && (unheard(v.Debt.State) || v.Debt.State == payment.CaptureRequested) {
		return true
	}
	if v.Change != nil && !v.Reservation.Pending.Renews {
		return unheard(v.Change.State)
	}
	return v.Reservation.State == reservation.Held && unheard(v.Payment.State)
}

func unheard(s payment.State) bool { return s == payment.Unknown || s == payment.Requested }

// Reserve claims the window and asks for its hold. The same request with the
// same key finds the reservation it made before, however the first try ended.
// The work goes on when ctx is cancelled, so that a closed browser loses no
// answer of the provider.
func (s *Service) Reserve(ctx context.Context, r Request) (View, error) {
	n, err := r.check()
	if err != nil {
		return View{}, err
	}
	hash, err := n.hash()
	if err != nil {
		return View{}, err
	}
	began := s.Now()
	p, err := s.parking(ctx, n.Parking)
	if err != nil {
		return View{}, err
	}
	now := s.Now().UTC()
	quote, refusal := s.quote(ctx, p, n, now)
	if f := fault.From(refusal); f != nil && (f.Kind == fault.Internal || f.Kind == fault.Unavailable) {
		return View{}, refusal
	}
	with := s.providerFor(n.Method)
	quote, refusal = onPromise(with, p, quote, refusal)
	quote.Language = r.language()
	if r.Keep && with.Capabilities().Secures {
		quote.CardsLeft = MoreCards
	}
	op := &Reserve{
		In: n.Parking, ID: id.New[id.Reservation](now), PaymentID: id.New[id.Payment](now),
		Key: commit.Key{Principal: r.principal(), Key: r.Key}, RequestHash: hash,
		SpaceType: n.SpaceType, Window: n.Window, Quote: quote, Provider: with.Name(), Method: n.Method,
		Email: n.Email, Phone: n.Phone, Plate: n.Plate, Refusal: refusal,
	}
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), s.ProviderTimeout+2*recordTimeout)
	defer done()
	priced := s.Now()
	if _, err := s.Commits.Commit(ctx, op); err != nil {
		return View{}, err
	}
	claimed := s.Now()
	if op.After.Payment.State != payment.Requested {
		return s.answer(op.After, op.After.Payment)
	}
	if op.Replayed && s.workedOn(&op.After.Payment, now) {
		return View{}, errInProgress()
	}
	v, err := s.hold(ctx, op.After, op.After.Payment)
	v.Took.Quote, v.Took.Claim = priced.Sub(began), claimed.Sub(priced)
	return v, err
}

// quote is the price of what is wanted, or why it cannot be sold now.
func (s *Service) quote(ctx context.Context, p *parking.Parking, n wanted, now time.Time) (reservation.Quote, error) {
	t, err := sold(p, n.SpaceType)
	if err != nil {
		return reservation.Quote{}, err
	}
	if err := checkWindow(n.Window, p, now); err != nil {
		return reservation.Quote{}, err
	}
	if n.Quote.IsZero() {
		return s.priceNow(ctx, p, t, n.Window, now)
	}
	q, err := s.Store.Quote(ctx, n.Parking, n.Quote)
	switch {
	case err != nil:
		return reservation.Quote{}, err
	case q == nil:
		return reservation.Quote{}, errQuoteExpired()
	}
	return q.accept(n.Parking, n.SpaceType, n.Window, now)
}

// workedOn reports whether another request may be asking for the payment.
func (s *Service) workedOn(p *payment.Payment, now time.Time) bool {
	return now.Sub(p.UpdatedAt) < s.ProviderTimeout+recordTimeout
}

func errInProgress() error {
	return fault.New(fault.Conflict, CodeInProgress,
		"The first request with this key is still being worked on. Send the same request again in a moment.")
}

// hold asks the provider for a hold of the reservation, or to keep the method
// until it is time for one, and books the answer.
func (s *Service) hold(ctx context.Context, at Snapshot, p payment.Payment) (View, error) {
	if saver := s.saver(&at.Reservation, &p); saver != nil {
		return s.ask(ctx, at, p, payment.CallSave, func(ctx context.Context, _ payment.Provider) (payment.Outcome, error) {
			saved, err := saver.SaveMethod(ctx, payment.SaveRequest{
				Key: p.Key(payment.CallSave), Parking: at.Reservation.Parking, Reservation: p.Reservation, Method: p.Method,
			})
			return saved.Outcome(), err
		})
	}
	return s.ask(ctx, at, p, payment.CallHold, func(ctx context.Context, with payment.Provider) (payment.Outcome, error) {
		return with.Authorize(ctx, payment.Request{
			Key: p.Key(payment.CallHold), Parking: at.Reservation.Parking, Reservation: p.Reservation,
			Amount: p.Amount, Method: p.Method, Present: present(&at.Reservation, &p), Once: p.ForDebt(),
		})
	})
}

// present reports whether a payment is asked for by its driver, and not by the clock.
func present(r *reservation.Reservation, p *payment.Payment) bool {
	if p.ForDebt() {
		return !p.Debt.Away
	}
	return r.Pending == nil || r.Pending.Payment != p.ID || !r.Pending.Renews
}

// Confirm asks what became of the second step of a payment, that of a pending
// change if there is one, and books it. It changes nothing when there is no
// second step to be taken, or the driver has not taken it yet.
func (s *Service) Confirm(ctx context.Context, r id.Reservation) (View, error) {
	at, err := s.snapshot(ctx, r)
	if err != nil {
		return View{}, err
	}
	p := at.Payment
	switch {
	case at.Change != nil:
		p = *at.Change
	case at.Debt != nil:
		p = *at.Debt
	}
	if p.State != payment.RequiresAction {
		return s.answer(at, p)
	}
	return s.ask(context.WithoutCancel(ctx), at, p, "confirm", func(ctx context.Context, with payment.Provider) (payment.Outcome, error) {
		o, err := with.Confirm(ctx, p.Ref, p.Key("confirm"))
		if saver, saves := with.(payment.Saver); saves && errors.Is(err, payment.ErrNotFound) { // it is no hold that waits
			var saved payment.Saved
			saved, err = saver.ConfirmSaved(ctx, p.Ref)
			return saved.Outcome(), err
		}
		return o, err
	})
}

// ask makes one call to the provider about a payment, with retries of what
// surely did nothing, and books its answer or that there was none. An answer
// that makes no sense is none.
func (s *Service) ask(ctx context.Context, at Snapshot, p payment.Payment, call string, do func(context.Context, payment.Provider) (payment.Outcome, error)) (View, error) {
	with, err := s.providerOf(&p)
	if err != nil {
		return View{}, err
	}
	asked := s.Now()
	outcome, err := s.try(ctx, func(ctx context.Context) (payment.Outcome, error) { return do(ctx, with) })
	if err == nil {
		err = outcome.Sense(p.Amount)
	}
	answered := s.Now()
	if err != nil {
		level := slog.LevelWarn
		if errors.Is(err, payment.ErrNonsense) {
			level = slog.LevelError
		}
		s.Log.Log(ctx, level, "the payment provider gave no definite answer", "call", call,
			"reservation", at.Reservation.ID.String(), "payment", p.ID.String(), "err", err)
	}
	op := &RecordHold{Target: TargetOf(at), Payment: p.ID, Outcome: outcome, NoAnswer: err != nil}
	after, err := s.record(ctx, op)
	if err != nil {
		return View{}, err
	}
	recorded := s.Now()
	if p.ForDebt() {
		return s.takeDebt(ctx, after.Reservation.ID, op.About)
	}
	v, err := s.answer(after, op.About)
	v.Took.Hold, v.Took.Record, v.Took.Pass = answered.Sub(asked), recorded.Sub(answered), s.Now().Sub(recorded)
	return v, err
}

// record books what the provider said and returns what is stored then.
func (s *Service) record(ctx context.Context, op *RecordHold) (Snapshot, error) {
	ctx, done := context.WithTimeout(ctx, recordTimeout)
	defer done()
	receipt, err := s.Commits.Commit(ctx, op)
	switch {
	case fault.Code(err) == CodeHoldTooLate:
		s.giveBack(ctx, op.About, op.Outcome)
		return Snapshot{}, err
	case err != nil:
		return Snapshot{}, err
	}
	return s.passed(ctx, op.After, op.Confirmed, receipt)
}

// passed completes what an op left behind with the revision that its pass
// carries, which only the commit gives.
func (s *Service) passed(ctx context.Context, after Snapshot, confirmed bool, receipt commit.Receipt) (Snapshot, error) {
	r := &after.Reservation
	switch {
	case confirmed:
		r.ConfirmedRevision = receipt.Revision
	case r.State == reservation.Confirmed || r.State == reservation.Active:
		// Somebody else may have confirmed or changed it in the same batch: that
		// one's revision is stored.
		return s.snapshot(ctx, r.ID)
	}
	return after, nil
}

// RecordHold books an outcome that somebody else found out about: the completer
// of payments that nobody answered for, or a provider's webhook.
func (s *Service) RecordHold(ctx context.Context, at id.Parking, r id.Reservation, p id.Payment, o payment.Outcome) error {
	_, err := s.record(ctx, &RecordHold{Target: Target{In: at, ID: r}, Payment: p, Outcome: o})
	return err
}

// Expire ends a reservation, or drops a change of it, whose time for paying has
// passed; while there is time left it changes nothing. It returns the instant at
// which there will be none left, zero when no payment is waited for any more.
func (s *Service) Expire(ctx context.Context, at id.Parking, r id.Reservation) (again time.Time, err error) {
	op := &Expire{Target: Target{In: at, ID: r}}
	if _, err := s.Commits.Commit(ctx, op); err != nil {
		return time.Time{}, err
	}
	switch left := &op.After.Reservation; {
	case left.State == reservation.Held:
		return left.HoldUntil, nil
	case left.Pending != nil:
		return left.Pending.Until, nil
	default:
		return time.Time{}, nil
	}
}

func (s *Service) try(ctx context.Context, do func(context.Context) (payment.Outcome, error)) (payment.Outcome, error) {
	ctx, done := context.WithTimeout(ctx, s.ProviderTimeout)
	defer done()
	pause := firstPause
	for n := 1; ; n++ {
		outcome, err := do(ctx)
		if err == nil || !errors.Is(err, payment.ErrTemporary) || n == tries {
			return outcome, err
		}
		select {
		case <-ctx.Done():
			return outcome, err
		case <-time.After(pause):
			pause *= 2
		}
	}
}

// giveBack voids a hold that came to stand after its payment had been settled,
// which takes a provider that did not keep its word about Find.
func (s *Service) giveBack(ctx context.Context, p payment.Payment, o payment.Outcome) {
	with, err := s.providerOf(&p)
	if err == nil {
		_, err = with.Void(ctx, o.Ref, p.Key("void"))
	}
	s.Log.ErrorContext(ctx, "a hold came after its payment was settled; it was given back unless err says otherwise",
		"payment", p.ID.String(), "ref", o.Ref, "err", err)
}

// Cancel gives the reservation up before check-in, whatever that costs.
func (s *Service) Cancel(ctx context.Context, r id.Reservation) (View, error) {
	return s.CancelAt(ctx, r, nil)
}

// CancelAt gives the reservation up if that costs what the caller was shown; nil: any.
func (s *Service) CancelAt(ctx context.Context, r id.Reservation, shown *money.Amount) (View, error) {
	at, err := s.snapshot(ctx, r)
	if err != nil {
		return View{}, err
	}
	op := &Cancel{Target: TargetOf(at), Shown: shown}
	if _, err := s.Commits.Commit(ctx, op); err != nil {
		return View{}, err
	}
	return s.view(op.After)
}

// Quote prices a window and keeps the price for QuoteLife.
func (s *Service) Quote(ctx context.Context, parkingName, spaceType string, from, to time.Time) (Quote, error) {
	window, err := newWindow(from, to)
	if err != nil {
		return Quote{}, err
	}
	pid, err := parkingID(parkingName)
	if err != nil {
		return Quote{}, err
	}
	p, err := s.parking(ctx, pid)
	if err != nil {
		return Quote{}, err
	}
	t, err := sold(p, id.SpaceType(spaceType))
	if err != nil {
		return Quote{}, err
	}
	now := s.Now().UTC()
	if err := checkWindow(window, p, now); err != nil {
		return Quote{}, err
	}
	cost, err := s.priceNow(ctx, p, t, window, now)
	if err != nil {
		return Quote{}, err
	}
	q := Quote{
		ID: id.New[id.Quote](now), Parking: p.ID, SpaceType: t.ID, Window: window,
		Price: cost, ExpiresAt: now.Add(QuoteLife).Truncate(time.Second),
	}
	if err := s.Store.InsertQuote(ctx, q); err != nil {
		return Quote{}, err
	}
	return q, nil
}

// answer is what a request for a payment is answered with: the reservation, also
// when it is kept for another card, or that the card was declined.
func (s *Service) answer(at Snapshot, p payment.Payment) (View, error) {
	if p.State == payment.Declined && (p.ID != at.Payment.ID || !waitsForCard(&at.Reservation, s.Now())) {
		says := "The payment was declined. Nothing is reserved and nothing is held. Try another card, with a new Idempotency-Key."
		switch {
		case p.ForDebt():
			says = "The payment was declined, and nothing was taken. Try another card, with a new Idempotency-Key."
		case p.ID != at.Payment.ID:
			says = "The payment was declined. The reservation and its payment are as they were."
		}
		return View{}, fault.New(fault.PaymentRequired, CodeDeclined, says).WithField("payment_method", "declined: "+p.DeclineCode)
	}
	return s.view(at)
}

func (s *Service) view(at Snapshot) (View, error) {
	v := View{Snapshot: at, Token: s.Tokens.For(at.Reservation.ID)}
	if with, ok := s.providers().Named(at.Payment.Provider); ok {
		v.Promised = !with.Capabilities().Secures
	}
	if !HasPass(&at.Reservation) {
		return v, nil
	}
	text, err := s.Passes.Text(&at.Reservation)
	v.Pass = text
	return v, err
}

func (s *Service) snapshot(ctx context.Context, r id.Reservation) (Snapshot, error) {
	at, err := s.Store.Reservation(ctx, r)
	switch {
	case err != nil:
		return Snapshot{}, fmt.Errorf("read %s: %w", r, err)
	case at == nil:
		return Snapshot{}, errNotFound()
	}
	return *at, nil
}

func (s *Service) parking(ctx context.Context, p id.Parking) (*parking.Parking, error) {
	found, err := s.Store.Parking(ctx, p)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", p, err)
	case found == nil:
		return nil, errParkingNotFound()
	}
	return found, nil
}
