package reservation_test

import (
	"errors"
	"flag"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
)

var update = flag.Bool("update", false, "write STATES.md anew")

func TestEveryEventHasAnOutcomeInEveryState(t *testing.T) {
	known := map[reservation.State]bool{}
	for _, s := range reservation.States() {
		known[s] = true
	}
	for _, s := range reservation.States() {
		for _, e := range reservation.Events() {
			o := reservation.Next(s, e)
			if (o.Refusal == "") == (o.To == "") || o.To != "" && !known[o.To] {
				t.Errorf("%s in %s: %+v is no outcome", e, s, o)
			}
			if o.Refusal == "" {
				continue
			}
			r := reservation.Reservation{State: s}
			_, err := r.Apply(e, time.Now())
			var f *fault.Fault
			if !errors.As(err, &f) || f.Error() == "" || fault.Code(err) != o.Refusal || r.State != s {
				t.Errorf("%s in %s: refused with %v, now %s", e, s, err, r.State)
			}
		}
	}
}

// Whatever happens to a reservation, in any order and twice: a final state is
// left by a late arrival only, doing a thing twice is doing it once, and capacity
// is held in exactly the states that sell.
func TestAnyHistoryKeepsTheRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := reservation.Reservation{State: reservation.Held}
		for range rapid.IntRange(1, 30).Draw(t, "events") {
			e := rapid.SampledFrom(reservation.Events()).Draw(t, "event")
			before := r.State
			changed, err := r.Apply(e, time.Now())
			if changed != (r.State != before) || err != nil && changed {
				t.Fatalf("%s in %s: changed %v, now %s, %v", e, before, changed, r.State, err)
			}
			if before.Final() && changed && (before != reservation.NoShow || r.State != reservation.Active || e != reservation.CheckIn) {
				t.Fatalf("%s brought %s back as %s", e, before, r.State)
			}
			if r.State.Final() == r.State.Sells() {
				t.Fatalf("%s is an end and sells, or neither", r.State)
			}
			if err == nil {
				if again, err := r.Apply(e, time.Now()); err == nil && again {
					t.Fatalf("%s twice moved on to %s", e, r.State)
				}
			}
		}
	})
}

// Nobody gets in on an unpaid reservation, and nobody who is inside can be
// declared absent or sent away.
func TestWhatTheTableNeverAllows(t *testing.T) {
	for _, s := range reservation.States() {
		if o := reservation.Next(s, reservation.CheckIn); o.To == reservation.Active && s != reservation.Confirmed && s != reservation.NoShow {
			t.Errorf("a check-in is taken in %s", s)
		}
	}
	for _, e := range []reservation.Event{reservation.Miss, reservation.Walk, reservation.Void, reservation.Cancel, reservation.Elapse} {
		if o := reservation.Next(reservation.Active, e); o.Refusal != reservation.CodeAlreadyInside {
			t.Errorf("%s of a vehicle that is inside: %+v", e, o)
		}
	}
}

func TestTheDiagramIsTheTable(t *testing.T) {
	want := "# States of a reservation\n\nDrawn from `table.go` by `go test ./internal/reservation -update`. What is not drawn is refused with a stable\n" +
		"code, or changes nothing because it was done before.\n\n```mermaid\n" + reservation.Diagram() + "```\n"
	if *update {
		if err := os.WriteFile("STATES.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("STATES.md")
	if err != nil || string(got) != want {
		t.Errorf("STATES.md is not the table (%v): write it anew with -update", err)
	}
}
