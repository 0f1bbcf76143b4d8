package fleet

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// Greet decides about a hello: it makes a new journal the parking's current one
// under the next epoch, lets the current one go on, and turns away one that was
// replaced or that has lost what was applied. It returns ErrStale when what
// Standing says is no longer so.
//
// A journal that takes the place of another is an incident (X10), whoever found
// that the two sides do not fit: an edge that is turned away, or that finds it
// by itself, begins a new journal and says hello with it.
type Greet struct {
	Lot      id.Parking
	Hello    wire.Hello
	Standing Standing // as it was looked up for the hello's journal

	// Set by Apply.
	Verdict wire.Verdict
	Mark    commit.Watermark // with Accepted
}

var _ commit.Op = (*Greet)(nil)

// Parking implements commit.Op.
func (g *Greet) Parking() id.Parking { return g.Lot }

// Prefetch implements commit.Op.
func (g *Greet) Prefetch(r *commit.Rows) {
	r.Watermark = true
	if g.Standing.Journal != g.Hello.Journal {
		r.Allotments, r.Sessions = true, append(r.Sessions, g.Standing.Lent...)
	}
}

// Apply implements commit.Op.
func (g *Greet) Apply(w *commit.Work, now time.Time) error {
	m, err := w.Watermark()
	if err != nil {
		return err
	}
	if m == nil {
		m = &commit.Watermark{}
	}
	h := &g.Hello
	g.Mark = *m
	if m.Journal != g.Standing.Journal && m.Journal != h.Journal {
		return ErrStale
	}
	switch {
	case m.Journal == h.Journal:
		g.Verdict = wire.Accepted
		if rewound(h, m) {
			g.Verdict = wire.Rewound
		}
	case g.Standing.Retired:
		g.Verdict = wire.Retired
	case h.AckedSeq > 0:
		// It believes in acknowledgements of ours that we know nothing of, and has
		// deleted those events.
		g.Verdict = wire.Rewound
		if m.Epoch == 0 {
			w.Raise(commit.Incident{
				ID: id.New[id.Incident](now), Class: "X10", At: now,
				Detail: "the edge has acknowledgements for a journal, and none is known here; it starts a new one",
			})
		}
	default:
		if err := g.replace(w, m, now); err != nil {
			return err
		}
		g.Verdict = wire.Accepted
		m.Journal, m.Epoch, m.Seq, m.Hash = h.Journal, m.Epoch+1, 0, wire.Hash{}
		w.PutWatermark(m)
		g.Mark = *m
	}
	return nil
}

// replace settles what hung on the journal before. The walk-ins that stood on
// the allotment stand on claims of their own from now on: whether the edge still
// knows of them or is a new one with an empty memory, it may admit as many as
// it is granted, and they are not among those.
func (g *Greet) replace(w *commit.Work, m *commit.Watermark, now time.Time) error {
	if m.Epoch == 0 {
		return nil
	}
	if g.Standing.Inside.At != markOf(m) {
		return ErrStale // the walk-ins inside are others
	}
	if _, err := ownClaims(w, g.Standing.Lent); err != nil {
		return err
	}
	w.Raise(commit.Incident{
		ID: id.New[id.Incident](now), Class: "X10", At: now,
		Detail: fmt.Sprintf("the edge has begun a new journal after event %d of its last was applied: its memory did not fit, or it is a new edge; "+
			"what it had not told and lost with its memory is not known", m.Seq),
	})
	return nil
}

// ownClaims makes the walk-ins of those stays that are inside on an allotment
// stand on claims of their own, which the allotment gives up. It returns how
// many they are.
func ownClaims(w *commit.Work, lent []id.Session) (int, error) {
	n := 0
	moved := map[id.SpaceType]bool{}
	for _, i := range lent {
		s, err := w.Session(i)
		if err != nil {
			return n, err
		}
		if s == nil || !s.Allotted {
			continue
		}
		if s.State == session.Presumed { // the edge that counted it counts no more
			s.Allotted = false
			w.PutSession(s)
			continue
		}
		al, err := w.Allotment(s.SpaceType)
		if err != nil {
			return n, err
		}
		if al == nil || al.Units == 0 {
			continue
		}
		s.Allotted, s.ClaimTo = false, al.Until
		w.PutSession(s)
		w.Emit(feed.ClaimExtended, feed.Body{Session: tell(s, s.EnteredAt)})
		al.Units--
		al.Granted = min(al.Granted, al.Units)
		w.PutAllotment(al)
		moved[s.SpaceType] = true
		n++
	}
	for _, t := range slices.Sorted(maps.Keys(moved)) {
		al, err := w.Allotment(t)
		if err != nil {
			return n, err
		}
		emitAllotment(w, al, true)
	}
	return n, nil
}

// rewound reports whether the journal lacks events that were applied from it,
// or holds others in their place.
func rewound(h *wire.Hello, m *commit.Watermark) bool {
	return h.LastSeq < m.Seq || h.AckedSeq > m.Seq || (h.AckedSeq == m.Seq && h.AckedHash != m.Hash)
}

// Link tells whether the edge's lease runs. It is kept in the feed only: who
// has not heard that an edge is live takes it for unknown.
type Link struct {
	Lot   id.Parking
	Live  bool
	Since time.Time
}

var _ commit.Op = (*Link)(nil)

// Parking implements commit.Op.
func (l *Link) Parking() id.Parking { return l.Lot }

// Prefetch implements commit.Op.
func (l *Link) Prefetch(*commit.Rows) {}

// Apply implements commit.Op.
func (l *Link) Apply(w *commit.Work, _ time.Time) error {
	w.Emit(feed.EdgeLink, feed.Body{Link: &feed.Link{Live: l.Live, Since: l.Since}})
	return nil
}
