package payment

import (
	"fmt"

	"github.com/openlot/openlot/protocol/money"
)

// Sense checks a provider's answer about a hold of at most the amount. An answer that cannot be true wraps ErrNonsense: it must not be
// booked, and counts as no answer.
func (o Outcome) Sense(most money.Amount) error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%w: at most %s was asked for, %s of %q: %s", ErrNonsense, most, o.State, o.Ref, fmt.Sprintf(format, args...))
	}
	switch o.State {
	case Authorized, RequiresAction, Captured, Voided, MethodKept:
		if o.Ref == "" {
			return wrong("it has no name")
		}
	case Declined:
	case Requested, Unknown, CaptureRequested, VoidRequested, Lapsed:
		return wrong("that is no state of a provider's hold")
	default:
		return wrong("no such state is known")
	}
	for _, a := range []money.Amount{o.Authorized, o.Captured} {
		switch {
		case a.Minor < 0:
			return wrong("%s is below zero", a)
		case a.Minor > most.Minor:
			return wrong("%s is more", a)
		case a.Minor > 0 && a.Currency != most.Currency:
			return wrong("%s is in another currency", a)
		}
	}
	switch {
	case o.State == MethodKept && o.Authorized.Minor > 0:
		return wrong("%s is held all the same", o.Authorized)
	case o.State != Captured && o.Captured.Minor > 0:
		return wrong("%s is taken all the same", o.Captured)
	case o.State == Captured && (o.Captured.Minor == 0 || o.Captured.Minor > o.Authorized.Minor):
		return wrong("%s is taken of %s", o.Captured, o.Authorized)
	}
	return nil
}
