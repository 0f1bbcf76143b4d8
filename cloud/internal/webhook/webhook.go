package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// Fault codes of taking webhooks. They are part of the API.
const (
	CodeUnknownProvider = "provider_not_found" // it sends no webhooks here
	CodeForged          = "webhook_forged"     // not signed by the provider
	CodeStale           = "webhook_stale"      // signed too long ago, or ahead of us
	CodeMalformed       = "webhook_malformed"  // signed and unreadable
)

// Stored is a webhook that was taken.
type Stored struct {
	payment.Notice
	Done bool
}

// Known is a payment of ours that a webhook is about.
type Known struct {
	Parking     id.Parking
	Reservation id.Reservation
	Payment     id.Payment
}

// Store keeps webhooks, and what they told of disputes.
type Store interface {
	// KeepNotice stores a webhook with the job that heeds it, all or nothing, and
	// reports whether it is new. One with the same event is not stored again.
	KeepNotice(ctx context.Context, provider string, n payment.Notice, now time.Time) (fresh bool, err error)
	// Notice returns nil when there is none.
	Notice(ctx context.Context, provider, event string) (*Stored, error)
	// NoticeDone says that nothing is left to be done for it.
	NoticeDone(ctx context.Context, provider, event string, now time.Time) error
	// KnownPayment finds a payment by its id in its parking.
	KnownPayment(ctx context.Context, provider string, at id.Parking, p id.Payment) (Known, bool, error)
	// TakenPayment finds a payment by the ref of what was captured.
	TakenPayment(ctx context.Context, provider, ref string) (Known, bool, error)
	// KeepDispute stores a dispute of a hold, as payment.Dispute is told at an
	// instant. One that is decided stays decided, and an older word changes nothing.
	KeepDispute(ctx context.Context, provider, hold string, of *Known, d payment.Dispute, at, now time.Time) error
}

// Payments asks the provider about a payment and books what is so.
type Payments interface {
	Review(ctx context.Context, at id.Parking, p id.Payment) error
	// ReviewRefund does so about what is given back for a reason.
	ReviewRefund(ctx context.Context, at id.Parking, p id.Payment, reason string) error
}

// Service takes webhooks and heeds them. Its methods are safe for concurrent use,
// by any number of processes.
type Service struct {
	Store     Store
	Payments  Payments
	Commits   commit.Committer
	Providers map[string]payment.Announcer
	Now       func() time.Time
	Log       *slog.Logger
}

// Take verifies a webhook as it came in and stores it before it returns, once
// however often it comes. Its faults are CodeUnknownProvider, CodeForged,
// CodeStale and CodeMalformed; one of kind Unavailable asks the provider to send
// it again.
func (s *Service) Take(ctx context.Context, provider string, header func(name string) string, body []byte) error {
	announcer, ok := s.Providers[provider]
	if !ok {
		return fault.New(fault.NotFound, CodeUnknownProvider, "No payment provider of that name sends webhooks here.")
	}
	now := s.Now().UTC()
	n, err := announcer.Notice(header, body, now)
	if err == nil {
		err = n.Sense()
	}
	switch {
	case err == nil:
	case errors.Is(err, payment.ErrForged):
		return fault.Wrap(err, fault.Unauthenticated, CodeForged, "The webhook is not signed by the provider.")
	case errors.Is(err, payment.ErrStale):
		return fault.Wrap(err, fault.Invalid, CodeStale, "The webhook was signed too long ago, or by a clock that is ahead.")
	case errors.Is(err, payment.ErrMalformed):
		s.Log.ErrorContext(ctx, "a webhook is signed and cannot be read", "component", "webhook", "provider", provider, "err", err)
		return fault.Wrap(err, fault.Invalid, CodeMalformed, "The webhook is signed and cannot be read.")
	default:
		return fmt.Errorf("read a webhook of %s: %w", provider, err)
	}
	_, err = s.Store.KeepNotice(ctx, provider, n, now)
	return err
}

// Heed does what a stored webhook asks for. Doing it again changes nothing.
// settlement.ErrTooSoon asks to do it again in a while.
func (s *Service) Heed(ctx context.Context, provider, event string) error {
	n, err := s.Store.Notice(ctx, provider, event)
	if err != nil || n == nil || n.Done {
		return err
	}
	if err := s.heed(ctx, provider, n.Notice); err != nil {
		if !errors.Is(err, settlement.ErrDefinite) {
			return err
		}
		// It is in the log, and asking again gets the same answer.
	}
	return s.Store.NoticeDone(ctx, provider, event, s.Now().UTC())
}

func (s *Service) heed(ctx context.Context, provider string, n payment.Notice) error {
	known, ours, err := s.find(ctx, provider, n)
	if err != nil {
		return err
	}
	if n.About == payment.AboutDispute {
		return s.dispute(ctx, provider, n, known, ours)
	}
	switch {
	case !ours:
		s.Log.WarnContext(ctx, "a webhook is about something that is none of ours", "component", "webhook",
			"provider", provider, "event", n.Event, "kind", n.Kind, "ref", n.Ref)
		return nil
	case n.About == payment.AboutRefund && n.Key == "":
		_, err := s.Commits.Commit(ctx, &Raise{
			Of: known, Key: commit.Key{Principal: "webhook:" + provider, Key: n.Event}, Incident: id.New[id.Incident](s.Now()),
			Class: ClassRefunded, Detail: "Money was given back at the payment provider, and not by us: our books do not have it.",
		})
		return err
	case n.About == payment.AboutRefund:
		_, call, _ := payment.Called(n.Key)
		reason, is := payment.RefundReason(call)
		if !is {
			return nil
		}
		return s.Payments.ReviewRefund(ctx, known.Parking, known.Payment, reason)
	default:
		return s.Payments.Review(ctx, known.Parking, known.Payment)
	}
}

// find is the payment that a webhook is about.
func (s *Service) find(ctx context.Context, provider string, n payment.Notice) (Known, bool, error) {
	if p, _, ours := payment.Called(n.Key); ours {
		if k, found, err := s.Store.KnownPayment(ctx, provider, n.Parking, p); err != nil || found {
			return k, found, err
		}
	}
	if n.Ref == "" {
		return Known{}, false, nil
	}
	return s.Store.TakenPayment(ctx, provider, n.Ref)
}

func (s *Service) dispute(ctx context.Context, provider string, n payment.Notice, k Known, ours bool) error {
	var of *Known
	if ours {
		of = &k
	}
	if err := s.Store.KeepDispute(ctx, provider, n.Ref, of, n.Dispute, n.At, s.Now().UTC()); err != nil {
		return err
	}
	if !ours {
		s.Log.ErrorContext(ctx, "a dispute is about a payment that is none of ours", "component", "webhook",
			"provider", provider, "dispute", n.Dispute.Ref, "ref", n.Ref)
		return nil
	}
	_, err := s.Commits.Commit(ctx, settlement.RecordDispute{
		At: k.Parking, Payment: k.Payment, Provider: provider, Dispute: n.Dispute, Incident: id.New[id.Incident](s.Now()),
	})
	return err
}
