package postgres_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/feed/follow"
	"github.com/openlot/openlot/cloud/internal/listing"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// claimOp takes or gives back units of a run of quarters.
type claimOp struct {
	p   id.Parking
	run timerange.Quarters
	n   int16
}

func (o claimOp) Parking() id.Parking     { return o.p }
func (o claimOp) Prefetch(r *commit.Rows) { r.Quarters(id.Standard, o.run) }
func (o claimOp) Apply(w *commit.Work, _ time.Time) error {
	do := w.ClaimPresence
	n := o.n
	if n < 0 {
		do, n = w.Release, -n
	}
	if err := do(id.Standard, o.run, n); err != nil {
		return err
	}
	w.Emit(feed.ClaimExtended, feed.Body{})
	return nil
}

// TestListingFollowsWhatIsCommitted commits claims from several goroutines and
// compares the listing that followed them with one that is read afterwards, as
// after a restart.
func TestListingFollowsWhatIsCommitted(t *testing.T) {
	names := []string{"a", "b", "c", "idle"}
	b := newFeedBed(t, names...)
	conn := b.owner(t)
	today := timerange.Floor(time.Now()).Day()
	for _, p := range names {
		exec(t, conn, `update parking set policy = '{"horizon_days":30,"walkin_protects":3600000000000,"max_stay":2592000000000000}' where id = $1`, p)
		exec(t, conn, `insert into space_type (parking, id, class, label, capacity) values ($1, 'standard', 'standard', 'Standard', 20)`, p)
		exec(t, conn, `insert into inventory_day (parking, space_type, day, cap, free, over)
			select $1, 'standard', d, 20, array_fill(20::smallint, array[96]), array_fill(0::smallint, array[96]) from generate_series($2::int, $2::int + 3) d`, p, today)
	}
	// One edge has been heard of, one never was.
	exec(t, conn, `insert into edge (parking, id, secret_hash) values ('b', gen_random_uuid(), ''), ('c', gen_random_uuid(), '')`)
	exec(t, conn, `with head as (update parking_head set revision = revision + 1 where parking = 'b' returning revision)
		insert into event (parking, revision, kind, body) select 'b', revision, 'edge.link', '{"link":{"live":true,"since":"2026-01-01T00:00:00Z"}}' from head`)

	f := follow.New(postgres.NewFeed(b.db), b.log)
	n := postgres.NewNotifier(b.db, b.log)
	c := postgres.NewCommitter(b.db, b.log, time.Now, n.Hint)
	c.Tell(f.Committed)
	live := listing.New(postgres.NewListing(b.db), f.CurrentAt, time.Now, b.log, listing.Options{})
	f.Subscribe("listing", live.Handle)
	wakes := map[string]<-chan struct{}{}
	for _, p := range names {
		wake, stop := f.Watch(id.Parking(p))
		t.Cleanup(stop)
		wakes[p] = wake
	}
	run(t, n.Run)
	run(t, c.Run)
	run(t, f.Run)
	run(t, func(ctx context.Context) error { return live.Run(ctx, f.Ready()) })

	var writers sync.WaitGroup
	var mu sync.Mutex
	last := map[id.Parking]uint64{}
	for range 4 {
		writers.Go(func() {
			for range 20 { // from before the listing is loaded on
				p := id.Parking(names[rand.IntN(3)])
				from := timerange.DayStart(today) + timerange.Q(rand.IntN(200))
				o := claimOp{p, timerange.Quarters{From: from, To: from + 1 + timerange.Q(rand.IntN(100))}, 1}
				for _, n := range []int16{1, 1, -1} {
					o.n = n
					receipt, err := c.Commit(t.Context(), o)
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					last[p] = max(last[p], receipt.Revision)
					mu.Unlock()
				}
			}
		})
	}
	writers.Wait()
	fresh := listing.New(postgres.NewListing(b.db), time.Now, time.Now, b.log, listing.Options{})
	run(t, func(ctx context.Context) error { return fresh.Run(ctx, f.Ready()) })
	<-fresh.Loaded()
	<-live.Loaded()
	want := shownParkings(t, fresh)
	var got map[string]shownParking
	limit := time.After(5 * time.Second)
	for done := false; !done; {
		got = shownParkings(t, live)
		if got["a"].Version == last["a"] && got["b"].Version == last["b"] && got["c"].Version == last["c"] {
			break
		}
		select {
		case <-wakes["a"]:
		case <-wakes["b"]:
		case <-wakes["c"]:
		case <-limit:
			done = true
		}
	}
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("followed\n%s\nread\n%s", g, w)
	}
	if got["a"].Status != "open" && got["a"].Status != "full" || got["b"].Status == "unknown" || got["c"].Status != "unknown" || got["idle"].Available != 20 {
		t.Errorf("%+v", got)
	}
}

type shownParking struct {
	ID        string
	Version   uint64
	Status    string
	Available int
	Types     []struct {
		AvailableNow *int `json:"available_now"`
		Available    int
	} `json:"space_types"`
}

func (s shownParking) String() string {
	b, err := json.Marshal(s)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func shownParkings(t *testing.T, l *listing.Listing) map[string]shownParking {
	t.Helper()
	from := timerange.Floor(time.Now()).Time().Add(20 * time.Hour)
	w := httptest.NewRecorder()
	l.Parkings(w, httptest.NewRequest(http.MethodGet, "/parkings?from="+from.Format(time.RFC3339)+"&to="+from.Add(time.Hour).Format(time.RFC3339), nil))
	var page struct{ Parkings []shownParking }
	if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || len(page.Parkings) != 4 {
		t.Fatalf("%v: %s", err, w.Body)
	}
	out := map[string]shownParking{}
	for _, p := range page.Parkings {
		out[p.ID] = p
	}
	return out
}
