package schedule_test

import (
	"errors"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// An edge that an operator has called dead watched no longer than it told: who
// was to come after that is no no-show, and does not wait for ever either.
func TestWhatARetiredEdgeDidNotSeeElapses(t *testing.T) {
	w := newTown(t, "burnt", "away")
	start := w.now()
	before := start.Add(-time.Hour)
	seen := w.reserve("burnt", 3*time.Hour)
	w.edge("burnt", before, start)
	w.edge("away", before, start)
	w.move(start.Add(time.Hour))
	unseen, away := w.reserve("burnt", 3*time.Hour), w.reserve("away", 3*time.Hour)
	w.edge("burnt", before, start.Add(2*time.Hour)) // past the first one's deadline, not the second's
	w.move(start.Add(2*time.Hour + 10*time.Minute))

	r := &fleet.Retirement{Store: w.db, Committer: w.sell.Commits}
	if _, err := r.Retire(t.Context(), "burnt", "fire"); !errors.Is(err, fleet.ErrEdgeAlive) {
		t.Fatalf("heard of ten minutes ago: %v", err)
	}
	w.move(start.Add(2*time.Hour + 20*time.Minute))
	if _, err := r.Retire(t.Context(), "burnt", "fire"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Retire(t.Context(), "burnt", "fire"); !errors.Is(err, fleet.ErrNoEdge) {
		t.Errorf("retired again: %v", err)
	}
	w.move(start.Add(4*time.Hour + 15*time.Minute))
	if err := w.tick(); err != nil {
		t.Fatal(err)
	}
	w.expect("what it saw", seen, reservation.NoShow, payment.CaptureRequested)
	w.expect("what it did not see", unseen, reservation.Completed, payment.CaptureRequested)
	w.expect("an edge that is only away", away, reservation.Confirmed, payment.Authorized)
}

// A second edge can burn, too.
func TestEveryEdgeOfAParkingCanBeRetired(t *testing.T) {
	w := newTown(t, "burnt")
	r := &fleet.Retirement{Store: w.db, Committer: w.sell.Commits}
	for epoch := uint32(1); epoch < 6; epoch += 2 {
		j := id.New[id.Journal](w.now())
		s, err := w.db.Standing(t.Context(), "burnt", j)
		if err != nil {
			t.Fatal(err)
		}
		hello := &fleet.Greet{Lot: "burnt", Standing: s, Hello: wire.Hello{Edge: id.New[id.Edge](w.now()), Journal: j, Boot: id.New[id.Boot](w.now())}}
		if _, err := w.sell.Commits.Commit(t.Context(), hello); err != nil || hello.Verdict != wire.Accepted || hello.Mark.Epoch != epoch {
			t.Fatalf("%s, epoch %d, %v", hello.Verdict, hello.Mark.Epoch, err)
		}
		if _, err := r.Retire(t.Context(), "burnt", "fire"); err != nil {
			t.Fatal(err)
		}
		if s, err = w.db.Standing(t.Context(), "burnt", j); err != nil || !s.Retired || !s.Journal.IsZero() {
			t.Fatalf("epoch %d: %+v, %v", epoch, s, err)
		}
	}
}
