package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/app"
	"github.com/openlot/openlot/cloud/internal/postgres"
)

// ofOwners are the doors behind which an operator's things are.
var ofOwners = map[string]bool{"owner": true, "parking": true, "look": true, "see": true, "run": true, "money": true, "team": true}

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

// Of each route for owners: every role, at what is its own operator's and at what is another's.
func TestEveryOwnersRouteHasItsDoor(t *testing.T) {
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

	doc, err := api.Load()
	if err != nil {
		t.Fatal(err)
	}
	second := secondOperator(t, dir, driver)
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			route := method + " " + path
			door, listed := doors[route]
			if !listed || !ofOwners[door] {
				continue
			}
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
			switch door {
			case "see", "money":
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
