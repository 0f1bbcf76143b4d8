package account_test

import (
	"context"
	"errors"
	"fmt"
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
	fullAt  map[string]time.Time
	opened  int
	links   int
}

// Try counts as account.Store says.
func (s *one) Try(_ context.Context, keys [][]byte, burst int, every time.Duration, now time.Time) (time.Duration, error) {
	wait := s.wait
	for _, key := range keys {
		full := s.fullAt[string(key)]
		if full.Before(now) {
			full = now
		}
		if over := full.Sub(now) - time.Duration(burst-1)*every; over > 0 {
			wait = max(wait, over)
			continue
		}
		s.fullAt[string(key)] = full.Add(every)
	}
	return wait, nil
}

func (s *one) PutLink(context.Context, account.Link) error { s.links++; return nil }

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
	store := &one{fullAt: map[string]time.Time{}, it: account.Account{ID: id.New[id.Account](time.Now()), Email: "jana@posteo.example", Password: phc}}
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

// A mailbox is not filled by whoever knows its address: three mails at once, then one
// an hour, whatever they are for and wherever they are asked for.
func TestMailsToAnAddressAreFew(t *testing.T) {
	s, store, _ := newOne(t)
	now := time.Date(2026, 6, 11, 8, 0, 0, 0, time.UTC)
	s.Now = func() time.Time { return now }
	from := 0
	ask := func(email string) error {
		from++
		network := fmt.Sprintf("198.51.100.%d", from)
		if from%2 == 0 {
			return s.SignUp(t.Context(), network, email, "en")
		}
		return s.Forgot(t.Context(), network, email)
	}
	for range 3 {
		if err := ask("jana@posteo.example"); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range []struct {
		after time.Duration
		wait  time.Duration // 0: it is sent
	}{{0, time.Hour}, {59 * time.Minute, time.Minute}, {time.Minute, 0}, {0, time.Hour}, {time.Hour, 0}, {4 * time.Hour, 0}, {0, 0}, {0, 0}, {0, time.Hour}} {
		now = now.Add(x.after)
		before := store.links
		err := ask("jana@posteo.example")
		var many account.TooManyTries
		if errors.As(err, &many); many.After != x.wait || (err == nil) != (x.wait == 0) || (store.links > before) != (x.wait == 0) {
			t.Fatalf("at %v: %v, waits %v, want %v", now, err, many.After, x.wait)
		}
	}
	if err := ask("ole@posteo.example"); err != nil {
		t.Fatalf("another address: %v", err)
	}
}

// Whoever tries passwords for an address does not keep its owner out, unless he does so
// from everywhere.
func TestTriesFromElsewhereKeepNobodyOut(t *testing.T) {
	s, store, hashed := newOne(t)
	now := time.Date(2026, 6, 11, 8, 0, 0, 0, time.UTC)
	s.Now = func() time.Time { return now }
	try := func(from, password string) string {
		_, _, err := s.Login(t.Context(), account.Entry{From: from, Email: store.it.Email, Password: password})
		return codeOf(err)
	}
	for i := range 11 {
		want := account.CodeWrongLogin
		if i == 10 {
			want = account.CodeTooManyTries
		}
		if got := try("192.0.2.1", "not the password"); got != want {
			t.Fatalf("try %d: %s", i+1, got)
		}
	}
	if got := try("192.0.2.1", "parken mit Vergnügen"); got != account.CodeTooManyTries {
		t.Errorf("from there: %q", got)
	}
	if got := try("198.51.100.1", "parken mit Vergnügen"); got != "" || *hashed != 11 {
		t.Errorf("from elsewhere: %q, hashed %d times", got, *hashed)
	}
	// From everywhere there are a hundred, then one in ten seconds: what was refused before
	// does not count.
	for range 89 { // counted without a password: comparing as many takes minutes
		if wait, err := store.Try(t.Context(), [][]byte{account.HashToken("login:" + store.it.Email)}, 100, 10*time.Second, now); err != nil || wait != 0 {
			t.Fatal(wait, err)
		}
	}
	if got := try("203.0.113.200", "parken mit Vergnügen"); got != account.CodeTooManyTries || *hashed != 11 {
		t.Errorf("the hundred and first: %q, hashed %d times", got, *hashed)
	}
	now = now.Add(10 * time.Second)
	if got := try("203.0.113.201", "parken mit Vergnügen"); got != "" {
		t.Errorf("ten seconds later: %q", got)
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
