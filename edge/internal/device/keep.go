package device

import (
	"context"
	"log/slog"
	"time"
)

// retryAfter is how long what was lost is left alone.
const retryAfter = time.Second

// Keep runs use until ctx ends, again a second after it was lost. use calls there
// when it has got hold of its device. A loss is one line in the log, however many
// tries follow.
func Keep(ctx context.Context, log *slog.Logger, what string, use func(ctx context.Context, there func()) error) error {
	warned := false
	for ctx.Err() == nil {
		lost := use(ctx, func() { warned = false })
		if ctx.Err() != nil {
			break
		}
		if !warned {
			log.Error("a device is lost; trying again", "what", what, "err", lost)
			warned = true
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryAfter):
		}
	}
	return nil //nolint:nilerr // the end of ctx is how it is told to stop
}
