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
	process *Process // that runs, or ran last; nil before the first
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

// A program that ended by itself this often within such a time is not started
// again: whatever is wrong does not go away.
const (
	maxRestarts    = 5
	restartsWithin = time.Minute
)

// keep starts the program again whenever it ends by itself, and says so. It
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
