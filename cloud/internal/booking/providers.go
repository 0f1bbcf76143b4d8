package booking

import (
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
)

// Fault codes of methods of payment. They are part of the API.
const (
	CodeNoProvider   = "provider_unavailable"   // this process has no access to the payment's provider
	CodeNotAtMachine = "pay_at_machine_refused" // the parking takes no promises to pay at the machine
)

// providers are all of them, first the one that takes what nobody takes by its name.
func (s *Service) providers() payment.Providers {
	return append(payment.Providers{s.Provider}, s.Others...)
}

// providerFor is the provider that takes a method of payment.
func (s *Service) providerFor(method string) payment.Provider {
	if found, ok := s.providers().For(method); ok {
		return found
	}
	return s.Provider
}

// providerOf is the provider of a payment.
func (s *Service) providerOf(p *payment.Payment) (payment.Provider, error) {
	if found, ok := s.providers().Named(p.Provider); ok {
		return found, nil
	}
	return nil, fault.Newf(fault.Unavailable, CodeNoProvider, "The payment provider %q is not configured here.", p.Provider)
}

// onPromise is what becomes of a price, or of its refusal, with a provider whose
// holds may be mere promises: the parking must take them, and nothing can be taken
// from one when nobody comes. It is a pure rule.
func onPromise(with payment.Provider, p *parking.Parking, q reservation.Quote, refusal error) (reservation.Quote, error) {
	if with.Capabilities().Secures {
		return q, refusal
	}
	if refusal == nil && !p.Policy.PayAtMachine {
		refusal = fault.New(fault.Invalid, CodeNotAtMachine, "This parking takes no reservations that are paid at the machine. Choose another method of payment.").
			WithField("payment_method", "is not taken here")
	}
	none := 0
	q.NoShowCharge = &none
	return q, refusal
}
