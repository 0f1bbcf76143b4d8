package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

const (
	// ClassRetired is the class of incident that puts an operator's word on record
	// that an edge is dead.
	ClassRetired = "edge_retired"
	// silence is how long an edge must not have been heard of before it can be
	// called dead: one that works marks the time more often than this.
	silence = 15 * time.Minute
	// maxReason bounds the reason, in bytes.
	maxReason = 200
)

// Refusals of Retire. Nothing is changed by a refused one.
var (
	ErrNoEdge    = fault.New(fault.NotFound, "edge_unknown", "No edge is in use in this parking: none has said hello, or it was retired already.")
	ErrEdgeAlive = fault.New(fault.Conflict, "edge_alive", "The edge was heard of within the last 15 minutes. Switch it off first: what it may admit is sold to others as soon as it is retired.")
	ErrReason    = fault.New(fault.Invalid, "reason_invalid", "Say why, in at most 200 characters on one line.")
)

// Retire is an operator's word that a parking's edge will not be heard of again.
// It is the only thing beside the edge's own adoption that gives back what was
// lent: the allotments are released, the walk-ins inside stand on claims of their
// own, and the journal is not current any more. An edge that speaks in it after
// all is told to begin another, so that what it saw is not lost.
//
// Its errors are ErrNoEdge, ErrEdgeAlive, ErrReason and ErrStale.
type Retire struct {
	Lot      id.Parking
	Reason   string
	Standing Standing // as it was looked up, for the zero journal

	// Set by Apply.
	Released int // units that are free again
	Moved    int // walk-ins inside that stand on claims of their own
}

var _ commit.Op = (*Retire)(nil)

// Parking implements commit.Op.
func (r *Retire) Parking() id.Parking { return r.Lot }

// Prefetch implements commit.Op.
func (r *Retire) Prefetch(rows *commit.Rows) {
	rows.Watermark, rows.Allotments = true, true
	rows.Sessions = append(rows.Sessions, r.Standing.Lent...)
}

// Apply implements commit.Op.
func (r *Retire) Apply(w *commit.Work, now time.Time) error {
	if strings.TrimSpace(r.Reason) == "" || len(r.Reason) > maxReason || !utf8.ValidString(r.Reason) || strings.ContainsFunc(r.Reason, isControl) {
		return ErrReason
	}
	m, err := w.Watermark()
	switch {
	case err != nil:
		return err
	case m != nil && !m.InUse() && !r.Standing.Journal.IsZero() && r.Standing.Inside.At == (Mark{m.Epoch - 1, m.Seq}):
		return nil // done since it was looked up: the answer was lost
	case !m.InUse():
		return ErrNoEdge
	case r.Standing.Inside.At != markOf(m) || r.Standing.Journal != m.Journal:
		return ErrStale
	case now.Sub(m.TrustedLo) < silence:
		return ErrEdgeAlive
	}
	if r.Moved, err = ownClaims(w, r.Standing.Lent); err != nil {
		return err
	}
	r.Released = 0
	current := timerange.Floor(now)
	for _, t := range w.Parking.SpaceTypes {
		al, err := w.Allotment(t.ID)
		if err != nil {
			return err
		}
		if al == nil || al.Units == 0 {
			continue
		}
		if run := (timerange.Quarters{From: current, To: al.Until}); run.From < run.To {
			if err := w.Release(t.ID, run, al.Units); err != nil {
				return err
			}
		}
		r.Released += int(al.Units)
		al.Units, al.Granted = 0, 0
		w.PutAllotment(al)
		emitAllotment(w, al, true)
	}
	last := "nothing"
	if m.Seq > 0 {
		last = fmt.Sprintf("event %d", m.Seq)
	}
	m.Journal, m.Epoch = id.Journal{}, m.Epoch+1
	w.PutWatermark(m)
	w.Raise(commit.Incident{
		ID: id.New[id.Incident](now), Class: ClassRetired, At: now,
		Detail: fmt.Sprintf("the operator says that the edge is dead: %s; %s was the last that it told, %d units for walk-ins were released, %d walk-ins inside keep their places",
			r.Reason, last, r.Released, r.Moved),
	})
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// Retirement retires edges.
type Retirement struct {
	Store     KeeperStore
	Committer commit.Committer
}

// Retire retires the edge of a parking; see the op of that name.
func (r *Retirement) Retire(ctx context.Context, at id.Parking, reason string) (*Retire, error) {
	for range staleTries {
		s, err := r.Store.Standing(ctx, at, id.Journal{})
		if err != nil {
			return nil, err
		}
		op := &Retire{Lot: at, Reason: reason, Standing: s}
		if _, err = r.Committer.Commit(ctx, op); !errors.Is(err, ErrStale) {
			return op, err
		}
	}
	return nil, ErrStale
}
