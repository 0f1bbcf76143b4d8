package board

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/openlot/openlot/firmware-bridge/smp"
)

// One request is not answered at first while many others are: when it is
// repeated, no more than span others may have come between.
func TestSlowRequestIsNotOutrun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []uint8
		slow, seen := uint8(0), false
		c, end := pair(t, func(Event) {}, func(f *fakeBoard, p smp.Packet) {
			switch {
			case p.ID == CmdHello:
				greet(f, p, 1)
				return
			case !seen:
				slow, seen = p.Seq, true
				order = append(order, p.Seq)
				return
			}
			order = append(order, p.Seq)
			f.send(p.Response(nil), Refusal{})
		})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 50 {
					if err := c.Set(t.Context(), 0, Red, false, 0); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		_ = end()
		again := 0
		for i, seq := range order[1:] {
			if seq == slow {
				again = i
				break
			}
		}
		if again == 0 || again > span {
			t.Errorf("%d requests came before the repetition, at most %d may", again, span)
		}
		if len(order) != 201 {
			t.Errorf("%d requests came, want 201", len(order))
		}
	})
}
