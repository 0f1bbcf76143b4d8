package soak

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"time"

	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// header is the first line of a journal; every other one is an event.
type header struct {
	Journal id.Journal
	Since   time.Time
	Stays   []stay    // inside when it began: an edge's successor is told who is
	Silent  time.Time // see edge; a journal with this set gets no events any more
}

// read reads the journal, or begins one.
func (e *edge) read(now time.Time) error {
	content, err := os.ReadFile(e.path)
	if errors.Is(err, fs.ErrNotExist) {
		return e.begin(header{Journal: id.New[id.Journal](now), Since: now})
	}
	if err != nil {
		return err
	}
	if e.file, err = os.OpenFile(e.path, os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	// What a kill cut off was never sent: the rest of the line is not there.
	whole := content[:bytes.LastIndexByte(content, '\n')+1]
	if err := e.file.Truncate(int64(len(whole))); err != nil {
		return err
	}
	lines := bufio.NewScanner(bytes.NewReader(whole))
	lines.Buffer(nil, 1<<20)
	lines.Scan()
	if err := json.Unmarshal(lines.Bytes(), &e.header); err != nil {
		return fmt.Errorf("the header of %s: %w", e.path, err)
	}
	e.stays, e.silent = append(e.stays, e.header.Stays...), e.header.Silent
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
	return lines.Err()
}

// begin begins a journal in the place of the one before.
func (e *edge) begin(h header) error {
	line, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := os.WriteFile(e.path+".new", append(line, '\n'), 0o600); err != nil {
		return err
	}
	if err := os.Rename(e.path+".new", e.path); err != nil {
		return err
	}
	if e.file != nil {
		_ = e.file.Close() // it is not there any more
	}
	if e.file, err = os.OpenFile(e.path, os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	e.header, e.silent, e.epoch = h, h.Silent, 0
	e.events, e.raw, e.acked, e.inside = nil, nil, 0, fleet.Inside{}
	return nil
}

// count keeps who is inside.
func (e *edge) count(v wire.Event) {
	switch v.Kind {
	case wire.Entered:
		e.stays = append(e.stays, stay{v.Session, v.Reservation, v.SpaceType})
	case wire.Exited:
		for i, s := range e.stays {
			if s.Session == v.Session {
				e.stays = append(e.stays[:i], e.stays[i+1:]...)
				return
			}
		}
	default:
	}
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

const (
	// lifetime is how long an edge lives before another takes its place.
	lifetime = time.Hour
	// silence is how long it must not have been heard of to be called dead.
	silence = 16 * time.Minute
)

// replaceEdge puts another edge in the place of one that has lived for a while:
// at once, or after it has fallen silent and an operator has called it dead.
// Vehicles stay inside, and the new one is told of them.
func replaceEdge(ctx context.Context, w *worker, rnd *rand.Rand) (note, error) {
	e, err := w.anEdge(rnd)
	if err != nil {
		return note{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	now := w.Clock.now()
	n := note{parking: string(e.place.ID)}
	switch {
	case !e.silent.IsZero():
		if now.Sub(e.silent) < silence {
			return n, errIdle
		}
		if n.revision, err = e.retire(ctx, w); err != nil {
			return n, err
		}
	case now.Sub(e.header.Since) < lifetime || !e.works() || e.acked != uint64(len(e.events)):
		return n, errIdle // what was not sent would be lost with it
	case rnd.IntN(2) == 0:
		dead := header{Journal: e.header.Journal, Since: e.header.Since, Stays: e.stays, Silent: now}
		if err := e.begin(dead); err != nil {
			return n, err
		}
		return n, errIdle
	}
	if err := e.begin(header{Journal: id.New[id.Journal](now), Since: now, Stays: e.stays}); err != nil {
		return n, err
	}
	return n, e.greet(ctx, w)
}

// retire says that the edge is dead.
func (e *edge) retire(ctx context.Context, w *worker) (uint64, error) {
	const tries = 10
	for range tries {
		s, err := w.db.Standing(ctx, e.place.ID, id.Journal{})
		if err != nil {
			return 0, err
		}
		revision, err := w.commit(ctx, &fleet.Retire{Lot: e.place.ID, Reason: "soak", Standing: s})
		switch {
		case errors.Is(err, fleet.ErrStale):
			continue
		case errors.Is(err, fleet.ErrNoEdge): // before a kill
			return 0, nil
		}
		return revision, err
	}
	return 0, fault.New(fault.Unavailable, "stale", "Stale too often.")
}
