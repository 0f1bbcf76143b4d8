package benchgate

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/app"
	"github.com/openlot/openlot/edge/internal/store"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/wire"
)

const parking id.Parking = "bench"

// guests are reservations of now, and the passes for them.
type guests struct {
	key   pass.SigningKey
	now   time.Time
	all   []id.Reservation
	taken int
}

func newGuests(n int) (*guests, error) {
	key, err := pass.NewSigningKey()
	if err != nil {
		return nil, err
	}
	g := &guests{key: key, now: time.Now().Truncate(time.Second), all: make([]id.Reservation, n)}
	for i := range g.all {
		g.all[i] = id.New[id.Reservation](g.now)
	}
	return g, nil
}

// passes signs the next passes that nobody has shown.
func (g *guests) passes(n int) ([]string, error) {
	if g.taken+n > len(g.all) {
		return nil, fmt.Errorf("%d reservations are not enough", len(g.all))
	}
	out := make([]string, n)
	for i := range out {
		var err error
		if out[i], err = pass.Sign(pass.Pass{
			Parking: parking, Reservation: g.all[g.taken+i], Generation: 1, SpaceType: id.Standard,
			From: g.now.Add(-time.Hour), To: g.now.Add(10 * time.Hour), NoShowAt: g.now.Add(time.Hour), Revision: 1,
		}, g.key); err != nil {
			return nil, err
		}
	}
	g.taken += n
	return out, nil
}

// fill makes a store in a directory that has them all cached, as a snapshot of the
// cloud would bring them.
func (g *guests) fill(ctx context.Context, dir string) error {
	s, err := store.Open(filepath.Join(dir, app.StoreFile), slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	parts := (len(g.all) + wire.MaxEntries - 1) / wire.MaxEntries
	for i := range parts {
		m := &wire.Sync{Kind: wire.Snapshot, Through: 1, Part: uint16(i), Parts: uint16(parts)}
		if i == 0 {
			m.Keys, m.Policy = []wire.PassKey{wire.PassKey(g.key.Public())}, &wire.Policy{EarlyEntry: 900, ExitGrace: 600}
		}
		for _, r := range g.all[i*wire.MaxEntries : min((i+1)*wire.MaxEntries, len(g.all))] {
			m.Entries = append(m.Entries, wire.Entry{
				Reservation: r, Generation: 1, SpaceType: id.Standard, State: wire.EntryConfirmed, Version: 1, Plate: "DDOL1234",
				From: g.now.Add(-time.Hour).Unix(), To: g.now.Add(10 * time.Hour).Unix(), NoShowAt: g.now.Add(time.Hour).Unix(),
			})
		}
		if _, err = s.Sync(m, func(*admission.State) []admission.Fact { return nil }); err != nil {
			break
		}
	}
	stop()
	if ended := <-ran; err == nil {
		err = ended
	}
	return err
}
