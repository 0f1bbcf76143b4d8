package replay

import (
	"context"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// CodeEdge is the fault of a parking that has an edge, which tells what happens there.
const CodeEdge = "edge_in_use"

// What is told at once: so few entries that the allotment, which grows between batches,
// has room for them, and no more than so many events.
const (
	perBatch     = 64
	entriesAtOne = 4
)

// Standings say how far a parking's journal was applied.
type Standings interface {
	Standing(ctx context.Context, p id.Parking, asked id.Journal) (fleet.Standing, error)
}

// Edge tells a journal as an edge does, without the broker in between.
type Edge struct {
	Parking   id.Parking
	Committer commit.Committer // by whose clock the allotment is claimed: the present
	Standings Standings
	// Events applies what is told, by the clock that At sets to when the newest of it
	// happened: a cloud that hears of something a month later takes the edge's clock for
	// wrong, and books money on the day on which it hears of it. Nil: Committer does.
	Events commit.Committer
	At     func(time.Time)
}

// Tell tells what the cloud has not applied of a journal, up to a time, and returns how
// many events that was. What is left may be told later: that is an edge which was away.
func (e Edge) Tell(ctx context.Context, j Journal, until time.Time) (int, error) {
	standing, err := e.Standings.Standing(ctx, e.Parking, j.ID)
	if err != nil {
		return 0, err
	}
	if !standing.Journal.IsZero() && standing.Journal != j.ID {
		return 0, fault.New(fault.Conflict, CodeEdge, "This parking has a journal already: its edge tells what happens there. Replay into a parking without one.")
	}
	greet := &fleet.Greet{Lot: e.Parking, Hello: wire.Hello{Journal: j.ID}, Standing: standing}
	if standing.Journal == j.ID {
		greet.Hello.AckedSeq = standing.Inside.At.Seq
	}
	if _, err := e.Committer.Commit(ctx, greet); err != nil {
		return 0, err
	}
	if standing, err = e.Standings.Standing(ctx, e.Parking, j.ID); err != nil {
		return 0, err
	}
	inside, told := standing.Inside, 0
	for int(inside.At.Seq) < len(j.Events) {
		if _, err := e.Committer.Commit(ctx, &fleet.Allot{Lot: e.Parking, Inside: inside}); err != nil {
			return told, err
		}
		batch := &fleet.ApplyEvents{Lot: e.Parking, Journal: j.ID, Epoch: inside.At.Epoch, Inside: inside}
		entries := 0
		for _, event := range j.Events[inside.At.Seq:min(int(inside.At.Seq)+perBatch, len(j.Events))] {
			if event.Kind == wire.Entered {
				entries++
			}
			if event.Time().After(until) || entries > entriesAtOne {
				break
			}
			raw, err := wire.Marshal(&event)
			if err != nil {
				return told, err
			}
			batch.Events, batch.Raw = append(batch.Events, event), append(batch.Raw, raw)
		}
		if len(batch.Events) == 0 {
			break
		}
		by := e.Committer
		if e.Events != nil {
			by = e.Events
			e.At(batch.Events[len(batch.Events)-1].Time())
		}
		if _, err := by.Commit(ctx, batch); err != nil {
			return told, err
		}
		inside, told = batch.After, told+batch.Applied
	}
	return told, nil
}
