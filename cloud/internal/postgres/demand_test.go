package postgres_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/feed/follow"
	"github.com/openlot/openlot/cloud/internal/listing"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
)

// The price that the live listing shows for a window is the one that is quoted
// for it at the same moment, for each space type, while the parking fills up.
func TestTheListingShowsTheQuotedPrice(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	db, _ := postgrestest.New(t)
	lot := postgrestest.Parking("altmarkt", 6)
	lot.SpaceTypes = append(lot.SpaceTypes, parking.SpaceType{ID: "ev", Class: parking.ClassEV, Label: "Charging", Capacity: 3})
	lot.Tariff.Factors = map[string]int{"ev": 12_500}
	lot.Policy.Dynamic = &parking.DynamicPrice{
		MinPercent: 80, MaxPercent: 200, Lead: []parking.LeadStep{{From: 24 * 60, Add: -15}},
		Occupancy: []parking.OccupancyStep{{From: 10, Add: 7}, {From: 30, Add: 19}, {From: 60, Add: 61}, {From: 95, Add: 140}},
	}
	postgrestest.Import(t, db, time.Now(), lot)
	f := follow.New(postgres.NewFeed(db), quiet)
	n := postgres.NewNotifier(db, quiet)
	c := postgres.NewCommitter(db, quiet, time.Now, n.Hint)
	c.Tell(f.Committed)
	// Both are asked in one quarter of an hour.
	frozen := time.Now()
	now := func() time.Time { return frozen }
	live := listing.New(postgres.NewListing(db), f.CurrentAt, now, quiet, listing.Options{})
	f.Subscribe("listing", live.Handle)
	wake, stop := f.Watch("altmarkt")
	t.Cleanup(stop)
	run(t, n.Run)
	run(t, c.Run)
	run(t, f.Run)
	run(t, func(ctx context.Context) error { return live.Run(ctx, f.Ready()) })
	<-live.Loaded()
	store := postgres.NewBooking(db)
	key, err := store.SigningKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := booking.NewTokens(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	shop := booking.NewService(booking.Config{
		Store: store, Commits: c, Provider: sandbox.New(postgres.NewSandbox(db), sandbox.Options{}), Tokens: tokens, Passes: booking.Passes{Key: key}, Log: quiet, Now: now,
	})
	type shown struct {
		Version uint64
		Price   money.Amount
	}
	ask := func(at http.HandlerFunc, path string, w timerange.Range, t0 id.SpaceType) shown {
		t.Helper()
		q := url.Values{"from": {w.From.Format(time.RFC3339)}, "to": {w.To.Format(time.RFC3339)}}
		if t0 != "" {
			q.Set("space_type", string(t0))
		}
		if path == "/parking" {
			q.Set("id", "altmarkt")
		}
		rec := httptest.NewRecorder()
		at(rec, httptest.NewRequest(http.MethodGet, path+"?"+q.Encode(), nil))
		var one struct {
			shown
			Parkings []shown
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &one); err != nil {
			t.Fatalf("%v: %s", err, rec.Body)
		}
		if len(one.Parkings) == 1 {
			return one.Parkings[0]
		}
		return one.shown
	}
	r := rand.New(rand.NewPCG(7, 8))
	day := timerange.Floor(frozen).Time().Add(2 * time.Hour)
	prices := map[int64]bool{}
	for i := range 60 {
		from := day.Add(time.Duration(r.IntN(30)) * time.Hour)
		w := timerange.Range{From: from, To: from.Add(time.Duration(1+r.IntN(9)) * time.Hour)}
		typ := []id.SpaceType{id.Standard, "ev"}[r.IntN(2)]
		q, err := shop.Quote(t.Context(), "altmarkt", string(typ), w.From, w.To)
		if err != nil {
			t.Fatal(err)
		}
		prices[int64(q.Price.DemandPercent())] = true
		for _, s := range []shown{ask(live.Parking, "/parking", w, typ), ask(live.Parkings, "/parkings", w, typ)} {
			if s.Price != q.Price.Total {
				t.Fatalf("%d: %s of %s is shown at %s, quoted at %s: %+v", i, w, typ, s.Price, q.Price.Total, q.Price.Demand)
			}
		}
		if typ == id.Standard {
			if s := ask(live.Parkings, "/parkings", w, ""); s.Price != q.Price.Total {
				t.Fatalf("without a type %s is shown, %s quoted", s.Price, q.Price.Total)
			}
		}
		v, err := shop.Reserve(t.Context(), booking.Request{
			Key: id.New[id.Reservation](time.Now()).String(), Parking: "altmarkt", SpaceType: string(typ), From: w.From, To: w.To,
			Method: sandbox.OK, Email: "jana@posteo.example", Quote: q.ID.String(),
		})
		if err != nil {
			continue // sold out
		}
		limit := time.After(10 * time.Second)
		for ask(live.Parking, "/parking", w, typ).Version < v.Reservation.ConfirmedRevision {
			select {
			case <-wake:
			case <-limit:
				t.Fatal("the listing does not follow")
			}
		}
	}
	if len(prices) < 5 {
		t.Errorf("the price hardly moved: %v", prices)
	}
}
