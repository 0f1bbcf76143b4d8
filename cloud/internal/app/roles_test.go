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
// logged in and has the token ("claim"), or who works for the operator ("owner").
var doors = map[string]string{
	"GET /parkings": "open", "GET /parking": "open", "GET /parkings/{id}": "open", "GET /parkings/{id}/tariffs/{version}": "open", "GET /keys": "open", "GET /payment-config": "open", "GET /exchange-rates": "open",
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
	"GET /owner/parkings": "owner",
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
	const foreign = "opr_00000000000000000000000001"

	driver := member(t, r, accounts, "driver", "", "")
	staff := member(t, r, accounts, "staff", account.Staff, name)
	owner := member(t, r, accounts, "owner", account.Owner, name)
	admin := member(t, r, accounts, "admin", account.Admin, "")
	owner.want(403, "second_factor_required", "GET", "/owner/parkings", "")
	admin.want(403, "second_factor_required", "GET", "/owner/parkings", "")
	owner.second()
	admin.second()
	nobody := &browser{t: t, at: r.HTTP}

	from := time.Now().UTC().Add(time.Hour).Truncate(time.Minute)
	made := driver.want(201, "", "POST", "/reserve", fmt.Sprintf(`{"parking_id":"dresden-altmarkt","space_type":"standard","from":%q,"to":%q,"payment_method":"pm_sandbox_ok","contact":{"email":"driver@posteo.example"}}`,
		from.Format(time.RFC3339), from.Add(time.Hour).Format(time.RFC3339)), "Idempotency-Key", "a-key-that-is-long-1")["reservation"].(map[string]any)
	token := "Bearer " + made["manage_token"].(string)

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
			at := strings.NewReplacer("{id}", made["id"].(string)).Replace(path)
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
			case "owner":
				for who, x := range map[string]struct {
					b    *browser
					want [2]int // own, foreign
				}{"nobody": {nobody, [2]int{401, 401}}, "driver": {driver, [2]int{403, 403}}, "staff": {staff, [2]int{200, 404}}, "owner": {owner, [2]int{200, 404}}, "admin": {admin, [2]int{200, 404}}} {
					own, _, got := x.b.do(method, at+"?operator="+mine, "")
					other, _, _ := x.b.do(method, at+"?operator="+foreign, "")
					if own != x.want[0] || other != x.want[1] {
						t.Errorf("%s: %s gets %d of his own and %d of another", route, who, own, other)
					}
					if own == 200 && len(got["parkings"].([]any)) != 1 {
						t.Errorf("%s: %s sees %v", route, who, got)
					}
				}
			}
		}
	}
	if seen != len(doors) {
		t.Errorf("%d doors, %d of them are routes", len(doors), seen)
	}
}
