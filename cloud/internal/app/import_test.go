package app_test

import (
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/app"
	"github.com/openlot/openlot/protocol/fault"
)

func TestABadFileImportsNothing(t *testing.T) {
	dir := home(t)
	bad := strings.Replace(park, `"features":[`, `"features":[{"type":"Feature"},`, 1)
	_, err := importPark(t, dir, bad)
	if f := fault.From(err); f.Code != "import_invalid" || f.Fields["features[0]"] == "" {
		t.Fatal(err)
	}
	done, err := importPark(t, dir, park)
	if err != nil || done.New != 1 {
		t.Fatal("the good parking of the bad file was imported", done, err)
	}
	db, stop, err := app.Tools(t.Context(), "", dir, true, quiet())
	if err != nil {
		t.Fatal(err)
	}
	_, err = app.Import(t.Context(), db, "Somebody else", strings.NewReader(strings.Replace(park, `"name":"Altmarkt"`, `"name":"Mine"`, 1)), time.Now().UTC())
	if f := fault.From(err); f.Code != "another_operator" || !strings.Contains(f.Fields["features[0]"], "another operator") {
		t.Error("an operator renamed another's parking", err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	_, err = importPark(t, dir, strings.Replace(park, `"capacity":2`, `"capacity":3`, 1))
	if f := fault.From(err); f.Code != "capacity_differs" || !strings.Contains(f.Fields["features[0]"], "dresden-altmarkt") {
		t.Fatal(err)
	}
}
