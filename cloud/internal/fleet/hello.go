package fleet

import (
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// Greet decides about a hello: it makes a new journal the parking's current one
// under the next epoch, lets the current one go on, and turns away one that was
// replaced or that has lost what was applied. It returns ErrStale when Current
// is no longer the current journal.
type Greet struct {
	Lot     id.Parking
	Hello   wire.Hello
	Current id.Journal // the parking's journal when Retired was looked up
	Retired bool       // the hello's journal was current once and is not now

	// Set by Apply.
	Verdict wire.Verdict
	Mark    commit.Watermark // with Accepted
}

var _ commit.Op = (*Greet)(nil)

// Parking implements commit.Op.
func (g *Greet) Parking() id.Parking { return g.Lot }

// Prefetch implements commit.Op.
func (g *Greet) Prefetch(r *commit.Rows) { r.Watermark = true }

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
	if m.Journal != g.Current && m.Journal != h.Journal {
		return ErrStale
	}
	switch {
	case m.Journal == h.Journal:
		if !rewound(h, m) {
			g.Verdict = wire.Accepted
			return nil
		}
		g.Verdict = wire.Rewound
		w.Raise(commit.Incident{
			ID: id.New[id.Incident](now), Class: "X10", At: now,
			Detail: "the edge's journal is older than what was applied from it; it starts a new one",
		})
	case g.Retired:
		g.Verdict = wire.Retired
	case h.AckedSeq > 0:
		// It believes in acknowledgements of ours that we know nothing of, and has
		// deleted those events.
		g.Verdict = wire.Rewound
		w.Raise(commit.Incident{
			ID: id.New[id.Incident](now), Class: "X10", At: now,
			Detail: "the edge has acknowledgements for a journal that is not known here; it starts a new one",
		})
	default:
		g.Verdict = wire.Accepted
		m.Journal, m.Epoch, m.Seq, m.Hash = h.Journal, m.Epoch+1, 0, wire.Hash{}
		w.PutWatermark(m)
		g.Mark = *m
	}
	return nil
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
