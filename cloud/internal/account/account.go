// Package account knows who may do what: accounts, their log-ins, the roles that
// they have with operators, and the rules of passwords and second factors.
//
// The rules are functions of what they are told. Service puts them to use over a
// Store that it declares. Nothing that it answers says whether an address has an
// account: known and unknown ones get the same answer for the same work.
package account

import (
	"fmt"
	"net/mail"
	"strings"
	"time"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// Fault codes of accounts. They are part of the API.
const (
	CodeNotLoggedIn     = "not_logged_in"
	CodeWrongLogin      = "wrong_login"
	CodeCodeRequired    = "code_required"
	CodeWrongCode       = "wrong_code"
	CodeLoginAgain      = "login_again"
	CodeSecondFactor    = "second_factor_required"
	CodeNoOperator      = "no_operator"
	CodeNotAllowed      = "not_allowed"
	CodeOperatorUnknown = "operator_not_found"
	CodeSessionUnknown  = "session_not_found"
	CodeTOTPUnknown     = "totp_not_found"
	CodeTOTPExists      = "totp_exists"
	CodeNoSecondFactor  = "second_factor_missing"
	CodeLastOwner       = "last_owner"
	CodeAddressDiffers  = "address_differs"
	CodeClaimed         = "claimed_already"
	CodeLinkExpired     = "link_expired"
	CodeTooManyTries    = "too_many_tries"
	CodeBusy            = "login_busy"
	CodeInvalid         = "request_invalid"
)

// Account is a person's.
type Account struct {
	ID           id.Account
	Email        string // as NormalEmail has it
	Password     string // PHC
	Name         string
	Language     string
	HourCycle    string
	Currency     string
	Phone        string
	RemindByMail bool
	RemindBySMS  bool
	Plates       []string
	TOTP         []byte   // the authenticator's secret; nil: none
	TOTPStep     int64    // the last step whose code was used
	Recovery     [][]byte // hashes of the codes that are left
	Passkeys     int      // how many there are
	Memberships  []Membership
	CreatedAt    time.Time
}

// Secured reports whether there is a second factor.
func (a Account) Secured() bool { return a.TOTP != nil || a.Passkeys > 0 }

// Membership is a role of an account.
type Membership struct {
	Role     Role
	Operator id.Operator // zero: of the platform
	Name     string      // of the operator
}

// Login is one log-in on one device.
type Login struct {
	ID           id.Login
	Account      id.Account
	Device       string
	SecondFactor bool
	Passkey      id.Passkey // that opened it; zero: a password did
	CreatedAt    time.Time
	LastSeen     time.Time
	Expires      time.Time
	Extended     bool // this very use has put the end off; not kept
}

// How long a log-in lasts, used or not used, and how old it may be for what
// changes the ways in.
const (
	Idle    = 30 * 24 * time.Hour
	Longest = 180 * 24 * time.Hour // since it was opened, however much it is used
	Recent  = 15 * time.Minute
	// seenEvery is how exactly the last use is known: not each request writes.
	seenEvery = 5 * time.Minute
)

// Until is when a log-in ends that is used now and never again.
func (l Login) Until(now time.Time) time.Time {
	end := l.CreatedAt.Add(Longest)
	if idle := now.Add(Idle); idle.Before(end) {
		return idle
	}
	return end
}

// Used is the log-in after a use, and whether that is worth noting: the last use is known
// to seenEvery, and the end is put off with it.
func (l Login) Used(now time.Time) (Login, bool) {
	if now.Sub(l.LastSeen) < seenEvery {
		return l, false
	}
	l.LastSeen, l.Expires, l.Extended = now, l.Until(now), true
	return l, true
}

// Fresh reports whether a log-in is recent enough to change the ways in.
func (l Login) Fresh(now time.Time) bool { return now.Sub(l.CreatedAt) < Recent }

// NormalEmail is an address as accounts are found by.
func NormalEmail(text string) (string, error) {
	a, err := mail.ParseAddress(text)
	if err != nil || a.Address != text || len(text) > 254 {
		return "", fmt.Errorf("is no e-mail address")
	}
	if _, domain, _ := strings.Cut(text, "@"); !strings.Contains(strings.Trim(domain, "."), ".") {
		return "", fmt.Errorf("is no e-mail address that can be reached")
	}
	return strings.ToLower(text), nil
}

// Limits of a password, in bytes.
const (
	minPassword = 10
	maxPassword = 256
)

// CheckPassword says what is wrong with a new password.
func CheckPassword(email, password string) error {
	name, _, _ := strings.Cut(email, "@")
	low := strings.ToLower(password)
	switch {
	case len(password) < minPassword:
		return fmt.Errorf("has %d characters at least", minPassword)
	case len(password) > maxPassword:
		return fmt.Errorf("has %d characters at most", maxPassword)
	case low == email, low == name, strings.Trim(low, low[:1]) == "", common[low]:
		return fmt.Errorf("is too easy to guess")
	}
	return nil
}

// common are the passwords of ten characters or more that are tried first.
var common = map[string]bool{
	"1234567890": true, "0123456789": true, "12345678910": true, "123456789a": true, "1q2w3e4r5t": true, "1qaz2wsx3edc": true,
	"qwertyuiop": true, "qwertzuiop": true, "password12": true, "password123": true, "password1234": true, "passwort123": true,
	"iloveyou123": true, "administrator": true, "changeme123": true, "letmein123": true, "qwerty12345": true, "openlot123": true,
}

func invalid(field string, err error) error {
	return fault.New(fault.Invalid, CodeInvalid, "Some of what was sent cannot be used; fields says what.").WithField(field, err.Error())
}
