package postgres_test

import (
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

const day = 24 * time.Hour

// Days are seeded up to one past the horizon however often, late or at once the
// task runs, and what is claimed is never touched by it.
func TestSeedingTwiceLateAndAtOnce(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Now().UTC()
	short, long := postgrestest.Parking("short", 2), postgrestest.Parking("long", 7)
	short.Policy.HorizonDays, long.Policy.HorizonDays = 3, 396
	postgrestest.Import(t, db, now, short, long)
	owner := postgrestest.Owner(t, dsn)
	c := newCommitter(t, db)
	if _, err := c.Commit(t.Context(), &take{at: "short", res: id.New[id.Reservation](now), key: "k", window: window(now.Add(3*day), 4)}); err != nil {
		t.Fatal(err)
	}
	days := func(p string) int { return count(t, owner, `select count(*) from inventory_day where parking = $1`, p) }
	if days("short") != 5 || days("long") != 398 {
		t.Fatalf("%d and %d days, want today, the horizon and one more", days("short"), days("long"))
	}
	if n, err := db.SeedHorizon(t.Context(), now); err != nil || n != 0 {
		t.Errorf("a run that was not needed added %d days: %v", n, err)
	}
	var g errgroup.Group
	total := make([]int, 8)
	for i := range total {
		g.Go(func() (err error) { total[i], err = db.SeedHorizon(t.Context(), now.Add(10*day)); return err })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	added := 0
	for _, n := range total {
		added += n
	}
	// For the short one all of its days have passed: from today on, without those
	// in between that nobody can buy any more.
	if added != 5+10 || days("short") != 5+5 || days("long") != 398+10 {
		t.Errorf("%d days added in all; now %d and %d", added, days("short"), days("long"))
	}
	checkCapacity(t, owner, "short")
	checkCapacity(t, owner, "long")
}

// seedWithin is a change of capacity in whose midst, after it has read the
// days, another one is seeded.
type seedWithin struct {
	capacity.Change
	seed func() error
}

func (o *seedWithin) Apply(w *commit.Work, now time.Time) error {
	if err := o.Change.Apply(w, now); err != nil || o.seed == nil {
		return err
	}
	seed := o.seed
	o.seed = nil
	return seed()
}

// A day that is seeded while the capacity changes has the new one, whichever
// comes first.
func TestSeedingWhileCapacityChanges(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Now().UTC()
	p := postgrestest.Parking("north", 1)
	p.Policy.HorizonDays = 10
	postgrestest.Import(t, db, now, p)
	owner := postgrestest.Owner(t, dsn)
	same := func(days int) {
		t.Helper()
		if n := count(t, owner, `select count(*) from inventory_day i join space_type t on t.parking = i.parking and t.id = i.space_type where i.cap <> t.capacity`); n != 0 {
			t.Errorf("%d days have another capacity than their type", n)
		}
		if n := count(t, owner, `select count(*) from inventory_day`); n != days {
			t.Errorf("%d days, want %d", n, days)
		}
		checkCapacity(t, owner, "north")
	}

	// Seeded after the change has read the days, and before it is written.
	c := newCommitter(t, db)
	seeded := 0
	op := &seedWithin{capacity.Change{In: "north", SpaceType: id.Standard, Capacity: 2}, func() (err error) {
		seeded, err = db.SeedHorizon(t.Context(), now.Add(day))
		return err
	}}
	if _, err := c.Commit(t.Context(), op); err != nil || seeded != 1 {
		t.Fatalf("%d days were seeded: %v", seeded, err)
	}
	same(13)

	// Begun before the change is committed, which holds the head.
	change, err := owner.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		`select from parking_head for no key update`,
		`update inventory_day set version = version + 1, cap = 3, free = array_fill(3::smallint, array[96])`,
		`update space_type set capacity = 3`,
	} {
		exec(t, change, sql)
	}
	done := make(chan error, 1)
	go func() { _, err := db.SeedHorizon(t.Context(), now.Add(2*day)); done <- err }()
	watch := postgrestest.Owner(t, dsn)
	for waits := 0; waits == 0 && len(done) == 0; {
		waits = count(t, watch, `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)
	}
	if err := change.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	same(14)

	// And many of both at once.
	s := newCapacity(t, db)
	var g errgroup.Group
	g.Go(func() error {
		for i := range int16(20) {
			if _, err := s.Change(t.Context(), &capacity.Change{In: "north", SpaceType: id.Standard, Capacity: 2 + i%2}); err != nil {
				return err
			}
		}
		return nil
	})
	g.Go(func() error {
		for i := range 60 {
			if _, err := db.SeedHorizon(t.Context(), now.Add(time.Duration(i)*day)); err != nil {
				return err
			}
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	same(12 + 59)
}

// Past days go after a week, except those that something may still refer to.
func TestPastDaysAreDroppedWhenNothingRefersToThem(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Now().UTC()
	then := now.Add(-20 * day)
	for _, p := range []id.Parking{"plain", "stay", "inside", "silent", "heard"} {
		postgrestest.Import(t, db, then, postgrestest.Parking(p, 2))
	}
	owner := postgrestest.Owner(t, dsn)
	c := newCommitter(t, db)
	// One reservation reaches from 18 days ago to 16 days ago and is not over.
	if _, err := c.Commit(t.Context(), &take{at: "stay", res: id.New[id.Reservation](now), key: "k", window: window(then.Add(2*day), 2*96)}); err != nil {
		t.Fatal(err)
	}
	exec(t, owner, `insert into session (parking, id, version, space_type, state, allotted, claim_to_q, entered_at)
		values ('inside', gen_random_uuid(), 1, 'standard', 'inside', false, 1, $1)`, now.Add(-12*day))
	exec(t, owner, `insert into edge (parking, id, secret_hash) values ('silent', gen_random_uuid(), ''), ('heard', gen_random_uuid(), '')`)
	exec(t, owner, `insert into edge_watermark (parking, version, journal, epoch, seq, hash, trusted_lo)
		values ('heard', 1, gen_random_uuid(), 1, 1, '', $1)`, now.Add(-15*day))
	want := map[string]int{"plain": 7, "stay": 7 + 3, "inside": 12, "silent": 20, "heard": 15}
	for range 2 {
		if _, err := db.PruneHorizon(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		today := timerange.Floor(now).Day()
		for p, n := range want {
			if got := count(t, owner, `select count(*) from inventory_day where parking = $1 and day < $2`, p, today); got < n || got > n+1 { // a day more where it began within one
				t.Errorf("%s keeps %d past days, want %d", p, got, n)
			}
			if got := count(t, owner, `select count(*) from inventory_day where parking = $1 and day >= $2`, p, today); got != 92-20 {
				t.Errorf("%s has %d days from today on", p, got)
			}
		}
	}
}

// A file that says another capacity for a parking that is sold changes nothing
// of it, and of nothing else in it.
func TestAnImportDoesNotChangeACapacity(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Now().UTC()
	postgrestest.Import(t, db, now, postgrestest.Parking("north", 3))
	s := newCapacity(t, db)
	if _, err := s.Change(t.Context(), &capacity.Change{In: "north", SpaceType: id.Standard, Capacity: 5}); err != nil {
		t.Fatal(err)
	}
	owner := postgrestest.Owner(t, dsn)
	renamed := postgrestest.Parking("north", 3)
	renamed.Name = "Another"
	_, err := db.ImportParkings(t.Context(), "Test operator", []parking.Parking{postgrestest.Parking("south", 3), renamed}, now)
	if f := fault.From(err); f == nil || f.Code != postgres.CodeCapacityDiffers || f.Fields["features[1]"] == "" {
		t.Errorf("%v", err)
	}
	if n := count(t, owner, `select count(*) from parking where name = 'Another' or id = 'south'`); n != 0 {
		t.Errorf("%d parkings were written by a refused import", n)
	}
	checkCapacity(t, owner, "north")
	renamed.SpaceTypes[0].Capacity = 5 // as it is now
	postgrestest.Import(t, db, now, renamed)
	if n := count(t, owner, `select count(*) from inventory_day where cap <> 5`); n != 0 {
		t.Errorf("%d days lost their capacity", n)
	}
	checkCapacity(t, owner, "north")
}

func TestAPolicyIsChangedAsAWholeAndItsHorizonSeeded(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Now().UTC()
	postgrestest.Import(t, db, now, postgrestest.Parking("north", 3))
	owner := postgrestest.Owner(t, dsn)
	store := postgres.NewCapacity(db)
	set := func(change func(*parking.Policy)) (parking.Policy, error) {
		done, err := store.ChangePolicy(t.Context(), capacity.PolicyEdit{At: "north", Today: now}, func(p parking.Policy) (parking.Policy, error) {
			change(&p)
			return p, p.Validate()
		})
		return done.After, err
	}
	told := func() int {
		return count(t, owner, `select count(*) from event where kind = $1`, string(feed.ParkingChanged))
	}
	if _, err := set(func(p *parking.Policy) { p.HorizonDays = 400 }); fault.Code(err) != parking.CodePolicyInvalid {
		t.Errorf("%v", err)
	}
	if _, err := set(func(*parking.Policy) {}); err != nil || told() != 0 {
		t.Errorf("%d events for nothing: %v", told(), err)
	}
	if _, err := store.ChangePolicy(t.Context(), capacity.PolicyEdit{At: "south", Today: now}, nil); fault.Code(err) != capacity.CodeParkingNotFound {
		t.Errorf("%v", err)
	}
	// Two at once: neither loses what the other has changed.
	var g errgroup.Group
	g.Go(func() error { _, err := set(func(p *parking.Policy) { p.HorizonDays = 396 }); return err })
	g.Go(func() error { _, err := set(func(p *parking.Policy) { p.MinStay = time.Hour }); return err })
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	p, err := set(func(*parking.Policy) {})
	if err != nil || p.HorizonDays != 396 || p.MinStay != time.Hour || told() != 2 {
		t.Errorf("%+v, %d events: %v", p, told(), err)
	}
	if n := count(t, owner, `select count(*) from inventory_day`); n != 398 {
		t.Errorf("%d days are seeded, want 398", n)
	}
	checkFeed(t, owner, "north")

	// A shorter one leaves the days; a change of capacity reaches them still.
	if _, err := set(func(p *parking.Policy) { p.HorizonDays = 5 }); err != nil {
		t.Fatal(err)
	}
	s := newCapacity(t, db)
	op := &capacity.Change{In: "north", SpaceType: id.Standard, Capacity: 1}
	begun := time.Now()
	if _, err := s.Change(t.Context(), op); err != nil || op.Days != 398 {
		t.Errorf("%d days were changed: %v", op.Days, err)
	}
	t.Logf("398 days were changed in %s", time.Since(begun))
	checkCapacity(t, owner, "north")
}

// What the listing keeps of a parking is the days that differ from its
// capacity, whatever happened to the others.
func TestTheListingReadsOnlyDaysThatDiffer(t *testing.T) {
	db, _ := postgrestest.New(t)
	now := time.Now().UTC()
	postgrestest.Import(t, db, now, postgrestest.Parking("north", 3))
	s := newCapacity(t, db)
	today := timerange.Floor(now).Day()
	read := func() int {
		found, err := postgres.NewListing(db).Parkings(t.Context(), nil, today)
		if err != nil || len(found) != 1 {
			t.Fatal(len(found), err)
		}
		return len(found[0].Days)
	}
	change := func(to int16, from int32) {
		if _, err := s.Change(t.Context(), &capacity.Change{In: "north", SpaceType: id.Standard, Capacity: to, From: from}); err != nil {
			t.Fatal(err)
		}
	}
	op := &take{at: "north", res: id.New[id.Reservation](now), key: "k", window: window(now.Add(5*day), 1)}
	if _, err := s.Commits.Commit(t.Context(), op); err != nil {
		t.Fatal(err)
	}
	if n := read(); n != 1 {
		t.Errorf("%d days, want that of the reservation", n)
	}
	change(4, 0)
	if n := read(); n != 1 {
		t.Errorf("%d days after every day was written, want that of the reservation", n)
	}
	change(2, today+10)
	if n := read(); n != 10 {
		t.Errorf("%d days, want the ten that keep their capacity", n)
	}
	change(2, 0)
	if _, err := s.Commits.Commit(t.Context(), &give{"north", op.res}); err != nil {
		t.Fatal(err)
	}
	if n := read(); n != 0 {
		t.Errorf("%d days of which nothing is claimed", n)
	}
}
