package capacity

import (
	"context"
	"slices"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// Store reads what a change of capacity is about, and keeps policies.
type Store interface {
	// Shortage reads in which quarters from the given one on more of a type is
	// claimed than there is, and the reservations with a claim in any of them, as
	// one snapshot.
	Shortage(ctx context.Context, at id.Parking, t id.SpaceType, from timerange.Q) (Deficit, []Candidate, error)
	// Blocks lists the blocks of a parking that are not removed and not over at
	// the quarter, by their begin.
	Blocks(ctx context.Context, at id.Parking, from timerange.Q) ([]commit.Block, error)
	// Block returns a block, nil when there is none.
	Block(ctx context.Context, at id.Parking, i id.Block) (*commit.Block, error)
	// ChangePolicy replaces a parking's policy by what change makes of it, with a row
	// of the history, and seeds the days of a longer horizon. Its faults are
	// parking_not_found, CodeVersionConflict, policy_invalid and those of change; they
	// change nothing, and neither does a preview.
	ChangePolicy(ctx context.Context, e PolicyEdit, change func(parking.Policy) (parking.Policy, error)) (PolicyEdited, error)
	// Preview applies an op to the rows as they stand and commits nothing. It returns
	// what Shortage would after it.
	Preview(ctx context.Context, op commit.Op, t id.SpaceType, now time.Time) (Deficit, []Candidate, error)
}

// PolicyEdit is a change of a parking's policy.
type PolicyEdit struct {
	At      id.Parking
	Today   time.Time // for the days of a longer horizon
	By      parking.Author
	Version int64 // that was looked at; 0: whatever it is
	Preview bool  // change nothing
}

// PolicyEdited is a policy before and after.
type PolicyEdited struct {
	Before, After parking.Policy
	Version       int64 // after it; of a preview, the present one
	Kept          int   // reservations that are sold, have not begun, and keep their terms
	Outside       Outside
}

// Outside are reservations that are kept though they begin or end outside the opening
// hours that a change of them sets: nothing that was sold is taken back.
type Outside struct {
	Count int      // all of them
	Some  []Beyond // the earliest
}

// Beyond is one of them.
type Beyond struct {
	ID           id.Reservation
	Window       timerange.Range
	Begins, Ends bool // while it is closed
}

// MostOutside is how many of them are named.
const MostOutside = 50

// Service changes capacities.
type Service struct {
	Store   Store
	Commits commit.Committer
	Now     func() time.Time
}

// Shortage is what a change left without a place.
type Shortage struct {
	Runs     []Run       // where more is claimed than there is, in order; none: everything fits
	Affected []Candidate // whose end would make it fit again, least harm first
	Unsolved int         // units at the worst moment that would be missing even then: vehicles inside, walk-ins
}

// Run is a stretch of time in which too much is claimed.
type Run struct {
	timerange.Quarters
	Over int16 // units, at its worst
}

// Shortage is what is missing of a type from now on.
func (s *Service) Shortage(ctx context.Context, at id.Parking, t id.SpaceType) (Shortage, error) {
	missing, live, err := s.Store.Shortage(ctx, at, t, timerange.Floor(s.Now()))
	if err != nil {
		return Shortage{}, err
	}
	return shortage(missing, live), nil
}

// shortage is the rule of what is missing, whether it is so or would be.
func shortage(missing Deficit, live []Candidate) Shortage {
	out := Shortage{Runs: missing.runs(), Affected: LeastHarm(missing, live)}
	for q, n := range missing {
		for _, c := range out.Affected {
			if c.Claim.From <= q && q < c.Claim.To {
				n--
			}
		}
		out.Unsolved = max(out.Unsolved, int(n))
	}
	return out
}

// Change changes a capacity and says what it left without a place.
func (s *Service) Change(ctx context.Context, c *Change) (Shortage, error) {
	if _, err := s.Commits.Commit(ctx, c); err != nil {
		return Shortage{}, err
	}
	return s.Shortage(ctx, c.In, c.SpaceType)
}

// Preview says what Change would, and changes nothing.
func (s *Service) Preview(ctx context.Context, c *Change) (Shortage, error) {
	return s.preview(ctx, c, c.SpaceType)
}

// PreviewBlock says what Block would, and changes nothing.
func (s *Service) PreviewBlock(ctx context.Context, b *Block) (Shortage, error) {
	if b.ID.IsZero() {
		b.ID = id.New[id.Block](s.Now())
	}
	return s.preview(ctx, b, b.SpaceType)
}

func (s *Service) preview(ctx context.Context, op commit.Op, t id.SpaceType) (Shortage, error) {
	missing, live, err := s.Store.Preview(ctx, op, t, s.Now())
	if err != nil {
		return Shortage{}, err
	}
	return shortage(missing, live), nil
}

// Block takes bays out of use and says what that left without a place. The
// block gets an id when it has none.
func (s *Service) Block(ctx context.Context, b *Block) (Shortage, error) {
	if b.ID.IsZero() {
		b.ID = id.New[id.Block](s.Now())
	}
	if _, err := s.Commits.Commit(ctx, b); err != nil {
		return Shortage{}, err
	}
	return s.Shortage(ctx, b.In, b.SpaceType)
}

// Unblock puts the bays of a block back into use. A block that was removed
// before is a fault of CodeBlockRemoved.
func (s *Service) Unblock(ctx context.Context, at id.Parking, i id.Block, by parking.Author) (commit.Block, error) {
	known, err := s.Store.Block(ctx, at, i)
	if err != nil {
		return commit.Block{}, err
	}
	op := &Unblock{In: at, ID: i, Known: known, By: by}
	if _, err := s.Commits.Commit(ctx, op); err != nil {
		return commit.Block{}, err
	}
	if op.Already {
		return op.After, fault.Newf(fault.Conflict, CodeBlockRemoved, "The block was removed already, at %s.", op.After.RemovedAt.UTC().Format(time.RFC3339))
	}
	return op.After, nil
}

// runs joins the quarters that follow one another.
func (d Deficit) runs() []Run {
	quarters := make([]timerange.Q, 0, len(d))
	for q, n := range d {
		if n > 0 {
			quarters = append(quarters, q)
		}
	}
	slices.Sort(quarters)
	var out []Run
	for _, q := range quarters {
		if n := len(out); n > 0 && out[n-1].To == q {
			out[n-1].To, out[n-1].Over = q+1, max(out[n-1].Over, d[q])
			continue
		}
		out = append(out, Run{timerange.Quarters{From: q, To: q + 1}, d[q]})
	}
	return out
}
