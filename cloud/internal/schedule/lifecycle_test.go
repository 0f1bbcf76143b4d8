package schedule_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/schedule"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/pass"
)

// town is a database with parkings, of which some are watched by an edge, and
// the real service and clock tasks over it, with a clock that the test moves.
type town struct {
	t     *testing.T
	db    *postgres.DB
	owner *pgx.Conn
	sell  *booking.Service
	bank  *sandbox.Provider
	wires *wires         // between the service, its store and the bank
	stuck id.Reservation // nothing can be done to it
	tasks map[string]schedule.Task

	mu sync.Mutex
	at time.Time
}

func (w *town) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *town) move(to time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = to
}

// Miss, Elapse and Remind are the service's, but for the one that is stuck.
func (w *town) Miss(ctx context.Context, at id.Parking, r id.Reservation) error {
	if r == w.stuck {
		return errors.New("contended")
	}
	return w.sell.Miss(ctx, at, r)
}

func (w *town) Elapse(ctx context.Context, at id.Parking, r id.Reservation, since time.Time) error {
	return w.sell.Elapse(ctx, at, r, since)
}

func (w *town) Remind(ctx context.Context, at id.Parking, r id.Reservation) error {
	return w.sell.Remind(ctx, at, r)
}

func newTown(t *testing.T, parkings ...id.Parking) *town {
	t.Helper()
	db, dsn := postgrestest.New(t)
	w := &town{t: t, db: db, owner: postgrestest.Owner(t, dsn), at: time.Now().UTC().Truncate(time.Minute), tasks: map[string]schedule.Task{}}
	for _, p := range parkings {
		postgrestest.Import(t, db, w.at, postgrestest.Parking(p, 5))
	}
	committer := postgres.NewCommitter(db, quiet, w.now, func(id.Parking, uint64) {})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- committer.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	tokens, err := booking.NewTokens(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	key, err := pass.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	w.bank = sandbox.New(postgres.NewSandbox(db), sandbox.Options{Now: w.now})
	w.wires = &wires{Committer: committer, Provider: w.bank, Saver: w.bank, Refunder: w.bank, cut: map[string]int{}}
	w.sell = booking.NewService(booking.Config{
		Store: postgres.NewBooking(db), Commits: w.wires, Provider: w.wires,
		Tokens: tokens, Passes: booking.Passes{Key: key}, Log: quiet, Now: w.now,
	})
	for _, task := range schedule.Lifecycle(postgres.NewSchedule(db), w, quiet) {
		w.tasks[task.Name] = task
	}
	return w
}

// reserve makes a reservation from now on.
func (w *town) reserve(p id.Parking, lasts time.Duration) *reservation.Reservation {
	w.t.Helper()
	v, err := w.sell.Reserve(w.t.Context(), booking.Request{
		Key: id.New[id.Reservation](time.Now()).String(), Parking: string(p), SpaceType: string(id.Standard),
		From: w.now(), To: w.now().Add(lasts), Method: sandbox.OK, Email: "jana@posteo.example",
	})
	if err != nil || v.Reservation.State != reservation.Confirmed {
		w.t.Fatalf("%s, %v", v.Reservation.State, err)
	}
	return &v.Reservation
}

// edge plants an edge that said hello at since and was applied up to an instant
// of its own clock.
func (w *town) edge(p id.Parking, since, trusted time.Time) {
	w.t.Helper()
	j := id.New[id.Journal](since)
	for _, x := range []struct {
		sql  string
		args []any
	}{
		{`insert into edge_watermark (parking, version, journal, epoch, seq, hash, trusted_lo) values ($1, 1, $2, 1, 7, '\x00', $3)
			on conflict (parking) do update set version = edge_watermark.version + 1, trusted_lo = excluded.trusted_lo`, []any{string(p), j.UUID(), trusted}},
		{`insert into edge_journal (parking, journal, epoch, since) values ($1, $2, 1, $3) on conflict do nothing`, []any{string(p), j.UUID(), since}},
	} {
		if _, err := w.owner.Exec(w.t.Context(), x.sql, x.args...); err != nil {
			w.t.Fatal(err)
		}
	}
}

// enter has the vehicle of a reservation inside.
func (w *town) enter(r *reservation.Reservation) {
	w.t.Helper()
	if _, err := w.sell.Commits.Commit(w.t.Context(), enter{r.Parking, r.ID}); err != nil {
		w.t.Fatal(err)
	}
}

type enter struct {
	p id.Parking
	r id.Reservation
}

func (o enter) Parking() id.Parking     { return o.p }
func (o enter) Prefetch(r *commit.Rows) { r.Reservations = append(r.Reservations, o.r) }
func (o enter) Apply(w *commit.Work, now time.Time) error {
	r, err := w.Reservation(o.r)
	if err != nil {
		return err
	}
	if _, err := r.Apply(reservation.CheckIn, now); err != nil {
		return err
	}
	w.PutReservation(r)
	w.Emit(feed.SessionOpened, feed.Body{Reservation: &feed.Reservation{ID: r.ID}})
	return nil
}

// tick lets every task run twice at once, and then once more.
func (w *town) tick() (err error) {
	w.t.Helper()
	var mu sync.Mutex
	run := func(t schedule.Task) {
		e := t.Run(w.t.Context(), w.now())
		mu.Lock()
		defer mu.Unlock()
		err = errors.Join(err, e)
	}
	var g sync.WaitGroup
	for _, t := range w.tasks {
		for range 2 {
			g.Go(func() { run(t) })
		}
	}
	g.Wait()
	for _, t := range w.tasks {
		run(t)
	}
	return err
}

// expect fails unless the reservation and its payment stand so.
func (w *town) expect(what string, r *reservation.Reservation, want reservation.State, pay payment.State) {
	w.t.Helper()
	v, err := w.sell.Get(w.t.Context(), r.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	if v.Reservation.State != want || v.Payment.State != pay {
		w.t.Errorf("%s: %s and %s, want %s and %s", what, v.Reservation.State, v.Payment.State, want, pay)
	}
}

// told counts the events of a kind about a reservation.
func (w *town) told(k feed.Kind, r *reservation.Reservation) (n int) {
	w.t.Helper()
	err := w.owner.QueryRow(w.t.Context(), `select count(*) from event where kind = $1 and body -> 'reservation' ->> 'id' = $2`, string(k), r.ID.String()).Scan(&n)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func TestTheClockEndsWhatNobodyUsed(t *testing.T) {
	w := newTown(t, "watched", "offline", "alone", "equipped")
	start := w.now()
	before := start.Add(-time.Hour)
	w.edge("watched", before, start)
	w.edge("offline", before, start)
	missed, stuck := w.reserve("watched", 8*time.Hour), w.reserve("watched", 8*time.Hour)
	came, cancelled := w.reserve("watched", 8*time.Hour), w.reserve("watched", 8*time.Hour)
	away, alone, late := w.reserve("offline", 3*time.Hour), w.reserve("alone", 3*time.Hour), w.reserve("equipped", 3*time.Hour)
	w.enter(came)
	if _, err := w.sell.Cancel(t.Context(), cancelled.ID); err != nil {
		t.Fatal(err)
	}
	w.stuck = stuck.ID
	still := func(when string, rs ...*reservation.Reservation) {
		t.Helper()
		for _, r := range rs {
			w.expect(string(r.Parking)+" "+when, r, reservation.Confirmed, payment.Authorized)
		}
	}
	if err := w.tick(); err != nil {
		t.Fatal(err)
	}
	still("at the beginning", missed, stuck, away, alone, late)

	// The deadline has passed, for us and not for the edges.
	w.move(start.Add(2 * time.Hour))
	w.edge("watched", before, start.Add(2*time.Hour-time.Millisecond))
	w.edge("equipped", start.Add(2*time.Hour), start.Add(2*time.Hour)) // could see nobody come in time
	if err := w.tick(); err != nil {
		t.Fatal(err)
	}
	still("before the watermark", missed, stuck, away, alone, late)

	// One edge is through. One reservation cannot be changed: the other is.
	w.edge("watched", before, start.Add(2*time.Hour))
	if err := w.tick(); err == nil || !strings.Contains(err.Error(), stuck.ID.String()) || strings.Contains(err.Error(), missed.ID.String()) {
		t.Errorf("the tick says %v", err)
	}
	w.expect("missed", missed, reservation.NoShow, payment.CaptureRequested)
	for name, x := range map[string]struct {
		endAfter time.Time
		want     bool
	}{"may still come": {w.now(), true}, "is over": {missed.Window.To, false}} {
		cached, err := w.db.Snapshot(t.Context(), "watched", x.endAfter, true)
		if err != nil {
			t.Fatal(err)
		}
		if has := slices.ContainsFunc(cached.Reservations, func(r *reservation.Reservation) bool { return r.ID == missed.ID }); has != x.want {
			t.Errorf("a no-show that %s is in the edge's snapshot: %v", name, has)
		}
	}
	w.expect("came", came, reservation.Active, payment.Authorized)
	w.expect("cancelled", cancelled, reservation.Cancelled, payment.VoidRequested)
	still("behind another's watermark", stuck, away, alone, late)
	w.stuck = id.Reservation{}

	// Their windows are over, and then the grace.
	w.move(start.Add(3*time.Hour + 15*time.Minute - time.Second))
	if err := w.tick(); err != nil {
		t.Fatal(err)
	}
	w.expect("stuck", stuck, reservation.NoShow, payment.CaptureRequested)
	still("within the grace", away, alone, late)
	w.move(start.Add(3*time.Hour + 15*time.Minute))
	if err := w.tick(); err != nil {
		t.Fatal(err)
	}
	w.expect("alone", alone, reservation.Completed, payment.CaptureRequested)
	w.expect("equipped later", late, reservation.Completed, payment.CaptureRequested)
	still("while its edge is away", away)

	// The clock stood still for days.
	w.move(start.Add(72 * time.Hour))
	if err := w.tick(); err != nil {
		t.Fatal(err)
	}
	still("for days", away)
	w.edge("offline", before, start.Add(70*time.Hour))
	if err := w.tick(); err != nil {
		t.Fatal(err)
	}
	w.expect("offline", away, reservation.NoShow, payment.CaptureRequested)
	for _, r := range []*reservation.Reservation{missed, stuck, away} {
		if n := w.told(feed.ReservationNoShow, r); n != 1 {
			t.Errorf("%s: told %d times", r.Parking, n)
		}
	}
	for _, r := range []*reservation.Reservation{alone, late} {
		if n, no := w.told(feed.ReservationCompleted, r), w.told(feed.ReservationNoShow, r); n != 1 || no != 0 {
			t.Errorf("%s: told %d times, and %d times as a no-show", r.Parking, n, no)
		}
	}
	var left int
	err := w.owner.QueryRow(t.Context(), `select count(*) from inventory_day d, unnest(d.free) with ordinality f(n, slot)
		where f.n <> d.cap and make_timestamptz(1970, 1, 1, 0, 0, 0, 'UTC') + d.day * interval '1 day' + (f.slot - 1) * interval '15 minutes' >= $1`,
		start.Add(8*time.Hour+15*time.Minute)).Scan(&left)
	if err != nil || left != 0 {
		t.Errorf("%d quarters are still claimed: %v", left, err)
	}
}

func TestDriversAreRemindedOnce(t *testing.T) {
	w := newTown(t, "altmarkt")
	start := w.now()
	here, short, away := w.reserve("altmarkt", 3*time.Hour), w.reserve("altmarkt", time.Hour), w.reserve("altmarkt", 3*time.Hour)
	w.enter(here)
	w.enter(short)
	w.move(start.Add(2*time.Hour + 45*time.Minute - time.Second))
	if err := w.tick(); err != nil {
		t.Fatal(err)
	}
	if n := w.told(feed.ReservationEndsSoon, here); n != 0 {
		t.Errorf("told %d times too early", n)
	}
	for range 3 {
		w.move(w.now().Add(time.Minute))
		if err := w.tick(); err != nil {
			t.Fatal(err)
		}
	}
	for what, x := range map[string]struct {
		r    *reservation.Reservation
		want int
	}{"inside": {here, 1}, "over when the clock came": {short, 0}, "not inside": {away, 0}} {
		if n := w.told(feed.ReservationEndsSoon, x.r); n != x.want {
			t.Errorf("%s: told %d times", what, n)
		}
		v, err := w.sell.Get(t.Context(), x.r.ID)
		if err != nil || v.Reservation.RemindedAt.IsZero() != (x.want == 0) {
			t.Errorf("%s: reminded at %s, %v", what, v.Reservation.RemindedAt, err)
		}
	}
}

// What is due longest comes first, and no more than was asked for.
func TestTheClockTakesALimitedNumber(t *testing.T) {
	w := newTown(t, "watched", "alone")
	start := w.now()
	w.edge("watched", start.Add(-time.Hour), start.Add(time.Hour*24))
	var missed, alone, inside []*reservation.Reservation
	for _, n := range []int{50, 40, 60} {
		d := time.Duration(n) * time.Minute
		missed = append(missed, w.reserve("watched", d))
		alone = append(alone, w.reserve("alone", d))
	}
	for _, n := range []int{195, 190} {
		r := w.reserve("alone", time.Duration(n)*time.Minute)
		w.enter(r)
		inside = append(inside, r)
	}
	w.move(start.Add(3 * time.Hour))
	s := postgres.NewSchedule(w.db)
	for what, x := range map[string]struct {
		find func(context.Context, time.Time, int) ([]schedule.Due, error)
		want []*reservation.Reservation
	}{
		"missed":      {s.Missed, []*reservation.Reservation{missed[1], missed[0]}},
		"unwatched":   {s.Unwatched, []*reservation.Reservation{alone[1], alone[0]}},
		"ending soon": {s.EndingSoon, []*reservation.Reservation{inside[1], inside[0]}},
	} {
		got, err := x.find(t.Context(), w.now(), 2)
		if err != nil || len(got) != len(x.want) {
			t.Errorf("%s: %v, %v", what, got, err)
			continue
		}
		for i, r := range x.want {
			if got[i].Reservation != r.ID || got[i].Parking != r.Parking || !got[i].WatchedSince.IsZero() {
				t.Errorf("%s: number %d is %+v", what, i, got[i])
			}
		}
	}
}
