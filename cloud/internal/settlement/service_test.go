package settlement_test

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/pass"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lossy is a provider whose answers can be lost or faked on the way.
type lossy struct {
	payment.Provider
	mu    sync.Mutex
	after map[string]func(payment.Outcome, error) (payment.Outcome, error) // by call; used once
	calls map[string]int
}

func (l *lossy) pass(call string, o payment.Outcome, err error) (payment.Outcome, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls[call]++
	if f := l.after[call]; f != nil {
		delete(l.after, call)
		return f(o, err)
	}
	return o, err
}

func (l *lossy) Capture(ctx context.Context, ref string, a money.Amount, key string) (payment.Outcome, error) {
	o, err := l.Provider.Capture(ctx, ref, a, key)
	return l.pass("capture", o, err)
}

func (l *lossy) Void(ctx context.Context, ref, key string) (payment.Outcome, error) {
	o, err := l.Provider.Void(ctx, ref, key)
	return l.pass("void", o, err)
}

func (l *lossy) Find(ctx context.Context, key string) (payment.Outcome, error) {
	o, err := l.Provider.Find(ctx, key)
	return l.pass("find", o, err)
}

func lost(payment.Outcome, error) (payment.Outcome, error) {
	return payment.Outcome{}, payment.ErrNoAnswer
}

type world struct {
	t         *testing.T
	db        *postgres.DB
	owner     *pgx.Conn
	committer *postgres.Committer
	sandbox   *sandbox.Provider
	provider  *lossy
	booking   *booking.Service
	settle    *settlement.Service
	ahead     time.Duration // of the sandbox's clock and the settlement's
}

const here id.Parking = "altmarkt"

func newWorld(t *testing.T) *world {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	db, dsn := postgrestest.New(t)
	postgrestest.Import(t, db, time.Now(), postgrestest.Parking(here, 5))
	w := &world{t: t, db: db, owner: postgrestest.Owner(t, dsn)}
	now := func() time.Time { return time.Now().Add(w.ahead) }
	w.committer = postgres.NewCommitter(db, quiet, time.Now, func(id.Parking, uint64) {})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.committer.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	w.sandbox = sandbox.New(postgres.NewSandbox(db), sandbox.Options{Now: now})
	w.provider = &lossy{Provider: w.sandbox, after: map[string]func(payment.Outcome, error) (payment.Outcome, error){}, calls: map[string]int{}}
	tokens, err := booking.NewTokens(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	key, err := pass.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	w.booking = booking.NewService(booking.Config{
		Store: postgres.NewBooking(db), Commits: w.committer, Provider: w.provider, Tokens: tokens, Passes: booking.Passes{Key: key},
		Log: quiet, ProviderTimeout: time.Second,
	})
	w.settle = settlement.NewService(postgres.NewPayments(db), w.committer, w.booking, now, quiet, w.provider)
	return w
}

// reserve makes a reservation from now on for two hours.
func (w *world) reserve(method string) booking.View {
	w.t.Helper()
	from := time.Now().Truncate(time.Minute).Add(time.Minute)
	v, err := w.booking.Reserve(w.t.Context(), booking.Request{
		Key: id.New[id.Reservation](time.Now()).String(), Parking: string(here), SpaceType: string(id.Standard),
		From: from, To: from.Add(2 * time.Hour), Method: method, Email: "jana@posteo.example",
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// leave is what the exit of a vehicle does to the money of its reservation.
type leave struct {
	r      id.Reservation
	p      id.Payment
	exited time.Time
}

func (o leave) Parking() id.Parking     { return here }
func (o leave) Prefetch(r *commit.Rows) { r.Reservations = append(r.Reservations, o.r) }
func (o leave) Apply(w *commit.Work, now time.Time) error {
	r, err := w.Reservation(o.r)
	if err != nil {
		return err
	}
	p, err := w.Payment(o.p)
	if err != nil {
		return err
	}
	s := settlement.AtExit(settlement.ExitInput{Parking: w.Parking, Reservation: r, Payment: p, EnteredAt: r.Window.From, ExitedAt: o.exited})
	if s.Ask(p, now) {
		w.PutPayment(p)
		w.Emit(feed.PaymentChanged, feed.Body{Payment: &feed.Payment{ID: p.ID, Reservation: r.ID, State: string(p.State), Version: p.Version + 1}})
	}
	return nil
}

func (w *world) leave(v booking.View) {
	w.t.Helper()
	_, err := w.committer.Commit(w.t.Context(), leave{v.Reservation.ID, v.Payment.ID, v.Reservation.Window.To})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) payment(v booking.View) payment.Payment {
	w.t.Helper()
	p, err := postgres.NewPayments(w.db).Payment(w.t.Context(), here, v.Payment.ID)
	if err != nil || p == nil {
		w.t.Fatalf("%v, %v", p, err)
	}
	return *p
}

// balanced checks that the ledger sums to zero, that nothing stands as held
// but what is authorised, and that the provider's books say the same as ours.
func (w *world) balanced() {
	w.t.Helper()
	ctx := w.t.Context()
	var sum, held, captured int64
	if err := w.owner.QueryRow(ctx, `select coalesce(sum(amount),0), coalesce(sum(amount) filter (where account = 'held'),0),
		coalesce(sum(amount) filter (where account = 'provider'),0) from ledger_entry`).Scan(&sum, &held, &captured); err != nil {
		w.t.Fatal(err)
	}
	var standing, taken int64
	if err := w.owner.QueryRow(ctx, `select coalesce(sum(amount) filter (where state = 'authorized'),0), coalesce(sum(captured - refunded),0) from sandbox.hold`).Scan(&standing, &taken); err != nil {
		w.t.Fatal(err)
	}
	if sum != 0 || held != standing || captured != taken {
		w.t.Errorf("ledger sums to %d; held %d, the provider holds %d; captured %d, the provider captured %d", sum, held, standing, captured, taken)
	}
	var differ int
	if err := w.owner.QueryRow(ctx, `select count(*) from payment p left join sandbox.hold h on h.ref = p.ref
		where p.ref <> '' and (h.ref is null or p.captured <> h.captured or p.refunded <> h.refunded or (p.state in ('authorized','captured','voided','declined') and p.state <> h.state))`).Scan(&differ); err != nil {
		w.t.Fatal(err)
	}
	if differ != 0 {
		w.t.Errorf("%d payments differ from the provider's holds", differ)
	}
}

func TestAHoldIsCapturedOnceAndTheBooksAgree(t *testing.T) {
	w := newWorld(t)
	v := w.reserve(sandbox.OK)
	if v.Reservation.State != reservation.Confirmed || v.Payment.State != payment.Authorized {
		t.Fatalf("%s, %s", v.Reservation.State, v.Payment.State)
	}
	w.balanced()
	if err := w.settle.Capture(t.Context(), here, v.Payment.ID); err != nil {
		t.Fatal(err)
	}
	if p := w.payment(v); p.State != payment.Authorized {
		t.Fatalf("captured before the stay was over: %s", p.State)
	}
	w.leave(v)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if err := w.settle.Capture(t.Context(), here, v.Payment.ID); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	p := w.payment(v)
	if p.State != payment.Captured || p.Captured != v.Reservation.Quote.Total.Minor || p.Captured == 0 {
		t.Fatalf("%+v", p)
	}
	var entries int
	if err := w.owner.QueryRow(t.Context(), `select count(distinct txn) from ledger_entry where kind = 'capture'`).Scan(&entries); err != nil || entries != 1 {
		t.Fatalf("%d captures are booked, %v", entries, err)
	}
	w.balanced()
}

func TestALostAnswerToACaptureTakesNothingTwice(t *testing.T) {
	w := newWorld(t)
	v := w.reserve(sandbox.OK)
	w.leave(v)
	w.provider.after["capture"] = lost
	if err := w.settle.Capture(t.Context(), here, v.Payment.ID); !errors.Is(err, payment.ErrNoAnswer) {
		t.Fatal(err)
	}
	if p := w.payment(v); p.State != payment.CaptureRequested {
		t.Fatalf("%s", p.State)
	}
	if err := w.settle.Capture(t.Context(), here, v.Payment.ID); err != nil {
		t.Fatal(err)
	}
	if p := w.payment(v); p.State != payment.Captured {
		t.Fatalf("%s", p.State)
	}
	w.balanced()
}

func TestAHoldThatIsGoneBecomesOwed(t *testing.T) {
	w := newWorld(t)
	v := w.reserve(sandbox.OK)
	w.leave(v)
	w.ahead = sandbox.DefaultHoldLife + time.Hour
	for range 2 {
		if err := w.settle.Capture(t.Context(), here, v.Payment.ID); err != nil {
			t.Fatal(err)
		}
	}
	var receivable, held, incidents int64
	if err := w.owner.QueryRow(t.Context(), `select coalesce(sum(amount) filter (where account = 'receivable'),0), coalesce(sum(amount) filter (where account = 'held'),0),
		(select count(*) from incident where class = $1) from ledger_entry`, settlement.HoldLost).Scan(&receivable, &held, &incidents); err != nil {
		t.Fatal(err)
	}
	if p := w.payment(v); p.State != payment.Voided || receivable != v.Reservation.Quote.Total.Minor || held != 0 || incidents != 1 {
		t.Fatalf("%s, receivable %d, held %d, %d incidents", p.State, receivable, held, incidents)
	}
}

func TestACaptureThatIsRefusedForGoodStopsAndChangesNothing(t *testing.T) {
	w := newWorld(t)
	v := w.reserve(sandbox.OK)
	w.leave(v)
	before := w.payment(v)
	w.provider.after["capture"] = func(payment.Outcome, error) (payment.Outcome, error) { return payment.Outcome{}, payment.ErrRefused }
	w.provider.after["find"] = func(o payment.Outcome, err error) (payment.Outcome, error) {
		o.State, o.Captured.Minor = payment.Authorized, 0 // it stands, and cannot be taken
		return o, err
	}
	if err := w.settle.Capture(t.Context(), here, v.Payment.ID); !errors.Is(err, settlement.ErrDefinite) {
		t.Fatal(err)
	}
	if after := w.payment(v); !reflect.DeepEqual(after, before) {
		t.Fatalf("%+v", after)
	}
}

// What cannot be true is not booked; it is asked again.
func TestAnAnswerThatMakesNoSenseIsNotBooked(t *testing.T) {
	w := newWorld(t)
	v := w.reserve(sandbox.Timeout)
	before := w.payment(v)
	for name, bend := range map[string]func(*payment.Outcome){
		"more":             func(o *payment.Outcome) { o.Authorized.Minor++ },
		"another currency": func(o *payment.Outcome) { o.Authorized.Currency = "CHF" },
		"below zero":       func(o *payment.Outcome) { o.Authorized.Minor = -1 },
		"an unknown state": func(o *payment.Outcome) { o.State = "processing" },
		"no name":          func(o *payment.Outcome) { o.Ref = "" },
	} {
		w.provider.after["find"] = func(o payment.Outcome, err error) (payment.Outcome, error) {
			bend(&o)
			return o, err
		}
		if err := w.settle.Resolve(t.Context(), here, v.Payment.ID); !errors.Is(err, payment.ErrNonsense) {
			t.Fatalf("%s: %v", name, err)
		}
		if after := w.payment(v); !reflect.DeepEqual(after, before) {
			t.Fatalf("%s: %+v", name, after)
		}
	}
	if err := w.settle.Resolve(t.Context(), here, v.Payment.ID); err != nil {
		t.Fatal(err)
	}
	w.leave(v)
	w.provider.after["capture"] = func(o payment.Outcome, err error) (payment.Outcome, error) {
		o.Captured.Minor = o.Authorized.Minor + 1
		return o, err
	}
	if err := w.settle.Capture(t.Context(), here, v.Payment.ID); !errors.Is(err, payment.ErrNonsense) {
		t.Fatal(err)
	}
	if p := w.payment(v); p.State != payment.CaptureRequested || p.Captured != 0 {
		t.Fatalf("%+v", p)
	}
	if err := w.settle.Capture(t.Context(), here, v.Payment.ID); err != nil {
		t.Fatal(err)
	}
	if p := w.payment(v); p.State != payment.Captured || p.Captured != p.CaptureAmount {
		t.Fatalf("%+v", p)
	}
}

func TestACancelledReservationGivesItsHoldBack(t *testing.T) {
	w := newWorld(t)
	v := w.reserve(sandbox.OK)
	if _, err := w.booking.Cancel(t.Context(), v.Reservation.ID); err != nil {
		t.Fatal(err)
	}
	w.provider.after["void"] = lost
	if err := w.settle.Void(t.Context(), here, v.Payment.ID); !errors.Is(err, payment.ErrNoAnswer) {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.settle.Void(t.Context(), here, v.Payment.ID); err != nil {
			t.Fatal(err)
		}
	}
	if p := w.payment(v); p.State != payment.Voided || p.Captured != 0 {
		t.Fatalf("%+v", p)
	}
	w.balanced()
}

func TestAHoldNobodyHeardAboutIsFoundAndConfirms(t *testing.T) {
	w := newWorld(t)
	v := w.reserve(sandbox.Timeout)
	if v.Payment.State != payment.Unknown || v.Reservation.State != reservation.Held {
		t.Fatalf("%s, %s", v.Payment.State, v.Reservation.State)
	}
	for range 2 {
		if err := w.settle.Resolve(t.Context(), here, v.Payment.ID); err != nil {
			t.Fatal(err)
		}
	}
	got, err := w.booking.Get(t.Context(), v.Reservation.ID)
	if err != nil || got.Reservation.State != reservation.Confirmed || got.Payment.State != payment.Authorized || got.Pass == "" {
		t.Fatalf("%+v, %v", got.Snapshot, err)
	}
	w.balanced()
}

func TestNotFoundCountsOnlyAfterAWhile(t *testing.T) {
	w := newWorld(t)
	v := w.neverPlaced()
	if err := w.settle.Resolve(t.Context(), here, v.Payment.ID); !errors.Is(err, settlement.ErrTooSoon) {
		t.Fatal(err)
	}
	if p := w.payment(v); p.State.Final() {
		t.Fatalf("given up while the hold may be on its way: %s", p.State)
	}
	w.ahead = settlement.Quiet
	if err := w.settle.Resolve(t.Context(), here, v.Payment.ID); err != nil {
		t.Fatal(err)
	}
	got, err := w.booking.Get(t.Context(), v.Reservation.ID)
	if err != nil || got.Reservation.State != reservation.Expired || got.Payment.State != payment.Declined || got.Payment.DeclineCode != settlement.DeclinedNotPlaced {
		t.Fatalf("%+v, %v", got.Snapshot, err)
	}
	w.balanced()
}

// neverPlaced is a reservation whose hold did not reach the provider.
func (w *world) neverPlaced() booking.View {
	w.t.Helper()
	v := w.reserve(sandbox.Timeout)
	if _, err := w.owner.Exec(w.t.Context(), `delete from sandbox.hold where key = $1`, v.Payment.Key("hold")); err != nil {
		w.t.Fatal(err)
	}
	return v
}

func TestAVoidOfWhatWasNeverPlacedWaitsThenEnds(t *testing.T) {
	w := newWorld(t)
	v := w.neverPlaced()
	if _, err := w.booking.Cancel(t.Context(), v.Reservation.ID); err != nil {
		t.Fatal(err)
	}
	if err := w.settle.Void(t.Context(), here, v.Payment.ID); !errors.Is(err, settlement.ErrTooSoon) {
		t.Fatal(err)
	}
	w.ahead = settlement.Quiet
	if err := w.settle.Void(t.Context(), here, v.Payment.ID); err != nil {
		t.Fatal(err)
	}
	if p := w.payment(v); p.State != payment.Voided {
		t.Fatalf("%s", p.State)
	}
	w.balanced()
}

func TestAVoidFindsAHoldNobodyHeardAbout(t *testing.T) {
	w := newWorld(t)
	v := w.reserve(sandbox.Timeout)
	if _, err := w.booking.Cancel(t.Context(), v.Reservation.ID); err != nil {
		t.Fatal(err)
	}
	if err := w.settle.Void(t.Context(), here, v.Payment.ID); err != nil {
		t.Fatal(err)
	}
	if p := w.payment(v); p.State != payment.Voided || p.Ref == "" {
		t.Fatalf("%+v", p)
	}
	// The answer arrives after all.
	late, err := w.sandbox.Find(t.Context(), v.Payment.Key("hold"))
	if err != nil {
		t.Fatal(err)
	}
	late.State = payment.Authorized
	if err := w.booking.RecordHold(t.Context(), here, v.Reservation.ID, v.Payment.ID, late); err != nil {
		t.Fatal(err)
	}
	w.balanced()
}

func TestUnknownPaymentsAndProvidersAreSaidSo(t *testing.T) {
	w := newWorld(t)
	if err := w.settle.Capture(t.Context(), here, id.New[id.Payment](time.Now())); fault.Code(err) != settlement.CodeUnknownPayment {
		t.Error(err)
	}
	v := w.reserve(sandbox.OK)
	other := settlement.NewService(postgres.NewPayments(w.db), w.committer, w.booking, time.Now, slog.New(slog.DiscardHandler))
	if err := other.Capture(t.Context(), here, v.Payment.ID); fault.Code(err) != settlement.CodeNoProvider {
		t.Error(err)
	}
}

func TestAnAnswerThatDoesNotFitIsNotBooked(t *testing.T) {
	w := newWorld(t)
	v := w.reserve(sandbox.OK)
	record := func(o payment.Outcome) error {
		_, err := w.committer.Commit(t.Context(), settlement.RecordCapture{At: here, Payment: v.Payment.ID, Outcome: o})
		return err
	}
	total := v.Reservation.Quote.Total
	fits := payment.Outcome{State: payment.Captured, Captured: total}
	if err := record(fits); fault.Code(err) != settlement.CodeWrongState {
		t.Errorf("captured what nobody asked for: %v", err)
	}
	w.leave(v)
	for name, o := range map[string]payment.Outcome{
		"more than held":   {State: payment.Captured, Captured: money.New(total.Minor+1, "EUR")},
		"nothing":          {State: payment.Captured, Captured: money.New(0, "EUR")},
		"another currency": {State: payment.Captured, Captured: money.New(1, "CHF")},
		"another state":    {State: payment.Authorized, Captured: total},
	} {
		if err := record(o); fault.Code(err) != settlement.CodeMismatch {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.committer.Commit(t.Context(), settlement.RecordVoid{At: here, Payment: v.Payment.ID}); fault.Code(err) != settlement.CodeWrongState {
		t.Errorf("voided what is to be captured: %v", err)
	}
	if p := w.payment(v); p.State != payment.CaptureRequested {
		t.Errorf("%s", p.State)
	}
}
