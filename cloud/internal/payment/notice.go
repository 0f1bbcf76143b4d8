package payment

import (
	"errors"
	"time"

	"github.com/openlot/openlot/protocol/id"
)

// WebhookTolerance is how far from now a webhook's signed time may be. What is
// older may be a copy that somebody kept.
const WebhookTolerance = 5 * time.Minute

// Errors of reading webhooks.
var (
	ErrForged    = errors.New("the webhook is not signed by the provider")
	ErrStale     = errors.New("the webhook's time is too far from now")
	ErrMalformed = errors.New("the webhook is signed and cannot be read")
)

// Notice is what a webhook says. It is a hint that something has changed at the
// provider and nothing more: it may be late, repeated or overtaken, so what is
// true is asked.
type Notice struct {
	Event   string // the provider's id of the event; the same when it is sent again
	Kind    string // the provider's word for what happened
	Parking id.Parking
	Key     string // what the hold, charge, saving or refund was asked for with; empty: it is none of ours
	Ref     string
	At      time.Time // of the event
}

// Announcer tells by webhooks what happens to holds.
type Announcer interface {
	// Notice verifies a webhook as it came in: its signature over the whole body,
	// and that the signed time is within WebhookTolerance of now. header returns a
	// header's value by its name, whatever the case.
	Notice(header func(name string) string, body []byte, now time.Time) (Notice, error)
}

// Fresh reports whether a signed time is near enough to now, before or after.
func Fresh(signed, now time.Time) bool {
	return now.Sub(signed).Abs() <= WebhookTolerance
}
