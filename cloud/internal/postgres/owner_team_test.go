package postgres_test

import (
	"crypto/rand"
	"sync"
	"testing"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

func (p people) notice(kind account.LinkKind) account.Link {
	l := account.Link{Kind: kind, Language: "en", Created: p.now, Expires: p.now.Add(account.Idle)}
	_, _ = rand.Read(l.ID[:])
	l.Token = account.HashToken(string(l.ID[:]))
	return l
}

// operator makes an operator with two owners.
func (p people) operator(name string, owners ...string) id.Operator {
	p.t.Helper()
	for _, email := range owners {
		p.ok(p.Grant(p.t.Context(), email, account.Owner, name))
	}
	all, err := p.Operators(p.t.Context(), nil, true)
	p.ok(err)
	for _, o := range all {
		if o.Name == name {
			return o.Operator
		}
	}
	p.t.Fatal("no operator")
	return id.Operator{}
}

// Two owners who remove, or demote, each other, or close their accounts at the same moment,
// leave one of them: whoever is last is refused.
func TestTwoOwnersAtOnceLeaveOne(t *testing.T) {
	p, dsn := newPeople(t)
	owner := postgrestest.Owner(t, dsn)
	if _, err := owner.Exec(t.Context(), `insert into operator (id, name) values ($1, 'Stadt')`, id.New[id.Operator](p.now).UUID()); err != nil {
		t.Fatal(err)
	}
	karin, jonas := p.signedUp("karin@posteo.example", "en", "x"), p.signedUp("jonas@posteo.example", "en", "x")
	for i := range 40 {
		stadt := p.operator("Stadt", "karin@posteo.example", "jonas@posteo.example")
		to := []account.Role{"", account.Staff}[i%2]
		codes := make([]string, 2)
		var g sync.WaitGroup
		for n, of := range []id.Account{karin, jonas} {
			g.Go(func() {
				codes[n] = fault.Code(p.SetRole(t.Context(), stadt, of, to, "acc", p.notice(account.LinkRemoved)))
			})
		}
		g.Wait()
		if codes[0]+codes[1] != account.CodeLastOwner || count(t, owner, `select count(*) from membership where role = 'owner'`) != 1 {
			t.Fatalf("%q, %d owners", codes, count(t, owner, `select count(*) from membership where role = 'owner'`))
		}
	}
	if n := count(t, owner, `select count(*) from operator_change where what in ('team.removed', 'team.role_changed') and author = 'acc'`); n != 40 {
		t.Errorf("%d of 40 are in the history", n)
	}
	if err := p.Grant(t.Context(), "karin@posteo.example", account.Owner, "Stadt"); err != nil {
		t.Fatal(err)
	}
	if err := p.Grant(t.Context(), "jonas@posteo.example", account.Staff, "Stadt"); err != nil {
		t.Fatal(err)
	}
	for _, role := range []account.Role{account.Staff, ""} {
		if err := p.Grant(t.Context(), "karin@posteo.example", role, "Stadt"); fault.Code(err) != account.CodeLastOwner {
			t.Errorf("a command: %v", err)
		}
	}
}

// An invitation is accepted once, by whom it was sent to, and not after it was replaced; an
// owner who was invited as staff stays the last one.
func TestAnInvitationIsAcceptedOnce(t *testing.T) {
	p, dsn := newPeople(t)
	owner := postgrestest.Owner(t, dsn)
	if _, err := owner.Exec(t.Context(), `insert into operator (id, name) values ($1, 'Stadt')`, id.New[id.Operator](p.now).UUID()); err != nil {
		t.Fatal(err)
	}
	karin, jonas := p.signedUp("karin@posteo.example", "en", "x"), p.signedUp("jonas@posteo.example", "en", "x")
	stadt := p.operator("Stadt", "karin@posteo.example")
	by := karin.String()
	invite := func(email string, role account.Role) []byte {
		t.Helper()
		l := p.notice(account.LinkInvite)
		l.Email, l.Role = email, role
		p.ok(p.Invite(t.Context(), account.Invitation{ID: id.New[id.Invitation](p.now), Operator: stadt, Email: email, Role: role, By: by, Created: l.Created, Expires: l.Expires}, l))
		return l.Token
	}
	accept := func(token []byte, who id.Account, password string) bool {
		t.Helper()
		ok, err := p.Accept(t.Context(), token, who, password, p.notice(account.LinkJoined), p.now)
		p.ok(err)
		return ok
	}
	first := invite("jonas@posteo.example", account.Staff)
	second := invite("jonas@posteo.example", account.Owner)
	if accept(first, jonas, "") {
		t.Error("one that was replaced is good")
	}
	if accept(second, karin, "") {
		t.Error("it is good for another account")
	}
	var g sync.WaitGroup
	won := make([]bool, 4)
	for i := range won {
		g.Go(func() {
			won[i], _ = p.Accept(t.Context(), second, jonas, "", p.notice(account.LinkJoined), p.now)
		})
	}
	g.Wait()
	n := 0
	for _, w := range won {
		if w {
			n++
		}
	}
	if n != 1 || count(t, owner, `select count(*) from operator_change where what = 'team.joined' and author = $1`, jonas.String()) != 1 {
		t.Errorf("accepted %d times", n)
	}
	mira := invite("mira@posteo.example", account.Staff)
	if accept(first, id.New[id.Account](p.now), "x") || !accept(mira, id.New[id.Account](p.now), "x") || accept(mira, id.New[id.Account](p.now), "x") {
		t.Error("an account is made by another link than its own, or twice, or not at all")
	}
	if n := count(t, owner, `select count(*) from account`); n != 3 {
		t.Errorf("%d accounts", n)
	}
	// Karin is invited as staff while she is no member, and is the last owner when she accepts.
	p.ok(p.SetRole(t.Context(), stadt, karin, "", "acc", p.notice(account.LinkRemoved)))
	by = "a command"
	late := invite("karin@posteo.example", account.Staff)
	p.ok(p.Grant(t.Context(), "karin@posteo.example", account.Owner, "Stadt"))
	p.ok(p.SetRole(t.Context(), stadt, jonas, "", "acc", p.notice(account.LinkRemoved)))
	if _, err := p.Accept(t.Context(), late, karin, "", p.notice(account.LinkJoined), p.now); fault.Code(err) != account.CodeLastOwner {
		t.Errorf("%v", err)
	}
}

// Nobody comes in on the word of somebody who is no owner any more, whether his role or his
// account is gone, and who is none can invite nobody, also when he was let through before.
func TestInvitationsEndWithWhoSentThem(t *testing.T) {
	for name, end := range map[string]func(people, id.Operator, id.Account) error{
		"removed": func(p people, o id.Operator, of id.Account) error {
			return p.SetRole(t.Context(), o, of, "", "acc", p.notice(account.LinkRemoved))
		},
		"demoted": func(p people, o id.Operator, of id.Account) error {
			return p.SetRole(t.Context(), o, of, account.Staff, "acc", p.notice(account.LinkRoleChanged))
		},
		"by a command": func(p people, _ id.Operator, _ id.Account) error {
			return p.Grant(t.Context(), "karin@posteo.example", "", "Stadt")
		},
		"closed": func(p people, _ id.Operator, of id.Account) error {
			_, err := p.Close(t.Context(), of)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, dsn := newPeople(t)
			owner := postgrestest.Owner(t, dsn)
			if _, err := owner.Exec(t.Context(), `insert into operator (id, name) values ($1, 'Stadt')`, id.New[id.Operator](p.now).UUID()); err != nil {
				t.Fatal(err)
			}
			karin, jonas := p.signedUp("karin@posteo.example", "en", "x"), p.signedUp("jonas@posteo.example", "en", "x")
			erik := p.signedUp("erik@posteo.example", "en", "x")
			stadt := p.operator("Stadt", "karin@posteo.example", "jonas@posteo.example")
			invite := func(email string, by id.Account) ([]byte, error) {
				l := p.notice(account.LinkInvite)
				l.Email, l.Role = email, account.Owner
				return l.Token, p.Invite(t.Context(), account.Invitation{ID: id.New[id.Invitation](p.now), Operator: stadt, Email: email, Role: account.Owner, By: by.String(), Created: l.Created, Expires: l.Expires}, l)
			}
			hers, err := invite("erik@posteo.example", karin)
			p.ok(err)
			_, err = invite("mia@posteo.example", jonas)
			p.ok(err)
			p.ok(end(p, stadt, karin))
			if ok, err := p.Accept(t.Context(), hers, erik, "", p.notice(account.LinkJoined), p.now); ok || err != nil {
				t.Errorf("her invitation is good: %v, %v", ok, err)
			}
			if n := count(t, owner, `select count(*) from invitation where closed_at is null`); n != 1 {
				t.Errorf("%d are open, want that of the other owner", n)
			}
			if _, err := invite("nora@posteo.example", karin); fault.Code(err) != account.CodeOperatorUnknown {
				t.Errorf("she invites: %v", err)
			}
		})
	}
}
