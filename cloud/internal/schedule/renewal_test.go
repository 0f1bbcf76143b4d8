package schedule_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/relay"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/schedule"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// wires are a committer and a provider of which calls fail on demand: before they
// did their work, or after it, as when the process dies.
type wires struct {
	commit.Committer
	payment.Provider

	mu  sync.Mutex
	cut map[string]int // by call, counted down to the one that fails
}

var errCut = errors.New("the process died")

// after cuts the nth call of that name from now on.
func (w *wires) after(call string, nth int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut[call] = nth
}

func (w *wires) cuts(call string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut[call]--
	return w.cut[call] == 0
}

func (w *wires) Commit(ctx context.Context, op commit.Op) (commit.Receipt, error) {
	if w.cuts("before commit") {
		return commit.Receipt{}, errCut
	}
	r, err := w.Committer.Commit(ctx, op)
	if w.cuts("after commit") {
		return commit.Receipt{}, errCut
	}
	return r, err
}

func (w *wires) Authorize(ctx context.Context, r payment.Request) (payment.Outcome, error) {
	if w.cuts("before hold") {
		return payment.Outcome{}, payment.ErrNoAnswer
	}
	o, err := w.Provider.Authorize(ctx, r)
	if w.cuts("after hold") {
		return payment.Outcome{}, payment.ErrNoAnswer
	}
	return o, err
}

// till is a town with everything that moves its money.
type till struct {
	*town
	settle *settlement.Service
	tasks  []schedule.Task
}

func newTill(t *testing.T) *till {
	t.Helper()
	w := &till{town: newTown(t, "altmarkt")}
	w.settle = settlement.NewService(postgres.NewPayments(w.db), w.wires, w.sell, w.now, quiet, renamed{w.wires, w.bank})
	w.tasks = append(schedule.Payments(postgres.NewSchedule(w.db), w.sell, w.settle, w, quiet), schedule.Lifecycle(postgres.NewSchedule(w.db), w.town, quiet)...)
	return w
}

// renamed is the bank behind the wires, with all that it can do.
type renamed struct {
	*wires
	payment.Saver
}

// Insert does the jobs at once.
func (w *till) Insert(ctx context.Context, jobs []relay.Job) error {
	for _, j := range jobs {
		do := map[relay.Kind]func(context.Context, id.Parking, id.Payment) error{
			relay.Capture: w.settle.Capture, relay.Void: w.settle.Void, relay.Resolve: w.settle.Resolve,
		}[j.Kind]
		if err := do(ctx, j.Parking, j.Payment); err != nil && !errors.Is(err, settlement.ErrTooSoon) {
			return err
		}
	}
	return nil
}

// on lets time pass, minute by minute, with all tasks in each. Errors are those of
// what was cut.
func (w *till) on(by time.Duration, each func()) {
	w.t.Helper()
	for end := w.now().Add(by); w.now().Before(end); {
		w.move(w.now().Add(time.Minute))
		for _, t := range w.tasks {
			if err := t.Run(w.t.Context(), w.now()); err != nil && !errors.Is(err, errCut) && !errors.Is(err, payment.ErrNoAnswer) {
				w.t.Fatalf("%s: %v", t.Name, err)
			}
		}
		if each != nil {
			each()
		}
	}
}

// book makes a reservation that begins in a while.
func (w *till) book(method string, in, lasts time.Duration) booking.View {
	w.t.Helper()
	from := w.now().Add(in)
	v, err := w.sell.Reserve(w.t.Context(), booking.Request{
		Key: id.New[id.Reservation](time.Now()).String(), Parking: "altmarkt", SpaceType: string(id.Standard),
		From: from, To: from.Add(lasts), Method: method, Email: "jana@posteo.example",
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func (w *till) get(v booking.View) booking.View {
	w.t.Helper()
	got, err := w.sell.Get(w.t.Context(), v.Reservation.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

func (w *till) count(sql string, args ...any) (n int) {
	w.t.Helper()
	if err := w.owner.QueryRow(w.t.Context(), sql, args...).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// standing counts the holds of a reservation that the bank would still capture.
func (w *till) standing(v booking.View) int {
	w.t.Helper()
	return w.count(`select count(*) from sandbox.hold where reservation = $1 and kind = 'hold' and state = 'authorized' and capture_before > $2`, v.Reservation.ID.String(), w.now())
}

// capturable counts our payments that may take money.
func (w *till) capturable(v booking.View) int {
	w.t.Helper()
	return w.count(`select count(*) from payment where reservation = $1 and state in ('authorized', 'capture_requested', 'captured')`, v.Reservation.ID.UUID())
}

// depart is what the exit of a vehicle does to a reservation and its money.
type depart struct{ r id.Reservation }

func (depart) Parking() id.Parking       { return "altmarkt" }
func (o depart) Prefetch(r *commit.Rows) { r.Reservations = append(r.Reservations, o.r) }
func (o depart) Apply(w *commit.Work, now time.Time) error {
	r, err := w.Reservation(o.r)
	if err != nil {
		return err
	}
	p, err := w.Payment(r.Payment)
	if err != nil {
		return err
	}
	if r.Pending != nil {
		if _, err := w.Payment(r.Pending.Payment); err != nil {
			return err
		}
	}
	s := settlement.AtExit(settlement.ExitInput{Parking: w.Parking, Reservation: r, Payment: p, EnteredAt: r.Window.From, ExitedAt: r.Window.To})
	if s.Ask(p, now) {
		w.PutPayment(p)
		w.Emit(feed.PaymentChanged, feed.Body{Payment: &feed.Payment{ID: p.ID, Reservation: r.ID, State: string(p.State), Version: p.Version + 1}})
	}
	if err := booking.LeaveOn(w, r, now); err != nil {
		return err
	}
	if _, err := r.Apply(reservation.CheckOut, now); err != nil {
		return err
	}
	w.PutReservation(r)
	w.Emit(feed.SessionClosed, feed.Body{Reservation: &feed.Reservation{ID: r.ID}})
	return nil
}

func (w *till) depart(v booking.View) {
	w.t.Helper()
	if _, err := w.wires.Committer.Commit(w.t.Context(), depart{v.Reservation.ID}); err != nil {
		w.t.Fatal(err)
	}
}

// settled lets everything come to rest and says what was taken at the bank, and
// how many holds it was taken from.
func (w *till) settled(v booking.View) (taken, holds int) {
	w.t.Helper()
	w.on(10*time.Minute, nil)
	if n := w.standing(v); n != 0 {
		w.t.Errorf("%d holds are left at the bank", n)
	}
	if sum := w.count(`select coalesce(sum(amount), 0) from ledger_entry where account = 'held'`); sum != 0 {
		w.t.Errorf("the books hold %d", sum)
	}
	if books, bank := w.count(`select coalesce(sum(captured), 0) from payment`), w.count(`select coalesce(sum(captured), 0) from sandbox.hold`); books != bank {
		w.t.Errorf("%d were taken by the books, %d by the bank", books, bank)
	}
	r := v.Reservation.ID.String()
	return w.count(`select coalesce(sum(captured), 0) from sandbox.hold where reservation = $1`, r), w.count(`select count(*) from sandbox.hold where reservation = $1 and captured > 0`, r)
}

// A stay of two hours on holds of ten minutes: there always is one, never two that
// could be taken, and nobody notices.
func TestAHoldIsRenewedBeforeItLapses(t *testing.T) {
	w := newTill(t)
	v := w.book(sandbox.ShortHold, 30*time.Minute, 2*time.Hour)
	inside := false
	w.on(150*time.Minute, func() {
		got := w.get(v)
		if got.Pass != v.Pass || got.Payment.State != payment.Authorized || !got.Payment.CaptureBefore.After(w.now()) || got.Payment.Authorized != v.Payment.Authorized {
			t.Fatalf("at %s: payment %s until %s, another pass: %v", w.now(), got.Payment.State, got.Payment.CaptureBefore, got.Pass != v.Pass)
		}
		if s, c := w.standing(v), w.capturable(v); s == 0 || c != 1 {
			t.Fatalf("at %s: %d holds stand, %d may be taken", w.now(), s, c)
		}
		if !inside && !w.now().Before(v.Reservation.Window.From) {
			w.enter(&v.Reservation)
			inside = true
		}
	})
	if n := w.told(feed.ReservationChanged, &v.Reservation) + w.told(feed.ChangeHeld, &v.Reservation) + w.told(feed.ChangeDropped, &v.Reservation); n != 0 {
		t.Errorf("the driver hears of it %d times", n)
	}
	w.depart(v)
	if taken, holds := w.settled(v); taken != int(v.Reservation.Quote.Total.Minor) || holds != 1 {
		t.Fatalf("%d taken from %d holds", taken, holds)
	}
}

// The process dies, and answers get lost, anywhere around a renewal.
func TestRenewalsSurviveAnything(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			w := newTill(t)
			v := w.book(sandbox.ShortHold, 0, 90*time.Minute)
			w.enter(&v.Reservation)
			w.on(time.Duration(30+random.IntN(60))*time.Minute, func() {
				if c := w.capturable(v); c > 1 {
					t.Fatalf("at %s: %d may be taken", w.now(), c)
				}
				if got := w.get(v); got.Payment.State == payment.Authorized && got.Payment.CaptureBefore.After(w.now()) && w.standing(v) == 0 {
					t.Fatalf("at %s: nothing stands at the bank", w.now())
				}
				if random.IntN(4) == 0 {
					w.wires.after([]string{"before commit", "after commit", "before hold", "after hold"}[random.IntN(4)], 1+random.IntN(3))
				}
			})
			clear(w.wires.cut)
			w.depart(v)
			got := w.get(v)
			taken, holds := w.settled(v)
			if want := int(v.Reservation.Quote.Total.Minor); got.Payment.State == payment.CaptureRequested && (taken != want || holds != 1) || taken > want || holds > 1 {
				t.Fatalf("%d of %d taken from %d holds; at the exit the payment was %s", taken, want, holds, got.Payment.State)
			}
		})
	}
}

// A card that declines keeps the old hold until it lapses; then the payment says
// so, once, and the stay is owed at its exit.
func TestAHoldThatCannotBeRenewedLapses(t *testing.T) {
	w := newTill(t)
	v := w.book(sandbox.ShortHold, 0, 3*time.Hour)
	w.enter(&v.Reservation)
	if _, err := w.owner.Exec(t.Context(), `update payment set method = $1 where id = $2`, sandbox.Declined, v.Payment.ID.UUID()); err != nil {
		t.Fatal(err)
	}
	w.on(9*time.Minute, func() {
		if got := w.get(v); got.Payment.ID != v.Payment.ID || got.Payment.State != payment.Authorized || w.standing(v) != 1 {
			t.Fatalf("%s, %d stand", got.Payment.State, w.standing(v))
		}
	})
	w.on(160*time.Minute, nil)
	if got := w.get(v); got.Payment.State != payment.Lapsed || got.Reservation.State != reservation.Active || got.Pass == "" {
		t.Fatalf("%s, %s", got.Payment.State, got.Reservation.State)
	}
	if n := w.count(`select count(*) from event where kind = 'payment.changed' and body -> 'payment' ->> 'state' = 'lapsed'`); n != 1 {
		t.Errorf("it is told %d times", n)
	}
	if n := w.count(`select count(*) from payment where state = 'declined'`); n < 2 || n > 12 {
		t.Errorf("the bank was asked %d times", n)
	}
	lapsed := w.get(v)
	here := postgrestest.Parking("altmarkt", 5)
	due := settlement.AtExit(settlement.ExitInput{Parking: &here, Reservation: &v.Reservation, Payment: &lapsed.Payment, ExitedAt: v.Reservation.Window.To})
	if due.Owed != v.Reservation.Quote.Total || due.Capture.Minor != 0 {
		t.Errorf("%+v", due)
	}
	// Later the card works again.
	if _, err := w.owner.Exec(t.Context(), `update payment set method = $1 where id = $2`, sandbox.OK, v.Payment.ID.UUID()); err != nil {
		t.Fatal(err)
	}
	w.on(4*time.Hour, nil)
	if got := w.get(v); got.Payment.State != payment.Authorized || w.capturable(v) != 1 || w.standing(v) != 1 {
		t.Fatalf("%s, %d stand", got.Payment.State, w.standing(v))
	}
}

// The vehicle leaves between the bank's yes and its being booked.
func TestWhoLeavesDuringARenewalPaysOnce(t *testing.T) {
	w := newTill(t)
	v := w.book(sandbox.ShortHold, 0, time.Hour)
	w.enter(&v.Reservation)
	w.on(4*time.Minute, nil)
	w.wires.after("before commit", 2) // the renewal is stored, the bank has said yes
	w.on(time.Minute, nil)
	if n := w.standing(v); n != 2 {
		t.Fatalf("%d holds stand", n)
	}
	w.depart(v)
	if taken, holds := w.settled(v); taken != int(v.Reservation.Quote.Total.Minor) || holds != 1 {
		t.Fatalf("%d taken from %d holds", taken, holds)
	}
	if got := w.get(v); got.Payment.ID != v.Payment.ID || got.Payment.Captured != v.Reservation.Quote.Total.Minor || got.Payment.Amount != money.New(got.Payment.Captured, "EUR") {
		t.Fatalf("%+v", got.Payment)
	}
}

// What a driver changes goes before a renewal.
func TestAChangeReplacesARenewal(t *testing.T) {
	w := newTill(t)
	v := w.book(sandbox.ShortHold, 0, time.Hour)
	w.on(4*time.Minute, nil)
	w.wires.after("after commit", 1) // it is stored and the bank was never asked
	w.on(time.Minute, nil)
	if got := w.get(v); got.Change == nil || !got.Reservation.Pending.Renews || got.Pending() {
		t.Fatalf("%+v", got.Reservation.Pending)
	}
	if _, err := w.sell.Withdraw(t.Context(), v.Reservation.ID, id.Payment{}); err == nil {
		t.Error("a renewal was taken back")
	}
	longer, err := w.sell.Extend(t.Context(), v.Reservation.ID, booking.ChangeRequest{Key: "a-key-of-this-change", To: v.Reservation.Window.To.Add(time.Hour)})
	if err != nil || longer.Reservation.Generation != 2 || longer.Change != nil || longer.Payment.State != payment.Authorized {
		t.Fatalf("%+v, %v", longer.Payment, err)
	}
	w.on(4*time.Minute, nil)
	if c, s := w.capturable(v), w.standing(v); c != 1 || s != 1 {
		t.Fatalf("%d may be taken, %d stand", c, s)
	}
}
