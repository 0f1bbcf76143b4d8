package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/relay"
	"github.com/openlot/openlot/protocol/id"
)

// nobodysJobs takes jobs and does none.
type nobodysJobs struct{}

func (nobodysJobs) InsertTx(context.Context, pgx.Tx, []relay.Job) error { return nil }

// people is a store of accounts with what a test does to it.
type people struct {
	postgres.Accounts
	t   *testing.T
	now time.Time
}

func newPeople(t *testing.T) (people, string) {
	t.Helper()
	db, dsn := postgrestest.New(t)
	return people{postgres.NewAccounts(db, nobodysJobs{}), t, time.Now().UTC().Truncate(time.Microsecond)}, dsn
}

// link stores a link and returns its token's hash.
func (p people) link(kind account.LinkKind, email, lang string) (token []byte, stored *account.Link) {
	p.t.Helper()
	l := account.Link{Kind: kind, Email: email, Language: lang, Created: p.now, Expires: p.now.Add(time.Hour)}
	u := id.New[id.Login](time.Now()).UUID()
	copy(l.ID[:], u[:])
	l.Token = account.HashToken(string(l.ID[:]))
	p.ok(p.PutLink(p.t.Context(), l))
	stored, err := p.Link(p.t.Context(), l.ID)
	p.ok(err)
	return l.Token, stored
}

func (p people) ok(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// signedUp makes an account.
func (p people) signedUp(email, lang, password string) id.Account {
	p.t.Helper()
	token, _ := p.link(account.LinkVerify, email, lang)
	a := id.New[id.Account](p.now)
	if ok, err := p.Verify(p.t.Context(), token, a, password, p.now); err != nil || !ok {
		p.t.Fatal(ok, err)
	}
	return a
}

func (p people) login(a id.Account, checked, token string) (id.Login, bool) {
	p.t.Helper()
	l := account.Login{ID: id.New[id.Login](p.now), Account: a, CreatedAt: p.now, LastSeen: p.now, Expires: p.now.Add(account.Idle)}
	ok, err := p.PutLogin(p.t.Context(), l, checked, account.HashToken(token), nil)
	p.ok(err)
	return l.ID, ok
}

func (p people) in(token string) bool {
	p.t.Helper()
	l, _, err := p.FindLogin(p.t.Context(), account.HashToken(token), p.now)
	p.ok(err)
	return l != nil
}

func TestAResetEndsEveryWayIn(t *testing.T) {
	p, _ := newPeople(t)
	a, other := p.signedUp("jana@posteo.example", "de", "old"), p.signedUp("ole@posteo.example", "en", "his")
	mine, _ := p.login(a, "old", "one")
	p.login(other, "his", "two")
	first, mail := p.link(account.LinkReset, "jana@posteo.example", "en")
	second, _ := p.link(account.LinkReset, "jana@posteo.example", "en")
	if mail.Language != "de" || mail.Kind != account.LinkReset {
		t.Errorf("the mail is %s, in %s", mail.Kind, mail.Language)
	}
	if _, mail := p.link(account.LinkReset, "nobody@posteo.example", "en"); mail.Kind != account.LinkNone {
		t.Errorf("nobody is mailed %s", mail.Kind)
	}
	if ok, err := p.Reset(t.Context(), first, "new", p.now); err != nil || !ok {
		t.Fatal(ok, err)
	}
	for name, token := range map[string][]byte{"the same": first, "an older": second} {
		if ok, err := p.Reset(t.Context(), token, "newer", p.now); err != nil || ok {
			t.Errorf("%s link is good after a reset: %v", name, err)
		}
	}
	if p.in("one") || !p.in("two") {
		t.Error("a reset ends other log-ins than those of its account")
	}
	if _, ok := p.login(a, "old", "three"); ok || p.in("three") {
		t.Error("who was checked against the old password got in after the reset")
	}
	if ok, err := p.SetPassword(t.Context(), a, "old", "mine again", mine); err != nil || ok {
		t.Errorf("who was checked against the old password changed the new one: %v", err)
	}
	if _, ok := p.login(a, "new", "four"); !ok || !p.in("four") {
		t.Error("the new password does not let in")
	}
}

// Whichever comes first, nobody who knows the old password alone is in afterwards.
func TestALogInBesideAResetDoesNotOutliveIt(t *testing.T) {
	p, _ := newPeople(t)
	a := p.signedUp("jana@posteo.example", "de", "0")
	for i := range 20 {
		old, next := string(rune('0'+i)), string(rune('1'+i))
		token, _ := p.link(account.LinkReset, "jana@posteo.example", "de")
		var g errgroup.Group
		for _, k := range []string{"a", "b", "c"} {
			g.Go(func() error {
				l := account.Login{ID: id.New[id.Login](p.now), Account: a, CreatedAt: p.now, LastSeen: p.now, Expires: p.now.Add(account.Idle)}
				_, err := p.PutLogin(t.Context(), l, old, account.HashToken(old+k), nil)
				return err
			})
		}
		g.Go(func() error {
			_, err := p.Reset(t.Context(), token, next, p.now)
			return err
		})
		p.ok(g.Wait())
		if left, err := p.Logins(t.Context(), a, p.now); err != nil || len(left) != 0 {
			t.Fatalf("%d log-ins are left, %v", len(left), err)
		}
	}
}

func TestTriesAreSharedAndForgottenInTime(t *testing.T) {
	p, dsn := newPeople(t)
	instances := []postgres.Accounts{p.Accounts, postgres.NewAccounts(postgrestest.Open(t, dsn), nil)}
	key := [][]byte{bytes.Repeat([]byte{7}, 32)}
	try := func(i int, at time.Duration) time.Duration {
		t.Helper()
		wait, err := instances[i%2].Try(t.Context(), key, 10, time.Minute, p.now.Add(at))
		p.ok(err)
		return wait
	}
	for i := range 10 {
		if wait := try(i, 0); wait != 0 {
			t.Fatalf("try %d waits %v", i+1, wait)
		}
	}
	for i := range 2 { // at either: they count together
		if wait := try(i, 0); wait != time.Minute {
			t.Errorf("one too many waits %v", wait)
		}
	}
	if wait, err := p.Try(t.Context(), [][]byte{bytes.Repeat([]byte{8}, 32)}, 10, time.Minute, p.now); err != nil || wait != 0 {
		t.Errorf("another waits %v, %v", wait, err)
	}
	if wait := try(0, 59*time.Second); wait != time.Second {
		t.Errorf("after 59 s: %v", wait)
	}
	if wait := try(0, time.Minute); wait != 0 {
		t.Errorf("after a minute: %v", wait)
	}
	if wait := try(1, time.Minute); wait == 0 {
		t.Error("after a minute there was more than one try")
	}
}

func TestWhatIsOverIsSwept(t *testing.T) {
	p, _ := newPeople(t)
	a := p.signedUp("jana@posteo.example", "de", "old")
	p.login(a, "old", "one")
	_, l := p.link(account.LinkVerify, "ole@posteo.example", "de")
	p.ok(p.Sweep(t.Context(), p.now))
	if got, err := p.Link(t.Context(), l.ID); err != nil || got == nil || !p.in("one") {
		t.Fatalf("what is good was swept: %v, %v", got, err)
	}
	p.ok(p.Sweep(t.Context(), p.now.Add(account.Idle+time.Second)))
	if got, err := p.Link(t.Context(), l.ID); err != nil || got != nil || p.in("one") {
		t.Errorf("what is over is still there: %v, %v", got, err)
	}
}

// Of several sign-ups of one address, whoever follows the first mail sets the password.
func TestAnAddressIsConfirmedOnce(t *testing.T) {
	p, _ := newPeople(t)
	first, _ := p.link(account.LinkVerify, "jana@posteo.example", "de")
	second, _ := p.link(account.LinkVerify, "jana@posteo.example", "en")
	reset, _ := p.link(account.LinkReset, "ole@posteo.example", "en")
	a := id.New[id.Account](p.now)
	if ok, err := p.Verify(t.Context(), reset, a, "x", p.now); err != nil || ok {
		t.Errorf("a link for a new password makes an account: %v", err)
	}
	if ok, err := p.Verify(t.Context(), first, a, "hers", p.now); err != nil || !ok {
		t.Fatal(ok, err)
	}
	for name, token := range map[string][]byte{"the same": first, "another": second} {
		if ok, err := p.Verify(t.Context(), token, id.New[id.Account](p.now), "another's", p.now); err != nil || ok {
			t.Errorf("%s link is good after the account was made: %v", name, err)
		}
		if email, err := p.LinkEmail(t.Context(), account.LinkVerify, token, p.now); err != nil || email != "" {
			t.Errorf("%s link is good after the account was made: %v", name, err)
		}
	}
	if got, err := p.ByID(t.Context(), a); err != nil || got == nil || got.Password != "hers" || got.Language != "de" {
		t.Errorf("%+v, %v", got, err)
	}
}

// Whatever comes at once for one address, each of it ends, and one of each kind is first.
func TestWhatComesAtOnceForOneAddressDoesNotBlockItself(t *testing.T) {
	p, _ := newPeople(t)
	for i := range 60 {
		email := fmt.Sprintf("jana%d@posteo.example", i)
		a, b := id.New[id.Account](p.now), id.New[id.Account](p.now)
		at := func(tokens [2][]byte, do func(token []byte, k int) (bool, error)) {
			t.Helper()
			var g errgroup.Group
			var won atomic.Int32
			for k, token := range tokens {
				g.Go(func() error {
					ok, err := do(token, k)
					if ok {
						won.Add(1)
					}
					return err
				})
			}
			if err := g.Wait(); err != nil || won.Load() != 1 {
				t.Fatalf("round %d: %d came first, %v", i, won.Load(), err)
			}
		}
		links := func(kind account.LinkKind) (l [2][]byte) {
			l[0], _ = p.link(kind, email, "de")
			l[1], _ = p.link(kind, email, "de")
			return l
		}
		at(links(account.LinkVerify), func(token []byte, k int) (bool, error) {
			return p.Verify(t.Context(), token, [2]id.Account{a, b}[k], "first", p.now)
		})
		at(links(account.LinkReset), func(token []byte, _ int) (bool, error) {
			return p.Reset(t.Context(), token, "second", p.now)
		})
		made, err := p.ByEmail(t.Context(), email)
		p.ok(err)
		mine, _ := p.login(made.ID, "second", email)
		token, _ := p.link(account.LinkReset, email, "de")
		at([2][]byte{token, nil}, func(token []byte, k int) (bool, error) {
			if k == 1 {
				return p.SetPassword(t.Context(), made.ID, "second", "third", mine)
			}
			return p.Reset(t.Context(), token, "third", p.now)
		})
	}
}

// Two resets that both have to wait for the account are not in each other's way when they
// go on: whoever has not the account has nothing else of it.
func TestWhoWaitsForAnAccountHoldsNothingOfIt(t *testing.T) {
	p, dsn := newPeople(t)
	a := p.signedUp("jana@posteo.example", "de", "old")
	holder, watcher := postgrestest.Owner(t, dsn), postgrestest.Owner(t, dsn)
	tx, err := holder.Begin(t.Context())
	p.ok(err)
	_, err = tx.Exec(t.Context(), `select from account where id = $1 for update`, a.UUID())
	p.ok(err)
	var g errgroup.Group
	var won atomic.Int32
	for range 2 {
		token, _ := p.link(account.LinkReset, "jana@posteo.example", "de")
		g.Go(func() error {
			ok, err := p.Reset(t.Context(), token, "new", p.now)
			if ok {
				won.Add(1)
			}
			return err
		})
	}
	for waiting := 0; waiting < 2; {
		p.ok(watcher.QueryRow(t.Context(), `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`).Scan(&waiting))
	}
	p.ok(tx.Rollback(t.Context()))
	if err := g.Wait(); err != nil || won.Load() != 1 {
		t.Errorf("%d came first, %v", won.Load(), err)
	}
}
