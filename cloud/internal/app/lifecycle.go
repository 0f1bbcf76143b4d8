package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// lifecycle owns what serve has started. Parts are stopped one after the other
// in the reverse of the order in which they were added, so that each still has
// what it depends on while it ends.
type lifecycle struct {
	log    *slog.Logger
	parts  []*part
	failed chan error // the first part that ended by itself
}

type part struct {
	name string
	stop func() error
}

func newLifecycle(log *slog.Logger) *lifecycle {
	return &lifecycle{log: log, failed: make(chan error, 1)}
}

// onStop registers what undoes something that was set up.
func (l *lifecycle) onStop(name string, stop func() error) {
	l.parts = append(l.parts, &part{name, stop})
}

// run starts a part that works until its context ends. If it ends before that,
// everything is stopped.
func (l *lifecycle) run(name string, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		err := run(ctx)
		if ctx.Err() == nil {
			select {
			case l.failed <- fmt.Errorf("%s ended: %w", name, cmp(err, errors.New("without an error"))):
			default:
			}
		}
		done <- err
	}()
	l.onStop(name, func() error {
		cancel()
		err := <-done
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	})
}

func cmp(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// wait returns when ctx ends, with nil, or when a part has failed.
func (l *lifecycle) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-l.failed:
		return err
	}
}

// stop ends all parts, the last one first. One that does not end in time is
// left behind: the process is about to end anyway.
func (l *lifecycle) stop(each time.Duration) error {
	var errs error
	for _, p := range slices.Backward(l.parts) {

		done := make(chan error, 1)
		go func() { done <- p.stop() }()
		select {
		case err := <-done:
			if err != nil {
				errs = errors.Join(errs, fmt.Errorf("stop %s: %w", p.name, err))
			}
		case <-time.After(each):
			errs = errors.Join(errs, fmt.Errorf("stop %s: not within %s", p.name, each))
		}
	}
	l.parts = nil
	return errs
}
