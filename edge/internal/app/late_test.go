package app

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/clock"
	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/edge/internal/lane"
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

// alone opens the agent again with nothing running but its store: only the test asks it.
func (s *site) alone() *Agent {
	t := s.t
	s.stop() // what the clock knows is kept
	a, err := Open(s.config(), slog.New(slog.DiscardHandler))
	s.must(err)
	ctx, stop := context.WithCancel(context.Background())
	stored := make(chan error, 1)
	go func() { stored <- a.rec.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-stored; err != nil {
			t.Error(err)
		}
		if err := a.listen.Close(); err != nil {
			t.Error(err)
		}
	})
	s.must(a.rec.begin())
	s.agent = a
	return a
}

// outlived carries out an order at exit-1 whose end comes while the disk takes its time
// with what follows from it, after the order itself was written down in time.
func (s *site) outlived(command string) (*gate, *opened, error) {
	s.t.Helper()
	forward := s.leap()
	s.start(true)
	a := s.alone()
	g, opens := a.gate("exit-1"), &opened{}
	g.device = func() device.Gates { return opens }
	g.step(s.t.Context(), lane.Input{Kind: lane.Sensed, Inputs: lane.Inputs{Arming: lane.Off, Safety: lane.Off, ArmClosed: lane.On, ArmOpen: lane.Off}})
	o := s.fromAfar("exit-1", command, 20*time.Second)
	asked := 0
	a.rec.online = func() bool { // it is asked once for the order, then for what follows
		if asked++; asked == 2 {
			forward(21 * time.Second)
		}
		return true
	}
	_, err := g.carryOut(s.t.Context(), Order{Lane: "exit-1", Command: command, By: o.By, Why: o.Why}, o)
	return g, opens, err
}

// Nothing opens for an order that ended while its decision was written down, and what was
// decided is taken back.
func TestAnOrderWhoseEndComesWhileItIsWrittenDownOpensNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	g, opens, err := s.outlived("open")
	if fault.Code(err) != "order_late" || opens.n > 0 || g.state.Authorised() {
		t.Errorf("%v, opened %d times", err, opens.n)
	}
	s.agent.rec.View(func(st *admission.State) {
		for _, ses := range st.Sessions {
			t.Errorf("what was decided stands: %+v", ses)
		}
	})
}

// An order that holds a lane open writes down a second time, too: that who passes is not
// seen for sure. What was written is taken back when its end came meanwhile.
func TestAnOrderWhoseEndComesWhileItIsWrittenDownHoldsNothingOpen(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	g, opens, err := s.outlived("hold_open")
	if fault.Code(err) != "order_late" || opens.n > 0 || g.state.HeldOpen() {
		t.Errorf("%v, opened %d times, held open: %v", err, opens.n, g.state.HeldOpen())
	}
}

// opened is a device that counts what it is asked to open.
type opened struct {
	device.Gates
	n int
}

func (o *opened) Open(context.Context, int) error                       { o.n++; return nil }
func (o *opened) Light(context.Context, int, bool, time.Duration) error { return nil }
func (o *opened) Present(context.Context, int, string, string) error    { return nil }

// A count is in one record with what it corrects. When that is written it has happened,
// however long the disk took.
func TestACountThatIsWrittenDownIsNotLate(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	forward := s.leap()
	s.start(true)
	a := s.alone()
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
