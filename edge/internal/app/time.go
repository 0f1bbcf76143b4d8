package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/clock"
	"github.com/openlot/openlot/edge/internal/store"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// markAfter is how long nothing happens before a time mark is journalled, and
// markEvery how often that is looked at.
const (
	markAfter = 60 * time.Second
	markEvery = 5 * time.Second
)

// compareEvery is how often the machine's own clocks are looked at, and keepEvery
// how old what is written down of the time may become when nothing is journalled.
const (
	compareEvery = time.Minute
	keepEvery    = 5 * time.Minute
)

// timekeeper is what the uplink knows of the time.
type timekeeper struct {
	rec  *recorder
	edge id.Edge
	log  *slog.Logger
}

// Mono implements uplink.Clock.
func (k *timekeeper) Mono() time.Duration { return k.rec.clock.Mono() }

// Known implements uplink.Clock.
func (k *timekeeper) Known() bool { return k.rec.clock.Now().Source == clock.Signed }

// Answered implements uplink.Clock: it takes in the cloud's time if that is
// signed, and journals a mark if events before could not say when they were.
func (k *timekeeper) Answered(t *wire.Time, asked time.Duration) error {
	if t.Edge != k.edge {
		return wire.ErrMalformed
	}
	if err := k.rec.keys().VerifyDetached(wire.TimePurpose, t.Signed(), t.Signature); err != nil {
		return err
	}
	disputed := k.rec.clock.Now().Disputed
	switch k.rec.clock.Answered(t.ServerTime, asked) {
	case clock.Doubted:
		if !disputed {
			k.log.Warn("the cloud's time contradicts what is known; it must say so for ten minutes", "code", "time_disputed", "cloud", time.UnixMilli(t.ServerTime).UTC(), "known_lo", k.rec.clock.Now().Lo)
		}
	case clock.Overruled:
		k.log.Warn("the cloud's time has replaced what was known", "code", "time_overruled", "now", k.rec.clock.Now().Wall)
	case clock.Agreed:
		if disputed {
			k.log.Info("the cloud's time agrees again with what is known", "code", "time_agreed")
		}
	}
	return k.rec.place()
}

// runTime compares the clocks, writes down what is known, and journals time marks:
// while nothing else happens, so that the cloud knows up to when it has heard
// everything, and as soon as events before can be placed by one.
func (a *Agent) runTime(ctx context.Context) error {
	tick := time.NewTicker(markEvery)
	defer tick.Stop()
	compared := a.rec.clock.Mono()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if now := a.rec.clock.Mono(); now-compared >= compareEvery {
			a.rec.clock.Compare()
			compared = now
		}
		if err := a.tend(); err != nil {
			a.log.Error("what has waited for the store could not be journalled", "err", err)
		}
		err := a.rec.place()
		if err == nil {
			err = a.rec.markTime(markAfter)
		}
		if err == nil {
			err = a.rec.keepTime(keepEvery)
		}
		if err != nil {
			a.log.Error("the time could not be written down", "err", err)
		}
	}
}

// markTime journals that nothing happened, when nothing did for idle and the
// cloud has said what time it is.
func (r *recorder) markTime(idle time.Duration) error {
	if r.clock.Mono()-time.Duration(r.last.Load()) < idle || r.clock.Now().Source != clock.Signed || !r.online() {
		return nil
	}
	return r.mark()
}

// place journals a time mark when there are events that could not say when they
// were, and now it is known.
func (r *recorder) place() error {
	if now := r.clock.Now(); !r.vague.Load() || now.Source != clock.Signed || uncertainty(now) >= wire.Vague {
		return nil
	}
	return r.mark()
}

func (r *recorder) mark() error {
	_, err := r.record(func(*admission.State, admission.Time) []admission.Fact {
		return []admission.Fact{{Event: wire.Event{Kind: wire.TimeMark}}}
	})
	if errors.Is(err, store.ErrNearlyFull) || errors.Is(err, store.ErrFull) {
		err = nil // it says so itself, and this is what it leaves out first
	}
	return errors.Join(err, r.adopt())
}

// keepTime writes down how late it is, when nothing was written for that long.
func (r *recorder) keepTime(old time.Duration) error {
	now := r.clock.Mono()
	if now-time.Duration(max(r.last.Load(), r.kept.Load())) < old {
		return nil
	}
	r.kept.Store(int64(now))
	return r.Touch()
}

// uncertainty is how an estimate's is journalled.
func uncertainty(now clock.Estimate) uint32 {
	if ms := now.Uncertainty.Milliseconds() + 1; now.Uncertainty >= 0 && ms < int64(wire.Uncertain) {
		return uint32(ms)
	}
	return wire.Uncertain
}
