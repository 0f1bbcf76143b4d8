package account_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// one is a store with one account.
type one struct {
	account.Store
	it      account.Account
	changed bool          // the password is another one by the time that a session is opened
	wait    time.Duration // of each try
	opened  int
}

func (s *one) Try(context.Context, [][]byte, int, time.Duration, time.Time) (time.Duration, error) {
	return s.wait, nil
}

func (s *one) ByEmail(_ context.Context, email string) (*account.Account, error) {
	if email != s.it.Email {
		return nil, nil
	}
	return &s.it, nil
}

func (s *one) ByID(context.Context, id.Account) (*account.Account, error) { return &s.it, nil }

func (s *one) PutLogin(_ context.Context, _ account.Login, checked string, _, _ []byte) (bool, error) {
	if s.changed || checked != s.it.Password {
		return false, nil
	}
	s.opened++
	return true, nil
}

func newOne(t *testing.T) (*account.Service, *one, *int) {
	t.Helper()
	hashed := new(int)
	s := &account.Service{Hasher: account.NewHasher(1, func() { *hashed++ }), Secret: []byte("secret"), Now: time.Now}
	phc, err := s.Hasher.Hash(t.Context(), "parken mit Vergnügen")
	if err != nil {
		t.Fatal(err)
	}
	store := &one{it: account.Account{ID: id.New[id.Account](time.Now()), Email: "jana@posteo.example", Password: phc}}
	s.Store, *hashed = store, 0
	return s, store, hashed
}

func codeOf(err error) string {
	var f *fault.Fault
	if !errors.As(err, &f) {
		return ""
	}
	return f.Code
}

func TestALogInCostsTheSameForWhoIsNotThere(t *testing.T) {
	for _, email := range []string{"jana@posteo.example", "nobody@posteo.example"} {
		s, _, hashed := newOne(t)
		_, _, err := s.Login(t.Context(), account.Entry{Email: email, Password: "not the password"})
		if codeOf(err) != account.CodeWrongLogin || *hashed != 1 {
			t.Errorf("%s: %v, hashed %d times", email, err, *hashed)
		}
	}
}

func TestNobodyGetsInByAPasswordThatWasResetMeanwhile(t *testing.T) {
	s, store, _ := newOne(t)
	right := account.Entry{Email: "jana@posteo.example", Password: "parken mit Vergnügen"}
	store.changed = true
	if _, token, err := s.Login(t.Context(), right); codeOf(err) != account.CodeWrongLogin || token != "" {
		t.Errorf("%v", err)
	}
	store.changed = false
	if _, token, err := s.Login(t.Context(), right); err != nil || token == "" || store.opened != 1 {
		t.Errorf("%v", err)
	}
}

func TestWhoTriesTooOftenIsNotEvenChecked(t *testing.T) {
	s, store, hashed := newOne(t)
	store.wait = time.Minute
	_, _, err := s.Login(t.Context(), account.Entry{Email: "jana@posteo.example", Password: "parken mit Vergnügen"})
	var many account.TooManyTries
	if !errors.As(err, &many) || many.After != time.Minute || codeOf(err) != account.CodeTooManyTries || *hashed != 0 {
		t.Errorf("%v, hashed %d times", err, *hashed)
	}
}

// Who knows the password alone neither removes a second factor nor adds one of his own.
func TestAPasswordAloneChangesNoSecondFactor(t *testing.T) {
	for name, secure := range map[string]func(*account.Account){
		"an authenticator": func(a *account.Account) { a.TOTP = []byte("12345678901234567890") },
		"a passkey":        func(a *account.Account) { a.Passkeys = 1 },
	} {
		s, store, _ := newOne(t)
		s.Ceremonies = noCeremonies{}
		secure(&store.it)
		before := account.Login{Account: store.it.ID, CreatedAt: time.Now()} // by the password
		_, recovery := s.NewRecovery(t.Context(), before)
		_, _, begin := s.BeginTOTP(t.Context(), before)
		_, confirm := s.ConfirmTOTP(t.Context(), "", before, "123456")
		_, ask := s.BeginPasskey(t.Context(), before)
		_, add := s.AddPasskey(t.Context(), "", before, "", []byte("{}"))
		for what, err := range map[string]error{
			"recovery": recovery, "begin": begin, "confirm": confirm, "ask for a passkey": ask, "add a passkey": add,
			"remove the authenticator": s.RemoveTOTP(t.Context(), before), "remove a passkey": s.RemovePasskey(t.Context(), before, id.Passkey{}), "close": s.Close(t.Context(), before),
		} {
			if codeOf(err) != account.CodeLoginAgain {
				t.Errorf("with %s, %s: %v", name, what, err)
			}
		}
	}
}

// Also who has passed it must have done so a short time ago.
func TestTheWaysInChangeSoonAfterALogIn(t *testing.T) {
	s, store, _ := newOne(t)
	s.Ceremonies = noCeremonies{}
	old := account.Login{Account: store.it.ID, SecondFactor: true, CreatedAt: time.Now().Add(-account.Recent)}
	_, _, begin := s.BeginTOTP(t.Context(), old)
	_, ask := s.BeginPasskey(t.Context(), old)
	for what, err := range map[string]error{"begin": begin, "ask": ask, "close": s.Close(t.Context(), old)} {
		if codeOf(err) != account.CodeLoginAgain {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// noCeremonies fails a test that comes as far as asking a device.
type noCeremonies struct{ account.Ceremonies }
