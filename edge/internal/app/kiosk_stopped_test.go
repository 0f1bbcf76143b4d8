package app

import (
	"sync/atomic"
	"testing"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/kiosk"
)

// What a kiosk has kept and this program cannot read stops the kiosk only: the gates work,
// and it is kept as it is for a program that can.
func TestAKioskThatCannotReadWhatItKeptStopsNoGate(t *testing.T) {
	t.Parallel()
	k := newKiosk(t, 5)
	machine := k.kiosk
	k.kiosk = nil
	k.start(true)
	const kept = `{"version":7,"phase":{"of":"a newer program"}}`
	_, err := k.agent.rec.record(func(*admission.State, admission.Time) []admission.Fact {
		return []admission.Fact{{Machine: []byte(kept)}}
	})
	k.site.must(err)
	k.stop()
	k.kiosk = machine
	k.start(false)
	k.screen("stopped", "", "")
	if code := k.do(`"action":"search","by":"plate"`); code != string(kiosk.StoreFailed) {
		t.Errorf("a tap is answered with %q", code)
	}
	k.walkIn()
	k.stop() // says when the agent has ended with an error
	k.start(false)
	k.agent.rec.View(func(s *admission.State) {
		if string(s.Machine) != kept {
			t.Errorf("it was changed to %s", s.Machine)
		}
	})
}

// buggy is a cash device whose driver has a bug.
type buggy struct {
	KioskDevice[kiosk.Cash]
	now atomic.Bool
}

func (b *buggy) Report() kiosk.Cash {
	if b.now.Load() {
		panic("a bug")
	}
	return b.KioskDevice.Report()
}

// A bug in the kiosk stops it for as long as it is met, and no gate.
func TestABugInTheKioskStopsNoGate(t *testing.T) {
	t.Parallel()
	k := newKiosk(t, 5)
	bug := &buggy{KioskDevice: k.kiosk.Cash}
	k.kiosk.Cash = bug
	k.start(true)
	k.screen("start", "", "")
	bug.now.Store(true)
	k.screen("stopped", "", "")
	if code := k.do(`"action":"search","by":"plate"`); code != string(kiosk.StoreFailed) {
		t.Errorf("a tap is answered with %q", code)
	}
	k.walkIn()
	bug.now.Store(false)
	k.screen("start", "", "")
}
