package account

import (
	"context"
	"crypto/rand"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// Change changes what an account says.
// Its fault is CodeInvalid.
func (s *Service) Change(ctx context.Context, a id.Account, c Change) error {
	if c.Language != nil {
		if _, err := language(*c.Language); err != nil || *c.Language == "" {
			return fault.New(fault.Invalid, CodeInvalid, "Some of what was sent cannot be used; fields says what.").WithField("language", "must be en or de")
		}
	}
	return s.Store.Change(ctx, a, c)
}

// SetPassword sets another password and ends every other log-in.
// Its faults are CodeInvalid, CodeTooManyTries, CodeBusy and CodeNotLoggedIn.
func (s *Service) SetPassword(ctx context.Context, from string, l Login, old, password string) error {
	if err := s.try(ctx, from, tries{"password:" + l.Account.String(), ofPerson}); err != nil {
		return err
	}
	a, err := s.Me(ctx, l.Account)
	if err != nil {
		return err
	}
	right, err := s.Hasher.Check(ctx, a.Password, old)
	switch {
	case err != nil:
		return err
	case !right:
		return errNotPresent()
	}
	if err := CheckPassword(a.Email, password); err != nil {
		return invalid("new_password", err)
	}
	phc, err := s.Hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	// A reset in the meantime counts: who knew the old password must not undo it.
	ok, err := s.Store.SetPassword(ctx, a.ID, a.Password, phc, l.ID)
	if err == nil && !ok {
		err = errNotPresent()
	}
	return err
}

func errNotPresent() error {
	return fault.New(fault.Invalid, CodeInvalid, "Some of what was sent cannot be used; fields says what.").WithField("password", "is not the present one")
}

// fresh refuses a log-in that is too old to change the ways in.
func (s *Service) fresh(l Login) error {
	if !l.Fresh(s.Now()) {
		return fault.New(fault.Forbidden, CodeLoginAgain, "Your log-in is too long ago for this. Log in once more.")
	}
	return nil
}

// passed refuses, besides, a log-in by a password alone where there is a second factor:
// who knows the password must neither get rid of it nor add one of his own.
func (s *Service) passed(a Account, l Login) error {
	if a.Secured() && !l.SecondFactor {
		return fault.New(fault.Forbidden, CodeLoginAgain, "Your account has a second factor, which this log-in has not passed. Log in once more, with a code or a passkey.")
	}
	return s.fresh(l)
}

// Close deletes the account.
// Its faults are CodeLoginAgain, CodeLastOwner and CodeNotLoggedIn.
func (s *Service) Close(ctx context.Context, l Login) error {
	a, err := s.Me(ctx, l.Account)
	if err != nil {
		return err
	}
	if err := s.passed(a, l); err != nil {
		return err
	}
	ok, err := s.Store.Close(ctx, l.Account)
	if err == nil && !ok {
		err = fault.New(fault.Conflict, CodeLastOwner, "An operator has no other owner. Make another one first.")
	}
	return err
}

// BeginTOTP makes a secret for an authenticator.
// Its faults are CodeLoginAgain, CodeTOTPExists and CodeNotLoggedIn.
func (s *Service) BeginTOTP(ctx context.Context, l Login) (secret, uri string, err error) {
	a, err := s.Me(ctx, l.Account)
	if err != nil {
		return "", "", err
	}
	if err := s.passed(a, l); err != nil {
		return "", "", err
	}
	fresh := make([]byte, totpLen)
	_, _ = rand.Read(fresh) // it never fails
	ok, err := s.Store.BeginTOTP(ctx, a.ID, fresh, s.Now().UTC())
	switch {
	case err != nil:
		return "", "", err
	case !ok:
		return "", "", fault.New(fault.Conflict, CodeTOTPExists, "There is an authenticator already. Remove it first.")
	}
	return b32.EncodeToString(fresh), TOTPURI(a.Email, fresh), nil
}

func errNoTOTP() error {
	return fault.New(fault.NotFound, CodeTOTPUnknown, "There is no authenticator, or it was begun too long ago.")
}

// ConfirmTOTP puts an authenticator in force and returns the recovery codes.
// Its faults are CodeLoginAgain, CodeTOTPUnknown, CodeWrongCode, CodeTooManyTries and
// CodeNotLoggedIn.
func (s *Service) ConfirmTOTP(ctx context.Context, from string, l Login, code string) ([]string, error) {
	a, err := s.Me(ctx, l.Account)
	if err != nil {
		return nil, err
	}
	if err := s.passed(a, l); err != nil {
		return nil, err
	}
	if err := s.try(ctx, from, tries{"code:" + l.Account.String(), ofPerson}); err != nil {
		return nil, err
	}
	secret, err := s.Store.BegunTOTP(ctx, l.Account, s.Now().UTC().Add(-beginFor))
	switch {
	case err != nil:
		return nil, err
	case secret == nil:
		return nil, errNoTOTP()
	}
	at, ok := CheckCode(secret, 0, code, s.Now())
	if !ok {
		return nil, fault.New(fault.Invalid, CodeWrongCode, "That code is not right. Is the clock of the phone?").WithField("code", "is not right")
	}
	shown, kept := newRecovery()
	if ok, err = s.Store.ConfirmTOTP(ctx, l.Account, l.ID, secret, at, kept); err == nil && !ok {
		err = errNoTOTP()
	}
	if err != nil {
		return nil, err
	}
	return shown, nil
}

// RemoveTOTP removes the authenticator and the recovery codes.
// Its faults are CodeLoginAgain, CodeTOTPUnknown and CodeNotLoggedIn.
func (s *Service) RemoveTOTP(ctx context.Context, l Login) error {
	a, err := s.Me(ctx, l.Account)
	if err != nil {
		return err
	}
	if err := s.passed(a, l); err != nil {
		return err
	}
	ok, err := s.Store.RemoveTOTP(ctx, l.Account)
	if err == nil && !ok {
		err = errNoTOTP()
	}
	return err
}

// NewRecovery makes new recovery codes; the old ones end.
// Its faults are CodeLoginAgain, CodeNoSecondFactor and CodeNotLoggedIn.
func (s *Service) NewRecovery(ctx context.Context, l Login) ([]string, error) {
	a, err := s.Me(ctx, l.Account)
	if err != nil {
		return nil, err
	}
	if err := s.passed(a, l); err != nil {
		return nil, err
	}
	if a.TOTP == nil {
		return nil, fault.New(fault.Conflict, CodeNoSecondFactor, "There is no authenticator that the codes would stand in for.")
	}
	shown, kept := newRecovery()
	ok, err := s.Store.SetRecovery(ctx, a.ID, l.ID, kept)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, ErrNotLoggedIn()
	}
	return shown, nil
}

// EndLogin ends one of the account's log-ins.
// Its fault is CodeSessionUnknown.
func (s *Service) EndLogin(ctx context.Context, a id.Account, l id.Login) error {
	ok, err := s.Store.EndLogin(ctx, a, l)
	if err == nil && !ok {
		err = fault.New(fault.NotFound, CodeSessionUnknown, "There is no such session.")
	}
	return err
}

// Claim gives a guest's booking to the account whose address it was made with.
// Its faults are CodeAddressDiffers, CodeClaimed and CodeNotLoggedIn.
func (s *Service) Claim(ctx context.Context, a id.Account, at id.Parking, r id.Reservation, contact string) error {
	me, err := s.Me(ctx, a)
	if err != nil {
		return err
	}
	if n, err := NormalEmail(contact); err != nil || n != me.Email {
		return fault.New(fault.Conflict, CodeAddressDiffers, "This booking was made with another address than the account's.")
	}
	ok, err := s.Store.Claim(ctx, at, r, a)
	if err == nil && !ok {
		err = fault.New(fault.Conflict, CodeClaimed, "This booking belongs to another account.")
	}
	return err
}

// Parkings are those that a principal sees of an operator, or of all of his.
// Its faults are CodeOperatorUnknown and those of Decide.
func (s *Service) Parkings(ctx context.Context, p Principal, o id.Operator) ([]OperatorParkings, error) {
	hidden := fault.New(fault.NotFound, CodeOperatorUnknown, "There is no such operator, or you do not work for it.")
	if err := Decide(p, ViewParkings, Object{Operator: o, Exists: true}).Refusal(hidden); err != nil {
		return nil, err
	}
	var only []id.Operator
	all := false
	for _, m := range p.Memberships {
		all = all || m.Role == Admin
		only = append(only, m.Operator)
	}
	if !o.IsZero() {
		only, all = []id.Operator{o}, false
	}
	found, err := s.Store.Operators(ctx, only, all)
	if err == nil && !o.IsZero() && len(found) == 0 {
		err = hidden
	}
	return found, err
}

// Logins are the account's log-ins, the newest first.
func (s *Service) Logins(ctx context.Context, a id.Account) ([]Login, error) {
	return s.Store.Logins(ctx, a, s.Now().UTC())
}

// EndOthers ends every other log-in of the account.
func (s *Service) EndOthers(ctx context.Context, l Login) error {
	return s.Store.EndOthers(ctx, l.Account, l.ID)
}

// Owner is whose a reservation is; zero: a guest's.
func (s *Service) Owner(ctx context.Context, r id.Reservation) (id.Account, error) {
	return s.Store.ReservationAccount(ctx, r)
}

// Reservations are the account's, the newest first.
func (s *Service) Reservations(ctx context.Context, a id.Account, before id.Reservation, limit int) ([]id.Reservation, error) {
	return s.Store.Reservations(ctx, a, before, limit)
}
