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
	"POST /reservations/{id}/price": "reservation", "POST /reservations/{id}/card": "reservation",
	"GET /reservations/{id}/reminders": "reservation", "PUT /reservations/{id}/reminders": "reservation",
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
	"GET /owner/parkings/{id}/shops": "look", "POST /owner/parkings/{id}/shops": "run", "PATCH /owner/parkings/{id}/shops/{shop}": "run", "POST /owner/parkings/{id}/shops/{shop}/codes": "run",
	"GET /owner/team": "team", "POST /owner/team": "team", "GET /owner/team/changes": "team", "DELETE /owner/team/invitations/{id}": "team",
	"PATCH /owner/team/{account}": "team", "DELETE /owner/team/{account}": "team",
	"POST /invitations/read": "open", "POST /invitations/accept": "open",

	"GET /owner/parkings/{id}/trends": "see", "GET /owner/parkings/{id}/reservations/{reservation}": "see",
	"GET /owner/reservations": "see", "GET /owner/sessions": "see",
	"GET /owner/money": "money", "GET /owner/ledger": "money", "GET /owner/payouts": "money", "GET /owner/receivables": "money",
	"GET /owner/closings": "money", "GET /owner/shifts": "money",
	// Of the gatehouse: lists of an operator's, and what belongs to one parking.
	"GET /owner/now": "owner", "GET /owner/commands": "owner", "GET /owner/incidents": "owner", "GET /owner/edges": "owner",
	"GET /owner/parkings/{id}/now": "parking", "POST /owner/parkings/{id}/lanes/{lane}/commands": "parking",
	"GET /owner/parkings/{id}/incidents/{incident}": "parking", "POST /owner/parkings/{id}/incidents/{incident}/read": "parking",
	"GET /exchange-rates": "open",
	// What is shown of a parking: everybody looks, and whoever runs it says what.
	"GET /parkings/{id}/pictures/{file}": "open", "GET /parkings/{id}/usual": "open",
	"GET /owner/parkings/{id}/pictures": "look", "POST /owner/parkings/{id}/pictures": "run",
	"PATCH /owner/parkings/{id}/pictures/{picture}": "run", "DELETE /owner/parkings/{id}/pictures/{picture}": "run",
	"GET /places": "open",
	// What shops have paid is written down, and looked at, by whoever runs the parking.
	"GET /owner/parkings/{id}/shops/{shop}/statement": "run", "POST /owner/parkings/{id}/shops/{shop}/payments": "run",
	"POST /owner/parkings/{id}/shops/{shop}/payments/{payment}/reverse": "run",
}

// member signs somebody up with a role and logs him in.
func member(t *testing.T, r app.Runtime, a postgres.Accounts, name string, role account.Role, operator string) *browser {
	t.Helper()
	b := &browser{t: t, at: r.HTTP}
	email := name + "@posteo.example"
	entry := fmt.Sprintf(`{"email":%q,"password":"parken mit Vergnügen"}`, email)
	b.want(202, "", "POST", "/users", fmt.Sprintf(`{"email":%q}`, email))
	b.want(200, "", "POST", "/users/verify", follow(mailedTo(t, r, email), "parken mit Vergnügen"))
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

// secondPark is the parking of another operator.
const secondPark = `{"type":"FeatureCollection","features":[{"type":"Feature","geometry":{"type":"Point","coordinates":[13.73,51.06]},
	"properties":{"id":"second-park","name":"Second","city":"Dresden","kind":"underground","capacity":4,"tz":"Europe/Berlin"}}]}`

// somebody is a browser and what is its own: objects that are foreign to everybody else.
type somebody struct {
	*browser
	name     string
	operator string // works for; empty: nobody
	booked   string // reservation; empty: none
	token    string // of it
	session  string // another one of the same account
	passkey  string
}

// ownersPark signs somebody up with a role, a second session and a passkey.
func owned(t *testing.T, r app.Runtime, a postgres.Accounts, name string, role account.Role, operator string) *somebody {
	t.Helper()
	b := member(t, r, a, name, role, operator)
	phone := newDevice(r.HTTP)
	key := b.want(201, "", "POST", "/me/passkeys", phone.create(t, b.options("/me/passkeys/begin")))
	b.want(200, "", "POST", "/login/passkey", phone.get(t, b.options("/login/passkey/begin"))) // or every change of the ways in would ask for one
	other := &browser{t: t, at: r.HTTP}
	in := other.want(200, "", "POST", "/login", fmt.Sprintf(`{"email":"%s@posteo.example","password":"parken mit Vergnügen"}`, name))
	return &somebody{browser: b, name: name, session: in["session"].(map[string]any)["id"].(string), passkey: key["id"].(string)}
}

// books reserves at a parking.
func (s *somebody) books(at, key string) {
	s.t.Helper()
	from := time.Now().UTC().Add(time.Hour).Truncate(time.Minute)
	made := s.want(201, "", "POST", "/reserve", fmt.Sprintf(`{"parking_id":%q,"space_type":"standard","from":%q,"to":%q,"payment_method":"pm_sandbox_ok","contact":{"email":"%s@posteo.example"}}`,
		at, from.Format(time.RFC3339), from.Add(time.Hour).Format(time.RFC3339), s.name), "Idempotency-Key", key)["reservation"].(map[string]any)
	s.booked, s.token = made["id"].(string), "Bearer "+made["manage_token"].(string)
}

func TestEveryRouteHasItsDoor(t *testing.T) {
	dir := home(t)
	r := serve(t, dir)
	if _, err := importPark(t, dir, park); err != nil {
		t.Fatal(err)
	}
	accounts, name := accountsOf(t, dir)
	db, stop, err := app.Tools(t.Context(), "", dir, true, quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stop() }()
	if _, err := app.Import(t.Context(), db, "Second", strings.NewReader(secondPark), time.Now().UTC()); err != nil {
		t.Fatal(err)
	}
	all, err := accounts.Operators(t.Context(), nil, true)
	if err != nil || len(all) != 2 {
		t.Fatalf("%v, %v", all, err)
	}
	operators := map[string]string{} // ids by their names
	for _, o := range all {
		operators[o.Name] = o.Operator.String()
	}
	first, second := operators[name], operators["Second"]

	driver, driver2 := owned(t, r, accounts, "driver", "", ""), owned(t, r, accounts, "driver2", "", "")
	waitFor(t, r, "second-park")
	driver.books("dresden-altmarkt", "a-key-that-is-long-1")
	driver2.books("second-park", "a-key-that-is-long-2")
	people := []*somebody{driver, driver2}
	for _, x := range []struct {
		name, operator string
		role           account.Role
	}{{"staff", name, account.Staff}, {"owner", name, account.Owner}, {"staff2", "Second", account.Staff}, {"owner2", "Second", account.Owner}, {"admin", "", account.Admin}} {
		b := member(t, r, accounts, x.name, x.role, x.operator)
		if x.role != account.Staff {
			b.want(403, "second_factor_required", "GET", "/owner/parkings", "")
			b.second()
		}
		people = append(people, &somebody{browser: b, name: x.name, operator: operators[x.operator]})
	}
	nobody := &somebody{browser: &browser{t: t, at: r.HTTP}, name: "nobody"}

	doc, err := api.Load()
	if err != nil {
		t.Fatal(err)
	}
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
			if ofOwners[door] && route != "GET /owner/parkings" {
				continue // TestEveryOwnersRouteHasItsDoor
			}
			// status is what somebody gets for an object.
			status := func(x *somebody, object string, header ...string) int {
				s, _, _ := x.do(method, strings.ReplaceAll(path, "{id}", object), "", header...)
				return s
			}
			switch door {
			case "account":
				if s := status(nobody, driver.session); s != http.StatusUnauthorized {
					t.Errorf("%s: nobody gets %d", route, s)
				}
				if s := status(nobody, driver.session, "Authorization", driver.token); s != http.StatusUnauthorized {
					t.Errorf("%s: a guest's token gets %d", route, s)
				}
				if !strings.Contains(path, "{id}") {
					continue
				}
				for _, x := range people {
					for _, of := range []*somebody{driver, driver2} {
						for what, object := range map[string]string{"session": of.session, "passkey": of.passkey} {
							if x == of { // of his own: elsewhere
								continue
							}
							if s := status(x, object); s != http.StatusNotFound {
								t.Errorf("%s: %s gets %d for %s's %s", route, x.name, s, of.name, what)
							}
						}
					}
				}
			case "reservation":
				for _, of := range []*somebody{driver, driver2} {
					for _, x := range append([]*somebody{nobody}, people...) {
						if x == of {
							continue
						}
						for what, header := range map[string][]string{"": nil, " with another's token": {"Authorization", tokenOfOther(of, driver, driver2)}} {
							if s := status(x, of.booked, header...); s != http.StatusNotFound {
								t.Errorf("%s: %s%s gets %d for %s's", route, x.name, what, s, of.name)
							}
						}
					}
					if method != http.MethodGet { // the others change it
						continue
					}
					if s := status(of, of.booked); s == http.StatusNotFound || s == http.StatusUnauthorized {
						t.Errorf("%s: %s gets %d of his own", route, of.name, s)
					}
					if s := status(nobody, of.booked, "Authorization", of.token); s == http.StatusNotFound || s == http.StatusUnauthorized {
						t.Errorf("%s: its token gets %d", route, s)
					}
				}
			case "claim":
				staff := people[2]
				if a, b, c := status(nobody, driver.booked, "Authorization", driver.token), status(staff, driver.booked), status(staff, driver.booked, "Authorization", driver.token); a != 401 || b != 404 || c != 409 {
					t.Errorf("%s: %d %d %d", route, a, b, c)
				}
				if a := status(staff, driver.booked, "Authorization", driver2.token); a != 404 {
					t.Errorf("%s: with another's token %d", route, a)
				}
			case "owner":
				for _, x := range append([]*somebody{nobody}, people...) {
					for _, o := range []string{first, second} {
						want := http.StatusNotFound
						switch {
						case x == nobody:
							want = http.StatusUnauthorized
						case x == driver || x == driver2:
							want = http.StatusForbidden
						case x.operator == o, x.name == "admin":
							want = http.StatusOK
						}
						got, _, answer := x.do(method, path+"?operator="+o, "")
						if got != want {
							t.Errorf("%s: %s gets %d of operator %s, want %d", route, x.name, got, o, want)
						}
						if got == 200 {
							list := answer["parkings"].([]any)
							if len(list) != 1 || list[0].(map[string]any)["operator"] != o {
								t.Errorf("%s: %s sees %v of %s", route, x.name, list, o)
							}
						}
					}
				}
			}
		}
	}
	if seen != len(doors) {
		t.Errorf("%d doors, %d of them are routes", len(doors), seen)
	}
	// Whatever was tried on what is another's, it is as it was.
	for _, x := range []*somebody{driver, driver2} {
		if v := x.want(200, "", "GET", "/reservations/"+x.booked, "")["reservation"].(map[string]any); v["state"] != "confirmed" || fmt.Sprint(v["version"]) != "2" {
			t.Errorf("%s's reservation is %v at version %v", x.name, v["state"], v["version"])
		}
		if n := len(x.want(200, "", "GET", "/me/sessions", "")["sessions"].([]any)); n != 2 {
			t.Errorf("%s has %d sessions", x.name, n)
		}
		if n := len(x.want(200, "", "GET", "/me/passkeys", "")["passkeys"].([]any)); n != 1 {
			t.Errorf("%s has %d passkeys", x.name, n)
		}
	}
}

// tokenOfOther is the token of the reservation that is not somebody's.
func tokenOfOther(of, a, b *somebody) string {
	if of == a {
		return b.token
	}
	return a.token
}

// waitFor waits until the listing knows a parking: an import beside the process is heard of
// within a second.
func waitFor(t *testing.T, r app.Runtime, parking string) {
	t.Helper()
	b := &browser{t: t, at: r.HTTP}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < time.Minute; { // nothing tells of it but the answer
		if s, _, _ := b.do("GET", "/parking?id="+parking, ""); s == 200 {
			return
		}
		<-tick.C
	}
	t.Fatalf("%s was never listed", parking)
}
