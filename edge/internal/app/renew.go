package app

import (
	"context"
	"errors"
	"time"

	"github.com/openlot/openlot/edge/internal/lane"
	"github.com/openlot/openlot/edge/internal/uplink"
)

// Versions is what the agent asks about its own program; see package update.
type Versions interface {
	Name() string    // that runs
	OnTrial() bool   // it has yet to show that it works
	Confirm() error  // it has
	Staged() string  // waits to be switched to, or ""
	Activate() error // the next start tries it
}

// ErrUnhealthy ends an agent whose version did not become healthy. The next
// start goes back to the version before it.
var ErrUnhealthy = errors.New("the new version did not become healthy; the next start goes back")

// errSwitched ends an agent for a new version's sake.
var errSwitched = errors.New("switched to another version")

// switchAfter is how long no vehicle has been seen before a switch (less, if less
// is enough to keep a version), and trialFactor how many times the time of health a trial may last in all.
const (
	switchAfter = 10 * time.Second
	trialFactor = 6
	renewEvery  = time.Second
)

// runVersions confirms the running version when it has been healthy without a
// break, gives it up when that takes too long, and switches to one that is
// staged when no vehicle is in any lane.
func (a *Agent) runVersions(ctx context.Context) error {
	v := a.cfg.Versions
	if v == nil {
		return nil
	}
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	trial, began := v.OnTrial(), time.Now()
	var healthy, empty time.Time // since when; zero: not now
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := time.Now()
		healthy, empty = since(healthy, a.healthy(), now), since(empty, a.empty(), now)
		switch {
		case trial && !healthy.IsZero() && now.Sub(healthy) >= a.cfg.ConfirmAfter:
			if err := v.Confirm(); err != nil {
				a.log.Error("the version could not be confirmed", "version", v.Name(), "err", err)
				continue
			}
			trial = false
			a.log.Info("the version has shown that it works and is kept", "version", v.Name())
		case trial && a.overdue(now.Sub(began)):
			return ErrUnhealthy
		case !trial && v.Staged() != "" && !empty.IsZero() && now.Sub(empty) >= min(switchAfter, a.cfg.ConfirmAfter):
			a.log.Info("no vehicle is in a lane; switching", "to", v.Staged())
			if err := v.Activate(); err != nil {
				a.log.Error("the new version could not be switched to", "err", err)
				empty = time.Time{} // not again at once
				continue
			}
			return errSwitched
		}
	}
}

// since is when something began that was going on since at, and is, or is not,
// now.
func since(at time.Time, is bool, now time.Time) time.Time {
	switch {
	case !is:
		return time.Time{}
	case at.IsZero():
		return now
	default:
		return at
	}
}

// overdue reports whether a trial has lasted too long. A vehicle in a lane gets as
// much time again, unless no gate can be moved anyway.
func (a *Agent) overdue(lasted time.Duration) bool {
	limit := trialFactor * a.cfg.ConfirmAfter
	return lasted >= 2*limit || lasted >= limit && (!a.movable() || a.empty())
}

// healthy reports whether the agent does all its work: lanes turn, the store
// takes events, the board answers, and the cloud does if there is to be one.
func (a *Agent) healthy() bool {
	return a.Check() == nil && a.linked() && (a.uplink == nil || a.uplink.Link() == uplink.Online)
}

// empty reports whether surely no vehicle is in any lane: a loop that cannot be
// seen may have one on it.
func (a *Agent) empty() bool {
	for _, g := range a.gates {
		if l := g.shown.Load(); l.Phase != lane.Idle || l.Arming != free || l.Safety != free {
			return false
		}
	}
	return true
}
