package app_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/app"
)

// teamMail waits for a mail to an address, checks what it says, and returns the token in it.
func teamMail(t *testing.T, r app.Runtime, to, subject, says string) string {
	t.Helper()
	b := &browser{t: t, at: r.HTTP}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < time.Minute; <-tick.C { // the inbox tells nobody
		_, _, got := b.do("GET", "/dev/mail", "", "Accept", "application/json")
		mails, _ := got["mails"].([]any)
		for _, x := range mails {
			m := x.(map[string]any)
			if m["subject"] != subject || !slices.Contains(m["to"].([]any), any(to)) {
				continue
			}
			_, _, whole := b.do("GET", fmt.Sprintf("/dev/mail/%v", m["id"]), "", "Accept", "application/json")
			body, _ := whole["text"].(string)
			if !strings.Contains(strings.Join(strings.Fields(body), " "), says) {
				t.Errorf("%q does not say %q:\n%s", subject, says, body)
			}
			if found := regexp.MustCompile(`token=([a-z2-7]+)`).FindStringSubmatch(body); found != nil {
				return found[1]
			}
			return ""
		}
	}
	t.Fatalf("no mail to %s: %q", to, subject)
	return ""
}

// An owner invites somebody who has an account and somebody who has none; the answers are
// the same, both accept by their mails, roles change, and the operator keeps an owner.
func TestAnOwnerMakesATeam(t *testing.T) {
	dir := home(t)
	r := serve(t, dir)
	if _, err := importPark(t, dir, park); err != nil {
		t.Fatal(err)
	}
	accounts, name := accountsOf(t, dir)
	owner := member(t, r, accounts, "karin", account.Owner, name)
	owner.second()
	known := member(t, r, accounts, "jonas", "", "")
	all, err := accounts.Operators(t.Context(), nil, true)
	if err != nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	mine := all[0].Operator.String()
	invite := func(email, role string) string {
		return fmt.Sprintf(`{"operator":%q,"email":%q,"role":%q}`, mine, email, role)
	}
	one := owner.want(202, "", "POST", "/owner/team", invite("jonas@posteo.example", "staff"))
	two := owner.want(202, "", "POST", "/owner/team", invite("Mira@posteo.example", "owner"))
	if text(t, one) != text(t, two) {
		t.Errorf("who has an account is told by %v, %v", one, two)
	}
	owner.want(422, "request_invalid", "POST", "/owner/team", invite("mira@posteo.example", "admin"))
	owner.want(409, "member_already", "POST", "/owner/team", invite("karin@posteo.example", "staff"))

	nobody := &browser{t: t, at: r.HTTP}
	accept := func(token, password string) string {
		if password == "" {
			return fmt.Sprintf(`{"token":%q}`, token)
		}
		return follow(token, password)
	}
	jonas := teamMail(t, r, "jonas@posteo.example", "Work with "+name+" on Openlot", "karin@posteo.example invites you to work for "+name+" on Openlot, as staff.")
	if read := nobody.want(200, "", "POST", "/invitations/read", accept(jonas, "")); read["email"] != "jonas@posteo.example" || read["has_account"] != true {
		t.Errorf("%v", read)
	}
	nobody.want(401, "not_logged_in", "POST", "/invitations/accept", accept(jonas, "parken mit Vergnügen"))
	owner.want(409, "address_differs", "POST", "/invitations/accept", accept(jonas, ""))
	known.want(403, "no_operator", "GET", altmarkt+"/config", "")
	known.want(200, "", "POST", "/invitations/accept", accept(jonas, ""))
	known.want(410, "link_expired", "POST", "/invitations/accept", accept(jonas, ""))
	known.want(200, "", "GET", altmarkt+"/config", "")
	known.want(403, "not_allowed", "GET", "/owner/team?operator="+mine, "")
	teamMail(t, r, "karin@posteo.example", "jonas@posteo.example works for "+name+" now", "as staff")

	mira := teamMail(t, r, "mira@posteo.example", "Work with "+name+" on Openlot", "as owner")
	nobody.want(422, "request_invalid", "POST", "/invitations/accept", accept(mira, "short"))
	if got := nobody.want(200, "", "POST", "/invitations/accept", accept(mira, "parken mit Vergnügen")); got["account_made"] != true {
		t.Errorf("%v", got)
	}
	nobody.want(200, "", "POST", "/login", `{"email":"mira@posteo.example","password":"parken mit Vergnügen"}`)
	nobody.want(403, "second_factor_required", "GET", "/owner/team?operator="+mine, "")

	ids := map[string]string{}
	for _, m := range owner.want(200, "", "GET", "/owner/team?operator="+mine, "")["members"].([]any) {
		x := m.(map[string]any)
		ids[x["email"].(string)] = x["account_id"].(string)
	}
	if len(ids) != 3 {
		t.Fatalf("%v", ids)
	}
	member := func(who string) string { return "/owner/team/" + ids[who+"@posteo.example"] }
	role := func(r string) string { return fmt.Sprintf(`{"operator":%q,"role":%q}`, mine, r) }
	if got := owner.want(200, "", "PATCH", member("mira"), role("staff")); got["role"] != "staff" {
		t.Errorf("%v", got)
	}
	teamMail(t, r, "mira@posteo.example", "Your role with "+name+" has changed", "It is now: staff.")
	owner.want(409, "last_owner", "PATCH", member("karin"), role("staff"))
	owner.want(409, "last_owner", "DELETE", member("karin")+"?operator="+mine, "")
	if err := accounts.Grant(t.Context(), "karin@posteo.example", "", name); err == nil {
		t.Error("openlot admin takes the last owner away")
	}
	owner.want(204, "", "DELETE", member("jonas")+"?operator="+mine, "")
	owner.want(404, "member_not_found", "DELETE", member("jonas")+"?operator="+mine, "")
	known.want(403, "no_operator", "GET", altmarkt+"/config", "")
	teamMail(t, r, "jonas@posteo.example", "You do not work for "+name+" any more", "Your account stays as it is.")

	// One that is taken back leads nowhere.
	owner.want(202, "", "POST", "/owner/team", strings.Replace(invite("lena@posteo.example", "staff"), "{", `{"language":"de",`, 1))
	lena := teamMail(t, r, "lena@posteo.example", "Mitarbeit bei "+name+" auf Openlot", "Rolle: Personal.")
	open := owner.want(200, "", "GET", "/owner/team?operator="+mine, "")["invitations"].([]any)
	if len(open) != 1 || open[0].(map[string]any)["by"] != "karin@posteo.example" {
		t.Fatalf("%v", open)
	}
	which := "/owner/team/invitations/" + open[0].(map[string]any)["id"].(string) + "?operator=" + mine
	owner.want(204, "", "DELETE", which, "")
	owner.want(404, "invitation_not_found", "DELETE", which, "")
	(&browser{t: t, at: r.HTTP}).want(410, "link_expired", "POST", "/invitations/accept", accept(lena, "parken mit Vergnügen"))

	changes := owner.want(200, "", "GET", "/owner/team/changes?operator="+mine, "")["changes"].([]any)
	got := ""
	for _, c := range changes {
		got += c.(map[string]any)["what"].(string) + " " + c.(map[string]any)["by"].(string) + "\n"
	}
	want := `team.withdrawn karin@posteo.example
team.invited karin@posteo.example
team.removed karin@posteo.example
team.role_changed karin@posteo.example
team.joined mira@posteo.example
team.joined jonas@posteo.example
team.invited karin@posteo.example
team.invited karin@posteo.example
team.joined openlot admin
`
	if got != want {
		t.Errorf("the history has\n%s", got)
	}
}
