package booking

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// Fault codes of paying what is owed. They are part of the API.
const (
	CodeNothingOwed  = settlement.CodeNothingOwed
	CodePaying       = "payment_in_progress"  // a payment of it is under way, and its outcome not known yet
	CodePaymentGone  = "payment_not_in_force" // a repeated payment that came to nothing
	CodeMethodNeeded = "payment_method_needed"
)

// Pay sets what the stay of a reservation owes aside, to be paid by a payment of
// its own that is to be asked for, or finds what its key did before. A payment that
// waits for its driver's second step makes way for it.
type Pay struct {
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
func (o *Pay) Prefetch(r *commit.Rows) {
	r.Keys = append(r.Keys, o.Key)
	r.Payments = append(r.Payments, o.PaymentID)
	o.Target.Prefetch(r)
	if o.Known != nil && !o.Known.Reservation.Session.IsZero() {
		r.Sessions = append(r.Sessions, o.Known.Reservation.Session)
	}
}

// Apply implements commit.Op. Its faults are CodeKeyReused, CodeNothingOwed and
// CodePaying.
func (o *Pay) Apply(w *commit.Work, now time.Time) error {
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
	s, err := c.debtor()
	if err != nil {
		return err
	}
	if s, err = c.clear(s); err != nil {
		return err
	}
	if s.Owed.Minor <= 0 {
		return errNothingOwed()
	}
	o.About = c.owing(s, &payment.Payment{ID: o.PaymentID, Provider: o.Provider, Method: o.Method})
	w.PutKey(o.Key, &commit.KeyRecord{RequestHash: o.RequestHash, Parking: o.In, Reservation: o.ID})
	o.After, o.Replayed, o.ran = c.after(), false, true
	return nil
}

// paidBy is the payment that a key asked for before, nil when it is fresh. Its fault is
// CodeKeyReused, when it was another request.
func paidBy(w *commit.Work, k commit.Key, p id.Payment, hash [32]byte, r id.Reservation) (*payment.Payment, error) {
	record, err := w.Key(k)
	if err != nil {
		return nil, err
	}
	known, err := w.Payment(p)
	if err != nil {
		return nil, err
	}
	if record == nil && known != nil || record != nil && (known == nil || record.RequestHash != hash || record.Reservation != r) {
		return nil, errKeyReused()
	}
	return known, nil
}

func errNothingOwed() error {
	return fault.New(fault.Conflict, CodeNothingOwed, "Nothing is owed for this stay.")
}

// debtor is the stay of the reservation once it has ended, until when nothing is owed.
func (c *change) debtor() (*session.Session, error) {
	if c.r.Session.IsZero() {
		return nil, errNothingOwed()
	}
	s, err := c.w.Session(c.r.Session)
	if err == nil && (s == nil || s.Owed == nil) {
		err = errNothingOwed()
	}
	return s, err
}

// clear calls off a payment of the stay's debt that waits for its driver, and
// returns the stay as it is then.
func (c *change) clear(s *session.Session) (*session.Session, error) {
	if s.Paying.IsZero() {
		return s, nil
	}
	h, err := take(c.w, c.now, c.r, s.Paying)
	if err != nil {
		return nil, err
	}
	if h.p.State != payment.RequiresAction {
		return nil, fault.New(fault.Conflict, CodePaying, "What is owed is being paid, and the answer is not known yet. Look again in a moment.")
	}
	if err := h.callOff(); err != nil {
		return nil, err
	}
	return c.w.Session(s.ID)
}

// callOff gives up a payment of a debt that is not held yet: its hold is given back
// if it comes to stand all the same.
func (c *hand) callOff() error {
	if err := c.giveBack(); err != nil {
		return err
	}
	return settlement.PutBack(c.w, c.p)
}

// owing completes a payment of all that a stay owes, and puts it. It returns it as
// it will be stored.
func (c *change) owing(s *session.Session, p *payment.Payment) *payment.Payment {
	p.Reservation, p.State, p.Amount, p.UpdatedAt, p.Debt.Session = c.r.ID, payment.Requested, *s.Owed, c.now, s.ID
	settlement.AskDebt(c.w, s, p)
	stored := *p
	stored.Version++
	return &stored
}

// debt books what a provider said about the hold of a debt.
func (c *change) debt(h *hand, o payment.Outcome) error {
	switch o.State {
	case payment.Authorized:
		return c.toTake(h, o)
	case payment.RequiresAction:
		return c.requiresAction(h, o)
	case payment.Declined, payment.Voided:
		code := o.DeclineCode
		if o.State == payment.Voided {
			code = declineLapsed
		}
		if err := c.declined(h, o.Ref, code); err != nil || h.p.State != payment.Declined {
			return err
		}
		return settlement.PutBack(c.w, h.p)
	default:
		return fault.Newf(fault.Internal, CodeUnexpectedProvider, "A hold that was asked for is said to be %q.", o.State)
	}
}

// toTake asks for a hold of a debt to be taken, now that it stands. One that nobody
// waits for any more is given back.
func (c *change) toTake(h *hand, o payment.Outcome) error {
	if !h.p.State.CanBecome(payment.Authorized) {
		return c.authorized(h, o)
	}
	if err := h.noteHold(o); err != nil {
		return err
	}
	minor, err := settlement.ToTake(c.w, h.p)
	if err != nil {
		return err
	}
	h.p.State, h.p.NextAction, h.p.CaptureAmount = payment.Authorized, "", minor
	if more := c.p.Raise; more.Session == h.p.Debt.Session && more.Amount > 0 { // what the exit left owed, and its tax
		h.p.CaptureTax = bill.Share(more.Tax, min(minor, more.Amount), more.Amount)
	}
	if minor == 0 {
		return h.giveBack()
	}
	return h.pay(payment.CaptureRequested)
}

// PayRequest asks to pay what is owed.
type PayRequest struct {
	Key     string     // the caller's idempotency key
	Method  string     // the provider's token for a card; empty: the reservation's
	Account id.Account // who asks, and whose the key is; zero: a guest
}

// Pay pays what the stay of a reservation owes, all of it. The same request with
// the same key finds what it did before. Its faults are those of the op, CodeDeclined,
// CodeMethodNeeded where the reservation has no card, CodePaymentGone and those of
// requests.
func (s *Service) Pay(ctx context.Context, r id.Reservation, q PayRequest) (View, error) {
	if err := CheckKey(q.Key); err != nil {
		return View{}, err
	}
	if q.Method != "" {
		if err := checkMethod(q.Method); err != nil {
			return View{}, fault.New(fault.Invalid, CodeRequestInvalid, "Some of what was sent cannot be used; fields says what.").
				WithField("payment_method", err.Error())
		}
	}
	text, err := json.Marshal(struct {
		Kind        string
		Reservation id.Reservation
		Method      string
	}{"pay", r, q.Method})
	if err != nil {
		return View{}, fmt.Errorf("hash a request: %w", err)
	}
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), 2*s.ProviderTimeout+3*recordTimeout)
	defer done()
	at, err := s.snapshot(ctx, r)
	if err != nil {
		return View{}, err
	}
	with, method := s.providerFor(q.Method), q.Method
	if method == "" {
		method = payable(&at.Payment)
		if with, err = s.providerOf(&at.Payment); err != nil {
			return View{}, err
		}
	}
	if !with.Capabilities().Secures {
		return View{}, fault.New(fault.Invalid, CodeMethodNeeded, "Say which card to take it from: what is owed cannot be promised once more.").
			WithField("payment_method", "is no card")
	}
	key := commit.Key{Principal: changer(q.Account), Key: q.Key}
	op := &Pay{
		Target: TargetOf(at), Key: key, RequestHash: sha256.Sum256(text),
		PaymentID: debtPayment(r, "by its driver", scoped(key)), Provider: with.Name(), Method: method,
	}
	if _, err := s.Commits.Commit(ctx, op); err != nil {
		return View{}, err
	}
	if op.About.State != payment.Requested {
		return s.takeDebt(ctx, r, *op.About)
	}
	if op.Replayed && s.workedOn(op.About, s.Now()) {
		return View{}, errInProgress()
	}
	return s.hold(ctx, op.After, *op.About)
}

// takeDebt takes a debt from a hold that stands, so that its driver hears of it at
// once, and answers. What goes wrong is done again by whoever settles payments.
func (s *Service) takeDebt(ctx context.Context, r id.Reservation, p payment.Payment) (View, error) {
	if p.State == payment.CaptureRequested {
		at, err := s.snapshot(ctx, r)
		if err == nil {
			err = s.capture(ctx, at.Reservation.Parking, p)
		}
		if err != nil {
			s.Log.WarnContext(ctx, "a debt was not taken at once", "reservation", r.String(), "payment", p.ID.String(), "err", err)
		}
	}
	at, err := s.snapshot(ctx, r)
	if err != nil {
		return View{}, err
	}
	if p.State == payment.VoidRequested || p.State == payment.Voided {
		return View{}, fault.New(fault.Conflict, CodePaymentGone, "This payment came to nothing: it was not confirmed in time, or what was owed was paid in another way. GET shows what is owed.")
	}
	return s.answer(at, p)
}

func (s *Service) capture(ctx context.Context, at id.Parking, p payment.Payment) error {
	with, err := s.providerOf(&p)
	if err != nil {
		return err
	}
	out, err := s.try(ctx, func(ctx context.Context) (payment.Outcome, error) {
		return with.Capture(ctx, p.Ref, money.New(p.CaptureAmount, p.Amount.Currency), p.Key(payment.CallCapture))
	})
	if err == nil {
		err = out.Sense(p.Amount)
	}
	if err == nil {
		_, err = s.Commits.Commit(ctx, settlement.RecordCapture{At: at, Payment: p.ID, Outcome: out, Incident: id.New[id.Incident](s.Now())})
	}
	return err
}

// debtPayment is the payment of a debt that somebody asks for. It follows from who
// does and from what it is about, so that asking again finds it.
func debtPayment(r id.Reservation, by string, about []byte) id.Payment {
	h := sha256.New()
	h.Write([]byte("debt-payment-1:" + by + ":"))
	h.Write(r.Bytes())
	h.Write(about)
	return derived(r, h.Sum(nil))
}
