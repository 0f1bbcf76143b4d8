package account_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// Whatever is asked of a team in whatever order, what is allowed leaves it an owner, and
// what is refused is refused for that alone.
func TestATeamKeepsAnOwner(t *testing.T) {
	now := time.Now()
	var all []id.Account
	for range 4 {
		all = append(all, id.New[id.Account](now))
	}
	roles := []account.Role{account.Staff, account.Owner, ""}
	rapid.Check(t, func(t *rapid.T) {
		team := []account.Member{{Account: all[0], Role: account.Owner}}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			who := rapid.SampledFrom(all).Draw(t, "who")
			to := rapid.SampledFrom(roles).Draw(t, "to")
			joins := to != "" && rapid.Bool().Draw(t, "joins")
			var before account.Role
			var err error
			if joins {
				before, err = account.Joins(team, who, to)
			} else {
				before, err = account.CheckRole(team, who, to)
			}
			i, owners := -1, 0
			for n, m := range team {
				if m.Account == who {
					i = n
				}
				if m.Role == account.Owner {
					owners++
				}
			}
			last := i >= 0 && team[i].Role == account.Owner && to != account.Owner && owners == 1
			switch code := fault.Code(err); {
			case last != (code == account.CodeLastOwner), i < 0 && !joins && code != account.CodeMemberUnknown:
				t.Fatalf("%v: %v to %q: %v", team, who, to, err)
			case err != nil:
				continue
			case i >= 0 && before != team[i].Role:
				t.Fatalf("was %q, is said to have been %q", team[i].Role, before)
			case i < 0:
				team = append(team, account.Member{Account: who, Role: to})
			case to == "":
				team = append(team[:i], team[i+1:]...)
			default:
				team[i].Role = to
			}
			owners = 0
			for _, m := range team {
				if m.Role == account.Owner {
					owners++
				}
			}
			if owners == 0 {
				t.Fatalf("%v has no owner", team)
			}
		}
	})
}

// Who may run a parking and manage a team, and what others learn of what is not theirs.
func TestWhoRunsAParking(t *testing.T) {
	now := time.Now()
	mine, other := id.New[id.Operator](now), id.New[id.Operator](now)
	someone := id.New[id.Account](now)
	as := func(second bool, m ...account.Membership) account.Principal {
		return account.Principal{Account: someone, SecondFactor: second, Memberships: m}
	}
	staff, owner, admin := account.Membership{Role: account.Staff, Operator: mine}, account.Membership{Role: account.Owner, Operator: mine}, account.Membership{Role: account.Admin}
	for name, x := range map[string]struct {
		p                     account.Principal
		own, foreign, nowhere account.Verdict
	}{
		"nobody":               {account.Principal{}, account.Anonymous, account.Anonymous, account.Anonymous},
		"driver":               {as(true), account.NoOperator, account.NoOperator, account.NoOperator},
		"staff":                {as(true, staff), account.Denied, account.Hidden, account.Hidden},
		"owner":                {as(true, owner), account.Allowed, account.Hidden, account.Hidden},
		"owner, password only": {as(false, owner), account.NeedsSecondFactor, account.Hidden, account.Hidden},
		"admin":                {as(true, admin), account.Allowed, account.Allowed, account.Hidden},
		"admin, password only": {as(false, admin), account.NeedsSecondFactor, account.NeedsSecondFactor, account.Hidden},
	} {
		for _, a := range []account.Action{account.RunParkings, account.ManageTeam} {
			for object, want := range map[account.Object]account.Verdict{
				{Operator: mine, Exists: true}: x.own, {Operator: other, Exists: true}: x.foreign, {}: x.nowhere,
			} {
				if got := account.Decide(x.p, a, object); got != want {
					t.Errorf("%s, %s of %+v: %v, want %v", name, a, object, got, want)
				}
			}
		}
	}
}
