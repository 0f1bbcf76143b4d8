package receipt

import (
	"encoding/base64"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// How the times of a stay follow from the edge's, in the driver's favour: an
// entry counts at the latest that it can have been, when that is a minute or
// more, an exit at the edge's time; neither counts after the cloud heard of it,
// which is at most a minute before what a clock that runs ahead says.
const (
	minute   = time.Minute
	ahead    = time.Minute
	anything = 10 * 365 * 24 * time.Hour // the doubt about a time that is not known at all
)

// same compares instants as the database keeps them.
func same(a, b time.Time) bool { return a.Sub(b).Abs() <= time.Microsecond }

// entryClock is the clock by which an entry counted.
func entryClock(e *wire.Event, counted time.Time) Clock {
	if e == nil {
		return Edges
	}
	latest := e.Time()
	if d := doubt(e); d >= minute {
		latest = latest.Add(d)
	}
	switch {
	case e.Uncertainty == wire.Uncertain:
		return Untrusted
	case same(counted, latest):
		return Edges
	case counted.Before(latest) && !counted.Before(e.Time().Add(-ahead)):
		return Heard
	default:
		return Untrusted
	}
}

// exitClock is the clock by which an exit counted. A vehicle does not leave
// before it has come.
func exitClock(e *wire.Event, counted, entered time.Time) Clock {
	if e == nil {
		return Edges
	}
	at := e.Time()
	if at.Before(entered) {
		at = entered
	}
	switch {
	case e.Uncertainty == wire.Uncertain:
		return Untrusted
	case same(counted, at):
		return Edges
	case counted.Before(at) && at.Sub(counted) <= ahead:
		return Heard
	default:
		return Untrusted
	}
}

func doubt(e *wire.Event) time.Duration {
	if e.Uncertainty == wire.Uncertain {
		return anything
	}
	return time.Duration(e.Uncertainty) * time.Millisecond
}

// left is the earliest that the vehicle can have left.
func (s *Stay) left() time.Time {
	switch {
	case s.ExitClock == Untrusted:
		return s.ExitedAt.Add(-anything)
	case s.ExitDoubt == nil:
		return s.ExitedAt
	default:
		return s.ExitedAt.Add(-time.Duration(*s.ExitDoubt) * time.Millisecond)
	}
}

// passages are the entry and the exit among the observations; nil where there is
// none. One whose own time is vague is where a time mark among them places it, as
// it was when it was applied.
func passages(all []Observation, s id.Session) (in, out *wire.Event) {
	var events []wire.Event
	for _, o := range all {
		if e, err := o.decode(); err == nil {
			events = append(events, e)
		}
	}
	wire.Place(events, nil)
	for i := range events {
		e := &events[i]
		if e.Session == s && e.Kind == wire.Entered {
			in = e
		}
		if e.Session == s && e.Kind == wire.Exited {
			out = e
		}
	}
	return in, out
}

func (o Observation) decode() (wire.Event, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(o.Event)
	if err != nil {
		return wire.Event{}, err
	}
	return wire.Unmarshal[wire.Event](raw)
}
