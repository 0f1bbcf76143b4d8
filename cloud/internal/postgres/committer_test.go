package postgres_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
)

// take reserves one unit; give releases it again. They are the smallest ops
// that touch claims, rows, keys, the ledger and the feed.
type take struct {
	at     id.Parking
	res    id.Reservation
	window timerange.Range
	key    string
	entry  *ledger.Entry
}

var errKeyTaken = errors.New("the key was used before")

func (o *take) Parking() id.Parking { return o.at }

func (o *take) Prefetch(r *commit.Rows) {
	r.Keys = append(r.Keys, commit.Key{Principal: "guest", Key: o.key})
	r.Quarters(id.Standard, o.window.Claim())
}

func (o *take) Optimistic() bool { return true }

func (o *take) Claims() (id.SpaceType, timerange.Quarters, int16) {
	return id.Standard, o.window.Claim(), 1
}

func (o *take) Apply(w *commit.Work, now time.Time) error {
	k := commit.Key{Principal: "guest", Key: o.key}
	if rec, err := w.Key(k); err != nil {
		return err
	} else if rec != nil {
		if rec.Reservation == o.res {
			return nil
		}
		return errKeyTaken
	}
	if err := w.Claim(id.Standard, o.window.Claim(), 1); err != nil {
		return err
	}
	pay := id.New[id.Payment](now)
	w.PutKey(k, &commit.KeyRecord{RequestHash: sha256.Sum256([]byte(o.key)), Parking: o.at, Reservation: o.res})
	w.PutReservation(&reservation.Reservation{
		ID: o.res, Parking: o.at, State: reservation.Confirmed, Generation: 1, SpaceType: id.Standard, Window: o.window,
		Claim: o.window.Claim(), Payment: pay, Email: "driver@example.org", HoldUntil: now, NoShowAt: now, CreatedAt: now, UpdatedAt: now,
		Quote: reservation.Quote{Total: money.New(480, "EUR"), Tax: money.New(77, "EUR"), TariffVersion: 1},
	})
	w.PutPayment(&payment.Payment{
		ID: pay, Reservation: o.res, State: payment.Authorized, Provider: "test", Method: "m",
		Amount: money.New(480, "EUR"), Authorized: 480, UpdatedAt: now,
	})
	if o.entry != nil {
		if err := w.Book(*o.entry); err != nil {
			return err
		}
	}
	w.Emit(feed.ReservationConfirmed, feed.Body{Reservation: &feed.Reservation{ID: o.res, State: "confirmed", Version: 1}})
	w.ConfirmedByLastEvent(o.res)
	return nil
}

type give struct {
	at  id.Parking
	res id.Reservation
}

func (o *give) Parking() id.Parking     { return o.at }
func (o *give) Prefetch(r *commit.Rows) { r.Reservations = append(r.Reservations, o.res) }

func (o *give) Apply(w *commit.Work, now time.Time) error {
	r, err := w.Reservation(o.res)
	if err != nil {
		return err
	}
	if changed, err := r.Apply(reservation.Cancel, now); err != nil || !changed {
		return err
	}
	if err := w.Release(r.SpaceType, r.Claim, 1); err != nil {
		return err
	}
	r.Claim.To = r.Claim.From
	w.PutReservation(r)
	w.Emit(feed.ReservationCancelled, feed.Body{Reservation: &feed.Reservation{ID: o.res, State: "cancelled", Version: r.Version + 1}})
	return nil
}

func newCommitter(t *testing.T, db *postgres.DB) *postgres.Committer {
	t.Helper()
	c := postgres.NewCommitter(db, slog.New(slog.DiscardHandler), time.Now, func(id.Parking, uint64) {})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return c
}

func window(from time.Time, quarters int) timerange.Range {
	f := timerange.Floor(from).Time()
	return timerange.Range{From: f, To: f.Add(time.Duration(quarters) * timerange.Quarter)}
}

// Two committers (as two instances of the cloud would have) take and give on
// the same small parkings until everything is contended. Afterwards nothing was
// ever oversold, nothing leaked, and the feed has no gap.
func TestNoInstantIsOversold(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Now().UTC()
	const capacity, clients, rounds = 3, 24, 25
	places := []id.Parking{"north", "south", "west"}
	for _, p := range places {
		postgrestest.Import(t, db, now, postgrestest.Parking(p, capacity))
	}
	committers := []*postgres.Committer{newCommitter(t, db), newCommitter(t, db)}
	var mu sync.Mutex
	taken, refused := 0, 0
	var g errgroup.Group
	for n := range clients {
		g.Go(func() error {
			rnd := rand.New(rand.NewPCG(uint64(n), 7))
			for range rounds {
				p := places[rnd.IntN(len(places))]
				op := &take{
					at: p, res: id.New[id.Reservation](time.Now()), key: id.New[id.Quote](time.Now()).String(),
					window: window(now.Add(time.Duration(rnd.IntN(30))*time.Hour), 1+rnd.IntN(60)),
				}
				_, err := committers[rnd.IntN(2)].Commit(t.Context(), op)
				mu.Lock()
				switch {
				case err == nil:
					taken++
				case errors.Is(err, inventory.ErrSoldOut):
					refused++
				default:
					mu.Unlock()
					return err
				}
				mu.Unlock()
				if err == nil && rnd.IntN(3) == 0 {
					if _, err := committers[rnd.IntN(2)].Commit(t.Context(), &give{p, op.res}); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if taken == 0 || refused == 0 {
		t.Fatalf("the test needs both: %d taken, %d refused", taken, refused)
	}
	owner := postgrestest.Owner(t, dsn)
	for _, p := range places {
		if peak := peakClaims(t, owner, p); peak > capacity {
			t.Errorf("%s: %d reservations at one instant, capacity %d", p, peak, capacity)
		}
		checkInventory(t, owner, p, capacity)
		checkFeed(t, owner, p)
	}
}

// peakClaims sweeps over the stored reservations, independently of the
// counters.
func peakClaims(t *testing.T, c *pgx.Conn, p id.Parking) int {
	t.Helper()
	var peak int
	err := c.QueryRow(t.Context(), `
		with edges as (
			select claim_from_q q, 1 d from reservation where parking = $1 and state in ('held','confirmed','active')
			union all select claim_to_q, -1 from reservation where parking = $1 and state in ('held','confirmed','active')),
		running as (select sum(d) over (order by q, d rows unbounded preceding) n from edges)
		select coalesce(max(n), 0) from running`, string(p)).Scan(&peak)
	if err != nil {
		t.Fatal(err)
	}
	return peak
}

// checkInventory demands free − over = cap − claims in every quarter.
func checkInventory(t *testing.T, c *pgx.Conn, p id.Parking, capacity int) {
	t.Helper()
	var wrong int
	err := c.QueryRow(t.Context(), `
		with slots as (
			select day::bigint * 96 + n - 1 q, free[n] f, over[n] o from inventory_day, generate_series(1, 96) n
			where parking = $1 and space_type = 'standard'),
		claimed as (
			select q, count(*) c from reservation, generate_series(claim_from_q, claim_to_q - 1) q
			where parking = $1 and state in ('held','confirmed','active') group by q)
		select count(*) from slots left join claimed using (q) where f - o <> $2 - coalesce(c, 0)`, string(p), capacity).Scan(&wrong)
	if err != nil {
		t.Fatal(err)
	}
	if wrong != 0 {
		t.Errorf("%s: %d quarters where free - over differs from capacity - claims", p, wrong)
	}
}

func checkFeed(t *testing.T, c *pgx.Conn, p id.Parking) {
	t.Helper()
	var events, last, head int
	err := c.QueryRow(t.Context(), `select count(*), max(revision), (select revision from parking_head where parking = $1)
		from event where parking = $1`, string(p)).Scan(&events, &last, &head)
	if err != nil {
		t.Fatal(err)
	}
	if events != last || last != head {
		t.Errorf("%s: %d events, last revision %d, head %d", p, events, last, head)
	}
}

func TestARefusedOpLeavesNothing(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Now().UTC()
	postgrestest.Import(t, db, now, postgrestest.Parking("north", 1))
	c := newCommitter(t, db)
	w := window(now.Add(time.Hour), 4)
	if _, err := c.Commit(t.Context(), &take{at: "north", res: id.New[id.Reservation](now), key: "k1", window: w}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Commit(t.Context(), &take{at: "north", res: id.New[id.Reservation](now), key: "k2", window: w})
	if !errors.Is(err, inventory.ErrSoldOut) {
		t.Fatalf("want sold out, got %v", err)
	}
	owner := postgrestest.Owner(t, dsn)
	var reservations, keys int
	if err := owner.QueryRow(t.Context(), `select (select count(*) from reservation), (select count(*) from idempotency_key)`).Scan(&reservations, &keys); err != nil {
		t.Fatal(err)
	}
	if reservations != 1 || keys != 1 {
		t.Errorf("%d reservations and %d keys, want one of each", reservations, keys)
	}
	checkInventory(t, owner, "north", 1)
	checkFeed(t, owner, "north")
}

// announced is an op that says when it is about to be queued.
type announced struct {
	take
	queued func()
}

func (o *announced) Parking() id.Parking {
	o.queued()
	return o.at
}

// The same key arrives many times at once, for several parkings. The workers
// are held up until all are queued, so that it is in one batch more than once,
// and in the other committer's batches too.
func TestSameKeyAtTheSameTimeReservesOnce(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Now().UTC()
	places := []id.Parking{"a", "b", "c", "d", "e", "f", "g", "h"}
	for _, p := range places {
		postgrestest.Import(t, db, now, postgrestest.Parking(p, 50))
	}
	committers := []*postgres.Committer{newCommitter(t, db), newCommitter(t, db)}
	owner := postgrestest.Owner(t, dsn)
	const rivals = 64
	var all sync.WaitGroup
	answers := make(chan error, rivals+2*len(places))
	commit := func(c *postgres.Committer, op commit.Op) {
		all.Go(func() {
			_, err := c.Commit(t.Context(), op)
			answers <- err
		})
	}

	lock, err := owner.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Exec(t.Context(), `select from parking_head for update`); err != nil {
		t.Fatal(err)
	}
	for n, c := range committers {
		for _, p := range places {
			commit(c, &take{at: p, res: id.New[id.Reservation](now), key: fmt.Sprintf("%s %d", p, n), window: window(now, 1)})
		}
	}
	var blocked int
	for blocked < 4 { // both workers of both committers
		if err := lock.QueryRow(t.Context(), `select count(distinct pid) from pg_locks where not granted`).Scan(&blocked); err != nil {
			t.Fatal(err)
		}
	}
	var queued atomic.Int32
	everybody := make(chan struct{})
	for n := range rivals {
		var once sync.Once
		commit(committers[n/8%2], &announced{
			take: take{at: places[n%len(places)], res: id.New[id.Reservation](now), key: "one key", window: window(now, 8)},
			queued: func() {
				once.Do(func() {
					if queued.Add(1) == rivals {
						close(everybody)
					}
				})
			},
		})
	}
	<-everybody
	if err := lock.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	close(answers)
	won := 0
	for err := range answers {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, errKeyTaken):
			t.Fatal(err)
		}
	}
	var stored int
	if err := owner.QueryRow(t.Context(), `select count(*) from reservation`).Scan(&stored); err != nil {
		t.Fatal(err)
	}
	if want := 2*len(places) + 1; won != want || stored != want {
		t.Errorf("%d answers of success and %d reservations, want %d of each", won, stored, want)
	}
	for _, p := range places {
		checkInventory(t, owner, p, 50)
	}
}

func TestConfirmedRevisionIsThatOfItsEvent(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Now().UTC()
	postgrestest.Import(t, db, now, postgrestest.Parking("north", 50))
	c := newCommitter(t, db)
	var g errgroup.Group
	for n := range 20 {
		g.Go(func() error {
			r, err := c.Commit(t.Context(), &take{at: "north", res: id.New[id.Reservation](now), key: string(rune('a' + n)), window: window(now, 8)})
			if err == nil && r.Revision == 0 {
				return errors.New("no revision in the receipt")
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	var wrong int
	err := postgrestest.Owner(t, dsn).QueryRow(t.Context(), `select count(*) from reservation r left join event e
		on e.parking = r.parking and e.revision = r.confirmed_revision and e.kind = 'reservation.confirmed'
		where e.body->'reservation'->>'state' is null`).Scan(&wrong)
	if err != nil {
		t.Fatal(err)
	}
	if wrong != 0 {
		t.Errorf("%d reservations do not carry the revision of their confirmation", wrong)
	}
}

// The running program's role has no other way to claims, and the constraints
// behind the committer refuse what a broken committer would write.
func TestTheLastLine(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Now().UTC()
	postgrestest.Import(t, db, now, postgrestest.Parking("north", 2))
	for name, sql := range map[string]string{
		"inventory":      `update inventory_day set version = version + 1`,
		"reservation":    `insert into reservation (parking, id) values ('north', gen_random_uuid())`,
		"payment":        `update payment set captured = 0`,
		"session":        `delete from session`,
		"watermark":      `update edge_watermark set seq = 0`,
		"changed ledger": `update ledger_entry set amount = 0`,
		"lost ledger":    `delete from ledger_entry`,
		"no ledger":      `truncate ledger_entry`,
		"bill":           `update bill set number = 0`,
		"new bill":       `insert into bill values ('north', 1, null, null, '{}', now())`,
		"ledger":         `insert into ledger_entry (parking, txn, line, kind, account, currency, amount, at) values ('north', gen_random_uuid(), 0, 'hold', 'held', 'EUR', 1, now())`,
		"event":          `insert into event (parking, revision, kind, body) values ('north', 99, 'x', '{}')`,
		"head":           `update parking_head set revision = 0`,
	} {
		_, err := db.Pool().Exec(t.Context(), sql)
		if code(err) != "42501" {
			t.Errorf("%s: the application may write it: %v", name, err)
		}
	}
	owner := postgrestest.Owner(t, dsn)
	const booked = `insert into ledger_entry (parking, txn, line, kind, account, currency, amount, at)
		select 'north', '01890000-0000-7000-8000-000000000000', n, 'hold', 'held', 'EUR', n * 2 - 1, now() from generate_series(0, 1) n; `
	for name, x := range map[string]struct{ sql, want string }{
		"sold below zero": {`update inventory_day set version = version + 1, free = array_fill(-1::smallint, array[96])`, "23514"},
		"released twice":  {`update inventory_day set version = version + 1, free = array_fill(3::smallint, array[96])`, "23514"},
		"lost update":     {`update inventory_day set free = array_fill(1::smallint, array[96])`, "PX003"},
		"one-sided entry": {`insert into ledger_entry (parking, txn, line, kind, account, currency, amount, at) values ('north', gen_random_uuid(), 0, 'hold', 'held', 'EUR', 1, now())`, "PX006"},
		"changed entry":   {booked + `update ledger_entry set amount = 2`, "PX007"},
		"lost entry":      {booked + `delete from ledger_entry`, "PX007"},
		"no entries":      {`truncate ledger_entry`, "PX007"},
	} {
		_, err := owner.Exec(t.Context(), x.sql)
		if code(err) != x.want {
			t.Errorf("%s: want %s, got %v", name, x.want, err)
		}
	}
}

func TestUnbalancedEntryIsRefusedBeforeTheDatabase(t *testing.T) {
	db, _ := postgrestest.New(t)
	now := time.Now().UTC()
	postgrestest.Import(t, db, now, postgrestest.Parking("north", 2))
	c := newCommitter(t, db)
	op := &take{
		at: "north", res: id.New[id.Reservation](now), key: "k", window: window(now, 1),
		entry: &ledger.Entry{Kind: ledger.Hold, Postings: []ledger.Posting{{Account: ledger.Held, Amount: money.New(1, "EUR")}, {Account: ledger.HeldContra, Amount: money.New(-2, "EUR")}}},
	}
	if _, err := c.Commit(t.Context(), op); !errors.Is(err, ledger.ErrUnbalanced) {
		t.Fatalf("want unbalanced, got %v", err)
	}
}

func code(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}
