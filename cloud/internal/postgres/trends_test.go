package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/replay"
	"github.com/openlot/openlot/cloud/internal/trends"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

// week is a real car park's week, where the data is there (OPENLOT_SHARED_DATA), else
// the sample.
func week(t testing.TB) (readings []replay.Reading, capacity int16) {
	t.Helper()
	path, column, capacity := filepath.Join("..", "replay", "testdata", "sample.csv"), "sample", int16(40)
	if dir := os.Getenv("OPENLOT_SHARED_DATA"); dir != "" {
		path, column, capacity = filepath.Join(dir, "occupancy-2024-06-10_16.csv"), "dresden-schiessgasse", 400
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if readings, err = replay.Read(bytes.NewReader(text), column); err != nil {
		t.Fatal(err)
	}
	return readings, capacity
}

// lot is a parking whose week is replayed.
type lotBed struct {
	t      *testing.T
	db     *postgres.DB
	owner  *pgx.Conn
	edge   replay.Edge
	count  trends.Service
	store  postgres.Trends
	clock  *shown
	in     id.Parking
	week   replay.Journal
	begins time.Time
}

func newLotBed(t *testing.T, monday time.Time) *lotBed {
	t.Helper()
	db, dsn := postgrestest.New(t)
	readings, capacity := week(t)
	readings = replay.Move(readings, monday)
	clock := &shown{}
	clock.forward(monday.Add(9 * 24 * time.Hour).Sub(clock.now())) // when it is over
	p := postgrestest.Parking("altmarkt", capacity)
	p.Policy.AllotmentShare = 100
	postgrestest.Import(t, db, clock.now(), p)
	c := committerAt(t, db, clock.now)
	plan := replay.Plan{Seed: 7, Capacity: int(capacity), Type: id.Standard, Price: func(in, paid time.Time) (money.Amount, error) {
		zone, err := time.LoadLocation(p.Timezone)
		if err != nil {
			return money.Amount{}, err
		}
		price, err := p.Tariff.Price(timerange.Range{From: in, To: paid}, tariff.Facts{Zone: zone})
		return price.Total, err
	}}
	j, err := plan.Make(readings)
	if err != nil {
		t.Fatal(err)
	}
	b := &lotBed{
		t: t, db: db, owner: postgrestest.Owner(t, dsn), clock: clock, in: p.ID, week: j, begins: monday, store: postgres.NewTrends(db),
		edge: replay.Edge{Parking: p.ID, Committer: c, Standings: db},
	}
	b.count = trends.Service{Store: b.store, Log: slog.New(slog.DiscardHandler)}
	return b
}

func (b *lotBed) tell(until time.Time) int {
	b.t.Helper()
	n, err := b.edge.Tell(b.t.Context(), b.week, until)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

func (b *lotBed) run() {
	b.t.Helper()
	if err := b.count.Run(b.t.Context(), b.clock.now()); err != nil {
		b.t.Fatal(err)
	}
}

// counted is a row as it is stored.
type counted struct {
	Known, Occupied                                                           int64
	Capacity, Arrivals, Departures, Refused, Due, NoShows, Resold, Early, Sum int32
	Stays                                                                     string
	Told                                                                      *time.Time
	Late                                                                      bool
	Cash                                                                      int64
}

func (b *lotBed) rows() map[time.Time]counted {
	b.t.Helper()
	rows, err := b.owner.Query(b.t.Context(), `select hour, known_ms, occupied_ms, capacity, arrivals, departures, refused, due, no_shows, resold, early, stays::text, told_at, late,
		coalesce((select sum(walk_in + reserved) from trend_money m where m.parking = t.parking and m.hour = t.hour), 0)::bigint from trend_hour t where parking = $1`, string(b.in))
	if err != nil {
		b.t.Fatal(err)
	}
	out := map[time.Time]counted{}
	var at time.Time
	var c counted
	if _, err := pgx.ForEachRow(rows, []any{&at, &c.Known, &c.Occupied, &c.Capacity, &c.Arrivals, &c.Departures, &c.Refused, &c.Due, &c.NoShows, &c.Resold, &c.Early, &c.Stays, &c.Told, &c.Late, &c.Cash}, func() error {
		out[at.UTC()] = c
		return nil
	}); err != nil {
		b.t.Fatal(err)
	}
	return out
}

// recount is written from the journal, minute by minute of each vehicle, and shares
// nothing with package trends: what the hours of a week must be once the edge has told
// everything up to a time.
func recount(events []wire.Event, until time.Time) map[time.Time]counted {
	out := map[time.Time]counted{}
	change := func(at time.Time, f func(*counted)) {
		h := at.Truncate(time.Hour)
		c := out[h]
		f(&c)
		out[h] = c
	}
	came := map[id.Session]int64{}
	inside, last := int64(0), events[0].Wall
	stays := map[time.Time][]int64{}
	// Between two events nothing changes: that many were inside, for so many milliseconds.
	pass := func(to int64) {
		for last < to {
			step := min(to, (last/3_600_000+1)*3_600_000)
			change(time.UnixMilli(last).UTC(), func(c *counted) { c.Known += step - last; c.Occupied += inside * (step - last) })
			last = step
		}
	}
	for _, e := range events {
		at := time.UnixMilli(e.Wall).UTC()
		if at.After(until) {
			break
		}
		pass(e.Wall)
		switch e.Kind { //nolint:exhaustive // what is counted
		case wire.Entered:
			inside++
			came[e.Session] = e.Wall
			change(at, func(c *counted) { c.Arrivals++ })
		case wire.Exited:
			inside--
			change(at, func(c *counted) { c.Departures++ })
			stays[at.Truncate(time.Hour)] = append(stays[at.Truncate(time.Hour)], (e.Wall-came[e.Session])/60_000)
		case wire.Refused:
			change(at, func(c *counted) { c.Refused++ })
		}
	}
	for h, all := range stays {
		slices.Sort(all)
		c := out[h]
		c.Stays = "{"
		for i, m := range all {
			if i > 0 {
				c.Stays += ","
			}
			c.Stays += fmt.Sprint(m)
		}
		c.Stays += "}"
		out[h] = c
	}
	return out
}

// same compares what is stored with what was recounted.
func (b *lotBed) same(got, want map[time.Time]counted, from, to time.Time) {
	b.t.Helper()
	wrong := 0
	for at := from; at.Before(to); at = at.Add(time.Hour) {
		g, w := got[at], want[at]
		if w.Stays == "" {
			w.Stays = "{}"
		}
		if g.Known != w.Known || g.Occupied != w.Occupied || g.Arrivals != w.Arrivals || g.Departures != w.Departures || g.Refused != w.Refused || g.Stays != w.Stays {
			if wrong++; wrong < 5 {
				b.t.Errorf("%s: %+v\nrecounted %+v", at.Format(time.RFC3339), g, w)
			}
		}
	}
	if wrong > 0 {
		b.t.Errorf("%d hours are wrong", wrong)
	}
}

// A week of a real car park, moved onto each change of clocks: every hour is what the
// facts say, before and after what an edge that was away for hours tells late, and when
// all is counted anew.
func TestAWeekIsCountedToTheHour(t *testing.T) {
	for name, monday := range map[string]time.Time{
		"clocks go forward": time.Date(2026, 3, 23, 0, 0, 0, 0, time.UTC), "clocks go back": time.Date(2026, 10, 19, 0, 0, 0, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			b := newLotBed(t, monday)
			over := monday.Add(7 * 24 * time.Hour)
			away := monday.Add(2*24*time.Hour + 9*time.Hour + 17*time.Minute) // Wednesday
			b.tell(away)
			b.run()
			first := b.rows()
			b.same(first, recount(b.week.Events, away), monday, over)
			quiet := first[away.Add(3*time.Hour).Truncate(time.Hour)]
			if quiet.Known != 0 || quiet.Occupied != 0 || quiet.Late {
				t.Fatalf("an hour of which nothing was told: %+v", quiet)
			}

			// It comes back, in two parts.
			back := away.Add(11 * time.Hour)
			if b.tell(back) == 0 {
				t.Fatal("nothing happened in eleven hours")
			}
			b.clock.forward(time.Hour)
			for range 2 {
				b.run() // doubled
			}
			second := b.rows()
			b.same(second, recount(b.week.Events, back), monday, over)
			for at, was := range first {
				is := second[at]
				touched := !at.Before(away.Truncate(time.Hour)) && !at.After(back)
				switch {
				case touched && !at.After(back.Add(-time.Hour)) && (!is.Late || is.Told == nil && is.Arrivals+is.Departures > 0):
					t.Errorf("%s became known late and does not say so: %+v", at, is)
				case !touched && at.Before(monday.Add(8*24*time.Hour)) && (is.Late || is.Stays != was.Stays || is.Occupied != was.Occupied || !equalTimes(is.Told, was.Told)):
					t.Errorf("%s was not touched, and changed from %+v to %+v", at, was, is)
				}
			}
			b.tell(over)
			b.run()
			third := b.rows()
			want := recount(b.week.Events, over)
			b.same(third, want, monday, over)
			arrivals := int32(0)
			for _, w := range want {
				arrivals += w.Arrivals
			}
			if arrivals < 50 {
				t.Fatalf("only %d vehicles came: this shows nothing", arrivals)
			}

			// What machines took is what the ledger says, hour by hour.
			var ledger, counted int64
			for _, r := range third {
				counted += r.Cash
			}
			if err := b.owner.QueryRow(t.Context(), `select coalesce(sum(amount), 0) from ledger_entry where account in ('cash', 'terminal')`).Scan(&ledger); err != nil || ledger == 0 || ledger != counted {
				t.Errorf("the ledger has %d, the hours have %d, %v", ledger, counted, err)
			}

			// From nothing.
			if _, err := b.owner.Exec(t.Context(), `truncate trend_hour, trend_money, trend_touched, trend_head; update feed_cursor set xid = '0' where name = 'trends'`); err != nil {
				t.Fatal(err)
			}
			b.run()
			anew := b.rows()
			for at := monday; at.Before(over); at = at.Add(time.Hour) {
				is, was := anew[at], third[at]
				is.Late = was.Late // it is what was shown that this tells, and nothing was
				if !equalTimes(is.Told, was.Told) {
					t.Errorf("%s: told %v, was %v", at, is.Told, was.Told)
				}
				is.Told = was.Told
				if is != was {
					t.Errorf("%s from nothing: %+v, was %+v", at, is, was)
				}
			}
		})
	}
}

func equalTimes(a, b *time.Time) bool { return a == b || a != nil && b != nil && a.Equal(*b) }

// Runs at the same time, in any number, count what one counts.
func TestHoursAreCountedByManyAtOnce(t *testing.T) {
	monday := time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)
	b := newLotBed(t, monday)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 3)
	for range 3 {
		go func() {
			for ctx.Err() == nil {
				if err := b.count.Run(t.Context(), b.clock.now()); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for at := monday; at.Before(monday.Add(4 * 24 * time.Hour)); at = at.Add(7 * time.Hour) {
		b.tell(at)
	}
	cancel()
	for range 3 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	b.run()
	last := monday
	for at := monday; at.Before(monday.Add(4 * 24 * time.Hour)); at = at.Add(7 * time.Hour) {
		last = at
	}
	b.same(b.rows(), recount(b.week.Events, last), monday, monday.Add(7*24*time.Hour))
}
