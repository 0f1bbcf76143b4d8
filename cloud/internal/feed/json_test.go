package feed_test

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// A body that is written by hand is what encoding/json makes of it, and fails
// where that does.
func TestABodyIsWrittenAsItWouldBe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom([]*time.Location{time.UTC, time.FixedZone("", 3600), time.FixedZone("", 61)})
		at := func(name string) time.Time {
			return time.Unix(rapid.Int64Range(-1<<37, 1<<38).Draw(t, name), rapid.Int64Range(0, 999_999_999).Draw(t, name)).In(zone.Draw(t, name))
		}
		text := func(name string) string { return rapid.OneOf(rapid.Just("held"), rapid.String()).Draw(t, name) }
		var b feed.Body
		for range rapid.IntRange(0, 2).Draw(t, "claims") {
			b.Claims = append(b.Claims, inventory.Delta{
				Type: id.SpaceType(text("type")), From: timerange.Q(rapid.Int64().Draw(t, "from")), To: timerange.Q(rapid.Int64().Draw(t, "to")), N: rapid.Int16().Draw(t, "n"),
			})
		}
		r, p := id.New[id.Reservation](time.Now()), id.New[id.Payment](time.Now())
		if rapid.Bool().Draw(t, "reservation") {
			b.Reservation = &feed.Reservation{
				ID: r, State: text("state"), Version: rapid.Int64().Draw(t, "version"), Generation: rapid.Uint16().Draw(t, "generation"),
				SpaceType: id.SpaceType(text("space type")), From: at("begins"), To: at("ends"),
			}
		}
		if rapid.Bool().Draw(t, "payment") {
			b.Payment = &feed.Payment{ID: p, State: text("payment state"), Version: rapid.Int64().Draw(t, "payment version")}
			if rapid.Bool().Draw(t, "of it") {
				b.Payment.Reservation = r
			}
		}
		if rapid.Bool().Draw(t, "incident") {
			b.Incident = &feed.Incident{Class: text("class")}
		}
		got, err := b.AppendJSON([]byte("x"))
		want, wrong := json.Marshal(&b)
		if (err == nil) != (wrong == nil) {
			t.Fatalf("%v, and encoding/json says %v", err, wrong)
		}
		if err == nil && string(got) != "x"+string(want) {
			t.Fatalf("got  %s\nwant x%s", got, want)
		}
	})
}
