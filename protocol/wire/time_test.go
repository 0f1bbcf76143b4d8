package wire_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// An event of unknown time is where the boot's monotonic clock puts it, however
// that clock drifts, and within the doubt that is said.
func TestAMarkPlacesWhatCameBeforeIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		boot := drawID[id.Boot](t)
		rate := 1 + rapid.Float64Range(-190e-6, 190e-6).Draw(t, "drift")
		truth := time.UnixMilli(rapid.Int64Range(1_700_000_000_000, 1_900_000_000_000).Draw(t, "truth"))
		passed := time.Duration(rapid.Int64Range(0, int64(90*24*time.Hour)).Draw(t, "passed"))
		off := rapid.Int64Range(0, 5000).Draw(t, "uncertainty")
		mono := rapid.Uint64Range(0, 1<<40).Draw(t, "mono")
		e := wire.Event{Seq: 7, Boot: boot, Mono: mono, Kind: wire.Entered, Uncertainty: rapid.SampledFrom([]uint32{wire.Uncertain, wire.Uncertain - 1}).Draw(t, "vague")}
		m := wire.Event{
			Seq: 9, Boot: boot, Mono: mono + uint64(float64(passed.Milliseconds())*rate), Kind: wire.TimeMark, Uncertainty: uint32(off),
			Wall: truth.Add(passed).UnixMilli() + rapid.Int64Range(-off, off).Draw(t, "off"),
		}
		if !e.Places(&m) {
			t.Fatal("a later mark of the boot places it")
		}
		at, doubt := e.PlacedBy(&m)
		if away := at.Sub(truth).Abs(); away > doubt+2*time.Millisecond {
			t.Fatalf("placed %v from where it was, ± %v", away, doubt)
		}
	})
}

func TestWhatPlacesNothing(t *testing.T) {
	boot, other := id.New[id.Boot](time.Now()), id.New[id.Boot](time.Now())
	e := wire.Event{Seq: 7, Boot: boot, Mono: 1000, Uncertainty: wire.Uncertain}
	good := wire.Event{Seq: 8, Boot: boot, Mono: 1000, Kind: wire.TimeMark, Uncertainty: 5}
	if !e.Places(&good) {
		t.Fatal("a later mark of the boot places it")
	}
	for name, spoil := range map[string]func(e, m *wire.Event){
		"another boot":              func(_, m *wire.Event) { m.Boot = other },
		"no mark":                   func(_, m *wire.Event) { m.Kind = wire.Entered },
		"an earlier mark":           func(_, m *wire.Event) { m.Seq = 6 },
		"a clock that ran back":     func(_, m *wire.Event) { m.Mono = 999 },
		"a mark that knows no more": func(_, m *wire.Event) { m.Uncertainty = wire.Uncertain },
		"what is known":             func(e, _ *wire.Event) { e.Uncertainty = wire.Vague - 1 },
	} {
		e, m := e, good
		spoil(&e, &m)
		if e.Places(&m) {
			t.Errorf("%s places an event", name)
		}
	}
}
