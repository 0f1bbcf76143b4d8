package feed_test

import (
	"encoding/json"
	"reflect"
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
			b.Payment = &feed.Payment{ID: p, State: text("payment state"), Version: rapid.Int64().Draw(t, "payment version"), Away: rapid.Bool().Draw(t, "away")}
			if rapid.Bool().Draw(t, "of it") {
				b.Payment.Reservation = r
			}
		}
		if rapid.Bool().Draw(t, "incident") {
			b.Incident = &feed.Incident{Class: text("class")}
		}
		if rapid.Bool().Draw(t, "traced") {
			b.Trace = text("trace")
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

// Whatever an event may say is written: no field is forgotten when one is added.
func TestNoFieldOfABodyIsForgotten(t *testing.T) {
	body := reflect.TypeFor[feed.Body]()
	for i := range body.NumField() {
		field := body.Field(i)
		inner := field.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner.Kind() != reflect.Struct {
			continue
		}
		// Each field of it alone, and all of them together.
		for only := -1; only < inner.NumField(); only++ {
			b := reflect.New(body).Elem()
			part := reflect.New(inner)
			for k := range inner.NumField() {
				if only < 0 || only == k {
					fill(part.Elem().Field(k), 0)
				}
			}
			b.Field(i).Set(part)
			sent, ok := reflect.TypeAssert[*feed.Body](b.Addr())
			if !ok {
				t.Fatal(b.Type())
			}
			got, err := sent.AppendJSON(nil)
			want, wrong := json.Marshal(sent)
			if err != nil || wrong != nil || string(got) != string(want) {
				t.Errorf("%s, field %d alone:\ngot  %s, %v\nwant %s, %v", field.Name, only, got, err, want, wrong)
			}
		}
	}
}

// fill sets a value, and all that is in it, to something that is not zero.
func fill(v reflect.Value, depth int) {
	if depth > 6 || !v.CanSet() {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth+1)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1_800_000_000, 5).UTC()))
			return
		}
		for _, field := range v.Fields() {
			fill(field, depth+1)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), depth+1)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), depth+1)
		}
	case reflect.String:
		v.SetString("EUR")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(7)
	default: // nothing else is in a body
	}
}
