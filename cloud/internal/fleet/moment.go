package fleet

import (
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/protocol/wire"
)

const (
	// tolerance is how far an edge's clock may be ahead of ours unremarked.
	tolerance = time.Minute
	// memory is how old an event's time may be before it is taken for a wrong
	// clock. It is longer than the longest stay that is sold.
	memory = 31 * 24 * time.Hour
	// skew is the doubt about an event's time beyond which it is put on record:
	// from there on it may well count in another quarter.
	skew = 15 * time.Minute
	// anything is the doubt about a time that is not known at all: longer than
	// any stay that is priced.
	anything = 10 * 365 * 24 * time.Hour
)

// moment is when something counts as having happened.
type moment struct {
	at    time.Time     // never after now
	doubt time.Duration // it was at, give or take this much
	wrong bool          // the edge's clock was not to be trusted: at is when the cloud heard of it
}

// when is the moment of an event: by the edge's clock, unless that is not to be
// trusted.
func when(e *wire.Event, now time.Time) moment {
	at := e.Time()
	if e.Uncertainty == wire.Uncertain || at.After(now.Add(tolerance)) || at.Before(now.Add(-memory)) {
		return moment{at: now, doubt: anything, wrong: true}
	}
	m := moment{at: at, doubt: time.Duration(e.Uncertainty) * time.Millisecond}
	if at.After(now) {
		m.at = now
	}
	return m
}

// latest is the latest that it can have been, to the minute by which stays are
// priced: a stay begins there, so that its driver never pays for the doubt.
func (m moment) latest(now time.Time) time.Time {
	if m.doubt < time.Minute {
		return m.at
	}
	if t := m.at.Add(m.doubt); t.Before(now) {
		return t
	}
	return now
}

// doubt puts on record that the time of a passage is not certain (X7). The
// passage counts, and its driver pays for the shortest stay it can have been.
func doubt(w *commit.Work, e *wire.Event, m moment, now time.Time) {
	switch {
	case e.Kind != wire.Entered && e.Kind != wire.Exited:
	case m.wrong:
		raise(w, "X7", e, "the edge's clock was not to be trusted; the time is when the cloud heard of it, and nothing is charged for the doubt", now)
	case m.doubt > skew:
		raise(w, "X7", e, fmt.Sprintf("the time is uncertain by ±%s; the stay is priced at its shortest", m.doubt.Round(time.Second)), now)
	}
}
