package account

import (
	"slices"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// Role is what an account is to an operator, or to the platform.
type Role string

// The roles. Whoever has none is a driver.
const (
	Staff Role = "staff" // of an operator
	Owner Role = "owner" // of an operator
	Admin Role = "admin" // of the platform
)

// Principal is who asks. The zero value is nobody.
type Principal struct {
	Account      id.Account
	SecondFactor bool
	Memberships  []Membership
}

// Action is what somebody wants to do with an object.
type Action string

// The actions.
const (
	ManageReservation Action = "manage_reservation"
	ViewParkings      Action = "view_parkings" // of an operator
	ViewMoney         Action = "view_money"    // of an operator; staff do not
	CommandGates      Action = "command_gates" // have lanes do something, and mark incidents as read
	RunParkings       Action = "run_parkings"  // change how they are run, and see what they bring
	ManageTeam        Action = "manage_team"   // of an operator
)

// Object is what it is to be done with: whose it is, if it is there at all.
type Object struct {
	Account  id.Account  // of a reservation; zero: nobody's
	Operator id.Operator // zero: all that the principal works for
	Exists   bool
}

// Verdict is what a rule says.
type Verdict int

// The verdicts. Hidden is answered like what is not there.
const (
	Hidden Verdict = iota
	Allowed
	Anonymous // log in first
	NoOperator
	NeedsSecondFactor
	Denied
)

// Decide is the rule of who may do what.
func Decide(p Principal, a Action, o Object) Verdict {
	switch a {
	case ManageReservation:
		if !p.Account.IsZero() && o.Exists && o.Account == p.Account {
			return Allowed
		}
		return Hidden
	case ViewParkings, ViewMoney, CommandGates:
		if p.Account.IsZero() {
			return Anonymous
		}
		role, works := p.roleAt(o)
		switch {
		case !works && len(p.Memberships) == 0:
			return NoOperator
		case !works:
			return Hidden
		case role != Staff && !p.SecondFactor:
			return NeedsSecondFactor
		case !o.Exists:
			return Hidden
		case a == ViewMoney && role == Staff:
			return Denied
		}
		return Allowed
	case RunParkings, ManageTeam:
		if p.Account.IsZero() {
			return Anonymous
		}
		role, works := p.roleAt(o)
		switch {
		case !works && len(p.Memberships) == 0:
			return NoOperator
		case !works || !o.Exists: // what is there of others answers as what is not
			return Hidden
		case role == Staff:
			return Denied
		case !p.SecondFactor:
			return NeedsSecondFactor
		}
		return Allowed
	}
	return Denied
}

// roleAt is the strongest role of the principal for an object.
func (p Principal) roleAt(o Object) (Role, bool) {
	has := func(r Role) bool {
		return slices.ContainsFunc(p.Memberships, func(m Membership) bool {
			return m.Role == r && (r == Admin || o.Operator.IsZero() || m.Operator == o.Operator)
		})
	}
	for _, r := range []Role{Admin, Owner, Staff} {
		if has(r) {
			return r, true
		}
	}
	return "", false
}

// Refusal is what a verdict is answered with; nil: it is allowed.
func (v Verdict) Refusal(hidden error) error {
	switch v {
	case Allowed:
		return nil
	case Anonymous:
		return ErrNotLoggedIn()
	case NoOperator:
		return fault.New(fault.Forbidden, CodeNoOperator, "This account works for no operator.")
	case NeedsSecondFactor:
		return fault.New(fault.Forbidden, CodeSecondFactor, "Log in with a code of your authenticator or with a passkey for this. If you have neither, add one to your account first.")
	case Hidden:
		return hidden
	default:
		return fault.New(fault.Forbidden, CodeNotAllowed, "Your role does not allow that.")
	}
}

// ErrNotLoggedIn is the fault of a request without a session.
func ErrNotLoggedIn() error {
	return fault.New(fault.Unauthenticated, CodeNotLoggedIn, "Log in first: there is no session, or it has ended.")
}
