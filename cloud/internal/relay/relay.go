// Package relay turns events of the feed into jobs, each event exactly once.
//
// The cursor of the relay and the jobs are written in one transaction, which
// locks the cursor: an event's jobs are there if and only if the cursor has
// passed it, whatever dies when, and however many relays run. Events are taken
// in the order of their transactions and only from transactions below the
// oldest one still running, so that none can appear behind the cursor.
//
// Jobs carry names only. Whoever does one reads what it needs, and finds out
// whether it is still to be done.
package relay

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/id"
)

// Kind says what a job does.
type Kind string

// The kinds of job.
const (
	MailConfirmation Kind = "mail_confirmation"
	MailCancellation Kind = "mail_cancellation"
	MailChanged      Kind = "mail_changed"
	MailNoShow       Kind = "mail_no_show"
	MailWalked       Kind = "mail_walked"
	MailVoided       Kind = "mail_voided"
	MailEndsSoon     Kind = "mail_ends_soon"
	SMSEndsSoon      Kind = "sms_ends_soon"
	MailReceipt      Kind = "mail_receipt"
	MailRefunded     Kind = "mail_refunded"
	MailRefundFailed Kind = "mail_refund_failed"
	MailUnsecured    Kind = "mail_unsecured"
	MailOwing        Kind = "mail_owing"
	Capture          Kind = "payment_capture"
	Void             Kind = "payment_void"
	Refund           Kind = "payment_refund"
	Resolve          Kind = "payment_resolve"
	Heed             Kind = "webhook_heed"
	MailAccount      Kind = "mail_account"
)

// Job is something to be done because of an event.
type Job struct {
	Kind        Kind
	Parking     id.Parking
	Revision    uint64 // of the event; 0 when a clock asked for it
	Reservation id.Reservation
	Payment     id.Payment

	Provider, Event string // of the webhook that asked for it
	Link            string // of an account, that is to be mailed
}

// mails are the events about a reservation that its driver is told of.
var mails = map[feed.Kind]Kind{
	feed.ReservationConfirmed: MailConfirmation, feed.ReservationCancelled: MailCancellation,
	feed.ReservationNoShow: MailNoShow, feed.ReservationWalked: MailWalked, feed.ReservationVoided: MailVoided,
	feed.ReservationEndsSoon: MailEndsSoon, feed.ReservationChanged: MailChanged,
}

// paid are the states of a payment that its driver is told of. Whoever does it
// finds out whether there is anything to tell: to a first second step, there is not.
var paid = map[payment.State]Kind{
	payment.Captured: MailReceipt, payment.Lapsed: MailUnsecured, payment.MethodKept: MailUnsecured, payment.RequiresAction: MailUnsecured,
}

// texts are those of them that cannot wait until mail is read. Whether there is a
// number to send to is not in the feed: whoever does the job finds out.
var texts = map[feed.Kind]Kind{feed.ReservationEndsSoon: SMSEndsSoon}

// refunds are what is to be done about giving back what was taken.
var refunds = map[feed.Kind]Kind{
	feed.RefundRequested: Refund, feed.RefundGiven: MailRefunded, feed.RefundFailed: MailRefundFailed,
}

// Jobs is what an event asks for: for each channel a job of its own.
func Jobs(e feed.Event) []Job {
	job := Job{Parking: e.Parking, Revision: e.Revision}
	mail, told := mails[e.Kind]
	refund, back := refunds[e.Kind]
	switch {
	case back && e.Body.Payment != nil:
		job.Kind, job.Payment, job.Reservation = refund, e.Body.Payment.ID, e.Body.Payment.Reservation
	case told && e.Body.Reservation != nil:
		job.Kind, job.Reservation = mail, e.Body.Reservation.ID
		if text, also := texts[e.Kind]; also {
			sms := job
			sms.Kind = text
			return []Job{job, sms}
		}
	case e.Kind == feed.PaymentChanged && e.Body.Payment != nil:
		kind, ok := ForPayment(payment.State(e.Body.Payment.State))
		if mail, told := paid[payment.State(e.Body.Payment.State)]; told {
			kind, ok = mail, true
		}
		if e.Body.Payment.Away && (kind == MailUnsecured || e.Body.Payment.State == string(payment.Declined)) {
			kind, ok = MailOwing, true
		}
		if !ok {
			return nil
		}
		job.Kind, job.Payment, job.Reservation = kind, e.Body.Payment.ID, e.Body.Payment.Reservation
	default:
		return nil
	}
	return []Job{job}
}

// ForPayment is what a payment in a state waits for.
func ForPayment(s payment.State) (Kind, bool) {
	switch s {
	case payment.CaptureRequested:
		return Capture, true
	case payment.VoidRequested:
		return Void, true
	case payment.Unknown:
		return Resolve, true
	default:
		return "", false
	}
}

// Step is what one move of the cursor did.
type Step struct {
	Events int
	Jobs   int
	More   bool // there are events that could be taken at once
	Behind bool // there are events that a running transaction keeps back
}

// Source is the feed with the relay's cursor.
type Source interface {
	// Relay moves the cursor over the next events, and inserts the jobs that plan
	// makes of them, in one transaction.
	Relay(ctx context.Context, plan func(feed.Event) []Job) (Step, error)
}

// How often the relay looks.
const (
	sweepEvery = time.Second // without a hint
	soon       = 10 * time.Millisecond
	later      = 200 * time.Millisecond // while a long transaction keeps events back
	stepLimit  = 30 * time.Second
)

// Relay is one process's relay.
type Relay struct {
	src  Source
	log  *slog.Logger
	wake chan struct{}

	events, jobs, failures atomic.Uint64
	moved                  atomic.Int64 // when a step last succeeded, in Unix seconds; 0: never
}

// New makes a relay that does nothing before Run.
func New(src Source, log *slog.Logger) *Relay {
	return &Relay{src: src, log: log.With("component", "relay"), wake: make(chan struct{}, 1)}
}

// Hint says that there may be new events. It never blocks; a lost hint costs a
// second.
func (r *Relay) Hint() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run relays until the context ends. While the database is away it keeps
// trying.
func (r *Relay) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	away := false
	pause := soon
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		case <-timer.C:
		}
		step, err := r.step(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			if !away {
				r.log.Warn("events cannot be turned into jobs at the moment", "err", err)
			}
			timer.Reset(sweepEvery)
		case step.More:
			timer.Reset(0)
		case step.Behind:
			if step.Events > 0 {
				pause = soon
			}
			timer.Reset(pause)
			pause = min(2*pause, later)
		default:
			pause = soon
			timer.Reset(sweepEvery)
		}
		if err == nil && away {
			r.log.Info("events are turned into jobs again")
		}
		away = err != nil
	}
}

func (r *Relay) step(ctx context.Context) (Step, error) {
	ctx, cancel := context.WithTimeout(ctx, stepLimit)
	defer cancel()
	s, err := r.src.Relay(ctx, Jobs)
	if err != nil {
		r.failures.Add(1)
		return s, err
	}
	r.events.Add(uint64(s.Events))
	r.jobs.Add(uint64(s.Jobs))
	r.moved.Store(time.Now().Unix())
	return s, nil
}
