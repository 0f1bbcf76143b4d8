package bench

import (
	"testing"
	"time"
)

func TestWhatTheDiskHeldUpIsToldApart(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	d := &disk{stalls: []span{{at(100), at(150)}, {at(300), at(340)}}}
	for _, c := range []struct {
		from, to int
		stood    bool
	}{
		{0, 100, false}, // half open: it ended as the stall began
		{90, 101, true},
		{110, 120, true},
		{90, 400, true},
		{149, 200, true},
		{150, 300, false},
		{200, 310, true},
		{340, 500, false},
	} {
		if got := d.stood(span{at(c.from), at(c.to)}); got != c.stood {
			t.Errorf("from %d to %d ms: expected %v, saw %v", c.from, c.to, c.stood, got)
		}
	}
	left := d.undisturbed([]span{{at(90), at(160)}, {at(160), at(165)}})
	if s := left.summary(); s.count != 1 || s.max != 5*time.Millisecond {
		t.Errorf("expected the one of 5 ms, saw %+v", s)
	}
	if got := d.stalled(900 * time.Millisecond); got != 0.1 {
		t.Errorf("expected a tenth, saw %v", got)
	}
}
