package app

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/clock"
	"github.com/openlot/openlot/protocol/fault"
)

// leap makes this machine's clock one that a test can put forward, as if what is under
// way had taken so long.
func (s *site) leap() (on func(time.Duration)) {
	var by atomic.Int64
	m := clock.ThisMachine()
	read, wall := m.Read, m.Wall
	m.Read = func() clock.Reading {
		r := read()
		r.Elapsed += time.Duration(by.Load())
		return r
	}
	m.Wall = func() time.Time { return wall().Add(time.Duration(by.Load())) }
	m.Synced = func() (clock.Advice, bool) { return clock.Advice{}, false }
	m.Battery = func() (time.Time, bool) { return time.Time{}, false }
	s.machine = m
	return func(d time.Duration) { by.Add(int64(d)) }
}

// A count is in one record with what it corrects. When that is written it has happened,
// however long the disk took.
func TestACountThatIsWrittenDownIsNotLate(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	forward := s.leap()
	s.start(true)
	s.stop() // what the clock knows is kept
	a, err := Open(s.config(), slog.New(slog.DiscardHandler))
	s.must(err)
	ctx, stop := context.WithCancel(context.Background())
	stored := make(chan error, 1)
	go func() { stored <- a.rec.Run(ctx) }()
	defer func() {
		stop()
		if err := <-stored; err != nil {
			t.Error(err)
		}
		if err := a.listen.Close(); err != nil {
			t.Error(err)
		}
	}()
	s.must(a.rec.begin())
	s.agent = a
	o := s.fromAfar("exit-1", "count", 20*time.Second)
	three := 3
	a.rec.online = func() bool { // it is asked when the order was looked at, and not written yet
		forward(21 * time.Second)
		return true
	}
	done, err := a.gate("exit-1").carryOut(t.Context(), Order{Lane: "exit-1", Command: "count", Count: &three, By: o.By, Why: o.Why}, o)
	if err != nil || done.Count == nil || done.Count.Is != 3 {
		t.Errorf("%+v, %v: %s", done, err, fault.Code(err))
	}
}
