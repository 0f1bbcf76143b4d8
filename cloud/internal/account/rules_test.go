package account_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/protocol/id"
)

// The vectors of RFC 6238, appendix B, for SHA-1.
func TestCodesAreThoseOfTheRFC(t *testing.T) {
	secret := []byte("12345678901234567890")
	for at, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		if got := account.Code(secret, at/30, 8); got != want {
			t.Errorf("at %d: %s, want %s", at, got, want)
		}
	}
}

func TestACodeIsGoodOnceAndForAMinuteAndAHalf(t *testing.T) {
	secret, now := []byte("12345678901234567890"), time.Unix(1111111111, 0)
	step := now.Unix() / 30
	for off, want := range map[int64]bool{-2: false, -1: true, 0: true, 1: true, 2: false} {
		if _, ok := account.CheckCode(secret, 0, account.Code(secret, step+off, 6), now); ok != want {
			t.Errorf("%d steps off: %t", off, ok)
		}
	}
	at, ok := account.CheckCode(secret, 0, account.Code(secret, step, 6), now)
	if !ok {
		t.Fatal("refused")
	}
	if _, again := account.CheckCode(secret, at, account.Code(secret, step, 6), now); again {
		t.Error("a code was good twice")
	}
}

func TestPasswordsAreHashedAndChecked(t *testing.T) {
	n := 0
	h := account.NewHasher(1, func() { n++ })
	phc, err := h.Hash(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		phc, password string
		want          bool
	}{{phc, "correct horse battery", true}, {phc, "correct horse batterY", false}, {"", "correct horse battery", false}, {"", "", false}} {
		if got, err := h.Check(t.Context(), x.phc, x.password); err != nil || got != x.want {
			t.Errorf("%+v: %t, %v", x, got, err)
		}
	}
	if n != 5 {
		t.Errorf("%d hashes, want one for each: also where there is no account", n)
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	me, other := id.New[id.Account](time.Now()), id.New[id.Account](time.Now())
	mine, theirs := id.New[id.Operator](time.Now()), id.New[id.Operator](time.Now())
	as := func(r account.Role, second bool) account.Principal {
		m := account.Membership{Role: r, Operator: mine}
		if r == account.Admin {
			m.Operator = id.Operator{}
		}
		return account.Principal{Account: me, SecondFactor: second, Memberships: []account.Membership{m}}
	}
	driver, nobody := account.Principal{Account: me}, account.Principal{}
	reservation := func(of id.Account) account.Object { return account.Object{Account: of, Exists: true} }
	operator := func(o id.Operator) account.Object { return account.Object{Operator: o, Exists: true} }
	const view, manage = account.ViewParkings, account.ManageReservation
	for name, x := range map[string]struct {
		p    account.Principal
		a    account.Action
		o    account.Object
		want account.Verdict
	}{
		"own reservation":           {driver, manage, reservation(me), account.Allowed},
		"another's reservation":     {driver, manage, reservation(other), account.Hidden},
		"a guest's reservation":     {driver, manage, reservation(id.Account{}), account.Hidden},
		"nobody, a guest's":         {nobody, manage, reservation(id.Account{}), account.Hidden},
		"an admin, another's":       {as(account.Admin, true), manage, reservation(other), account.Hidden},
		"nobody, parkings":          {nobody, view, operator(mine), account.Anonymous},
		"a driver, parkings":        {driver, view, operator(mine), account.NoOperator},
		"staff, own":                {as(account.Staff, false), view, operator(mine), account.Allowed},
		"staff, foreign":            {as(account.Staff, true), view, operator(theirs), account.Hidden},
		"owner, own":                {as(account.Owner, true), view, operator(mine), account.Allowed},
		"owner, password alone":     {as(account.Owner, false), view, operator(mine), account.NeedsSecondFactor},
		"owner, foreign":            {as(account.Owner, false), view, operator(theirs), account.Hidden},
		"admin, any":                {as(account.Admin, true), view, operator(theirs), account.Allowed},
		"admin, password alone":     {as(account.Admin, false), view, operator(theirs), account.NeedsSecondFactor},
		"admin, what is not there":  {as(account.Admin, true), view, account.Object{Operator: theirs}, account.Hidden},
		"owner, what is not there":  {as(account.Owner, true), view, account.Object{Operator: theirs}, account.Hidden},
		"an action that is no such": {as(account.Admin, true), "x", operator(mine), account.Denied},
	} {
		if got := account.Decide(x.p, x.a, x.o); got != x.want {
			t.Errorf("%s: %d, want %d", name, got, x.want)
		}
	}
}

// A log-in that is used goes on for a month more each time, and for half a year at most.
func TestASessionSlidesAndEnds(t *testing.T) {
	opened := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	l := account.Login{CreatedAt: opened, LastSeen: opened}
	if l.Expires = l.Until(opened); !l.Expires.Equal(opened.Add(account.Idle)) {
		t.Fatal(l.Expires)
	}
	if same, note := l.Used(opened.Add(time.Minute)); note || same != l {
		t.Errorf("each use is noted: %+v", same)
	}
	uses := 0
	for now := opened; now.Before(l.Expires); now = now.Add(24 * time.Hour) { // somebody comes every day
		used, note := l.Used(now)
		if note {
			uses++
			if !used.LastSeen.Equal(now) || !used.Extended || used.Expires.Before(l.Expires) || used.Expires.After(now.Add(account.Idle)) {
				t.Fatalf("%+v", used)
			}
		}
		used.Extended = false
		l = used
	}
	if !l.Expires.Equal(opened.Add(account.Longest)) || uses < 150 {
		t.Errorf("it ended at %s, after %d uses", l.Expires, uses)
	}
	// One of before there was an end is over at its next use.
	old := account.Login{CreatedAt: opened, LastSeen: opened.Add(account.Longest), Expires: opened.Add(account.Longest + account.Idle)}
	if used, note := old.Used(opened.Add(account.Longest + time.Hour)); !note || used.Expires.After(opened.Add(account.Longest)) {
		t.Errorf("%+v", used)
	}
}
