package postgres_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

func newCapacity(t *testing.T, db *postgres.DB) *capacity.Service {
	t.Helper()
	return &capacity.Service{Store: postgres.NewCapacity(db), Commits: newCommitter(t, db), Now: time.Now}
}

// checkCapacity recomputes every counter from the rows that say why: capacity −
// Σ claims of reservations − Σ blocks = free − over, and the type's capacity is
// that of its newest day.
func checkCapacity(t *testing.T, c *pgx.Conn, p id.Parking) {
	t.Helper()
	var wrong, differs int
	err := c.QueryRow(t.Context(), `
		with slots as (
			select day::bigint * 96 + n - 1 q, cap, free[n] f, over[n] o from inventory_day, generate_series(1, 96) n
			where parking = $1 and space_type = 'standard'),
		taken as (
			select q, sum(n) c from (
				select claim_from_q a, claim_to_q b, 1 n from reservation
				 where parking = $1 and state in ('held','confirmed','active')
				union all select from_q, to_q, n from block where parking = $1) x, generate_series(a, b - 1) q group by q)
		select count(*) filter (where f - o <> cap - coalesce(c, 0) or f < 0 or f > cap or o < 0 or f > 0 and o > 0),
			(select count(*) from space_type t where t.parking = $1 and t.capacity <>
				(select cap from inventory_day i where i.parking = $1 and i.space_type = t.id order by day desc limit 1))
		from slots left join taken using (q)`, string(p)).Scan(&wrong, &differs)
	if err != nil {
		t.Fatal(err)
	}
	if wrong != 0 || differs != 0 {
		t.Errorf("%s: %d quarters where free - over is not capacity - claims - blocks; %d types whose newest day has another capacity", p, wrong, differs)
	}
}

func count(t *testing.T, c *pgx.Conn, sql string, args ...any) (n int) {
	t.Helper()
	if err := c.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Several changes of one type that arrive together are one commit, and each of them
// finds the days as the last one left them.
func TestCapacityIsChangedBySeveralAtOnce(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Now().UTC()
	postgrestest.Import(t, db, now, postgrestest.Parking("north", 10))
	s := newCapacity(t, db)
	today := timerange.Floor(now).Day()
	for round := range 5 {
		var g errgroup.Group
		for n := range 12 {
			g.Go(func() error {
				_, err := s.Commits.Commit(t.Context(), &capacity.Change{
					In: "north", SpaceType: id.Standard, Capacity: int16(1 + (n+round)%7), From: today + int32(n%3),
				})
				return err
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		checkCapacity(t, postgrestest.Owner(t, dsn), "north")
	}
}

// A capacity that falls below what is sold sells nothing more there, says whom
// it could not honour, and sells again when claims end or capacity returns.
func TestCapacityBelowWhatIsSold(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Now().UTC()
	postgrestest.Import(t, db, now, postgrestest.Parking("north", 4))
	owner := postgrestest.Owner(t, dsn)
	s := newCapacity(t, db)
	day := now.Add(72 * time.Hour).Truncate(24 * time.Hour)
	sell := func(from time.Time, quarters int) (id.Reservation, error) {
		op := &take{at: "north", res: id.New[id.Reservation](time.Now()), key: id.New[id.Quote](time.Now()).String(), window: window(from, quarters)}
		_, err := s.Commits.Commit(t.Context(), op)
		return op.res, err
	}
	var sold []id.Reservation
	for i := range 4 { // all four in the hour from 03:00 on
		r, err := sell(day.Add(time.Duration(i)*time.Hour), 4*(4-i))
		if err != nil {
			t.Fatal(err)
		}
		sold = append(sold, r)
	}
	exec(t, owner, `update reservation set state = 'active' where id = $1`, sold[3].UUID())

	op := &capacity.Change{In: "north", SpaceType: id.Standard, Capacity: 1}
	short, err := s.Change(t.Context(), op)
	if err != nil {
		t.Fatal(err)
	}
	if op.Was != 4 || op.Days != 92 || len(short.Runs) != 1 || short.Runs[0].Over != 3 || short.Unsolved != 0 ||
		short.Runs[0].Range() != (timerange.Range{From: day.Add(time.Hour), To: day.Add(4 * time.Hour)}) {
		t.Errorf("%+v, %+v", op, short)
	}
	var listed []id.Reservation
	for _, c := range short.Affected {
		listed = append(listed, c.ID)
	}
	// The active one stays; of the others the later they start the earlier they are listed.
	if !slices.Equal(listed, []id.Reservation{sold[2], sold[1], sold[0]}) {
		t.Errorf("%v, want %v without the active one, latest first", listed, sold)
	}
	checkCapacity(t, owner, "north")
	if _, err := sell(day.Add(3*time.Hour), 1); !errors.Is(err, inventory.ErrSoldOut) {
		t.Errorf("sold where too much is sold: %v", err)
	}
	if n := count(t, owner, `select count(*) from inventory_day where cap <> 1`) + count(t, owner, `select count(*) from space_type where capacity <> 1`); n != 0 {
		t.Errorf("%d days and types kept their capacity", n)
	}

	// The same again, as after an answer that was lost, changes nothing.
	before := count(t, owner, `select count(*) from event`)
	if again, err := s.Change(t.Context(), op); err != nil || len(again.Affected) != 3 || op.Days != 92 {
		t.Errorf("%+v, %+v, %v", op, again, err)
	}
	if n := count(t, owner, `select count(*) from event`); n != before {
		t.Errorf("%d events for nothing", n-before)
	}

	// Claims that end leave over first; what is then free is sold once.
	for i, r := range listed {
		if _, err := s.Commits.Commit(t.Context(), &give{"north", r}); err != nil {
			t.Fatal(err)
		}
		if _, err := sell(day.Add(3*time.Hour), 1); !errors.Is(err, inventory.ErrSoldOut) {
			t.Errorf("sold after %d of 3 have gone, where one is inside: %v", i+1, err)
		}
	}
	if _, err := sell(day, 12); err != nil {
		t.Errorf("not sold where one is free: %v", err)
	}
	// Capacity that returns is sold.
	if _, err := s.Change(t.Context(), &capacity.Change{In: "north", SpaceType: id.Standard, Capacity: 2, From: timerange.Floor(day).Day()}); err != nil {
		t.Fatal(err)
	}
	if _, err := sell(day.Add(3*time.Hour), 1); err != nil {
		t.Errorf("not sold after capacity has returned: %v", err)
	}
	if _, err := sell(day.Add(3*time.Hour), 1); !errors.Is(err, inventory.ErrSoldOut) {
		t.Errorf("oversold after capacity has returned: %v", err)
	}
	if n := count(t, owner, `select count(*) from inventory_day where cap = 1`); n != 3 {
		t.Errorf("%d days before the change have another capacity, want 3", n)
	}
	checkCapacity(t, owner, "north")
	checkFeed(t, owner, "north")
}

// Reservations from one committer, and blocks and capacity changes from
// another, as from a server and the command beside it: no counter drifts, no
// block is put back twice, and nothing is sold where it does not fit.
func TestBlocksAmongReservationsDoNotDrift(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Now().UTC()
	postgrestest.Import(t, db, now, postgrestest.Parking("north", 6))
	s := newCapacity(t, db)
	other := newCommitter(t, db)
	var g errgroup.Group
	for n := range 8 {
		g.Go(func() error {
			rnd := rand.New(rand.NewPCG(uint64(n), 3))
			for range 15 {
				op := &take{
					at: "north", res: id.New[id.Reservation](time.Now()), key: id.New[id.Quote](time.Now()).String(),
					window: window(now.Add(time.Duration(rnd.IntN(40))*time.Hour), 1+rnd.IntN(60)),
				}
				_, err := other.Commit(t.Context(), op)
				if err != nil && !errors.Is(err, inventory.ErrSoldOut) {
					return err
				}
				if err == nil && rnd.IntN(2) == 0 {
					if _, err := other.Commit(t.Context(), &give{"north", op.res}); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	for n := range 3 {
		g.Go(func() error {
			rnd := rand.New(rand.NewPCG(uint64(n), 9))
			for range 8 {
				b := &capacity.Block{
					In: "north", ID: id.New[id.Block](time.Now()), SpaceType: id.Standard, N: int16(1 + rnd.IntN(3)), Reason: "painting",
					Claim: window(now.Add(time.Duration(rnd.IntN(40)-2)*time.Hour), 12+rnd.IntN(60)).Claim(),
				}
				var both errgroup.Group // the same block at once by both
				for _, c := range []*postgres.Committer{other, s.Commits.(*postgres.Committer)} {
					copied := *b
					both.Go(func() error { _, err := c.Commit(t.Context(), &copied); return err })
				}
				if err := both.Wait(); err != nil {
					return err
				}
				if rnd.IntN(4) == 0 {
					continue
				}
				for _, c := range []*postgres.Committer{other, s.Commits.(*postgres.Committer)} {
					both.Go(func() error { _, err := c.Commit(t.Context(), &capacity.Unblock{In: "north", ID: b.ID}); return err })
				}
				if err := both.Wait(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		for i := range 10 {
			if _, err := s.Change(t.Context(), &capacity.Change{In: "north", SpaceType: id.Standard, Capacity: int16(6 - 2*(i%2))}); err != nil {
				return err
			}
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	owner := postgrestest.Owner(t, dsn)
	checkCapacity(t, owner, "north")
	checkFeed(t, owner, "north")
	removed, standing := count(t, owner, `select count(*) from block where removed_at is not null`), count(t, owner, `select count(*) from block where removed_at is null`)
	if removed == 0 || standing == 0 || removed+standing != 24 {
		t.Errorf("%d blocks removed and %d standing, want 24 in all and some of each", removed, standing)
	}
	if n := count(t, owner, `select count(*) from event where kind = 'capacity.blocked'`) + count(t, owner, `select count(*) from event where kind = 'capacity.unblocked'`); n != 24+removed {
		t.Errorf("%d events of %d blocks, %d of them removed", n, 24, removed)
	}
}

func TestABlockFromMadeToRemoved(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Now().UTC()
	postgrestest.Import(t, db, now, postgrestest.Parking("north", 3))
	owner := postgrestest.Owner(t, dsn)
	s := newCapacity(t, db)
	soon := window(now.Add(24*time.Hour), 8)
	make1 := func(n int16, w timerange.Range, reason string) (*capacity.Block, error) {
		b := &capacity.Block{In: "north", SpaceType: id.Standard, N: n, Claim: w.Claim(), Reason: reason}
		_, err := s.Block(t.Context(), b)
		return b, err
	}
	for name, c := range map[string]struct {
		err  error
		code string
	}{
		"none":       {second(make1(0, soon, "x")), capacity.CodeBlockInvalid},
		"no reason":  {second(make1(1, soon, "")), capacity.CodeBlockInvalid},
		"past":       {second(make1(1, window(now.Add(-10*time.Hour), 4), "x")), capacity.CodeBlockInvalid},
		"more":       {second(make1(4, soon, "x")), capacity.CodeBlockTooLarge},
		"far":        {second(make1(1, window(now.Add(100*24*time.Hour), 4), "x")), capacity.CodeBeyondHorizon},
		"very far":   {second(make1(1, window(time.Unix(1<<40, 0), 4), "x")), capacity.CodeBeyondHorizon},
		"for ever":   {second(make1(1, timerange.Range{From: soon.From, To: time.Unix(1<<40, 0)}, "x")), capacity.CodeBeyondHorizon},
		"other type": {second(s.Block(t.Context(), &capacity.Block{In: "north", SpaceType: "ev", N: 1, Claim: soon.Claim(), Reason: "x"})), capacity.CodeSpaceTypeUnknown},
		"elsewhere":  {second(s.Block(t.Context(), &capacity.Block{In: "south", SpaceType: id.Standard, N: 1, Claim: soon.Claim(), Reason: "x"})), capacity.CodeParkingNotFound},
		"no block":   {second(s.Unblock(t.Context(), "north", id.New[id.Block](now), parking.Author{})), capacity.CodeBlockNotFound},
		"yesterday":  {second(s.Change(t.Context(), &capacity.Change{In: "north", SpaceType: id.Standard, Capacity: 1, From: timerange.Floor(now).Day() - 1})), capacity.CodeDateInPast},
		"next year":  {second(s.Change(t.Context(), &capacity.Change{In: "north", SpaceType: id.Standard, Capacity: 1, From: timerange.Floor(now).Day() + 365})), capacity.CodeBeyondHorizon},
		"negative":   {second(s.Change(t.Context(), &capacity.Change{In: "north", SpaceType: id.Standard, Capacity: -1})), capacity.CodeCapacityInvalid},
	} {
		if f := fault.From(c.err); f == nil || f.Code != c.code {
			t.Errorf("%s: %v, want %s", name, c.err, c.code)
		}
	}
	if n := count(t, owner, `select count(*) from event`) - 1; n != 0 { // its import
		t.Fatalf("what was refused told %d events", n)
	}

	// It began in the past: what has passed is not blocked, and stays as it was
	// when the block is removed.
	w := timerange.Range{From: now.Add(-time.Hour), To: now.Add(30 * time.Hour)}
	b, err := make1(2, w, "the ramp is painted")
	if err != nil || b.After.Claim.From.Time().Before(now.Add(-15*time.Minute)) {
		t.Fatalf("%+v: %v", b.After, err)
	}
	checkCapacity(t, owner, "north")
	list, err := s.Store.Blocks(t.Context(), "north", timerange.Floor(now))
	if err != nil || len(list) != 1 || list[0].ID != b.ID || list[0].N != 2 || list[0].Reason != "the ramp is painted" {
		t.Errorf("%+v: %v", list, err)
	}
	after, err := s.Unblock(t.Context(), "north", b.ID, parking.Author{})
	if err != nil || after.Claim.To > timerange.Floor(time.Now()) || after.RemovedAt.IsZero() {
		t.Errorf("%+v: %v", after, err)
	}
	if _, err := s.Unblock(t.Context(), "north", b.ID, parking.Author{}); fault.Code(err) != capacity.CodeBlockRemoved {
		t.Errorf("removed twice: %v", err)
	}
	if list, err := s.Store.Blocks(t.Context(), "north", 0); err != nil || len(list) != 0 {
		t.Errorf("%+v: %v", list, err)
	}
	if n := count(t, owner, `select count(*) from inventory_day where 3 <> any (free)`); n != 0 {
		t.Errorf("%d days are not free again", n)
	}
	checkCapacity(t, owner, "north")
}

func second[T any](_ T, err error) error { return err }

// The program's role cannot change a capacity or a block but through the
// committer, nor by telling an event of one.
func TestCapacityIsChangedByTheCommitterOnly(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Now().UTC()
	postgrestest.Import(t, db, now, postgrestest.Parking("north", 3))
	s := newCapacity(t, db)
	b := &capacity.Block{In: "north", SpaceType: id.Standard, N: 1, Claim: window(now.Add(time.Hour), 8).Claim(), Reason: "x"}
	if _, err := s.Block(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	app := db.Pool()
	for _, c := range []struct{ sql, code string }{
		{`update space_type set capacity = 99`, "42501"},
		{`delete from space_type`, "42501"},
		{`update inventory_day set cap = 99`, "42501"},
		{`delete from inventory_day`, "42501"},
		{`delete from block`, "42501"},
		{`update block set n = 2`, "42501"},
		{`insert into block (parking, id, space_type, from_q, to_q, n, reason, created_at) values ('north', 'blk_x', 'standard', 1, 2, 1, '', now())`, "42501"},
		{`select record_event('north', 'capacity.changed', '{"capacity":{"space_type":"standard","from_day":0,"capacity":99}}')`, "PX003"},
		{`select record_event('north', 'capacity.blocked', '{"block":{"id":"blk_x","space_type":"standard","from_q":1,"to_q":2,"n":1,"reason":"x","at":"2027-01-01T00:00:00Z"}}')`, "PX008"},
		{fmt.Sprintf(`select record_event('north', 'capacity.unblocked', '{"block":{"id":%q,"to_q":1,"at":"2027-01-01T00:00:00Z"}}')`, b.ID), "PX008"},
		{`select record_event('north', 'capacity.unblocked', '{"block":{"id":"blk_x","to_q":1,"at":"2027-01-01T00:00:00Z"}}')`, "PX003"},
	} {
		if _, err := app.Exec(t.Context(), c.sql); code(err) != c.code {
			t.Errorf("%s: %v, want %s", c.sql, err, c.code)
		}
	}
	checkCapacity(t, postgrestest.Owner(t, dsn), "north")
}
