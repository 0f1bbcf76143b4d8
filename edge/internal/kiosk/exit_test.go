package kiosk

import (
	"testing"
	"time"

	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/till"
)

// Who has paid may drive out until what he paid for ends, or for as long as the way takes,
// whichever is later; and is told to go now when it is neither.
func TestUntilWhenWhoHasPaidMayDriveOut(t *testing.T) {
	for name, c := range map[string]struct {
		walk   time.Duration
		paidBy time.Time
		want   time.Time
		now    bool
	}{
		"no minutes for the way, half an hour covered": {0, noon.Add(30 * time.Minute), noon.Add(30 * time.Minute), false},
		"no minutes for the way, nothing covered":      {0, noon, noon, true},
		"minutes for the way, nothing covered":         {15 * time.Minute, noon, noon.Add(15 * time.Minute), false},
		"minutes for the way, more is covered":         {15 * time.Minute, noon.Add(time.Hour), noon.Add(time.Hour), false},
		"nothing more for a day":                       {15 * time.Minute, time.Time{}, time.Time{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			env := b.env()
			env.Now, env.Walk = noon, c.walk
			v := &b.m.Visit
			v.Stay, v.PaidNow, v.PaidAt, v.Method = &b.stay, 510, noon, "card"
			v.Ask = till.Ask{Total: money.New(510, "EUR"), Pay: 510, Until: noon, PaidBy: c.paidBy}
			(&step{m: &b.m, env: env}).finish(noon)
			if !v.ExitBy.Equal(c.want) {
				t.Errorf("by %s", v.ExitBy)
			}
			screen := shower{m: &b.m}.paid()
			if now, said := screen["exit_now"]; said != !c.want.IsZero() || said && now != c.now {
				t.Errorf("%v", screen)
			}
		})
	}
}
