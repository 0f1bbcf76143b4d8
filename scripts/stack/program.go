package stack

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// program is one of the stack's programs, through all the processes that run it
// one after the other.
type program struct {
	name  string
	logs  string
	argv  []string
	ready func(context.Context, *Process) error // returns when the process answers

	mu      sync.Mutex
	process *Process      // that runs, or ran last; nil before the first
	back    chan struct{} // it is off until this is closed; nil: it is on
	rising  bool          // somebody starts it
}

// Start starts the program and returns when it answers.
func (g *program) Start(ctx context.Context) error {
	p, err := start(g.name, g.logs, g.argv...)
	if err != nil {
		return err
	}
	g.mu.Lock()
	g.process = p
	g.mu.Unlock()
	return g.ready(ctx, p)
}

// Process is the one that runs, or ran last; nil before the first.
func (g *program) Process() *Process {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.process
}

// off ends the program, which keep leaves alone until on.
func (g *program) off(end func(*Process)) {
	g.mu.Lock()
	p := g.process
	if g.back == nil {
		g.back = make(chan struct{})
	}
	g.mu.Unlock()
	end(p)
}

// on starts the program again after off and returns when it answers. One that is on
// is left as it is.
func (g *program) on(ctx context.Context) error {
	g.mu.Lock()
	back, rising := g.back, g.rising
	g.rising = back != nil
	g.mu.Unlock()
	switch {
	case back == nil:
		return nil
	case rising: // for two who ask at once
		select {
		case <-back:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := g.Start(ctx)
	g.mu.Lock()
	g.back, g.rising = nil, false
	g.mu.Unlock()
	close(back)
	return err
}

// away is closed when the program is on again; nil while it is on.
func (g *program) away() chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.back
}

// A program that ended by itself this often within such a time is not started
// again: whatever is wrong does not go away.
const (
	maxRestarts    = 5
	restartsWithin = time.Minute
)

// keep starts the program again whenever it ends by itself, and says so; one that is
// off stays off. It
// returns the failure of one that ends too often, or nil when ctx ends or the
// program was told to end.
func (g *program) keep(ctx context.Context, say func(string)) error {
	var ended []time.Time
	for {
		p := g.Process()
		select {
		case <-ctx.Done():
		case <-p.Done():
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of ctx is how it is told to stop
		}
		if back := g.away(); back != nil {
			select {
			case <-ctx.Done():
			case <-back:
			}
			continue
		}
		failure := p.Failure()
		if failure == nil {
			return nil
		}
		now := time.Now()
		ended = append(ended, now)
		if n := len(ended); n > maxRestarts && now.Sub(ended[n-1-maxRestarts]) < restartsWithin {
			return failure
		}
		say(fmt.Sprintf("%s ended by itself (%s); it is started again", g.name, p.why()))
		err := g.Start(ctx)
		if again := g.Process(); err != nil && ctx.Err() == nil && (again == p || again.Failure() == nil) {
			return err // it could not be started, or runs and does not answer
		}
	}
}

// Keep starts every program again that ends by itself, until ctx ends. It
// returns the failure of the first one that does so too often.
func (s *Stack) Keep(ctx context.Context, say func(string)) error {
	ctx, cancel := context.WithCancel(ctx)
	all := s.programs()
	failures := make(chan error, len(all))
	var keepers sync.WaitGroup
	for _, g := range all {
		keepers.Go(func() {
			if err := g.keep(ctx, say); err != nil {
				failures <- err
				cancel()
			}
		})
	}
	<-ctx.Done()
	keepers.Wait()
	cancel()
	select {
	case err := <-failures:
		return err
	default:
		return nil
	}
}
