package app

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/lane"
)

// versions stands in for the installed versions.
type versions struct {
	trial     bool
	staged    atomic.Bool
	confirmed chan struct{}
	activated chan time.Time
}

func (*versions) Name() string    { return "v1.1.0" }
func (v *versions) OnTrial() bool { return v.trial }
func (v *versions) Confirm() error {
	close(v.confirmed)
	return nil
}

func (v *versions) Staged() string {
	if v.staged.Load() {
		return "v1.2.0"
	}
	return ""
}

func (v *versions) Activate() error {
	v.activated <- time.Now()
	return nil
}

func newVersions(trial bool) *versions {
	return &versions{trial: trial, confirmed: make(chan struct{}), activated: make(chan time.Time, 1)}
}

// renewing starts an agent with versions; ended has its last word.
func (s *site) renewing(v *versions, confirmAfter time.Duration) <-chan error {
	s.t.Helper()
	cfg := s.config()
	cfg.Versions, cfg.ConfirmAfter = v, confirmAfter
	a, err := Open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	over := make(chan struct{})
	go func() {
		ended <- a.Run(ctx)
		close(over)
	}()
	s.t.Cleanup(func() { cancel(); <-over })
	return ended
}

// A program is never exchanged while a vehicle is in a lane, or may be; it is
// soon after the lanes have been empty for a while.
func TestNoVehicleSeesAnUpdate(t *testing.T) {
	s, v := newSite(t), newVersions(false)
	const quiet = 3 * time.Second
	ended := s.renewing(v, quiet)
	s.board.levels(exit1, func(in *lane.Inputs) { in.Safety = lane.Unknown })
	v.staged.Store(true)
	select {
	case <-v.activated:
		t.Fatal("switched while a loop cannot be seen")
	case <-time.After(quiet + 3*time.Second):
	}
	s.board.levels(exit1, func(in *lane.Inputs) { in.Safety, in.Arming = lane.Off, lane.On })
	select {
	case <-v.activated:
		t.Fatal("switched while a vehicle waits")
	case <-time.After(quiet + 3*time.Second):
	}
	left := time.Now()
	s.board.levels(exit1, func(in *lane.Inputs) { in.Arming = lane.Off })
	select {
	case at := <-v.activated:
		if at.Sub(left) < quiet {
			t.Errorf("switched %v after the vehicle", at.Sub(left))
		}
	case <-time.After(5 * quiet):
		t.Fatal("never switched")
	}
	if err := <-ended; err != nil {
		t.Errorf("the end was not an orderly one: %v", err)
	}
}

// A version on trial is kept when it has been healthy without a break, and left
// when something it needs does not come.
func TestAVersionIsKeptWhenItIsHealthy(t *testing.T) {
	t.Run("healthy", func(t *testing.T) {
		s, v := newSite(t), newVersions(true)
		s.renewing(v, 2*time.Second)
		select {
		case <-v.confirmed:
		case <-time.After(20 * time.Second):
			t.Fatal("never confirmed")
		}
	})
	for name, breaks := range map[string]func(*site){
		"no board": func(s *site) { close(s.board.broken) },
		"no cloud": func(s *site) { s.net.Cut() },
		"a loop that cannot be seen, and no cloud": func(s *site) {
			s.net.Cut()
			s.board.inputs[exit1] = lane.Inputs{}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, v := newSite(t), newVersions(true)
			breaks(s)
			select {
			case err := <-s.renewing(v, time.Second):
				if !errors.Is(err, ErrUnhealthy) {
					t.Fatalf("ended with %v", err)
				}
			case <-v.confirmed:
				t.Fatal("confirmed")
			case <-time.After(4 * trialFactor * time.Second):
				t.Fatal("never given up")
			}
		})
	}
}
