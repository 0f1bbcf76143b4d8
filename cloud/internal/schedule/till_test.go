package schedule_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/relay"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/schedule"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/id"
)

// wires are a committer and a provider of which calls fail on demand: before they
// did their work, or after it, as when the process dies.
type wires struct {
	commit.Committer
	payment.Provider
	payment.Saver
	payment.Refunder

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

func (w *wires) SaveMethod(ctx context.Context, r payment.SaveRequest) (payment.Saved, error) {
	if w.cuts("before save") {
		return payment.Saved{}, payment.ErrNoAnswer
	}
	s, err := w.Saver.SaveMethod(ctx, r)
	if w.cuts("after save") {
		return payment.Saved{}, payment.ErrNoAnswer
	}
	return s, err
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
	w.settle = settlement.NewService(postgres.NewPayments(w.db), w.wires, w.sell, w.now, quiet, w.wires)
	w.tasks = append(schedule.Payments(postgres.NewSchedule(w.db), w.sell, w.settle, w, quiet), schedule.Lifecycle(postgres.NewSchedule(w.db), w.town, quiet)...)
	return w
}

// Insert does the jobs at once.
func (w *till) Insert(ctx context.Context, jobs []relay.Job) error {
	for _, j := range jobs {
		do := map[relay.Kind]func(context.Context, id.Parking, id.Payment) error{
			relay.Capture: w.settle.Capture, relay.Void: w.settle.Void, relay.Resolve: w.settle.Resolve, relay.Refund: w.settle.Refund,
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
