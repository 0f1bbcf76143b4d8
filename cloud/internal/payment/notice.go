package payment

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
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
	About   Subject
	Dispute Dispute // with AboutDispute
}

// Subject is what a webhook is about.
type Subject string

// The subjects. The zero one is asked for by Key; the others name by Ref what was
// taken, and have a Key only if it was one of our calls that they tell of.
const (
	AboutHold    Subject = "" // a hold, a charge, or the saving of a method
	AboutRefund  Subject = "refund"
	AboutDispute Subject = "dispute"
)

// DisputeState is where a dispute stands.
type DisputeState string

// The states of a dispute.
const (
	DisputeAsked DisputeState = "asked" // the bank enquires; the money is with us
	DisputeOpen  DisputeState = "open"  // the bank has taken it back, and decides
	DisputeWon   DisputeState = "won"   // it is with us; final
	DisputeLost  DisputeState = "lost"  // it is the driver's again; final
)

// Dispute is a payment that a driver disputes at his bank.
type Dispute struct {
	Ref    string // the provider's name for it
	State  DisputeState
	Amount money.Amount
	Reason string // the provider's word, such as "fraudulent"
}

// Sense checks what a webhook says. What cannot be true, or is longer than any
// provider's names, wraps ErrMalformed.
func (n *Notice) Sense() error {
	const longest = 255
	for _, s := range []string{n.Event, n.Kind, string(n.Parking), n.Key, n.Ref, n.Dispute.Ref, n.Dispute.Reason} {
		if len(s) > longest || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			return fmt.Errorf("%w: a name is too long, or no text", ErrMalformed)
		}
	}
	if y := n.At.UTC().Year(); n.Event == "" || y < 1970 || y > 9999 {
		return fmt.Errorf("%w: it has no id or time", ErrMalformed)
	}
	switch n.About {
	case AboutHold, AboutRefund:
		return nil
	case AboutDispute:
	default:
		return fmt.Errorf("%w: it is about %q", ErrMalformed, n.About)
	}
	d := &n.Dispute
	switch {
	case d.Ref == "" || d.Amount.Minor < 0 || len(d.Amount.Currency) != 3:
		return fmt.Errorf("%w: a dispute %q about %s", ErrMalformed, d.Ref, d.Amount)
	case d.State == "" || !DisputeState("").CanBecome(d.State):
		return fmt.Errorf("%w: a dispute that is %q", ErrMalformed, d.State)
	}
	return nil
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
