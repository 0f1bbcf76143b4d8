package app

import (
	"slices"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/kiosk"
	"github.com/openlot/openlot/protocol/wire"
)

// settings are what is to be in force at the machine: its file, and over it what the owner
// has set. What it cannot be is left out, and it stays as it was.
func (k *takings) settings() (want *kiosk.Settings, unusable bool) {
	base := kiosk.Settings{Label: k.cfg.Label, Languages: k.cfg.Languages, Help: k.cfg.Help, Shifts: k.cfg.Shifts}
	var set wire.MachineSetting
	k.a.rec.View(func(s *admission.State) {
		if i := slices.IndexFunc(s.Policy.Machines, func(m wire.MachineSetting) bool { return m.Machine == k.cfg.ID }); i >= 0 {
			set = s.Policy.Machines[i]
		}
	})
	out, ok := base.With(set, len(k.cfg.Staff) > 0)
	switch {
	case ok:
		return &out, false
	case k.m.Set != nil:
		return k.m.Set, true
	}
	return &base, true
}

// tell has beats say how the machine is set.
func (k *takings) tell() {
	var now *wire.MachineStatus
	if !k.stopped() {
		in := k.m.In()
		now = &wire.MachineStatus{Set: in.Wire(k.cfg.ID, k.cfg.Lane != "")}
		switch want, unusable := k.settings(); {
		case unusable:
			now.Held = wire.HeldUnusable
		case !in.Equal(*want):
			now.Held = wire.HeldVisit
		}
	}
	k.mu.Lock()
	before := k.status
	k.status = now
	k.mu.Unlock()
	if (before == nil) == (now == nil) && (now == nil || *before == *now) {
		return
	}
	if now != nil && now.Held == wire.HeldUnusable {
		k.log.Warn("what the owner has set of the machine cannot be here: it stays as it was")
	}
	if k.beat != nil {
		k.beat()
	}
}

// statuses are how the machine is set, for a beat; nothing while it is stopped.
func (k *takings) statuses() []wire.MachineStatus {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.status == nil {
		return nil
	}
	return []wire.MachineStatus{*k.status}
}
