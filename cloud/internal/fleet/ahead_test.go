package fleet

import (
	"testing"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// An edge whose clock runs ahead does not say for us that a deadline has passed:
// what happened before it may not have been told yet.
func TestAnEdgeAheadOfUsMovesNoDeadline(t *testing.T) {
	w, j := start(t, 10)
	j.add(t, noon, wire.Event{Kind: wire.TimeMark, TrustedLo: noon.Add(-time.Second).UnixMilli()})
	j.applyAll(t, w)
	for _, ahead := range []time.Duration{time.Millisecond, 30 * time.Second, time.Hour, 10 * 365 * 24 * time.Hour} {
		j.add(t, noon, wire.Event{Kind: wire.Entered, Lane: "entry-1", Session: id.New[id.Session](noon), SpaceType: id.Standard, TrustedLo: noon.Add(ahead).UnixMilli()})
		j.applyAll(t, w)
		if got := w.rows.Watermark.TrustedLo; !got.Equal(noon.Add(-time.Second)) {
			t.Errorf("an edge that is %v ahead has moved the watermark to %v, it is %v", ahead, got, noon)
		}
	}
}
