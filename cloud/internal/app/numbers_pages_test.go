package app_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/app"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/replay"
	"github.com/openlot/openlot/protocol/id"
)

// replayed is a cloud with a parking in which the sample's week happened, as far as its
// edge has told, across the end of summer time.
type replayed struct {
	t    *testing.T
	dir  string
	boss *browser // its owner
	db   *postgres.DB
	doc  *openapi3.T
}

const sampleMonday = "2026-10-19"

func newReplayed(t *testing.T) *replayed {
	t.Helper()
	dir := home(t)
	r := serve(t, dir)
	forty := strings.Replace(park, `"capacity":2`, `"capacity":40`, 1)
	if _, err := importPark(t, dir, forty); err != nil {
		t.Fatal(err)
	}
	accounts, name := accountsOf(t, dir)
	boss := member(t, r, accounts, "owner", account.Owner, name)
	boss.second()
	db, stop, err := app.Tools(t.Context(), "", dir, true, quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stop() })
	doc, err := api.Load()
	if err != nil {
		t.Fatal(err)
	}
	return &replayed{t, dir, boss, db, doc}
}

func (w *replayed) tell(until time.Time) app.Replayed {
	w.t.Helper()
	text, err := os.ReadFile("../replay/testdata/sample.csv")
	if err != nil {
		w.t.Fatal(err)
	}
	readings, err := replay.Read(bytes.NewReader(text), "sample")
	if err != nil {
		w.t.Fatal(err)
	}
	monday, err := time.Parse(time.DateOnly, sampleMonday)
	if err != nil {
		w.t.Fatal(err)
	}
	var done app.Replayed
	if err := app.Administer(w.t.Context(), w.db, quiet(), app.Stripe{}, func(a app.Administration) error {
		done, err = a.Replay(w.t.Context(), id.Parking("dresden-altmarkt"), app.Replay{Readings: readings, Week: monday, Seed: 1, Until: until})
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	return done
}

// get reads an answer and checks it against the contract.
func get[T any](w *replayed, template, path string) T {
	w.t.Helper()
	status, _, got := w.boss.do("GET", path, "")
	if status != 200 {
		w.t.Fatalf("%s: %d %v", path, status, got)
	}
	raw, err := json.Marshal(got)
	if err != nil {
		w.t.Fatal(err)
	}
	item := w.doc.Paths.Value(template)
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "http://localhost"+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := openapi3filter.ValidateResponse(w.t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: req, Route: &routers.Route{Spec: w.doc, Path: template, PathItem: item, Method: "GET", Operation: item.Get},
		},
		Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(raw)),
	}); err != nil {
		w.t.Fatalf("%s is not as the contract says: %v\n%s", path, err, raw)
	}
	var out T
	if err := json.Unmarshal(raw, &out); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// An owner sees a week in which clocks went back: 25 hours on its Sunday, what was not
// told yet as not known, and later as it was, marked.
func TestAnOwnerSeesTheWeekInWhichClocksWentBack(t *testing.T) {
	w := newReplayed(t)
	const path = "/owner/parkings/dresden-altmarkt/trends?from=2026-10-19&to=2026-10-25"
	trends := func() api.Trends { return get[api.Trends](w, "/owner/parkings/{id}/trends", path) }
	away := time.Date(2026, 10, 21, 9, 0, 0, 0, time.UTC)
	w.tell(away)
	first := trends()
	if n := len(first.Hours); n != 7*24+1 {
		t.Fatalf("%d hours", n)
	}
	sunday := first.Days[6]
	if sunday.Hours != 25 || first.Days[5].Hours != 24 {
		t.Errorf("%+v", first.Days)
	}
	repeated := 0
	for i, h := range first.Hours {
		if h.Repeated {
			repeated++
			if b := first.Hours[i-1]; h.Hour != 2 || b.Hour != 2 || b.Repeated || h.Day != "2026-10-25" || h.At.Sub(b.At) != time.Hour {
				t.Errorf("%+v after %+v", h, b)
			}
		}
		if known := h.At.Before(away) && !h.At.Before(time.Date(2026, 10, 18, 23, 0, 0, 0, time.UTC)); known != (h.Occupied != nil) || known != (h.OccupancyPercent != nil) || known != (h.Arrivals != nil) {
			t.Errorf("%+v", h)
		}
	}
	if repeated != 1 || first.KnownUntil == nil || !first.KnownUntil.Equal(away) || first.Total.UnknownHours < 90 {
		t.Errorf("%d repeated; known until %v; %+v", repeated, first.KnownUntil, first.Total)
	}
	w.tell(time.Time{})
	second := trends()
	late := 0
	for i, h := range second.Hours {
		// The sample begins at two in the morning, local time, and ends at one on Monday.
		if h.Occupied == nil && h.At.After(time.Date(2026, 10, 18, 23, 0, 0, 0, time.UTC)) {
			t.Errorf("still not known: %+v", h)
		}
		if h.Late {
			late++
		}
		if was := first.Hours[i]; h.At.Before(away) && h.Arrivals != nil && (h.Late || was.Arrivals == nil || *h.Arrivals != *was.Arrivals || *h.Occupied != *was.Occupied) {
			t.Errorf("%+v was %+v", h, was)
		}
	}
	if late < 100 || second.LastFactAt == nil || !second.LastFactAt.After(*first.LastFactAt) {
		t.Errorf("%d hours are late; facts until %v, before %v", late, second.LastFactAt, first.LastFactAt)
	}
	stays := 0
	for _, d := range second.Days {
		stays += d.Stays
	}
	lengths := 0
	for _, l := range second.StayLengths {
		lengths += l.Stays
	}
	if stays == 0 || stays != second.Total.Stays || stays != lengths || second.Total.MedianMinutes == nil || second.Total.RevenueWalkIn.Minor == 0 {
		t.Errorf("%d stays by day, %d by length, %+v", stays, lengths, second.Total)
	}
	// The same as a file.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+w.boss.at+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/csv")
	req.Header.Set("Cookie", w.boss.cookie)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	rows, err := csv.NewReader(resp.Body).ReadAll()
	if err != nil || len(rows) != 1+len(second.Hours) || rows[0][4] != "occupancy_percent" || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/csv") {
		t.Errorf("%v, %d rows, %s", err, len(rows), resp.Header.Get("Content-Type"))
	}
	for wrong, field := range map[string]string{"from=2026-10-19&to=2026-10-18": "to", "from=2026-02-30&to=2026-10-18": "from", "to=2026-10-18": "from", "from=2026-01-01&to=2026-04-03": "to"} {
		status, _, got := w.boss.do("GET", "/owner/parkings/dresden-altmarkt/trends?"+wrong, "")
		if fields, _ := got["fields"].(map[string]any); status != 422 || got["code"] != "invalid_parameter" || fields[field] == nil {
			t.Errorf("%s: %d %v", wrong, status, got)
		}
	}
}

// Page by page, everything is there once; what was typed finds what it names.
func TestStaysAndMoneyPageByPage(t *testing.T) {
	w := newReplayed(t)
	w.tell(time.Time{})
	var all []api.OwnerSession
	pages(w, "/owner/sessions", "limit=37", func(p api.OwnerSessions) *string {
		all = append(all, p.Sessions...)
		return p.NextCursor
	})
	want := 0
	trends := get[api.Trends](w, "/owner/parkings/{id}/trends", "/owner/parkings/dresden-altmarkt/trends?from=2026-10-18&to=2026-10-26")
	for _, h := range trends.Hours {
		if h.Arrivals != nil {
			want += *h.Arrivals
		}
	}
	seen := map[string]bool{}
	for i, s := range all {
		if seen[s.Id] || i > 0 && s.EnteredAt.After(all[i-1].EnteredAt) || !s.WalkIn {
			t.Errorf("%d: %+v", i, s)
		}
		seen[s.Id] = true
	}
	if len(all) < 50 || len(all) != want {
		t.Errorf("%d stays in the list, %d arrivals", len(all), want)
	}
	some := all[len(all)/2]
	for _, q := range []string{some.Id, strings.ToUpper(some.Id), "TK1:" + some.Id, some.Id[len(some.Id)-8:]} {
		found := get[api.OwnerSessions](w, "/owner/sessions", "/owner/sessions?q="+url.QueryEscape(q))
		if len(found.Sessions) != 1 || found.Sessions[0].Id != some.Id {
			t.Errorf("%q finds %+v", q, found)
		}
	}
	day := get[api.OwnerSessions](w, "/owner/sessions", "/owner/sessions?from=2026-10-20&to=2026-10-20&limit=200&state=ended&walk_in=true")
	begins := time.Date(2026, 10, 19, 22, 0, 0, 0, time.UTC)
	n := 0
	for _, s := range all {
		if !s.EnteredAt.Before(begins) && s.EnteredAt.Before(begins.Add(24*time.Hour)) && s.State != "inside" {
			n++
		}
	}
	if len(day.Sessions) != n || n == 0 {
		t.Errorf("%d on the day, %d by the list", len(day.Sessions), n)
	}

	// The books: every posting once, each account as the postings say, zero over all.
	var postings []api.LedgerPosting
	pages(w, "/owner/ledger", "limit=113", func(p api.LedgerPage) *string {
		postings = append(postings, p.Postings...)
		return p.NextCursor
	})
	sums, lines := map[string]int64{}, map[string]bool{}
	for _, p := range postings {
		key := fmt.Sprint(p.Transaction, p.Line)
		if lines[key] {
			t.Errorf("%s twice", key)
		}
		lines[key] = true
		sums[string(p.Account)] += p.Amount.Minor
	}
	today := time.Now().UTC().Add(24 * time.Hour).Format(time.DateOnly)
	m := get[api.MoneyAnswer](w, "/owner/money", "/owner/money?from=2026-10-01&to="+today)
	if len(m.Currencies) != 1 {
		t.Fatalf("%+v", m)
	}
	zero := int64(0)
	for _, a := range m.Currencies[0].Accounts {
		zero += a.Balance.Minor
		if a.Balance.Minor != sums[string(a.Account)] || a.In.Minor-a.Out.Minor != a.Balance.Minor {
			t.Errorf("%+v, the postings sum to %d", a, sums[string(a.Account)])
		}
	}
	if zero != 0 || len(postings) < 50 || m.Currencies[0].Cash.Minor == 0 || m.Currencies[0].Terminal.Minor == 0 {
		t.Errorf("%d over all accounts, %d postings, %+v", zero, len(postings), m.Currencies[0])
	}
	open := int64(0)
	pages(w, "/owner/receivables", "state=open&limit=29", func(p api.ReceivablePage) *string {
		for _, r := range p.Receivables {
			open += r.Open.Minor
			if r.State != "open" || r.Open.Minor <= 0 || r.Owed.Minor != r.Paid.Minor+r.WrittenOff.Minor+r.Open.Minor {
				t.Errorf("%+v", r)
			}
		}
		return p.NextCursor
	})
	if open == 0 || open != m.Currencies[0].Receivable.Minor {
		t.Errorf("%d is open by stay, %d in the books", open, m.Currencies[0].Receivable.Minor)
	}
	one := get[api.LedgerPage](w, "/owner/ledger", "/owner/ledger?account=cash&limit=200")
	if len(one.Postings) == 0 || slices.ContainsFunc(one.Postings, func(p api.LedgerPosting) bool { return p.Account != "cash" }) {
		t.Errorf("%d postings of cash", len(one.Postings))
	}
	for _, wrong := range []string{"/owner/ledger?cursor=abc", "/owner/ledger?account=nest", "/owner/sessions?limit=201", "/owner/sessions?state=gone", "/owner/receivables?state=x", "/owner/reservations?state=lost", "/owner/sessions?q=x"} {
		if status, _, got := w.boss.do("GET", wrong, ""); status != 422 || got["code"] != "invalid_parameter" {
			t.Errorf("%s: %d %v", wrong, status, got)
		}
	}
}

// pages reads all pages of a list.
func pages[T any](w *replayed, path, query string, take func(T) *string) {
	w.t.Helper()
	cursor := ""
	for range 500 {
		next := take(get[T](w, path, path+"?"+query+cursor))
		if next == nil {
			return
		}
		cursor = "&cursor=" + url.QueryEscape(*next)
	}
	w.t.Fatalf("%s has no end", path)
}
