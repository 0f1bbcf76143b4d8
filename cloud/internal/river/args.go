package river

import (
	"fmt"

	"github.com/riverqueue/river"

	"github.com/openlot/openlot/cloud/internal/relay"
	"github.com/openlot/openlot/protocol/id"
)

// names is what a job is stored with: names only, so that nothing personal is
// in the queue and whoever does the job reads the present state.
type names struct {
	Parking     id.Parking     `json:"parking,omitempty"`
	Revision    uint64         `json:"revision,omitempty"`
	Reservation id.Reservation `json:"reservation,omitzero"`
	Payment     id.Payment     `json:"payment,omitzero"`
	Provider    string         `json:"provider,omitempty"`
	Event       string         `json:"event,omitempty"`
	Link        string         `json:"link,omitempty"`
}

// River tells jobs apart by the Go type of their arguments.
type (
	confirmation struct{ names }
	cancellation struct{ names }
	changed      struct{ names }
	noShow       struct{ names }
	walked       struct{ names }
	voided       struct{ names }
	endsSoon     struct{ names }
	endsSoonText struct{ names }
	receipt      struct{ names }
	refunded     struct{ names }
	refundFailed struct{ names }
	unsecured    struct{ names }
	owing        struct{ names }
	capture      struct{ names }
	void         struct{ names }
	refund       struct{ names }
	resolve      struct{ names }
	heed         struct{ names }
	aboutAccount struct{ names }
)

func (confirmation) Kind() string { return string(relay.MailConfirmation) }
func (cancellation) Kind() string { return string(relay.MailCancellation) }
func (changed) Kind() string      { return string(relay.MailChanged) }
func (noShow) Kind() string       { return string(relay.MailNoShow) }
func (walked) Kind() string       { return string(relay.MailWalked) }
func (voided) Kind() string       { return string(relay.MailVoided) }
func (endsSoon) Kind() string     { return string(relay.MailEndsSoon) }
func (endsSoonText) Kind() string { return string(relay.SMSEndsSoon) }
func (receipt) Kind() string      { return string(relay.MailReceipt) }
func (refunded) Kind() string     { return string(relay.MailRefunded) }
func (refundFailed) Kind() string { return string(relay.MailRefundFailed) }
func (refund) Kind() string       { return string(relay.Refund) }
func (unsecured) Kind() string    { return string(relay.MailUnsecured) }
func (owing) Kind() string        { return string(relay.MailOwing) }
func (capture) Kind() string      { return string(relay.Capture) }
func (void) Kind() string         { return string(relay.Void) }
func (resolve) Kind() string      { return string(relay.Resolve) }
func (heed) Kind() string         { return string(relay.Heed) }
func (aboutAccount) Kind() string { return string(relay.MailAccount) }

// args is what all of them have in common.
type args interface {
	river.JobArgs
	named() names
}

func (n names) named() names { return n }

func argsOf(j relay.Job) (args, error) {
	n := names{j.Parking, j.Revision, j.Reservation, j.Payment, j.Provider, j.Event, j.Link}
	switch j.Kind {
	case relay.MailConfirmation:
		return confirmation{n}, nil
	case relay.MailCancellation:
		return cancellation{n}, nil
	case relay.MailChanged:
		return changed{n}, nil
	case relay.MailNoShow:
		return noShow{n}, nil
	case relay.MailWalked:
		return walked{n}, nil
	case relay.MailVoided:
		return voided{n}, nil
	case relay.MailEndsSoon:
		return endsSoon{n}, nil
	case relay.SMSEndsSoon:
		return endsSoonText{n}, nil
	case relay.MailReceipt:
		return receipt{n}, nil
	case relay.MailRefunded:
		return refunded{n}, nil
	case relay.MailRefundFailed:
		return refundFailed{n}, nil
	case relay.Refund:
		return refund{n}, nil
	case relay.MailUnsecured:
		return unsecured{n}, nil
	case relay.MailOwing:
		return owing{n}, nil
	case relay.Capture:
		return capture{n}, nil
	case relay.Void:
		return void{n}, nil
	case relay.Resolve:
		return resolve{n}, nil
	case relay.Heed:
		return heed{n}, nil
	case relay.MailAccount:
		return aboutAccount{n}, nil
	default:
		return nil, fmt.Errorf("no job of kind %q is known", j.Kind)
	}
}

func (n names) job(kind string) relay.Job {
	return relay.Job{
		Kind: relay.Kind(kind), Parking: n.Parking, Revision: n.Revision, Reservation: n.Reservation, Payment: n.Payment,
		Provider: n.Provider, Event: n.Event, Link: n.Link,
	}
}

// tick is one run of a task.
type tick struct {
	Task string `json:"task"`
}

func (tick) Kind() string { return "tick" }
