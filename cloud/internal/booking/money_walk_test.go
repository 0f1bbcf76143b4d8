package booking_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// shelf keeps the sandbox's books in memory. Nothing asks it for webhooks.
type shelf struct {
	sandbox.Store
	mu    sync.Mutex
	holds []sandbox.Hold
	calls map[string]sandbox.Hold
	tries map[string]int
}

func (s *shelf) find(is func(*sandbox.Hold) bool) (*sandbox.Hold, error) {
	for i := range s.holds {
		if is(&s.holds[i]) {
			return &s.holds[i], nil
		}
	}
	return &sandbox.Hold{}, payment.ErrNotFound
}

func (s *shelf) PlaceHold(_ context.Context, h sandbox.Hold) (sandbox.Hold, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if was, err := s.find(func(x *sandbox.Hold) bool { return x.Key == h.Key }); err == nil {
		return *was, nil
	}
	s.holds = append(s.holds, h)
	return h, nil
}

func (s *shelf) HoldByKey(_ context.Context, key string) (sandbox.Hold, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, err := s.find(func(x *sandbox.Hold) bool { return x.Key == key })
	return *h, err
}

func (s *shelf) HoldByRef(_ context.Context, ref string) (sandbox.Hold, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, err := s.find(func(x *sandbox.Hold) bool { return x.Ref == ref })
	return *h, err
}

func (s *shelf) CountCall(_ context.Context, key, _ string) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries[key]++
	return s.tries[key], nil
}

func (s *shelf) ChangeHold(_ context.Context, ref, _, key string, change func(sandbox.Hold) (sandbox.Hold, error)) (sandbox.Hold, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, done := s.calls[key]; done && key != "" {
		return before, nil
	}
	h, err := s.find(func(x *sandbox.Hold) bool { return x.Ref == ref })
	if err != nil {
		return sandbox.Hold{}, err
	}
	changed, err := change(*h)
	if err == nil {
		*h, s.calls[key] = changed, changed
	}
	return changed, err
}

func (s *shelf) Holds(context.Context, string, int) ([]sandbox.Hold, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.holds), nil
}

func (s *shelf) Placed(context.Context, time.Time, time.Time) ([]sandbox.Hold, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.holds), nil
}

// How a call to the provider or a commit goes wrong.
const (
	well      = "well"
	before    = "it never arrives"
	after     = "its answer is lost"
	temporary = "it is refused for the moment"
	twice     = "it arrives twice"
)

// till is a parking with a provider, and completers that may meet any fault.
type till struct {
	*bookingtest.World
	c      *clock
	bank   *sandbox.Provider
	settle *settlement.Service
	sell   *booking.Service
	gate   *boom
	fault  func() string // of the next call
}

// send is a call over a line that may fail.
func send[T any](x *till, do func() (T, error)) (T, error) {
	var none T
	switch x.fault() {
	case before:
		return none, payment.ErrNoAnswer
	case temporary:
		return none, payment.ErrTemporary
	case after:
		_, _ = do() // whatever it says, nobody hears it
		return none, payment.ErrNoAnswer
	case twice:
		_, _ = do() // what counts is the second answer
	}
	return do()
}

// line is the way to the provider.
type line struct {
	*sandbox.Provider
	x *till
}

func (l line) Authorize(ctx context.Context, r payment.Request) (payment.Outcome, error) {
	return send(l.x, func() (payment.Outcome, error) { return l.Provider.Authorize(ctx, r) })
}

func (l line) Capture(ctx context.Context, ref string, a money.Amount, key string) (payment.Outcome, error) {
	return send(l.x, func() (payment.Outcome, error) { return l.Provider.Capture(ctx, ref, a, key) })
}

func (l line) Increment(ctx context.Context, ref string, to money.Amount, key string) (payment.Outcome, error) {
	return send(l.x, func() (payment.Outcome, error) { return l.Provider.Increment(ctx, ref, to, key) })
}

func (l line) Void(ctx context.Context, ref, key string) (payment.Outcome, error) {
	return send(l.x, func() (payment.Outcome, error) { return l.Provider.Void(ctx, ref, key) })
}

func (l line) Find(ctx context.Context, key string) (payment.Outcome, error) {
	return send(l.x, func() (payment.Outcome, error) { return l.Provider.Find(ctx, key) })
}

func (l line) Refund(ctx context.Context, r payment.RefundRequest) (payment.Refund, error) {
	return send(l.x, func() (payment.Refund, error) { return l.Provider.Refund(ctx, r) })
}

func (l line) FindRefund(ctx context.Context, hold, key string) (payment.Refund, error) {
	return send(l.x, func() (payment.Refund, error) { return l.Provider.FindRefund(ctx, hold, key) })
}

// Commit is a commit of the completers': they may die before or after it.
func (x *till) Commit(ctx context.Context, op commit.Op) (commit.Receipt, error) {
	return send(x, func() (commit.Receipt, error) { return x.World.Commit(ctx, op) })
}

// Payment implements settlement.Payments.
func (x *till) Payment(_ context.Context, _ id.Parking, i id.Payment) (*payment.Payment, error) {
	for _, p := range x.Payments() {
		if p.ID == i {
			return &p, nil
		}
	}
	return nil, nil
}

// RecordHold implements settlement.Holds.
func (x *till) RecordHold(ctx context.Context, at id.Parking, r id.Reservation, p id.Payment, o payment.Outcome) error {
	_, err := x.Commit(ctx, &booking.RecordHold{Target: booking.Target{In: at, ID: r}, Payment: p, Outcome: o})
	return err
}

func newTill(faults func() string) *till { return tillWith(faults, 6*time.Hour) }

// tillWith has a bank whose holds stand so long.
func tillWith(faults func() string, life time.Duration) *till {
	c := newClock()
	x := &till{World: bookingtest.NewWorld(c.now, bookingtest.Parking(altmarkt, 4)), c: c, fault: faults}
	x.bank = sandbox.New(&shelf{calls: map[string]sandbox.Hold{}, tries: map[string]int{}}, sandbox.Options{Now: c.now, HoldLife: life})
	x.settle = settlement.NewService(x, x, x, c.now, slog.New(slog.DiscardHandler), line{x.bank, x})
	x.sell = booking.NewService(booking.Config{Store: x, Commits: x, Provider: line{x.bank, x}, Log: slog.New(slog.DiscardHandler), Now: c.now})
	x.gate = newBoom(x.World, c.at)
	return x
}

// reserve claims a window; the provider is asked by complete.
func (x *till) reserve(key, method string) (id.Reservation, error) {
	op := reserveOp(key, x.c.window(0, 4*time.Hour))
	op.Provider, op.Method = sandbox.Name, method
	_, err := x.World.Commit(context.Background(), op)
	return op.ID, err
}

// complete does what a payment waits for, as the jobs and the clock do.
func (x *till) complete(p payment.Payment) error {
	ctx := context.Background()
	switch p.State {
	case payment.Requested:
		s, _ := x.Reservation(ctx, p.Reservation)
		o, err := line{x.bank, x}.Authorize(ctx, payment.Request{Key: p.Key(payment.CallHold), Parking: altmarkt, Reservation: p.Reservation, Amount: p.Amount, Method: p.Method, Present: !p.Debt.Away})
		_, err = x.Commit(ctx, &booking.RecordHold{Target: booking.TargetOf(*s), Payment: p.ID, Outcome: o, NoAnswer: err != nil})
		return err
	case payment.Unknown:
		return x.settle.Resolve(ctx, altmarkt, p.ID)
	case payment.RequiresAction:
		_, err := x.Commit(ctx, booking.DropDebt{In: altmarkt, Payment: p.ID})
		return err
	case payment.CaptureRequested:
		return x.settle.Capture(ctx, altmarkt, p.ID)
	case payment.VoidRequested:
		return x.settle.Void(ctx, altmarkt, p.ID)
	default:
		return x.settle.Refund(ctx, altmarkt, p.ID)
	}
}

// rest lets the completers finish without any fault, and then compares our books
// with the provider's own.
func (x *till) rest() error {
	x.fault = func() string { return well }
	for round := 0; ; round++ {
		open := 0
		for _, p := range x.Payments() {
			if !p.State.Final() && p.State != payment.Authorized || p.Returns() {
				open++
				x.c.at = x.c.at.Add(settlement.Quiet)
				if p.State == payment.RequiresAction {
					x.c.at = x.c.at.Add(booking.PayAwayWithin)
				}
				_ = x.complete(p) // what is left of it is seen in the next round
			}
		}
		if open == 0 {
			break
		}
		if round > 10 {
			return fmt.Errorf("it never comes to rest: %+v", x.Payments())
		}
	}
	return x.compare()
}

func (x *till) compare() error {
	ours, theirs := map[string]string{}, map[string]string{}
	// What was declined, given back or has lapsed is nothing, on either side.
	nothing := []payment.State{payment.Declined, payment.Voided}
	hold := func(s payment.State, captured, authorized int64) string {
		return fmt.Sprintf("%s %d of %d", s, captured, authorized)
	}
	for _, p := range x.Payments() {
		if lapsed := p.State == payment.Authorized && !x.c.at.Before(p.CaptureBefore); !lapsed && !slices.Contains(nothing, p.State) {
			ours[p.Key(payment.CallHold)] = hold(p.State, p.Captured, p.Authorized)
		}
		for _, r := range p.Refunds {
			if r.State.Given() {
				ours[p.Key(payment.CallRefund(r.Reason))] = fmt.Sprint(r.Amount)
			}
		}
	}
	err := x.bank.List(context.Background(), time.Time{}, x.c.at.Add(1000*time.Hour), func(e payment.Entry) error {
		switch {
		case e.Hold.Ref == "":
			theirs[e.Key] = fmt.Sprint(e.Refund.Amount.Minor)
		case !slices.Contains(nothing, e.Hold.State):
			theirs[e.Key] = hold(e.Hold.State, e.Hold.Captured.Minor, e.Hold.Authorized.Minor)
		}
		return nil
	})
	for key := range theirs {
		if ours[key] != theirs[key] {
			return fmt.Errorf("%s: the provider has %q, we have %q", key, theirs[key], ours[key])
		}
	}
	if err == nil && len(ours) != len(theirs) {
		err = fmt.Errorf("we have %v, the provider %v", ours, theirs)
	}
	return err
}

// Whatever goes wrong at every call to the provider and at every commit: after
// each step the ledger sums to zero, nothing is taken above what was authorised or
// given back above what was taken, and at rest our books are the provider's.
func TestTheBooksAreTheProvidersWhateverGoesWrong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		faulty := rapid.SampledFrom([]string{well, well, before, after, temporary, twice})
		x := newTill(func() string { return faulty.Draw(t, "fault") })
		var all []id.Reservation
		some := func() (booking.Target, booking.Snapshot) {
			s, _ := x.Reservation(ctx, rapid.SampledFrom(all).Draw(t, "reservation"))
			return booking.Target{In: altmarkt, ID: s.Reservation.ID}, *s
		}
		word := func(op commit.Op) {
			if _, err := x.World.Commit(ctx, op); err != nil && fault.From(err).Kind == fault.Internal {
				t.Fatalf("%T: %v", op, err)
			}
		}
		sound := func(err error) {
			if err != nil && fault.From(err).Kind == fault.Internal && !errors.Is(err, payment.ErrNoAnswer) && !errors.Is(err, payment.ErrTemporary) {
				t.Fatal(err)
			}
		}
		step := map[string]func(){
			"reserve": func() {
				r, err := x.reserve(fmt.Sprint("k", len(all)), rapid.SampledFrom([]string{sandbox.OK, sandbox.OK, sandbox.NoIncrement, sandbox.Declined}).Draw(t, "card"))
				if err == nil {
					all = append(all, r)
				}
			},
			"complete": func() {
				p := x.Payments()
				_ = x.complete(p[rapid.IntRange(0, len(p)-1).Draw(t, "payment")]) // a fault is met again
			},
			"wait":   func() { x.c.at = x.c.at.Add(time.Duration(rapid.IntRange(1, 90).Draw(t, "minutes")) * time.Minute) },
			"cancel": func() { at, _ := some(); word(&booking.Cancel{Target: at}) },
			"walk":   func() { at, _ := some(); word(&booking.Walk{Target: at}) },
			"void":   func() { at, _ := some(); word(&booking.Void{Target: at}) },
			"miss":   func() { at, _ := some(); x.Watched(altmarkt, x.c.at); word(&booking.Miss{Target: at}) },
			"enter": func() {
				if _, s := some(); s.Reservation.State == reservation.Confirmed || s.Reservation.State == reservation.NoShow {
					word(x.gate.enter(t, &s.Reservation, x.c.at))
				}
			},
			"leave": func() {
				if at, s := some(); s.Reservation.State == reservation.Active {
					word(x.gate.leave(t, at.ID, x.c.at))
				}
			},
			"stay": func() { x.c.at = x.c.at.Add(time.Duration(rapid.IntRange(3, 8).Draw(t, "hours")) * time.Hour) },
			"pay": func() {
				if at, s := some(); !s.Reservation.Session.IsZero() {
					word(x.gate.pay(t, at.ID, rapid.Int64Range(1, 900).Draw(t, "cents"), x.c.at))
				}
			},
			"give up": func() {
				if _, s := some(); !s.Reservation.Session.IsZero() {
					if stay := x.Session(s.Reservation.Session); stay.Owed != nil {
						word(&settlement.WriteOff{At: altmarkt, Stay: *stay, Amount: *stay.Owed, By: "the owner", Reason: "a favour", ID: id.New[id.Incident](x.c.at)})
					}
				}
			},
			"collect": func() { at, _ := some(); sound(x.sell.Collect(ctx, altmarkt, at.ID)) },
			"settle up": func() {
				at, _ := some()
				_, err := x.sell.Pay(ctx, at.ID, booking.PayRequest{
					Key:    "a-key-to-pay-with-" + rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "key"),
					Method: rapid.SampledFrom([]string{"", sandbox.OK, sandbox.Declined, sandbox.SecondFactor}).Draw(t, "card"),
				})
				sound(err)
			},
			"second step": func() {
				at, s := some()
				if s.Debt != nil && s.Debt.State == payment.RequiresAction {
					_, _ = x.bank.Complete(ctx, s.Debt.Ref, rapid.Bool().Draw(t, "passed"))
					_, err := x.sell.Confirm(ctx, at.ID)
					sound(err)
				}
			},
			"refund": func() {
				at, _ := some()
				op := &booking.Refund{Target: at, By: "the owner", Reason: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "why")}
				if rapid.Bool().Draw(t, "some of it") {
					n := rapid.Int64Range(-1, 450).Draw(t, "minor")
					op.Minor = &n
				}
				word(op)
			},
		}
		names := []string{
			"cancel", "collect", "complete", "complete", "complete", "enter", "enter", "give up", "leave", "leave", "leave", "miss", "pay", "refund", "refund", "reserve",
			"second step", "settle up", "settle up", "stay", "void", "wait", "walk",
		}
		step["reserve"]()
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			name := rapid.SampledFrom(names).Draw(t, "step")
			step[name]()
			if err := x.Check(); err != nil {
				t.Fatalf("after %s: %v", name, err)
			}
		}
		if err := x.rest(); err != nil {
			t.Fatal(err)
		}
		if err := x.Check(); err != nil {
			t.Fatal(err)
		}
	})
}

// The process dies at each call to the provider and at each commit in turn, before
// or after it took effect; another one finds everything and takes it to the same
// end.
func TestADeathAtAnyCallChangesNothingInTheEnd(t *testing.T) {
	for _, how := range []string{before, after} {
		for at := 1; ; at++ {
			calls := 0
			x := newTill(func() string {
				if calls++; calls == at {
					return how
				}
				return well
			})
			do := func(op commit.Op) {
				t.Helper()
				if _, err := x.World.Commit(t.Context(), op); err != nil {
					t.Fatalf("%s at %d: %v", how, at, err)
				}
			}
			// rest would take the fault away.
			until := func(state payment.State) {
				for range 10 {
					p := x.Payments()[0]
					if p.State == state && !p.Returns() {
						return
					}
					x.c.at = x.c.at.Add(settlement.Quiet)
					_ = x.complete(p) // a death is seen by what it leaves
				}
				t.Fatalf("%s at %d: %+v", how, at, x.Payments())
			}
			r, err := x.reserve("k", sandbox.OK)
			if err != nil {
				t.Fatal(err)
			}
			if at == 1 && how == before { // the hold was never asked for, and the reservation comes to nothing
				until(payment.Declined)
				continue
			}
			until(payment.Authorized)
			s := stored(t, x.World, r)
			do(x.gate.enter(t, &s.Reservation, x.c.at))
			do(x.gate.leave(t, r, x.c.at.Add(time.Hour)))
			n := int64(150)
			do(&booking.Refund{Target: booking.Target{In: altmarkt, ID: r}, Minor: &n, By: "the owner", Reason: "while it is captured"})
			until(payment.Captured)
			do(&booking.Refund{Target: booking.Target{In: altmarkt, ID: r}, By: "the owner", Reason: "the rest"})
			until(payment.Captured)
			if err := x.rest(); err != nil {
				t.Fatalf("%s at %d: %v", how, at, err)
			}
			check(t, x.World)
			if p := x.Payments()[0]; p.Captured != 400 || p.Refunded != 400 || len(p.Refunds) != 2 {
				t.Fatalf("%s at %d: %+v", how, at, p)
			}
			if calls < at { // it lived through all of it
				if at < 8 {
					t.Fatalf("only %d calls", calls)
				}
				break
			}
		}
	}
}
