package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/app"
	"github.com/openlot/openlot/cloud/internal/postgres"
)

// numbersObjects are an operator's: itself, a parking, a reservation.
type numbersObjects struct{ operator, parking, reservation string }

// secondOperator imports another operator with a parking, in which a driver reserves.
func secondOperator(t *testing.T, dir string, driver *browser) numbersObjects {
	t.Helper()
	db, stop, err := app.Tools(t.Context(), "", dir, true, quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stop() })
	other := strings.NewReplacer("dresden-altmarkt", "bonn-markt", "Altmarkt", "Markt").Replace(park)
	if _, err := app.Import(t.Context(), db, "Another operator", strings.NewReader(other), time.Now().UTC()); err != nil {
		t.Fatal(err)
	}
	all, err := postgres.NewAccounts(db, nil).Operators(t.Context(), nil, true)
	if err != nil || len(all) < 2 {
		t.Fatal(all, err)
	}
	o := numbersObjects{parking: "bonn-markt"}
	for _, x := range all {
		if x.Name == "Another operator" {
			o.operator = x.Operator.String()
		}
	}
	from := time.Now().UTC().Add(time.Hour).Truncate(time.Minute)
	made := driver.want(201, "", "POST", "/reserve", fmt.Sprintf(`{"parking_id":"bonn-markt","space_type":"standard","from":%q,"to":%q,"payment_method":"pm_sandbox_ok","contact":{"email":"driver@posteo.example"}}`,
		from.Format(time.RFC3339), from.Add(time.Hour).Format(time.RFC3339)), "Idempotency-Key", "a-key-that-is-long-2")["reservation"].(map[string]any)
	o.reservation = made["id"].(string)
	return o
}

// numbersDoor checks who may look at what: what is another operator's is not there, and
// staff see no money.
func numbersDoor(t *testing.T, route, door string, own, other numbersObjects, who map[string]*browser) {
	t.Helper()
	day := time.Now().UTC().Format(time.DateOnly)
	path := func(o numbersObjects) string {
		p := strings.NewReplacer("{id}", o.parking, "{reservation}", o.reservation).Replace(strings.TrimPrefix(route, "GET "))
		return p + "?from=" + day + "&to=" + day
	}
	if strings.HasSuffix(route, "{reservation}") {
		mixed := numbersObjects{own.operator, own.parking, other.reservation}
		if s, _, _ := who["owner"].do("GET", path(mixed), ""); s != 404 {
			t.Errorf("%s: another operator's reservation under one's own parking: %d", route, s)
		}
	}
	staff := map[string]int{"see": 200, "money": 403}[door]
	for name, want := range map[string][2]int{"nobody": {401, 401}, "driver": {403, 403}, "staff": {staff, 404}, "owner": {200, 404}, "admin": {200, 200}} {
		for i, o := range []numbersObjects{own, other} {
			paths := []string{path(o)}
			if !strings.Contains(route, "{id}") {
				paths = []string{path(o) + "&operator=" + o.operator, path(o) + "&parking=" + o.parking}
				if strings.HasPrefix(path(o), "/owner/closings") {
					paths = paths[:1]
				}
			}
			for _, p := range paths {
				status, _, got := who[name].do("GET", p, "")
				if status != want[i] {
					t.Errorf("%s: %s gets %d, %v", p, name, status, got)
				}
				if text := fmt.Sprint(got); status == 200 && name != "admin" && strings.Contains(text, other.parking) {
					t.Errorf("%s: %s sees another operator's: %s", p, name, text)
				}
				if text := fmt.Sprint(got); status == 200 && name == "staff" && (strings.Contains(text, "minor") || strings.Contains(text, "payment_state")) {
					t.Errorf("%s: staff see money: %s", p, text)
				}
			}
		}
	}
	// Without naming anything one sees one's own.
	if !strings.Contains(route, "{id}") && staff == 200 {
		status, _, got := who["staff"].do("GET", path(own), "")
		if text := fmt.Sprint(got); status != 200 || strings.Contains(text, other.parking) {
			t.Errorf("%s: %d, %s", route, status, text)
		}
	}
}
