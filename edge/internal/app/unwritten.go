package app

import (
	"errors"
	"maps"
	"sync"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/store"
	"github.com/openlot/openlot/protocol/wire"
)

// maxUnwritten bounds what is remembered while nothing can be written.
const maxUnwritten = 4096

// unwritten are the exits that have opened while neither the store nor its
// emergency journal could be written. They are journalled, with the time at which
// they happened, once that is possible again; a crash before that loses them.
type unwritten struct {
	mu    sync.Mutex
	facts []admission.Fact // Released
}

// releaseUnwritten decides at an exit though nothing can be written. Whoever has
// been let out like this is not let out again in another's place.
func (r *recorder) releaseUnwritten(req admission.Request) (v admission.Verdict) {
	now, mono := r.clock.Stamp()
	req.Now = admission.Time{Lo: now.Lo, Hi: now.Hi}
	r.unwritten.mu.Lock()
	defer r.unwritten.mu.Unlock()
	r.View(func(s *admission.State) {
		left := *s
		left.Sessions = maps.Clone(s.Sessions)
		for _, f := range r.unwritten.facts {
			delete(left.Sessions, f.Event.Session)
		}
		v = admission.Decide(&left, req)
	})
	if v.Opens() && len(r.unwritten.facts) < maxUnwritten {
		r.unwritten.facts = append(r.unwritten.facts, r.stamp(now, mono, []admission.Fact{v.Fact})...)
	}
	return v
}

// catchUp journals the exits that could not be. Their vehicles are taken to have
// left.
func (r *recorder) catchUp() error {
	r.unwritten.mu.Lock()
	defer r.unwritten.mu.Unlock()
	for len(r.unwritten.facts) > 0 {
		f := r.unwritten.facts[0]
		_, err := r.Store.Record(func(s *admission.State) []admission.Fact {
			ses, there := s.Sessions[f.Event.Session]
			if there && ses.Phase != admission.Inside {
				return nil // it is on its way out, and that is journalled
			}
			out := f
			out.Event.Kind, out.Event.Inferred = wire.Exited, true
			return []admission.Fact{f, out}
		})
		if err != nil {
			return err
		}
		r.unwritten.facts = r.unwritten.facts[1:]
	}
	return nil
}

// left forgets an exit whose end was journalled after all.
func (r *recorder) left(e wire.Event) {
	r.unwritten.mu.Lock()
	defer r.unwritten.mu.Unlock()
	for i, f := range r.unwritten.facts {
		if f.Event.Session == e.Session {
			r.unwritten.facts = append(r.unwritten.facts[:i:i], r.unwritten.facts[i+1:]...)
			return
		}
	}
}

// tend does what has waited for the store, and tells the cloud when it did not
// work.
func (a *Agent) tend() error {
	h := a.rec.Health()
	if h.State == store.Failed {
		a.ailing = true
		return nil
	}
	err := a.rec.catchUp()
	if ailing := h.State != store.Works; ailing != a.ailing && len(a.gates) > 0 {
		// At the level at which faults are not taken only its end is told.
		told := a.rec.fault(a.gates[0].lane.ID, "store_emergency", !ailing)
		if errors.Is(told, store.ErrNearlyFull) || errors.Is(told, store.ErrFull) {
			told = nil
		}
		err = errors.Join(err, told)
		a.ailing = ailing
	}
	return err
}

// rebuiltNote is how a start tells the cloud that the store was damaged.
func rebuiltNote(r *store.Rebuilt) string {
	switch {
	case r == nil:
		return ""
	case len(r.Lost) == 0:
		return "store_rebuilt"
	default:
		return "store_rebuilt_with_loss"
	}
}
