package schedule

import (
	"context"
	"log/slog"
	"time"

	"github.com/openlot/openlot/cloud/internal/relay"
)

// unheededAfter is how long a webhook may wait before it gets another job.
const unheededAfter = 2 * time.Minute

// WebhookStore finds webhooks that were taken and not heeded.
type WebhookStore interface {
	// Unheeded lists those that were taken before an instant, the oldest first, as
	// the jobs that heed them. What is older than days is left to people.
	Unheeded(ctx context.Context, before time.Time, limit int) ([]relay.Job, error)
}

// Webhooks is the task that gives webhooks another job whose own was given up.
func Webhooks(s WebhookStore, q Queue, log *slog.Logger) Task {
	log = log.With("component", "schedule")
	return Task{Name: "heed_webhooks", Every: time.Minute, Run: func(ctx context.Context, now time.Time) error {
		waiting, err := s.Unheeded(ctx, now.Add(-unheededAfter), perRun)
		if err != nil || len(waiting) == 0 {
			return err
		}
		log.Warn("webhooks are waiting to be heeded", "count", len(waiting))
		return q.Insert(ctx, waiting)
	}}
}
