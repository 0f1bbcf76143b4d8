package app

import (
	"context"
	"errors"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/kiosk"
	"github.com/openlot/openlot/edge/internal/pin"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/wire"
)

// KioskStaff is somebody who can unlock a kiosk's screen.
type KioskStaff struct {
	Name string
	PIN  pin.Hash
}

// isStaff reports whether a PIN is that of a name. It takes as long for a name that
// nobody has, and looks at one PIN after the other: the loop that asks is the only one.
func (k *takings) isStaff(name, typed string) bool {
	hash, known := k.cfg.Staff[0].PIN, false
	for _, s := range k.cfg.Staff {
		if s.Name == name {
			hash, known = s.PIN, true
		}
	}
	return hash.Is(typed) && known
}

// seenCall is that somebody far away has seen a call for help.
type seenCall struct {
	order *wire.Order
	done  chan error
}

// answerCall has the machine take an order of the cloud, and waits for it.
func (k *takings) answerCall(ctx context.Context, from *wire.Order) error {
	c := seenCall{from, make(chan error, 1)}
	select {
	case k.seen <- c:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// notice takes an order to the machine as a lane takes one: once, in time, and with its
// answer in the journal.
func (k *takings) notice(c seenCall) {
	err := notNow(CodeNotNow, "The machine is stopped.")
	if k.stopped() {
		k.a.turnAway(c.order, CodeNotNow)
	} else {
		k.survives(func() {
			err = k.noticed(c)
			k.show()
		})
	}
	c.done <- err
}

func (k *takings) noticed(c seenCall) error {
	var late error
	k.a.rec.View(func(s *admission.State) {
		now := k.a.rec.now()
		if late = untimely(admission.InTime(c.order.NotAfter, now)); s.Had(c.order.ID) || s.OrderFull(now) {
			late = errHad
		}
	})
	r := refusal{}
	switch {
	case errors.As(late, &r):
		k.a.turnAway(c.order, r.why)
	case late == nil && k.step(kiosk.Input{Notice: &kiosk.Notice{Order: *c.order}}) != "":
		late = fault.New(fault.Unavailable, "journal", "The order could not be written down, so it is not carried out.")
	}
	return late
}

// ofKiosk reports whether an order is for the machine that takes money.
func (a *Agent) ofKiosk(o *wire.Order) bool {
	return a.kiosk != nil && o.Lane == a.kiosk.cfg.ID && o.Command == wire.CommandNotice
}
