package postgres_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/devpg/pgtest"
	"github.com/openlot/openlot/cloud/internal/feed/follow"
	"github.com/openlot/openlot/cloud/internal/httpapi"
	"github.com/openlot/openlot/cloud/internal/listing"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/protocol/timerange"
)

// Every way to read the listing is answered while Postgres does not run, with the
// same numbers and the time of which they are; when that is a minute ago they are
// not known. When it is back they go on.
func TestTheListingIsReadWithoutPostgres(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	cluster := pgtest.Durable(t)
	if err := cluster.EnsureDatabase(t.Context(), "openlot"); err != nil {
		t.Fatal(err)
	}
	dsn := cluster.DSN("openlot")
	if err := postgres.Migrate(t.Context(), dsn, quiet); err != nil {
		t.Fatal(err)
	}
	db := postgrestest.Open(t, dsn)
	lot := postgrestest.Parking("altmarkt", 6)
	lot.Policy.Dynamic = &parking.DynamicPrice{MinPercent: 80, MaxPercent: 200, Occupancy: []parking.OccupancyStep{{From: 10, Add: 7}}}
	postgrestest.Import(t, db, time.Now(), lot, postgrestest.Parking("neumarkt", 3))
	f := follow.New(postgres.NewFeed(db), quiet)
	var later atomic.Int64 // how far this process's clock is ahead
	now := func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	live := listing.New(postgres.NewListing(db), f.CurrentAt, now, quiet, listing.Options{})
	f.Subscribe("listing", live.Handle)
	run(t, f.Run)
	run(t, func(ctx context.Context) error { return live.Run(ctx, f.Ready()) })
	<-live.Loaded()
	api, err := httpapi.New(httpapi.Config{Log: quiet, Parkings: http.HandlerFunc(live.Parkings), Parking: http.HandlerFunc(live.Parking)})
	if err != nil {
		t.Fatal(err)
	}
	from := timerange.Floor(time.Now()).Time().Add(5 * time.Hour)
	window := url.Values{"from": {from.Format(time.RFC3339)}, "to": {from.Add(3 * time.Hour).Format(time.RFC3339)}}.Encode()
	type shown struct {
		ID           string
		AvailableNow *int `json:"available_now"`
		Status       string
		AsOf         time.Time `json:"as_of"`
		Available    *int
		Price        *struct{ Minor int64 }
	}
	// ask reads all paths and returns what altmarkt is on each.
	ask := func() map[string]shown {
		t.Helper()
		out := map[string]shown{}
		for _, path := range []string{
			"/parkings", "/parkings?near=51,13", "/parkings?near=51,13&radius=1000000&" + window, "/parkings?bbox=-180,-90,180,90", "/parkings?q=alt",
			"/parkings?limit=1", "/parkings?space_type=standard&" + window, "/parkings?format=geojson", "/parking?id=altmarkt", "/parkings/altmarkt?" + window,
		} {
			w := httptest.NewRecorder()
			api.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			var all struct {
				shown
				Parkings []shown
				Features []struct{ Properties shown }
			}
			if err := json.Unmarshal(w.Body.Bytes(), &all); err != nil || w.Code != http.StatusOK {
				t.Fatalf("%s: %d %v %s", path, w.Code, err, w.Body)
			}
			all.Parkings = append(all.Parkings, all.shown)
			for _, f := range all.Features {
				all.Parkings = append(all.Parkings, f.Properties)
			}
			for _, s := range all.Parkings {
				if s.ID == "altmarkt" {
					out[path] = s
				}
			}
			if out[path].ID == "" {
				t.Fatalf("%s: %s", path, w.Body)
			}
		}
		return out
	}
	before := ask()
	if err := cluster.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := db.Ping(t.Context()); err == nil {
		t.Fatal("Postgres answers")
	}
	since := f.CurrentAt()
	for path, s := range ask() {
		was := before[path]
		if s.Status != "open" || *s.AvailableNow != *was.AvailableNow || s.AsOf.After(since) || since.Sub(s.AsOf) > time.Minute {
			t.Errorf("without Postgres, %s: %+v at %s", path, s, since)
		}
		if strings.Contains(path, "from") && (*s.Available != *was.Available || s.Price.Minor != was.Price.Minor || s.Price.Minor == 0) {
			t.Errorf("without Postgres, %s: %+v", path, s)
		}
	}
	later.Store(int64(2 * time.Minute))
	for path, s := range ask() {
		if s.Status != "unknown" || s.AvailableNow != nil || s.Available != nil || s.AsOf.After(since) {
			t.Errorf("two minutes without Postgres, %s: %+v", path, s)
		}
	}
	later.Store(0)
	if err := cluster.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); !f.CurrentAt().After(since); {
		if time.Now().After(deadline) {
			t.Fatal("the feed is not read again")
		}
		select { // the follower says nothing when it only catches up
		case <-t.Context().Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
	for path, s := range ask() {
		if s.Status != "open" || !s.AsOf.After(since.Truncate(time.Millisecond)) {
			t.Errorf("with Postgres again, %s: %+v, as of %s before", path, s, since)
		}
	}
}
