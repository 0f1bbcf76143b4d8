package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/protocol/id"
)

// watched is an op that says when it is applied.
type watched struct {
	take
	applied chan struct{} // holds one
}

func (o *watched) Apply(w *commit.Work, now time.Time) error {
	signal(o.applied)
	return o.take.Apply(w, now)
}

// gated is an op that is no optimist, and is made to wait when it is applied.
type gated struct {
	commit.Op
	applied, gate chan struct{}
}

func (o *gated) Apply(w *commit.Work, now time.Time) error {
	signal(o.applied)
	<-o.gate
	return o.Op.Apply(w, now)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// street is a parking whose committer is held up by somebody who has locked its
// head.
type street struct {
	t     *testing.T
	c     *postgres.Committer
	clock shown
	owner *pgx.Conn
	lock  pgx.Tx
	done  chan error
	n     int       // commits under way
	day   time.Time // all windows are on it
}

func newStreet(t *testing.T, capacity int16) *street {
	t.Helper()
	db, dsn := postgrestest.New(t)
	postgrestest.Import(t, db, time.Now().UTC(), postgrestest.Parking("north", capacity))
	s := &street{t: t, owner: postgrestest.Owner(t, dsn), done: make(chan error, 16)}
	s.c = committerAt(t, db, s.clock.now)
	s.day = time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 3)
	s.must(s.at(20, "makes the day known", 1))
	return s
}

func (s *street) at(hour int, key string, hours int) *watched {
	w := window(s.day.Add(time.Duration(hour)*time.Hour), hours)
	return &watched{take{at: "north", res: id.New[id.Reservation](time.Now()), key: key, window: w}, make(chan struct{}, 1)}
}

func (s *street) take(key string, hours int) *watched { return s.at(1, key, hours) }

func (s *street) commit(op commit.Op) { s.commitIn(s.t.Context(), op) }

func (s *street) commitIn(ctx context.Context, op commit.Op) {
	s.n++
	go func() {
		if _, err := s.c.Commit(ctx, op); ctx.Err() == nil {
			s.done <- err
		} else {
			s.done <- nil
		}
	}()
}

func (s *street) must(op commit.Op) {
	s.t.Helper()
	if _, err := s.c.Commit(s.t.Context(), op); err != nil {
		s.t.Fatal(err)
	}
}

// holdUp locks the head, and returns once op waits for it in its commit, with
// another op in the queue. Who waits for them waits until ctx ends.
func (s *street) holdUp(ctx context.Context, op commit.Op) {
	s.t.Helper()
	var err error
	if s.lock, err = s.owner.Begin(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	s.exec(`select from parking_head for update`)
	first := &gated{op, make(chan struct{}, 1), make(chan struct{})}
	s.commitIn(ctx, first)
	<-first.applied
	s.commitIn(ctx, s.at(9, "behind it", 1))
	for s.c.Queued() == 0 {
		time.Sleep(time.Millisecond) // nothing tells that a queue has grown
	}
	close(first.gate)
	for blocked := 0; blocked == 0; {
		if err := s.lock.QueryRow(s.t.Context(), `select count(*) from pg_locks where not granted`).Scan(&blocked); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *street) exec(sql string, args ...any) {
	s.t.Helper()
	if _, err := s.lock.Exec(s.t.Context(), sql, args...); err != nil {
		s.t.Fatal(err)
	}
}

// goOn lets everybody finish.
func (s *street) goOn() {
	s.t.Helper()
	if err := s.lock.Commit(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	for ; s.n > 0; s.n-- {
		if err := <-s.done; err != nil {
			s.t.Error(err)
		}
	}
}

// What is applied while a commit is under way is founded on what that will
// leave. Here it leaves nothing, because somebody else gives a space back before
// it: the version that it would have written exists then, with other counts. And
// nobody waits for it any more, who would have it applied anew.
func TestADraftFallsWithWhatItIsFoundedOn(t *testing.T) {
	s := newStreet(t, 5)
	first := s.take("first", 4)
	s.must(first)
	ctx, giveUp := context.WithCancel(t.Context())
	s.holdUp(ctx, s.take("under way", 4))
	var drafted []*watched
	for _, key := range []string{"a", "b", "c"} {
		op := s.take(key, 3)
		s.commit(op)
		drafted = append(drafted, op)
	}
	for _, op := range drafted {
		<-op.applied
	}
	q := first.window.Claim()
	s.exec(`update inventory_day set version = version + 1,
		free = (select array_agg(f + case when day::bigint * 96 + n - 1 >= $1 and day::bigint * 96 + n - 1 < $2 then 1 else 0 end order by n)
		        from unnest(free) with ordinality x(f, n))
		where day between $1::bigint / 96 and ($2::bigint - 1) / 96`, int64(q.From), int64(q.To))
	s.exec(`update reservation set state = 'cancelled', version = version + 1 where id = $1`, first.res.UUID())
	giveUp()
	s.goOn()
	checkInventory(t, s.owner, "north", 5)
	checkFeed(t, s.owner, "north")
}

// A request is sent again while its first try is with the committer. Whatever is
// remembered of the parking, the second has the answer of the first.
func TestWhoAsksAgainMeanwhileIsNotRefused(t *testing.T) {
	s := newStreet(t, 1)
	sold := s.take("sold", 4)
	s.must(sold)
	s.holdUp(t.Context(), &give{"north", sold.res})
	// Not refused: the memory is too old for that, and the space is coming back.
	s.clock.forward(2 * time.Second)
	op := s.take("again", 4)
	s.commit(op)
	<-op.applied
	s.clock.forward(-2 * time.Second)
	again := &watched{op.take, make(chan struct{}, 1)}
	s.commit(again)
	<-again.applied
	// Refusals come in turn: had it been refused, it would be by now.
	if _, err := s.c.Commit(t.Context(), s.take("another", 4)); !errors.Is(err, inventory.ErrSoldOut) {
		t.Errorf("another key: %v", err)
	}
	s.goOn()
	checkInventory(t, s.owner, "north", 1)
}
