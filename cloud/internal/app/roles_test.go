package app_test

import (
	"encoding/base32"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/app"
	"github.com/openlot/openlot/cloud/internal/postgres"
)

// doors says for each route who gets through: to everybody ("open"), whoever is logged in
// ("account"), whoever has the reservation's token or owns it ("reservation"), who both is
// logged in and has the token ("claim"), who works for the operator ("owner") or for that of the
// parking ("parking"); of a parking, who may look at how it is run ("look") and who may run it
// ("run"); who sees money ("money"), and who manages a team ("team").
var doors = map[string]string{
	"GET /parkings": "open", "GET /parking": "open", "GET /parkings/{id}": "open", "GET /parkings/{id}/tariffs/{version}": "open", "GET /keys": "open", "GET /payment-config": "open",
	"POST /quotes": "open", "POST /reserve": "open", "POST /webhooks/{provider}": "open",
	"GET /healthz": "open", "GET /readyz": "open", "GET /docs": "open", "GET /openapi.json": "open",
	"GET /dev/mail": "open", "GET /dev/mail/{id}": "open", "GET /dev/sandbox": "open", "GET /dev/sandbox/holds": "open",
	"POST /dev/sandbox/holds/{ref}/dispute": "open", "GET /dev/sandbox/challenge/{ref}": "open", "POST /dev/sandbox/challenge/{ref}": "open",
	"POST /users": "open", "POST /users/verify": "open", "POST /login": "open", "POST /login/passkey/begin": "open", "POST /login/passkey": "open", "POST /logout": "open", "POST /password/forgot": "open", "POST /password/reset": "open",
	"GET /reservations/{id}": "reservation", "GET /reservations/{id}/pass": "reservation", "GET /reservations/{id}/receipt": "reservation",
	"POST /reservations/{id}/confirm": "reservation", "POST /reservations/{id}/cancel": "reservation", "DELETE /reservations/{id}/change": "reservation",
	"POST /reservations/{id}/extend": "reservation", "POST /reservations/{id}/modify": "reservation", "POST /reservations/{id}/pay": "reservation",
	"POST /reservations/{id}/price": "reservation",
	"POST /reservations/{id}/claim": "claim",
	"GET /me":                       "account", "PATCH /me": "account", "DELETE /me": "account", "POST /me/password": "account",
	"GET /me/sessions": "account", "DELETE /me/sessions": "account", "DELETE /me/sessions/{id}": "account", "GET /me/reservations": "account",
	"POST /me/totp": "account", "POST /me/totp/confirm": "account", "DELETE /me/totp": "account", "POST /me/recovery-codes": "account",
	"GET /me/passkeys": "account", "POST /me/passkeys": "account", "POST /me/passkeys/begin": "account", "DELETE /me/passkeys/{id}": "account",
	"GET /owner/parkings":             "owner",
	"GET /owner/parkings/{id}/config": "look", "GET /owner/parkings/{id}/tariffs": "look", "GET /owner/parkings/{id}/changes": "look",
	"POST /owner/parkings/{id}/capacity": "run", "POST /owner/parkings/{id}/blocks": "run", "DELETE /owner/parkings/{id}/blocks/{block}": "run",
	"PATCH /owner/parkings/{id}/policy": "run", "POST /owner/parkings/{id}/tariffs": "run", "POST /owner/parkings/{id}/tariffs/check": "run",
	"POST /owner/parkings/{id}/tariffs/replay": "run", "DELETE /owner/parkings/{id}/tariffs/scheduled/{version}": "run",
	"GET /owner/team": "team", "POST /owner/team": "team", "GET /owner/team/changes": "team", "DELETE /owner/team/invitations/{id}": "team",
	"PATCH /owner/team/{account}": "team", "DELETE /owner/team/{account}": "team",
	"POST /invitations/read": "open", "POST /invitations/accept": "open",

	"GET /owner/parkings/{id}/trends": "look", "GET /owner/parkings/{id}/reservations/{reservation}": "look",
	"GET /owner/reservations": "look", "GET /owner/sessions": "look",
	"GET /owner/money": "money", "GET /owner/ledger": "money", "GET /owner/payouts": "money", "GET /owner/receivables": "money",
	"GET /owner/closings": "money", "GET /owner/shifts": "money",
	// Of the gatehouse: lists of an operator's, and what belongs to one parking.
	"GET /owner/now": "owner", "GET /owner/commands": "owner", "GET /owner/incidents": "owner", "GET /owner/edges": "owner",
	"GET /owner/parkings/{id}/now": "parking", "POST /owner/parkings/{id}/lanes/{lane}/commands": "parking",
	"GET /owner/parkings/{id}/incidents/{incident}": "parking", "POST /owner/parkings/{id}/incidents/{incident}/read": "parking",
}

// member signs somebody up with a role and logs him in.
func member(t *testing.T, r app.Runtime, a postgres.Accounts, name string, role account.Role, operator string) *browser {
	t.Helper()
	b := &browser{t: t, at: r.HTTP}
	email := name + "@posteo.example"
	entry := fmt.Sprintf(`{"email":%q,"password":"parken mit Vergnügen"}`, email)
	b.want(202, "", "POST", "/users", fmt.Sprintf(`{"email":%q}`, email))
	b.want(204, "", "POST", "/users/verify", follow(mailedTo(t, r, email), "parken mit Vergnügen"))
	if role != "" {
		if err := a.Grant(t.Context(), email, role, operator); err != nil {
			t.Fatal(err)
		}
	}
	b.want(200, "", "POST", "/login", entry)
	return b
}

// second passes a second factor.
func (b *browser) second() {
	b.t.Helper()
	begun := b.want(200, "", "POST", "/me/totp", "")
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(begun["secret"].(string))
	if err != nil {
		b.t.Fatal(err)
	}
	b.want(200, "", "POST", "/me/totp/confirm", fmt.Sprintf(`{"code":%q}`, account.Code(secret, time.Now().Unix()/30, 6)))
}

// accountsOf opens the accounts beside a process, and names its operator.
func accountsOf(t *testing.T, dir string) (postgres.Accounts, string) {
	t.Helper()
	db, stop, err := app.Tools(t.Context(), "", dir, true, quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stop() })
	a := postgres.NewAccounts(db, nil)
	all, err := a.Operators(t.Context(), nil, true)
	if err != nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	return a, all[0].Name
}

// another operator has a parking, too.
func another(t *testing.T, dir, slug string) (operator string) {
	t.Helper()
	db, stop, err := app.Tools(t.Context(), "", dir, true, quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stop() }()
	if _, err := app.Import(t.Context(), db, "Another", strings.NewReader(strings.ReplaceAll(park, "dresden-altmarkt", slug)), time.Now().UTC()); err != nil {
		t.Fatal(err)
	}
	all, err := postgres.NewAccounts(db, nil).Operators(t.Context(), nil, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		if o.Name == "Another" {
			return o.Operator.String()
		}
	}
	t.Fatal("no other operator")
	return ""
}

func TestEveryRouteHasItsDoor(t *testing.T) {
	dir := home(t)
	r := serve(t, dir)
	if _, err := importPark(t, dir, park); err != nil {
		t.Fatal(err)
	}
	accounts, _ := accountsOf(t, dir)
	all, err := accounts.Operators(t.Context(), nil, true)
	if err != nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	mine, name := all[0].Operator.String(), all[0].Name
	foreign := another(t, dir, "elsewhere")

	driver := member(t, r, accounts, "driver", "", "")
	staff := member(t, r, accounts, "staff", account.Staff, name)
	owner := member(t, r, accounts, "owner", account.Owner, name)
	admin := member(t, r, accounts, "admin", account.Admin, "")
	owner.want(403, "second_factor_required", "GET", "/owner/parkings", "")
	admin.want(403, "second_factor_required", "GET", "/owner/parkings", "")
	one := &browser{t: t, at: r.HTTP}
	one.want(401, "not_logged_in", "GET", "/owner/parkings/dresden-altmarkt/config", "")
	owner.want(403, "second_factor_required", "POST", "/owner/parkings/dresden-altmarkt/capacity", `{}`)
	owner.want(403, "second_factor_required", "GET", "/owner/team?operator="+mine, "")
	owner.second()
	admin.second()
	nobody := &browser{t: t, at: r.HTTP}
	another := importAnother(t, dir)

	from := time.Now().UTC().Add(time.Hour).Truncate(time.Minute)
	made := driver.want(201, "", "POST", "/reserve", fmt.Sprintf(`{"parking_id":"dresden-altmarkt","space_type":"standard","from":%q,"to":%q,"payment_method":"pm_sandbox_ok","contact":{"email":"driver@posteo.example"}}`,
		from.Format(time.RFC3339), from.Add(time.Hour).Format(time.RFC3339)), "Idempotency-Key", "a-key-that-is-long-1")["reservation"].(map[string]any)
	token := "Bearer " + made["manage_token"].(string)

	doc, err := api.Load()
	if err != nil {
		t.Fatal(err)
	}
	second := secondOperator(t, dir, driver)
	seen := 0
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			route := method + " " + path
			door, listed := doors[route]
			if !listed {
				t.Errorf("%s has no door: say in the table who gets through", route)
				continue
			}
			seen++
			at := strings.NewReplacer("{id}", made["id"].(string)).Replace(path)
			if door == "look" || door == "run" {
				for who, b := range map[string]*browser{"nobody": nobody, "driver": driver, "staff": staff, "owner": owner, "admin": admin} {
					throughParking(t, b, who, door, method, path)
				}
				continue
			}
			if door == "team" {
				for who, b := range map[string]*browser{"nobody": nobody, "driver": driver, "staff": staff, "owner": owner, "admin": admin} {
					throughTeam(t, b, who, method, path, mine, another)
				}
				continue
			}
			status := func(b *browser, header ...string) int { s, _, _ := b.do(method, at, "", header...); return s }
			switch door {
			case "account":
				if s := status(nobody); s != http.StatusUnauthorized {
					t.Errorf("%s: nobody gets %d", route, s)
				}
				if s := status(nobody, "Authorization", token); s != http.StatusUnauthorized {
					t.Errorf("%s: a guest's token gets %d", route, s)
				}
			case "reservation":
				for who, b := range map[string]*browser{"nobody": nobody, "staff": staff, "owner": owner, "admin": admin} {
					if s := status(b); s != http.StatusNotFound {
						t.Errorf("%s: %s gets %d", route, who, s)
					}
				}
				if method == http.MethodGet { // the others change it
					if s := status(driver); s == http.StatusNotFound || s == http.StatusUnauthorized {
						t.Errorf("%s: its driver gets %d", route, s)
					}
					if s := status(nobody, "Authorization", token); s == http.StatusNotFound || s == http.StatusUnauthorized {
						t.Errorf("%s: its token gets %d", route, s)
					}
				}
			case "claim":
				if a, b, c := status(nobody, "Authorization", token), status(staff), status(staff, "Authorization", token); a != 401 || b != 404 || c != 409 {
					t.Errorf("%s: %d %d %d", route, a, b, c)
				}
			case "look", "money":
				numbersDoor(t, route, door, numbersObjects{mine, "dresden-altmarkt", made["id"].(string)}, second, map[string]*browser{
					"nobody": nobody, "driver": driver, "staff": staff, "owner": owner, "admin": admin,
				})
			case "owner":
				for who, x := range map[string]struct {
					b    *browser
					want [2]int // own, foreign
				}{"nobody": {nobody, [2]int{401, 401}}, "driver": {driver, [2]int{403, 403}}, "staff": {staff, [2]int{200, 404}}, "owner": {owner, [2]int{200, 404}}, "admin": {admin, [2]int{200, 200}}} {
					own, _, got := x.b.do(method, at+"?operator="+mine, "")
					other, _, _ := x.b.do(method, at+"?operator="+foreign, "")
					if own != x.want[0] || other != x.want[1] {
						t.Errorf("%s: %s gets %d of his own and %d of another", route, who, own, other)
					}
					if shown, lists := got["parkings"].([]any); own == 200 && lists && len(shown) != 1 && who != "admin" {
						t.Errorf("%s: %s sees %v", route, who, got)
					}
				}
			case "parking":
				// What there is not at one's own parking answers as such, and one's own parking to nobody
				// else: 404 would say too little, so that the code is compared.
				at := strings.NewReplacer("{id}", "dresden-altmarkt", "{lane}", "entry-1", "{incident}", "inc_00000000000000000000000001").Replace(path)
				away := strings.Replace(at, "dresden-altmarkt", "elsewhere", 1)
				body, own := "", map[string]string{"POST /owner/parkings/{id}/lanes/{lane}/commands": "edge_away", "GET /owner/parkings/{id}/now": ""}
				if strings.HasSuffix(path, "commands") {
					body = `{"command":"open","why":"a look"}`
				}
				code := func(b *browser, at string) string {
					_, _, got := b.do(method, at, body, "Idempotency-Key", "a-key-that-is-long-r")
					c, _ := got["code"].(string)
					return c
				}
				mine, listed := own[route]
				if !listed {
					mine = "incident_not_found"
				}
				for who, x := range map[string]struct {
					b            *browser
					own, foreign string
				}{
					"nobody": {nobody, "not_logged_in", "not_logged_in"}, "driver": {driver, "no_operator", "no_operator"}, "staff": {staff, mine, "parking_not_found"},
					"owner": {owner, mine, "parking_not_found"}, "admin": {admin, mine, mine},
				} {
					if a, b := code(x.b, at), code(x.b, away); a != x.own || b != x.foreign {
						t.Errorf("%s: %s gets %q of his own and %q of another", route, who, a, b)
					}
					if b := code(x.b, strings.Replace(at, "dresden-altmarkt", "nowhere", 1)); who != "nobody" && who != "driver" && b != "parking_not_found" {
						t.Errorf("%s: %s gets %q of none", route, who, b)
					}
				}
			}
		}
	}
	if seen != len(doors) {
		t.Errorf("%d doors, %d of them are routes", len(doors), seen)
	}
}

const anotherPark = `{"type":"FeatureCollection","features":[{"type":"Feature","geometry":{"type":"Point","coordinates":[13.75,51.06]},
	"properties":{"id":"dresden-neumarkt","name":"Neumarkt","city":"Dresden","kind":"underground","capacity":2,"tz":"Europe/Berlin"}}]}`

// importAnother makes another operator with a parking of its own, and returns its id.
func importAnother(t *testing.T, dir string) string {
	t.Helper()
	db, stop, err := app.Tools(t.Context(), "", dir, true, quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stop() }()
	if _, err := app.Import(t.Context(), db, "Another operator", strings.NewReader(anotherPark), time.Now().UTC()); err != nil {
		t.Fatal(err)
	}
	all, err := postgres.NewAccounts(db, nil).Operators(t.Context(), nil, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		if o.Name == "Another operator" {
			return o.Operator.String()
		}
	}
	t.Fatal("it is not there")
	return ""
}

// refusals are the codes by which a door is closed.
var refusals = map[string]bool{
	"not_logged_in": true, "no_operator": true, "not_allowed": true, "second_factor_required": true, "parking_not_found": true, "operator_not_found": true,
}

// throughParking asks at a door of a parking: somebody's own one, another operator's, and
// one that is not there, which are answered alike.
func throughParking(t *testing.T, b *browser, who, door, method, path string) {
	t.Helper()
	want := map[string][3]string{
		"nobody": {"not_logged_in", "not_logged_in", "not_logged_in"}, "driver": {"no_operator", "no_operator", "no_operator"},
		"staff": {"", "parking_not_found", "parking_not_found"}, "owner": {"", "parking_not_found", "parking_not_found"}, "admin": {"", "", "parking_not_found"},
	}[who]
	if who == "staff" && door == "run" {
		want[0] = "not_allowed"
	}
	for i, place := range []string{"dresden-altmarkt", "dresden-neumarkt", "dresden-nowhere"} {
		at := strings.NewReplacer("{id}", place, "{block}", "blk_00000000000000000000000001", "{version}", "9").Replace(path)
		status, _, got := b.do(method, at, "")
		code, _ := got["code"].(string)
		if !refusals[code] {
			code = ""
		}
		if code != want[i] || door == "look" && code == "" && status != 200 {
			t.Errorf("%s %s: %s gets %d %v, want %q", method, at, who, status, got["code"], want[i])
		}
	}
}

// throughTeam asks at a door of teams: of his own operator, of another, of none.
func throughTeam(t *testing.T, b *browser, who, method, path, mine, another string) {
	t.Helper()
	want := map[string][3]string{
		"nobody": {"not_logged_in", "not_logged_in", "not_logged_in"}, "driver": {"no_operator", "no_operator", "no_operator"},
		"staff": {"not_allowed", "operator_not_found", "operator_not_found"}, "owner": {"", "operator_not_found", "operator_not_found"}, "admin": {"", "", ""},
	}[who]
	for i, operator := range []string{mine, another, "opr_00000000000000000000000001"} {
		at := strings.NewReplacer("{id}", "inv_00000000000000000000000001", "{account}", "acc_00000000000000000000000001").Replace(path) + "?operator=" + operator
		body := ""
		if method == "POST" || method == "PATCH" {
			body = fmt.Sprintf(`{"operator":%q,"role":"staff"}`, operator)
			if method == "POST" {
				body = fmt.Sprintf(`{"operator":%q,"email":"nobody","role":"staff"}`, operator)
			}
		}
		status, _, got := b.do(method, at, body)
		code, _ := got["code"].(string)
		if who == "admin" && i == 2 && code == "operator_not_found" { // an administrator may ask for all there are
			code = ""
		}
		if !refusals[code] {
			code = ""
		}
		if code != want[i] {
			t.Errorf("%s %s: %s gets %d %v, want %q", method, at, who, status, got["code"], want[i])
		}
	}
}
