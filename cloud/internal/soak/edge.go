package soak

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"

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

	mu      sync.Mutex
	file    *os.File
	journal id.Journal
	epoch   uint32
	events  []wire.Event
	raw     [][]byte
	acked   uint64
	inside  fleet.Inside // as of acked
	stays   []stay       // inside
}

// stay is a vehicle inside, as its edge knows it.
type stay struct {
	session     id.Session
	reservation id.Reservation
	kind        id.SpaceType
}

func (w *worker) openEdge(ctx context.Context, p place) (*edge, error) {
	e := &edge{place: p, boot: id.New[id.Boot](w.Clock.now())}
	if err := e.read(filepath.Join(w.Dir, string(p.ID)+".journal"), w.Clock); err != nil {
		return nil, err
	}
	standing, err := w.db.Standing(ctx, p.ID, e.journal)
	if err != nil {
		return nil, err
	}
	hello := &fleet.Greet{Lot: p.ID, Current: standing.Journal, Retired: standing.Retired, Hello: wire.Hello{
		Edge: id.New[id.Edge](w.Clock.now()), Journal: e.journal, Boot: e.boot, LastSeq: uint64(len(e.events)), Software: "soak",
	}}
	if _, err := w.commit(ctx, hello); err != nil {
		return nil, err
	}
	if hello.Verdict != wire.Accepted {
		return nil, fmt.Errorf("the cloud says %s to journal %s with %d events", hello.Verdict, e.journal, len(e.events))
	}
	e.epoch = hello.Mark.Epoch
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.stand(ctx, w); err != nil {
		return nil, err
	}
	return e, e.send(ctx, w)
}

// read reads the journal, or begins one. Its first line is its id, every other
// one an event.
func (e *edge) read(path string, c clock) error {
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if e.file, err = os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	// What a kill cut off was never sent: the rest of the line is not there.
	whole := content[:bytes.LastIndexByte(content, '\n')+1]
	if err := e.file.Truncate(int64(len(whole))); err != nil {
		return err
	}
	lines := bufio.NewScanner(bytes.NewReader(whole))
	if !lines.Scan() {
		e.journal = id.New[id.Journal](c.now())
		_, err := fmt.Fprintln(e.file, e.journal)
		return err
	}
	if e.journal, err = id.Parse[id.Journal](lines.Text()); err != nil {
		return err
	}
	for lines.Scan() {
		raw, err := hex.DecodeString(lines.Text())
		if err != nil {
			return err
		}
		event, err := wire.Unmarshal[wire.Event](raw)
		if err != nil {
			return err
		}
		e.events, e.raw = append(e.events, event), append(e.raw, raw)
		e.count(event)
	}
	return nil
}

// count keeps who is inside.
func (e *edge) count(v wire.Event) {
	switch v.Kind {
	case wire.Entered:
		e.stays = append(e.stays, stay{v.Session, v.Reservation, v.SpaceType})
	case wire.Exited:
		for i, s := range e.stays {
			if s.session == v.Session {
				e.stays = append(e.stays[:i], e.stays[i+1:]...)
				return
			}
		}
	default:
	}
}

// stand asks where the cloud stands.
func (e *edge) stand(ctx context.Context, w *worker) error {
	s, err := w.db.Standing(ctx, e.place.ID, e.journal)
	if err != nil {
		return err
	}
	if s.Inside.At.Seq > uint64(len(e.events)) {
		return fmt.Errorf("%s: the cloud has applied %d events of %d", e.place.ID, s.Inside.At.Seq, len(e.events))
	}
	e.inside, e.acked = s.Inside, s.Inside.At.Seq
	return nil
}

// see journals an event.
func (e *edge) see(w *worker, v wire.Event) error {
	now := w.Clock.now()
	v.Seq, v.Boot, v.Wall, v.TrustedLo = uint64(len(e.events)+1), e.boot, now.UnixMilli(), now.UnixMilli()
	raw, err := wire.Marshal(&v)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(e.file, "%x\n", raw); err != nil {
		return err
	}
	e.events, e.raw = append(e.events, v), append(e.raw, raw)
	e.count(v)
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
			Lot: e.place.ID, Journal: e.journal, Epoch: e.epoch,
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
	if s.reservation.IsZero() {
		reason = wire.AdmitWalkin
	}
	v := wire.Event{Kind: kind, Lane: lane, Session: s.session, Reservation: s.reservation, SpaceType: s.kind, Reason: reason}
	n := note{parking: string(e.place.ID), row: sessionRow, id: s.session.UUID(), state: state}
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
	for _, a := range lent {
		v := wire.Event{Kind: wire.AllotmentAdopted, SpaceType: a.SpaceType, Version: uint64(a.Version), Units: uint16(max(a.Granted, 0))}
		if err := e.see(w, v); err != nil {
			return err
		}
	}
	err = e.send(ctx, w)
	if !errors.Is(err, errIdle) {
		w.tell(note{op: "adopt", parking: string(e.place.ID), row: watermarkRow, version: int64(e.acked)}, err)
	}
	return nil
}

// maxInside keeps the number of vehicles near what a parking holds.
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
	if !ok || e.full() {
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
	if e.full() {
		return note{}, errIdle
	}
	return e.pass(ctx, w, stay{session: id.New[id.Session](w.Clock.now()), kind: id.Standard}, wire.Entered)
}

// leave lets a vehicle out, now and then one that nobody saw come in.
func leave(ctx context.Context, w *worker, rnd *rand.Rand) (note, error) {
	e, err := w.anEdge(rnd)
	if err != nil {
		return note{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if rnd.IntN(200) == 0 {
		return e.pass(ctx, w, stay{session: id.New[id.Session](w.Clock.now()), kind: id.Standard}, wire.Exited)
	}
	if len(e.stays) == 0 {
		return note{}, errIdle
	}
	return e.pass(ctx, w, e.stays[rnd.IntN(len(e.stays))], wire.Exited)
}
