package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/reconcile"
	"github.com/openlot/openlot/protocol/money"
)

// A comparison from the command line: its exit code says whether the books
// differ.
func TestReconcileCommand(t *testing.T) {
	db, dsn := postgrestest.New(t)
	postgrestest.Import(t, db, time.Now(), postgrestest.Parking("north", 4))
	openlot := func(want int, parts []string, args ...string) string {
		t.Helper()
		var out, errOut bytes.Buffer
		code := run(t.Context(), append([]string{"reconcile", "--database-url", dsn, "--log-level", "error"}, args...), &out, &errOut)
		if code != want {
			t.Errorf("openlot reconcile %s: exit %d, want %d\n%s%s", strings.Join(args, " "), code, want, &out, &errOut)
		}
		for _, p := range parts {
			if !strings.Contains(out.String()+errOut.String(), p) {
				t.Errorf("openlot reconcile %s: %q is not in:\n%s%s", strings.Join(args, " "), p, &out, &errOut)
			}
		}
		return out.String()
	}
	openlot(0, []string{"sandbox from", "0 lines there, 0 payments with us", "the books agree"})
	if _, err := sandbox.New(postgres.NewSandbox(db), sandbox.Options{}).Authorize(t.Context(), payment.Request{
		Key: "by hand", Parking: "north", Method: sandbox.OK, Amount: money.New(1250, "EUR"),
	}); err != nil {
		t.Fatal(err)
	}
	from := []string{"--from", time.Now().Add(-time.Hour).Format(time.RFC3339), "--to", time.Now().Add(time.Hour).Format(time.RFC3339)}
	openlot(1, []string{"missing_with_us hold", "there authorized 12.50 EUR", "1 difference, 1 of them new", "books_differ"}, from...)
	openlot(1, []string{"1 difference, 0 of them new"}, from...)
	var r reconcile.Report
	if err := json.Unmarshal([]byte(openlot(1, nil, append(from, "--json", "--provider", "sandbox")...)), &r); err != nil || r.Format != 1 || len(r.Differences) != 1 || r.OnTheWay == nil || r.Differences[0].Parking != "north" {
		t.Errorf("%+v %v", r, err)
	}
	openlot(1, []string{"provider_unknown", "must be one of: "}, "--provider", "nobody")
	openlot(1, []string{"date_invalid"}, "--from", "yesterday")
	openlot(1, []string{"reconcile_window"}, "--from", "2026-01-02", "--to", "2026-01-01")
}
