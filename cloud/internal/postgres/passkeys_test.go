package postgres_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// key stores a passkey.
func (p people) key(a id.Account, credential string) account.Passkey {
	p.t.Helper()
	k := account.Passkey{
		ID: id.New[id.Passkey](time.Now()), Account: a, Name: credential, Credential: []byte(credential), PublicKey: []byte{1}, Model: []byte{2}, CreatedAt: p.now,
	}
	if !p.put(k) {
		p.t.Fatal("not stored")
	}
	return k
}

// put stores a passkey from a log-in of its account that ends with that.
func (p people) put(k account.Passkey) bool {
	p.t.Helper()
	l, _ := p.login(k.Account, "old", "of "+k.ID.String())
	ok, err := p.PutPasskey(p.t.Context(), l, k, 3)
	p.ok(err)
	p.ok(p.EndToken(p.t.Context(), account.HashToken("of "+k.ID.String())))
	return ok
}

// Whoever is put out while he sends what he adds leaves no way in behind, and the
// account as it was.
func TestALoginThatHasEndedAddsNoWayIn(t *testing.T) {
	p, dsn := newPeople(t)
	owner := postgrestest.Owner(t, dsn)
	a := p.signedUp("jana@posteo.example", "de", "old")
	l, _ := p.login(a, "old", "thief")
	secret := []byte("12345678901234567890")
	if ok, err := p.BeginTOTP(t.Context(), a, secret, p.now); err != nil || !ok {
		t.Fatal(ok, err)
	}
	token, _ := p.link(account.LinkReset, "jana@posteo.example", "de")
	if ok, err := p.Reset(t.Context(), token, "new", p.now); err != nil || !ok {
		t.Fatal(ok, err)
	}
	if ok, err := p.ConfirmTOTP(t.Context(), a, l, secret, 1, [][]byte{{1}}); err != nil || ok {
		t.Errorf("an authenticator: %v, %v", ok, err)
	}
	if ok, err := p.SetRecovery(t.Context(), a, l, [][]byte{{1}}); err != nil || ok {
		t.Errorf("recovery codes: %v, %v", ok, err)
	}
	k := account.Passkey{ID: id.New[id.Passkey](p.now), Account: a, Name: "his", Credential: []byte("his"), PublicKey: []byte{1}, Model: []byte{2}, CreatedAt: p.now}
	if ok, err := p.PutPasskey(t.Context(), l, k, 3); err != nil || ok {
		t.Errorf("a passkey: %v, %v", ok, err)
	}
	var changed int
	if err := owner.QueryRow(t.Context(), `select count(*) from account where totp is not null or recovery <> '{}'`).Scan(&changed); err != nil || changed != 0 {
		t.Errorf("%d, %v", changed, err)
	}
}

func (p people) by(k account.Passkey, token string) (bool, error) {
	l := account.Login{ID: id.New[id.Login](p.now), Account: k.Account, SecondFactor: true, Passkey: k.ID, CreatedAt: p.now, LastSeen: p.now, Expires: p.now.Add(account.Idle)}
	return p.PutLogin(p.t.Context(), l, "old", account.HashToken(token), nil)
}

func TestAChallengeIsAnsweredOnceInTimeByWhomItWasPutTo(t *testing.T) {
	p, _ := newPeople(t)
	a, b := p.signedUp("jana@posteo.example", "de", "old"), p.signedUp("ole@posteo.example", "de", "old")
	put := func(name string, of id.Account) []byte {
		c := account.HashToken(name)
		p.ok(p.PutChallenge(t.Context(), c, of, []byte(name), p.now, p.now.Add(time.Minute)))
		return c
	}
	take := func(c []byte, of id.Account, after time.Duration) string {
		t.Helper()
		got, err := p.TakeChallenge(t.Context(), c, of, p.now.Add(after))
		p.ok(err)
		return string(got)
	}
	hers, anybodys := put("hers", a), put("anybody's", id.Account{})
	for name, x := range map[string]struct {
		c  []byte
		of id.Account
	}{"another's": {hers, b}, "hers at a log-in": {hers, id.Account{}}, "a log-in's for a new key": {anybodys, a}, "none": {account.HashToken("x"), a}} {
		if got := take(x.c, x.of, 0); got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := take(hers, a, time.Minute); got != "" {
		t.Errorf("too late: %q", got)
	}
	if got := take(hers, a, 0); got != "hers" {
		t.Errorf("in time: %q", got)
	}
	if got := take(hers, a, 0); got != "" {
		t.Errorf("twice: %q", got)
	}
	var won atomic.Int32
	var g errgroup.Group
	for range 8 {
		g.Go(func() error {
			got, err := p.TakeChallenge(t.Context(), anybodys, id.Account{}, p.now)
			if got != nil {
				won.Add(1)
			}
			return err
		})
	}
	if p.ok(g.Wait()); won.Load() != 1 {
		t.Errorf("answered %d times at once", won.Load())
	}
	old := put("old", a)
	p.ok(p.Sweep(t.Context(), p.now.Add(2*time.Minute)))
	if got := take(old, a, 0); got != "" {
		t.Error("what is over is still there")
	}
}

func TestAPasskeyIsOfOneAccountAndItsCountGrows(t *testing.T) {
	p, _ := newPeople(t)
	a, b := p.signedUp("jana@posteo.example", "de", "old"), p.signedUp("ole@posteo.example", "de", "old")
	k := p.key(a, "one")
	k2 := k
	k2.ID, k2.Account = id.New[id.Passkey](time.Now()), b
	if p.put(k2) {
		t.Error("a key of two accounts")
	}
	p.key(a, "two")
	p.key(a, "three")
	k2.Account, k2.Credential = a, []byte("four")
	if p.put(k2) {
		t.Error("more keys than may be")
	}
	for _, x := range []struct {
		count uint32
		want  bool
	}{{0, true}, {0, true}, {5, true}, {5, false}, {4, false}, {0, false}, {6, true}} {
		k.SignCount = x.count
		if ok, err := p.UsePasskey(t.Context(), k, p.now); err != nil || ok != x.want {
			t.Errorf("a count of %d: %t, %v", x.count, ok, err)
		}
	}
	if list, err := p.Passkeys(t.Context(), a); err != nil || len(list) != 3 || list[2].SignCount != 6 || !list[2].LastUsed.Equal(p.now) || !list[0].LastUsed.IsZero() {
		t.Errorf("%+v, %v", list, err)
	}
	if got, err := p.ByID(t.Context(), a); err != nil || got.Passkeys != 3 || !got.Secured() {
		t.Errorf("%+v, %v", got, err)
	}
	if ok, err := p.RemovePasskey(t.Context(), b, k.ID, id.Login{}); err != nil || ok {
		t.Errorf("another's key is removed: %v", err)
	}
}

// Whichever comes first, nobody whom a key let in is in after it was removed.
func TestALogInBesideTheRemovalOfItsKeyDoesNotOutliveIt(t *testing.T) {
	p, _ := newPeople(t)
	a := p.signedUp("jana@posteo.example", "de", "old")
	for i := range 20 {
		k := p.key(a, fmt.Sprint(i))
		var g errgroup.Group
		for j := range 3 {
			g.Go(func() error {
				_, err := p.by(k, fmt.Sprint(i, " ", j))
				return err
			})
		}
		g.Go(func() error {
			ok, err := p.RemovePasskey(t.Context(), a, k.ID, id.Login{})
			if err == nil && !ok {
				return fmt.Errorf("the key was not there")
			}
			return err
		})
		p.ok(g.Wait())
		if left, err := p.Logins(t.Context(), a, p.now); err != nil || len(left) != 0 {
			t.Fatalf("round %d: %d log-ins are left, %v", i, len(left), err)
		}
	}
}

// Who has lost all second factors gets none of them, nor a session, kept for whoever found
// them; the password and everybody else's stay.
func TestASecondFactorIsDroppedWhole(t *testing.T) {
	p, _ := newPeople(t)
	a, other := p.signedUp("jana@posteo.example", "de", "old"), p.signedUp("ole@posteo.example", "de", "old")
	for name, of := range map[string]id.Account{"hers": a, "his": other} {
		l, _ := p.login(of, "old", name)
		secret := []byte("secret of " + name)
		ok, err := p.BeginTOTP(t.Context(), of, secret, p.now)
		p.ok(err)
		set, err := p.ConfirmTOTP(t.Context(), of, l, secret, 7, [][]byte{account.HashToken(name)})
		if p.ok(err); !ok || !set {
			t.Fatal(ok, set)
		}
		if in, err := p.by(p.key(of, name), name+" by a key"); err != nil || !in {
			t.Fatal(in, err)
		}
		p.ok(p.PutChallenge(t.Context(), account.HashToken(name), of, []byte(name), p.now, p.now.Add(time.Minute)))
	}
	if err := p.DropSecondFactor(t.Context(), "nobody@posteo.example"); fault.Code(err) != postgres.CodeAccountUnknown {
		t.Errorf("of nobody: %v", err)
	}
	p.ok(p.DropSecondFactor(t.Context(), "jana@posteo.example"))
	for name, of := range map[string]id.Account{"hers": a, "his": other} {
		got, err := p.ByID(t.Context(), of)
		p.ok(err)
		left := 0
		var challenge []byte
		if of == other {
			left = 1
		}
		if challenge, err = p.TakeChallenge(t.Context(), account.HashToken(name), of, p.now); err != nil {
			t.Fatal(err)
		}
		if (got.TOTP != nil) != (left == 1) || len(got.Recovery) != left || got.Passkeys != left || (challenge != nil) != (left == 1) ||
			p.in(name) != (left == 1) || p.in(name+" by a key") != (left == 1) {
			t.Errorf("%s: authenticator %v, %d codes, %d keys, challenge %q, in %v and %v", name, got.TOTP != nil, len(got.Recovery), got.Passkeys, challenge, p.in(name), p.in(name+" by a key"))
		}
	}
	if _, ok := p.login(a, "old", "again"); !ok || !p.in("again") {
		t.Error("her password does not let in")
	}
}
