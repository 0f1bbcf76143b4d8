package soak

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// edge is the edge of one parking: it journals what it sees into a file, then
// sends it, in order. After a kill it reads the file again and goes on where the
// cloud stands.
type edge struct {
	place place
	boot  id.Boot
	path  string // of the journal

	mu     sync.Mutex
	file   *os.File
	header header
	epoch  uint32
	events []wire.Event
	raw    [][]byte
	acked  uint64
	inside fleet.Inside // as of acked
	stays  []stay       // inside
	silent time.Time    // since when it is dead; zero: it works
}

// stay is a vehicle inside, as its edge knows it.
type stay struct {
	Session     id.Session
	Reservation id.Reservation
	Kind        id.SpaceType
}

// openEdge makes an edge of what its file says.
func (w *worker) openEdge(p place) (*edge, error) {
	e := &edge{place: p, boot: id.New[id.Boot](w.Clock.now()), path: filepath.Join(w.Dir, string(p.ID)+".journal")}
	return e, e.read(w.Clock.now())
}

// resume says hello, and sends what the cloud has not got.
func (e *edge) resume(ctx context.Context, w *worker) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.silent.IsZero() {
		return nil
	}
	if err := e.greet(ctx, w); err != nil {
		return err
	}
	if err := e.send(ctx, w); !errors.Is(err, errIdle) {
		return err
	}
	return nil
}

// greet says hello and finds where the cloud stands.
func (e *edge) greet(ctx context.Context, w *worker) error {
	const tries = 10
	for range tries {
		standing, err := w.db.Standing(ctx, e.place.ID, e.header.Journal)
		if err != nil {
			return err
		}
		hello := &fleet.Greet{Lot: e.place.ID, Standing: standing, Hello: wire.Hello{
			Edge: id.New[id.Edge](w.Clock.now()), Journal: e.header.Journal, Boot: e.boot, LastSeq: uint64(len(e.events)), Software: "soak",
		}}
		switch _, err := w.commit(ctx, hello); {
		case errors.Is(err, fleet.ErrStale):
			continue
		case err != nil:
			return err
		case hello.Verdict != wire.Accepted:
			return fmt.Errorf("the cloud says %s to journal %s with %d events", hello.Verdict, e.header.Journal, len(e.events))
		}
		e.epoch = hello.Mark.Epoch
		return e.stand(ctx, w)
	}
	return fmt.Errorf("%s: stale %d times", e.place.ID, tries)
}

// stand asks where the cloud stands.
func (e *edge) stand(ctx context.Context, w *worker) error {
	s, err := w.db.Standing(ctx, e.place.ID, e.header.Journal)
	if err != nil {
		return err
	}
	if s.Inside.At.Seq > uint64(len(e.events)) {
		return fmt.Errorf("%s: the cloud has applied %d events of %d", e.place.ID, s.Inside.At.Seq, len(e.events))
	}
	e.inside, e.acked = s.Inside, s.Inside.At.Seq
	return nil
}

// send sends what the cloud has not applied yet, sometimes together with what it
// has, and sometimes twice.
func (e *edge) send(ctx context.Context, w *worker) error {
	const tries, most, overlap = 10, 64, 3
	for range tries {
		if e.acked == uint64(len(e.events)) {
			return nil
		}
		first := e.acked
		if first%5 == 0 {
			first -= min(first, overlap)
		}
		last := min(uint64(len(e.events)), first+most)
		op := &fleet.ApplyEvents{
			Lot: e.place.ID, Journal: e.header.Journal, Epoch: e.epoch,
			Events: e.events[first:last], Raw: e.raw[first:last], Inside: e.inside,
		}
		_, err := w.commit(ctx, op)
		if errors.Is(err, fleet.ErrStale) || errors.Is(err, fleet.ErrGap) {
			if err := e.stand(ctx, w); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if op.Applied == 0 { // an earlier try was applied after all
			if err := e.stand(ctx, w); err != nil {
				return err
			}
			continue
		}
		e.acked, e.inside = op.Mark.Seq, op.After
		if last%7 == 0 {
			twice := *op
			if _, err := w.commit(ctx, &twice); err != nil || twice.Applied != 0 {
				return fmt.Errorf("%s: events up to %d sent again: %d applied: %w", e.place.ID, last, twice.Applied, err)
			}
		}
	}
	if e.acked < uint64(len(e.events)) {
		return errIdle // contended; they go with the next
	}
	return nil
}

// pass journals events and sends them, and is the note about the last one.
func (e *edge) pass(ctx context.Context, w *worker, s stay, kind wire.EventKind) (note, error) {
	lane, state, reason := id.Lane("entry-1"), "", wire.AdmitReservation
	if kind == wire.Exited {
		lane, state = "exit-1", "left"
	}
	if s.Reservation.IsZero() {
		reason = wire.AdmitWalkin
	}
	v := wire.Event{Kind: kind, Lane: lane, Session: s.Session, Reservation: s.Reservation, SpaceType: s.Kind, Reason: reason}
	n := note{parking: string(e.place.ID), row: sessionRow, id: s.Session.UUID(), state: state}
	if err := e.see(w, v); err != nil {
		return n, err
	}
	return n, e.send(ctx, w)
}

// adopt takes up the allotments as they are.
func (e *edge) adopt(ctx context.Context, w *worker) error {
	lent, err := w.allotments(ctx, e.place.ID)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.silent.IsZero() {
		return nil
	}
	if e.epoch == 0 { // its hello was not answered
		if err := e.greet(ctx, w); err != nil {
			return err
		}
	}
	for _, a := range lent {
		v := wire.Event{Kind: wire.AllotmentAdopted, SpaceType: a.SpaceType, Version: uint64(a.Version), Units: uint16(max(a.Granted, 0))}
		if err := e.see(w, v); err != nil {
			return err
		}
	}
	err = e.send(ctx, w)
	if !errors.Is(err, errIdle) {
		n := note{op: "adopt", parking: string(e.place.ID), row: watermarkRow, version: int64(e.acked)}
		binary.BigEndian.PutUint32(n.id[:], e.epoch)
		w.tell(n, err)
	}
	return nil
}

// works reports whether the edge lives and the cloud has heard of its journal.
func (e *edge) works() bool { return e.silent.IsZero() && e.epoch != 0 }

// full keeps the number of vehicles near what a parking holds.
func (e *edge) full() bool { return len(e.stays) > e.place.Capacity()*3/4 }

func (w *worker) anEdge(rnd *rand.Rand) (*edge, error) {
	if len(w.edges) == 0 {
		return nil, errIdle
	}
	return w.edges[rnd.IntN(len(w.edges))], nil
}

// arrive lets a vehicle in on a reservation, now and then on one that is over.
func arrive(ctx context.Context, w *worker, rnd *rand.Rand) (note, error) {
	e, err := w.anEdge(rnd)
	if err != nil {
		return note{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	w.pool.mu.Lock()
	due := w.pool.due[e.place.ID]
	t, ok := take(&due, rnd)
	w.pool.due[e.place.ID] = due
	if rnd.IntN(50) == 0 {
		for _, x := range w.pool.ended {
			if x.in == e.place.ID {
				t, ok = x, true
			}
		}
	}
	w.pool.mu.Unlock()
	if !ok || e.full() || !e.works() {
		return note{}, errIdle
	}
	return e.pass(ctx, w, stay{id.New[id.Session](w.Clock.now()), t.id, id.Standard}, wire.Entered)
}

// walkIn lets a vehicle in without a reservation, sometimes although there is no
// unit of the allotment left for it.
func walkIn(ctx context.Context, w *worker, rnd *rand.Rand) (note, error) {
	e, err := w.anEdge(rnd)
	if err != nil {
		return note{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.full() || !e.works() {
		return note{}, errIdle
	}
	return e.pass(ctx, w, stay{Session: id.New[id.Session](w.Clock.now()), Kind: id.Standard}, wire.Entered)
}

// leave lets a vehicle out, now and then one that nobody saw come in.
func leave(ctx context.Context, w *worker, rnd *rand.Rand) (note, error) {
	e, err := w.anEdge(rnd)
	if err != nil {
		return note{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.works() {
		return note{}, errIdle
	}
	if rnd.IntN(200) == 0 {
		return e.pass(ctx, w, stay{Session: id.New[id.Session](w.Clock.now()), Kind: id.Standard}, wire.Exited)
	}
	if len(e.stays) == 0 {
		return note{}, errIdle
	}
	return e.pass(ctx, w, e.stays[rnd.IntN(len(e.stays))], wire.Exited)
}
