package receipt

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// A passage of unknown time is judged by the time mark on the receipt that placed
// it, as it was charged; without the mark nothing says when it was.
func TestAPassageOfUnknownTimeIsJudgedByItsMark(t *testing.T) {
	now := time.Date(2026, 6, 11, 12, 0, 0, 0, time.UTC)
	stay, boot := id.New[id.Session](now), id.New[id.Boot](now)
	var all []Observation
	add := func(mono time.Duration, e wire.Event) {
		e.Seq, e.Boot, e.Mono = uint64(len(all)+1), boot, uint64(mono.Milliseconds())
		raw, err := wire.Marshal(&e)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, Observation{1, e.Seq, base64.RawURLEncoding.EncodeToString(raw)})
	}
	add(time.Hour, wire.Event{Kind: wire.Entered, Lane: "entry-1", Session: stay, Uncertainty: wire.Uncertain})
	add(3*time.Hour, wire.Event{Kind: wire.Exited, Lane: "exit-1", Session: stay, Uncertainty: wire.Uncertain})
	add(4*time.Hour, wire.Event{Kind: wire.TimeMark, TrustedLo: 1, Wall: now.UnixMilli(), Uncertainty: 1000})
	s := Stay{Session: stay, EnteredAt: now.Add(-3 * time.Hour), ExitedAt: now.Add(-time.Hour)}
	placed, blind := s, s
	placed.judge(passages(all, stay))
	if placed.EntryClock != Edges || placed.ExitClock != Edges || placed.Inferred || placed.EntryDoubt == nil || *placed.EntryDoubt > 3500 || *placed.ExitDoubt >= *placed.EntryDoubt {
		t.Errorf("%+v", placed)
	}
	blind.judge(passages(all[:2], stay))
	if blind.EntryClock != Untrusted || blind.ExitClock != Untrusted || blind.EntryDoubt != nil {
		t.Errorf("%+v", blind)
	}
}
