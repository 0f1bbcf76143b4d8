package soak

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/soak/check"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
)

// available reads what could be claimed.
type available struct {
	at   id.Parking
	run  timerange.Quarters
	free int16
}

func (o *available) Parking() id.Parking     { return o.at }
func (o *available) Prefetch(r *commit.Rows) { r.Quarters(id.Standard, o.run) }
func (o *available) Apply(w *commit.Work, _ time.Time) (err error) {
	o.free, err = w.Available(id.Standard, o.run)
	return err
}

func reserveOf(at id.Parking, w timerange.Range) *booking.Reserve {
	now := time.Now().UTC()
	key := id.New[id.Quote](now).String()
	return &booking.Reserve{
		In: at, ID: id.New[id.Reservation](now), PaymentID: id.New[id.Payment](now),
		Key: commit.Key{Principal: booking.Guest, Key: key}, RequestHash: sha256.Sum256([]byte(key)),
		SpaceType: id.Standard, Window: w, Provider: "test", Method: "pm", Email: "driver@example.org",
		Quote: reservation.Quote{Total: money.New(480, "EUR"), Tax: money.New(77, "EUR"), TariffVersion: 1},
	}
}

// arena is a database with tiny parkings and two committers, as two instances of
// the cloud have.
type arena struct {
	owner      *pgx.Conn
	parkings   []id.Parking
	committers []commit.Committer
	plain      bool // histories
}

// What is right is right in a few histories. A planted mistake shows only where calls
// happen to meet, on a slow machine in none of a few, so that it is looked for in more.
const (
	few  = 4
	many = 32
)

func newArena(t *testing.T, parkings int) arena {
	t.Helper()
	db, dsn := postgrestest.New(t)
	a := arena{owner: postgrestest.Owner(t, dsn)}
	var list []parking.Parking
	for n := range parkings {
		a.parkings = append(a.parkings, id.Parking(fmt.Sprintf("tiny-%d", n)))
		list = append(list, postgrestest.Parking(a.parkings[n], spaces))
	}
	postgrestest.Import(t, db, time.Now().UTC(), list...)
	for range 2 {
		c := postgres.NewCommitter(db, slog.New(slog.DiscardHandler), time.Now, func(id.Parking, uint64) {})
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
		a.committers = append(a.committers, c)
	}
	return a
}

// impossible looks for a history, one of each parking, that cannot have happened one
// call after the other.
func (a arena) impossible(t *testing.T) bool {
	t.Helper()
	for _, p := range a.parkings {
		h, err := history(t.Context(), p, a.committers, a.plain)
		if err != nil {
			t.Fatal(err)
		}
		switch porcupine.CheckOperationsTimeout(model(), h, 20*time.Second) {
		case porcupine.Illegal:
			return true
		case porcupine.Unknown:
			t.Fatalf("a history of %d calls could not be judged in time", len(h))
		case porcupine.Ok:
		}
	}
	return false
}

func (a arena) check(t *testing.T) check.Report {
	t.Helper()
	rows, err := check.Read(t.Context(), a.owner, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return check.Check(rows)
}

// Whatever two committers answer can be put in an order that respects real time,
// reads included.
func TestAnswersAreLinearizable(t *testing.T) {
	a := newArena(t, few)
	if a.impossible(t) {
		t.Error("a history cannot have happened")
	}
	if r := a.check(t); !r.OK() {
		t.Error(r)
	}
}

// The control: claims that are lost on their way into the counters.
func TestLostClaimsAreNotLinearizable(t *testing.T) {
	a := newArena(t, many)
	a.plain = true // a change would meet what was lost, and fail
	plantLostClaims(t, a.owner)
	if !a.impossible(t) {
		t.Error("claims are lost, and every history is possible")
	}
	if r := a.check(t); r.Counts[check.Oversold]+r.Counts[check.Leaked] == 0 || r.Counts[check.Untold] == 0 {
		t.Error(r)
	}
}

// plantLostClaims makes every fifth write of counters leave them as they were.
func plantLostClaims(t *testing.T, owner *pgx.Conn) {
	t.Helper()
	if _, err := owner.Exec(t.Context(), `
		create sequence fifth;
		create function lose_claims() returns trigger language plpgsql security definer as $$ begin
			if nextval('public.fifth') % 5 = 0 then new.free := old.free; new.over := old.over; end if;
			return new;
		end $$;
		create trigger lose_claims before update on inventory_day for each row execute function lose_claims()`); err != nil {
		t.Fatal(err)
	}
}

// The control: the version check is taken out of the commit, and the guard
// behind it. Each of the two alone is enough.
func TestWithoutVersionCheckAndGuard(t *testing.T) {
	for _, c := range []struct {
		name           string
		check, guard   bool
		wantImpossible bool
	}{
		{"without both", false, false, true},
		{"with the guard alone", false, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			parkings := few
			if c.wantImpossible {
				parkings = many
			}
			a := newArena(t, parkings)
			a.plain = true
			plantStaleWrites(t, a.owner, c.guard)
			got, r := a.impossible(t), a.check(t)
			if got != c.wantImpossible || (r.Counts[check.Untold] > 0) != c.wantImpossible {
				t.Errorf("an impossible history: %v; the checker finds %s", got, r)
			}
		})
	}
}

// plantStaleWrites takes the comparison of inventory versions out of both
// functions that commit. The version that is written still follows the stored
// one, unless the guard is to see it.
func plantStaleWrites(t *testing.T, owner *pgx.Conn, guard bool) {
	t.Helper()
	for name, compared := range map[string]int{"commit_unopposed": 1, "commit_batch": 2} {
		var source string
		if err := owner.QueryRow(t.Context(), `select pg_get_functiondef(oid) from pg_proc where proname = $1`, name).Scan(&source); err != nil {
			t.Fatal(err)
		}
		without := strings.ReplaceAll(source, "i.version is distinct from k.version", "false")
		without = strings.ReplaceAll(without, " and i.version = k.version", "")
		if strings.Count(source, "i.version") != strings.Count(without, "i.version")+compared {
			t.Fatalf("%s does not compare the versions of inventory rows in the way that is taken out here", name)
		}
		if _, err := owner.Exec(t.Context(), without); err != nil {
			t.Fatal(err)
		}
	}
	if !guard {
		if _, err := owner.Exec(t.Context(), "drop trigger inventory_guard on inventory_day"); err != nil {
			t.Fatal(err)
		}
	}
}

// stale answers every second look with what it saw before.
type stale struct {
	commit.Committer
	mu   sync.Mutex
	n    int
	seen map[timerange.Quarters]int16
}

func (s *stale) Commit(ctx context.Context, op commit.Op) (commit.Receipt, error) {
	o, ok := op.(*available)
	if !ok {
		return s.Committer.Commit(ctx, op)
	}
	s.mu.Lock()
	s.n++
	free, known := s.seen[o.run]
	old := known && s.n%2 == 0
	s.mu.Unlock()
	if old {
		o.free = free
		return commit.Receipt{}, nil
	}
	receipt, err := s.Committer.Commit(ctx, op)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[o.run] = o.free
	return receipt, err
}

// The control: answers from a copy that nobody refreshes.
func TestStaleAnswersAreNotLinearizable(t *testing.T) {
	a := newArena(t, many)
	for i, c := range a.committers {
		a.committers[i] = &stale{Committer: c, seen: map[timerange.Quarters]int16{}}
	}
	if !a.impossible(t) {
		t.Error("old answers are given, and every history is possible")
	}
	if r := a.check(t); !r.OK() {
		t.Errorf("nothing stored is wrong, the checker finds %s", r)
	}
}

// forgetful says that a change is taken back, and does nothing.
type forgetful struct{ commit.Committer }

func (f forgetful) Commit(ctx context.Context, op commit.Op) (commit.Receipt, error) {
	if _, ok := op.(*booking.Withdraw); ok {
		return commit.Receipt{}, nil
	}
	return f.Committer.Commit(ctx, op)
}

// The control: changes that are not taken back.
func TestForgottenWithdrawalsAreNotLinearizable(t *testing.T) {
	a := newArena(t, many)
	for i, c := range a.committers {
		a.committers[i] = forgetful{c}
	}
	if !a.impossible(t) {
		t.Error("what is taken back stays, and every history is possible")
	}
}
