package reconcile_test

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/reconcile"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

const place id.Parking = "altmarkt"

// shop sells on the real database and the real sandbox, with a clock of its own.
type shop struct {
	t       *testing.T
	owner   *pgx.Conn
	ahead   atomic.Int64
	sandbox *sandbox.Provider
	booking *booking.Service
	settle  *settlement.Service
	compare reconcile.Service

	operator booking.Operator
}

func newShop(t *testing.T) *shop {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	db, dsn := postgrestest.New(t)
	s := &shop{t: t, owner: postgrestest.Owner(t, dsn)}
	postgrestest.Import(t, db, time.Now(), postgrestest.Parking(place, 20))
	committer := postgres.NewCommitter(db, quiet, s.now, func(id.Parking, uint64) {})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- committer.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	store := postgres.NewBooking(db)
	key, err := store.SigningKey(t.Context())
	s.must(err)
	tokens, err := booking.NewTokens(make([]byte, 32))
	s.must(err)
	s.sandbox = sandbox.New(postgres.NewSandbox(db), sandbox.Options{Now: s.now})
	s.booking = booking.NewService(booking.Config{
		Store: store, Commits: committer, Provider: s.sandbox, Tokens: tokens, Passes: booking.Passes{Key: key}, Log: quiet, Now: s.now, ProviderTimeout: time.Second,
	})
	s.settle = settlement.NewService(postgres.NewPayments(db), committer, s.booking, s.now, quiet, s.sandbox)
	s.compare = reconcile.Service{Store: postgres.NewReconcile(db), Commits: committer, Refunds: s.settle, Now: s.now}
	s.operator = booking.Operator{Reservations: store, Commits: committer}
	return s
}

func (s *shop) now() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }

func (s *shop) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) reserve(method string) payment.Payment {
	s.t.Helper()
	from := timerange.Floor(s.now()).Time().Add(time.Hour)
	v, err := s.booking.Reserve(s.t.Context(), booking.Request{
		Key: id.New[id.Reservation](time.Now()).String(), Parking: string(place), SpaceType: string(id.Standard),
		From: from, To: from.Add(2 * time.Hour), Method: method, Email: "jana@posteo.example",
	})
	s.must(err)
	return v.Payment
}

// cancelled gives a hold back, at the provider too.
func (s *shop) cancelled(p payment.Payment) {
	s.t.Helper()
	_, err := s.booking.Cancel(s.t.Context(), p.Reservation)
	s.must(err)
	s.must(s.settle.Void(s.t.Context(), place, p.ID))
}

// taken takes the money when the window is over.
func (s *shop) taken(p payment.Payment) {
	s.t.Helper()
	s.must(s.booking.Elapse(s.t.Context(), place, p.Reservation, time.Time{}))
	s.must(s.settle.Capture(s.t.Context(), place, p.ID))
}

func (s *shop) plant(sql string, args ...any) {
	s.t.Helper()
	tag, err := s.owner.Exec(s.t.Context(), sql, args...)
	s.must(err)
	if tag.RowsAffected() != 1 {
		s.t.Fatalf("%s changed %d rows", sql, tag.RowsAffected())
	}
}

func (s *shop) incidents() (n int) {
	s.t.Helper()
	s.must(s.owner.QueryRow(s.t.Context(), `select count(*) from incident where class = 'books_differ'`).Scan(&n))
	return n
}

func classes(r reconcile.Report) (all []string) {
	for _, d := range r.Differences {
		all = append(all, string(d.Class)+" "+string(d.What)+" "+d.Payment.String())
	}
	slices.Sort(all)
	return all
}

// The real provider's books and ours agree whatever was sold, taken and given
// back; what then is done behind our back is found, told once, and left alone.
func TestTheSandboxIsReconciled(t *testing.T) {
	s := newShop(t)
	ctx, began := t.Context(), s.now().Add(-time.Minute)
	held, more, gone, lost := s.reserve(sandbox.OK), s.reserve(sandbox.OK), s.reserve(sandbox.OK), s.reserve(sandbox.OK)
	s.cancelled(s.reserve(sandbox.OK))
	if _, err := s.booking.Reserve(ctx, booking.Request{
		Key: "declined-0123456789", Parking: string(place), SpaceType: string(id.Standard), From: s.now().Add(time.Hour), To: s.now().Add(2 * time.Hour), Method: sandbox.Declined, Email: "jana@posteo.example",
	}); fault.Code(err) != booking.CodeDeclined {
		t.Fatal(err)
	}
	unheard, second := s.reserve(sandbox.Timeout), s.reserve(sandbox.SecondFactor)
	s.ahead.Store(int64(5 * time.Hour))
	late, kept := gone, more // their windows are over; both were placed hours ago
	s.taken(late)
	s.taken(kept)
	s.ahead.Store(int64(6 * time.Hour))

	r, err := s.compare.Compare(ctx, s.sandbox, began, s.now())
	s.must(err)
	if len(r.Differences) > 0 {
		t.Fatalf("nothing differs: %v", r.Differences)
	}
	waits := []id.Payment{}
	for _, d := range r.OnTheWay {
		waits = append(waits, d.Payment)
	}
	if !slices.Equal(waits, []id.Payment{unheard.ID}) || r.Lines != 8 || r.Payments != 8 {
		t.Fatalf("%d lines, %d payments, on their way %v; %s and %s", r.Lines, r.Payments, r.OnTheWay, unheard.ID, second.ID)
	}

	// What was taken just now was placed hours before, and is asked for by its key.
	r, err = s.compare.Compare(ctx, s.sandbox, s.now().Add(-90*time.Minute), s.now())
	s.must(err)
	if len(r.Differences) > 0 || r.Lines != 0 || r.Payments != 3 {
		t.Fatalf("%d lines, %d payments: %v", r.Lines, r.Payments, r.Differences)
	}

	// Behind our back.
	again, err := s.sandbox.Authorize(ctx, payment.Request{Key: held.Key("again"), Parking: place, Reservation: held.Reservation, Method: sandbox.OK, Amount: held.Amount})
	s.must(err)
	refund, err := s.sandbox.Refund(ctx, payment.RefundRequest{Key: kept.Key(payment.CallRefund("by hand")), Ref: kept.Ref, Amount: kept.Amount, Reason: "by hand"})
	s.must(err)
	_, err = s.sandbox.Authorize(ctx, payment.Request{Key: "by hand", Method: sandbox.OK, Amount: held.Amount})
	s.must(err)
	s.plant(`update sandbox.hold set captured = captured - 1 where ref = $1`, late.Ref)
	s.plant(`delete from sandbox.hold where ref = $1`, lost.Ref)
	ref := ""
	s.must(s.owner.QueryRow(ctx, `select ref from payment where id = $1`, second.ID.UUID()).Scan(&ref))
	s.plant(`update sandbox.hold set state = 'voided', updated_at = now() where ref = $1`, held.Ref)
	s.ahead.Store(int64(7 * time.Hour))

	want := []string{
		"missing_there hold " + lost.ID.String(), "missing_with_us hold ", "missing_with_us refund " + kept.ID.String(),
		"other_amount capture " + late.ID.String(), "other_state hold " + held.ID.String(), "twice hold " + held.ID.String(),
	}
	var was, is [4]int64
	count := func(into *[4]int64) {
		t.Helper()
		s.must(s.owner.QueryRow(ctx, `select (select count(*) from ledger_entry), (select coalesce(sum(version), 0) from payment), (select sum(captured) from sandbox.hold), (select count(*) from sandbox.call)`).
			Scan(&into[0], &into[1], &into[2], &into[3]))
	}
	count(&was)
	for i := range 2 {
		r, err := s.compare.Compare(ctx, s.sandbox, began, s.now())
		s.must(err)
		slices.Sort(want)
		if got := classes(r); !slices.Equal(got, want) {
			t.Fatalf("found %q\nplanted %q\n%v (%s %s)", got, want, r.Differences, again.Ref, refund.Ref)
		}
		raised, err := s.compare.Raise(ctx, r)
		s.must(err)
		if first := i == 0; raised != map[bool]int{true: 5}[first] || s.incidents() != 5 {
			t.Errorf("raised %d, %d on record", raised, s.incidents())
		}
	}
	if count(&is); was != is {
		t.Errorf("money was touched: %v, then %v", was, is)
	}
}

// The clock compares each hour once, when it has been over for a while, and again
// after 8 and 35 days, and goes on where it was.
func TestTheClockComparesEachHourOnce(t *testing.T) {
	s := newShop(t)
	ctx := t.Context()
	s.reserve(sandbox.OK)
	_, err := s.sandbox.Authorize(ctx, payment.Request{Key: id.New[id.Payment](s.now()).String() + "-hold", Parking: place, Method: sandbox.OK, Amount: eur(5)})
	s.must(err)
	_, err = s.sandbox.Authorize(ctx, payment.Request{Key: id.New[id.Payment](s.now()).String() + "-hold", Parking: "of nobody", Method: sandbox.OK, Amount: eur(5)})
	s.must(err)
	s.ahead.Store(int64(4 * time.Hour))
	hours, lines, differ := 0, 0, 0
	run := func() {
		t.Helper()
		s.must(s.compare.Due(ctx, []payment.Provider{s.sandbox}, func(r reconcile.Report) {
			hours, lines, differ = hours+1, lines+r.Lines, differ+len(r.Differences)
		}))
	}
	run()
	run()
	if hours != 72 || lines != 3 || differ != 2 || s.incidents() != 1 {
		t.Fatalf("%d hours, %d lines, %d differences, %d incidents", hours, lines, differ, s.incidents())
	}
	s.ahead.Store(int64(7 * time.Hour))
	run()
	if hours != 81 || lines != 3 {
		t.Fatalf("%d hours, %d lines", hours, lines)
	}
	for name, window := range map[string][2]time.Time{"reversed": {s.now(), s.now().Add(-time.Hour)}, "to come": {s.now().Add(time.Hour), s.now().Add(2 * time.Hour)}} {
		if _, err := s.compare.Compare(ctx, s.sandbox, window[0], window[1]); fault.Code(err) != reconcile.CodeWindow {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What was given back comes back to us days later, and no webhook says so: the clock
// finds it when it looks again, and books it back once.
func TestARefundThatComesBackUntoldIsFound(t *testing.T) {
	s := newShop(t)
	ctx := t.Context()
	p := s.reserve(sandbox.RefundBack)
	s.ahead.Store(int64(4 * time.Hour))
	s.taken(p)
	_, err := s.operator.Refund(ctx, place, p.Reservation, false, nil, "Ana", "the gate was slow")
	s.must(err)
	s.must(s.settle.Refund(ctx, place, p.ID))
	booked := func() (sum int64) {
		t.Helper()
		s.must(s.owner.QueryRow(ctx, `select coalesce(-sum(amount), 0) from ledger_entry where payment = $1 and kind = 'refund' and account = 'provider'`, p.ID.UUID()).Scan(&sum))
		return sum
	}
	run := func() (differ int) {
		t.Helper()
		s.must(s.compare.Due(ctx, []payment.Provider{s.sandbox}, func(r reconcile.Report) { differ += len(r.Differences) }))
		return differ
	}
	given := booked()
	if given != p.Amount.Minor {
		t.Fatalf("%d is given back of %s", given, p.Amount)
	}
	s.ahead.Add(int64(8*24*time.Hour + 4*time.Hour))
	for range 2 {
		if differ := run(); differ > 0 || booked() != 0 || s.incidents() > 0 {
			t.Fatalf("%d differences, %d still booked as given back, %d incidents", differ, booked(), s.incidents())
		}
	}
	var told int
	s.must(s.owner.QueryRow(ctx, `select count(*) from incident where class = 'refund_failed'`).Scan(&told))
	if told != 1 {
		t.Fatalf("%d incidents", told)
	}
	s.ahead.Add(int64(30 * 24 * time.Hour))
	if differ := run(); differ > 0 || booked() != 0 {
		t.Fatalf("%d differences, %d booked as given back", differ, booked())
	}
}

// Of two refunds of one amount the later one came back first and is booked back; the
// other one, which came back untold, is found all the same.
func TestOfEqualRefundsEachThatComesBackIsFound(t *testing.T) {
	s := newShop(t)
	ctx := t.Context()
	p := s.reserve(sandbox.RefundBack)
	s.ahead.Store(int64(4 * time.Hour))
	s.taken(p)
	for _, why := range []string{"the gate was slow", "the lamp was out"} {
		_, err := s.operator.Refund(ctx, place, p.Reservation, false, new(int64(100)), "Ana", why)
		s.must(err)
		s.must(s.settle.Refund(ctx, place, p.ID))
	}
	booked := func() (sum int64) {
		t.Helper()
		s.must(s.owner.QueryRow(ctx, `select coalesce(-sum(amount), 0) from ledger_entry where payment = $1 and kind = 'refund' and account = 'provider'`, p.ID.UUID()).Scan(&sum))
		return sum
	}
	holds, err := s.sandbox.Holds(ctx, place, 1)
	s.must(err)
	if len(holds[0].Refunds) != 2 || booked() != 200 {
		t.Fatalf("%+v, %d booked", holds, booked())
	}
	s.ahead.Add(int64(4 * time.Hour))
	_, call := reconcile.PaymentOf(holds[0].Refunds[1].Key)
	reason, _ := payment.RefundReason(call)
	s.must(s.settle.ReviewRefund(ctx, place, p.ID, reason))
	if booked() != 100 {
		t.Fatalf("%d booked as given back after one came back", booked())
	}
	s.ahead.Add(int64(time.Hour)) // what moved a moment ago is on its way
	differ := 0
	s.must(s.compare.Due(ctx, []payment.Provider{s.sandbox}, func(r reconcile.Report) { differ += len(r.Differences) }))
	if differ > 0 || booked() != 0 {
		t.Fatalf("%d differences, %d booked as given back although both came back", differ, booked())
	}
}

// strange lists a line more, of which the parking is no name that ours could have.
type strange struct {
	*sandbox.Provider
	line payment.Entry
}

func (p strange) List(ctx context.Context, from, to time.Time, each func(payment.Entry) error) error {
	if err := each(p.line); err != nil {
		return err
	}
	return p.Provider.List(ctx, from, to, each)
}

// stubborn says of every refund what cannot be true.
type stubborn struct{}

func (stubborn) ReviewRefund(context.Context, id.Parking, id.Payment, string) error {
	return payment.ErrNonsense
}

// One line that makes no sense does not keep the clock from comparing what follows, and
// is told.
func TestALineThatMakesNoSenseHoldsNothingUp(t *testing.T) {
	s := newShop(t)
	ctx := t.Context()
	p := s.reserve(sandbox.OK)
	s.ahead.Store(int64(4 * time.Hour))
	hour := s.now().Add(-3 * time.Hour)
	hours, differ := 0, 0
	count := func(r reconcile.Report) { hours, differ = hours+1, differ+len(r.Differences) }
	for _, parking := range []id.Parking{"alt\x00markt", "Alt markt", "\xff"} {
		for _, key := range []string{p.Key("again"), id.New[id.Payment](hour).String() + "-hold", "", "\x00"} {
			for _, ref := range []string{"", "b", "\x00", "\xff"} {
				line := payment.Entry{At: hour, Key: key, Parking: parking, Hold: payment.Outcome{Ref: ref, State: payment.Authorized, Authorized: eur(5)}}
				if _, err := s.compare.Compare(ctx, strange{s.sandbox, line}, hour.Add(-time.Hour), s.now()); err != nil {
					t.Fatalf("%q %q %q: %v", parking, key, ref, err)
				}
			}
		}
	}
	line := payment.Entry{At: hour, Key: p.Key("again"), Parking: "alt\x00markt", Hold: payment.Outcome{Ref: "b", State: payment.Authorized, Authorized: eur(5)}}
	s.must(s.compare.Due(ctx, []payment.Provider{strange{s.sandbox, line}}, count))
	if hours == 0 || differ == 0 || s.incidents() != 1 {
		t.Fatalf("%d hours, %d differences, %d incidents", hours, differ, s.incidents())
	}
}

func TestARefundThatMakesNoSenseHoldsNothingUp(t *testing.T) {
	s := newShop(t)
	ctx := t.Context()
	p := s.reserve(sandbox.RefundBack)
	s.ahead.Store(int64(4 * time.Hour))
	s.taken(p)
	_, err := s.operator.Refund(ctx, place, p.Reservation, false, nil, "Ana", "the gate was slow")
	s.must(err)
	s.must(s.settle.Refund(ctx, place, p.ID))
	s.ahead.Add(int64(8 * time.Hour))
	s.compare.Refunds = stubborn{}
	hours := 0
	s.must(s.compare.Due(ctx, []payment.Provider{s.sandbox}, func(reconcile.Report) { hours++ }))
	if hours != 72 || s.incidents() != 1 {
		t.Fatalf("%d hours, %d incidents", hours, s.incidents())
	}
}
