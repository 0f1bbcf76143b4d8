package wire

import (
	"errors"
	"slices"
)

// TillSince is the minor version from which on a machine's cash is told of in shifts,
// and its calls for help.
const TillSince = 6

// Notes of CashMoved.
const (
	CashFilled  = "filled"  // staff has put it in
	CashTaken   = "taken"   // staff has taken it out, other than by closing a shift
	CashFound   = "found"   // it is in the machine though no payment took it
	CashMissing = "missing" // it left the machine though nothing was to be paid out
)

// Notes of HelpCalled.
const (
	HelpWanted   = "called"
	HelpNoAnswer = "no_answer" // nobody has noticed it for as long as the machine waits; the call stands
	HelpOver     = "over"      // whoever called has gone, or needs none any more
)

// CommandNotice is the order that answers a call for help: somebody has seen it. Its
// lane is the machine's id.
const CommandNotice = "notice"

// ofCash reports whether an event of the kind is about a machine's cash.
func (k EventKind) ofCash() bool { return k == CashMoved || k == ShiftOpened || k == ShiftClosed }

// cash checks what only events of a machine's cash may have.
func (e *Event) cash() error {
	closes := e.Expected == 0 && e.Taken == 0 && e.Given == 0 && e.Stays == 0 && e.Payments == 0
	most := func(n int64) bool { return n >= 0 && n <= MaxAmount }
	return errors.Join(
		check(e.Shift.IsZero() || e.Kind.ofCash(), "only what is about a machine's cash names a shift"),
		check(closes || e.Kind == ShiftClosed, "only the end of a shift sums up"),
		check(most(e.Expected) && most(e.Taken) && most(e.Given) && most(e.Stays), "an amount is at most %d minor units", MaxAmount),
	)
}

// till checks what a machine's events must carry.
func (e *Event) till() error {
	of := check(e.Lane != "", "event kind %d names its machine", e.Kind)
	counted := check(e.Amount >= 0 && e.Amount <= MaxAmount, "an amount is at most %d minor units", MaxAmount)
	switch e.Kind {
	case CashMoved:
		staff := e.Note == CashFilled || e.Note == CashTaken
		return errors.Join(of, counted, currency(e.Currency),
			check(!e.Payment.IsZero(), "cash that moved has an id"),
			check(e.Amount > 0, "cash that moved is some"),
			check(staff || e.Note == CashFound || e.Note == CashMissing, "unknown movement of cash"),
			check(!staff || e.By != "", "who fills or empties is named"))
	case ShiftOpened, ShiftClosed:
		return errors.Join(of, counted, currency(e.Currency), check(!e.Shift.IsZero() && e.By != "", "a shift names itself and who"))
	default:
		return errors.Join(of, check(slices.Contains([]string{HelpWanted, HelpNoAnswer, HelpOver}, e.Note), "unknown word of a call"))
	}
}
