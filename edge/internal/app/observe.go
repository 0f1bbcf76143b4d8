package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/openlot/openlot/edge/internal/lane"
	"github.com/openlot/openlot/edge/internal/obs"
	"github.com/openlot/openlot/edge/internal/status"
	"github.com/openlot/openlot/edge/internal/uplink"
)

// runAcks notes when the cloud acknowledged last.
func (a *Agent) runAcks(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var seen uint64
	for {
		if p := a.rec.Position(); p.AckedSeq != seen || p.AckedSeq == p.LastSeq {
			seen = p.AckedSeq
			a.acked.Store(int64(a.rec.clock.Mono()))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (a *Agent) ackAge() time.Duration { return a.rec.clock.Mono() - time.Duration(a.acked.Load()) }

// look is the agent as its metrics show it.
func (a *Agent) look() obs.Look {
	r := a.Report()
	l := obs.Look{
		Board: r.Board, Link: string(r.Link), LastSeq: r.LastSeq, AckedSeq: r.AckedSeq, AckAge: a.ackAge(),
		StoreBytes: storeBytes(a.cfg.DataDir), StoreFailed: a.rec.Failed() != nil, Uncertainty: a.rec.clock.Now().Uncertainty,
		Inside: r.Inside, Trial: a.cfg.Versions != nil && a.cfg.Versions.OnTrial(),
		SpansLost: a.cfg.Uplink.Trace.Dropped(),
	}
	for _, s := range []uplink.Link{uplink.Down, uplink.Greeting, uplink.Online, uplink.Foreign} {
		l.Links = append(l.Links, string(s))
	}
	var phases []string
	for _, p := range lane.Phases() {
		phases = append(phases, string(p))
	}
	for _, one := range r.Lanes {
		l.Lanes = append(l.Lanes, obs.LaneLook{Lane: string(one.Lane), Phase: string(one.Phase), Phases: phases, Faults: one.Faults})
	}
	return l
}

// storeBytes is the size of the store's files.
func storeBytes(dir string) (total int64) {
	files, err := filepath.Glob(filepath.Join(dir, StoreFile+"*"))
	if err != nil {
		return 0
	}
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			total += info.Size()
		} else if !errors.Is(err, os.ErrNotExist) {
			return 0
		}
	}
	return total
}

// view is the agent as its page shows it.
func (a *Agent) view() status.View {
	r, now := a.Report(), a.rec.clock.Now()
	v := status.View{
		Parking: string(r.Parking), Software: r.Software, Board: r.Board, Link: string(r.Link),
		LastSeq: r.LastSeq, Unacked: r.LastSeq - r.AckedSeq, AckAge: a.ackAge(), StoreFailed: a.rec.Failed() != nil,
		Inside: r.Inside, Walkins: r.Walkins, Now: now.Wall.In(a.cfg.Zone), ClockKnown: !now.Hi.IsZero(), Uncertainty: now.Uncertainty.Round(time.Millisecond),
	}
	if a.uplink == nil {
		v.Link = "none"
	}
	if own := a.cfg.Versions; own != nil {
		v.Trial, v.Waiting = own.OnTrial(), own.Staged()
	}
	for _, l := range r.Lanes {
		v.Lanes = append(v.Lanes, status.Lane{
			Name: string(l.Lane), Direction: string(l.Direction), Phase: string(l.Phase), Arming: l.Arming, Safety: l.Safety, Arm: l.Arm, Faults: l.Faults,
		})
	}
	for _, al := range r.Allotments {
		v.Allotments = append(v.Allotments, status.Allotment{
			SpaceType: string(al.SpaceType), Taken: al.Taken, Units: int(al.Units), Until: al.Until.In(a.cfg.Zone), Outstanding: now.Lo.After(al.Until),
		})
	}
	return v
}
