package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/pass"
)

func TestRoutesAndContractAreTheSame(t *testing.T) {
	s := newSite(t, nil)
	engine, ok := s.handler.(*gin.Engine)
	if !ok {
		t.Fatalf("%T", s.handler)
	}
	serves := map[string]bool{}
	dashboard := []string{"/owner", "/owner/", "/owner/assets/*path"} // its pages, beside the owners' API
	for _, r := range engine.Routes() {
		if r.Method == http.MethodHead || r.Path == "/" || strings.HasPrefix(r.Path, "/assets/") || strings.HasPrefix(r.Path, "/portal/") || strings.HasPrefix(r.Path, "/.well-known/") || r.Path == "/basemap.pmtiles" || strings.HasPrefix(r.Path, "/design") || slices.Contains(dashboard, r.Path) {
			continue // HEAD goes with GET; the pages are no API
		}
		parts := strings.Split(r.Path, "/")
		for i, p := range parts {
			if name, isParam := strings.CutPrefix(p, ":"); isParam {
				parts[i] = "{" + name + "}"
			}
		}
		serves[r.Method+" "+strings.Join(parts, "/")] = true
	}
	for path, item := range s.doc.Paths.Map() {
		for method := range item.Operations() {
			if !serves[method+" "+path] {
				t.Errorf("%s %s is in the contract and not served", method, path)
			}
			delete(serves, method+" "+path)
		}
	}
	for r := range serves {
		t.Errorf("%s is served and not in the contract", r)
	}
	if err := s.doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFromQuoteToPassToCancel(t *testing.T) {
	s := newSite(t, nil)
	w := wish()
	q := s.do("POST", "/quotes", text(t, map[string]any{"parking_id": w["parking_id"], "space_type": w["space_type"], "from": w["from"], "to": w["to"]}))
	var quoted api.QuoteAnswer
	if err := json.Unmarshal(q.body, &quoted); err != nil || q.status != 201 || quoted.Quote.Price.Minor != 400 || len(quoted.Quote.PriceDetail.Lines) == 0 {
		t.Fatalf("%d %s", q.status, q.body)
	}
	w["quote_id"] = quoted.Quote.Id
	made := s.do("POST", "/reserve", text(t, w), "Idempotency-Key", "a-key-that-is-long-k1")
	r := made.reservation(t)
	if made.status != 201 || r.State != "confirmed" || r.Payment.State != "authorized" || r.Payment.Authorized.Minor != 400 || r.Pass == nil ||
		r.ManageToken == nil || made.header.Get("Location") != "/reservations/"+r.Id || *r.VehiclePlate != "DDAB123" ||
		!r.From.Equal(time.Date(2026, 6, 11, 10, 0, 0, 0, time.UTC)) {
		t.Fatalf("%d %s", made.status, made.body)
	}
	again := s.do("POST", "/reserve", text(t, w), "Idempotency-Key", "a-key-that-is-long-k1")
	if again.status != 201 || !bytes.Equal(again.body, made.body) {
		t.Fatalf("repeated: %d %s\nfirst: %s", again.status, again.body, made.body)
	}
	verifier, err := pass.NewVerifier(s.keys)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := verifier.Verify(*r.Pass); err != nil || p.Reservation.String() != r.Id {
		t.Fatalf("%+v, %v", p, err)
	}

	got := s.do("GET", "/reservations/"+r.Id, "", "Authorization", bearer(r))
	if g := got.reservation(t); got.status != 200 || g.Version != r.Version || *g.Pass != *r.Pass || g.ManageToken != nil || got.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if link := s.do("GET", "/reservations/"+r.Id+"?token="+*r.ManageToken, ""); link.status != 200 {
		t.Fatalf("%d %s", link.status, link.body)
	}
	gone := s.do("POST", "/reservations/"+r.Id+"/cancel", "", "Authorization", bearer(r))
	if g := gone.reservation(t); gone.status != 200 || g.State != "cancelled" || g.Payment.State != "void_requested" || g.Pass != nil {
		t.Fatalf("%d %s", gone.status, gone.body)
	}
	if p := s.do("GET", "/reservations/"+r.Id+"/pass", "", "Authorization", bearer(r)).problem(t); p.Code != "already_ended" || p.Status != 409 {
		t.Fatalf("%+v", p)
	}
	if p := s.do("POST", "/reservations/"+r.Id+"/confirm", "", "Authorization", bearer(r)); p.status != 200 {
		t.Fatalf("%d %s", p.status, p.body)
	}
}

func TestSecondStepOverHTTP(t *testing.T) {
	s := newSite(t, nil)
	r := s.reserve("a-key-that-is-long-k1", bookingtest.SecondFactor)
	if r.State != "held" || r.Payment.State != "requires_action" || r.Payment.NextAction == nil || r.Pass != nil || r.HoldUntil == nil {
		t.Fatalf("%+v", r)
	}
	path := "/reservations/" + r.Id
	if p := s.do("GET", path+"/pass", "", "Authorization", bearer(r)).problem(t); p.Code != "not_confirmed" {
		t.Fatalf("%+v", p)
	}
	s.provider.Complete(s.world.All()[0].Payment.Ref, true)
	done := s.do("POST", path+"/confirm", "", "Authorization", bearer(r))
	if g := done.reservation(t); done.status != 200 || g.State != "confirmed" || g.Pass == nil || g.Payment.NextAction != nil || g.HoldUntil != nil {
		t.Fatalf("%d %s", done.status, done.body)
	}
}

func TestAPaymentWithoutAnswerIsAccepted(t *testing.T) {
	s := newSite(t, nil)
	w := wish()
	w["payment_method"] = bookingtest.Dead
	for range 2 {
		r := s.do("POST", "/reserve", text(t, w), "Idempotency-Key", "a-key-that-is-long-k1")
		if g := r.reservation(t); r.status != 202 || g.Payment.State != "unknown" || g.State != "held" {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
}

func TestThePassInEveryForm(t *testing.T) {
	s := newSite(t, nil)
	r := s.reserve("a-key-that-is-long-k1", bookingtest.OK)
	rid, err := id.Parse[id.Reservation](r.Id)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ query, accept, media, begins string }{
		{"", "", "text/plain; charset=utf-8", *r.Pass},
		{"", "*/*", "text/plain; charset=utf-8", *r.Pass},
		{"", "image/png", "image/png", "\x89PNG"},
		{"", "image/avif,image/webp,image/svg+xml,image/*,*/*;q=0.8", "image/png", "\x89PNG"},
		{"", "image/svg+xml", "image/svg+xml", "<svg"},
		{"&format=png", "text/plain", "image/png", "\x89PNG"},
		{"&format=svg", "", "image/svg+xml", "<svg"},
		{"&format=text", "image/png", "text/plain; charset=utf-8", *r.Pass},
		{"&format=pin", "image/png", "text/plain; charset=utf-8", credential.Key{1}.Code(rid, 1)},
	} {
		got := s.do("GET", "/reservations/"+r.Id+"/pass?token="+*r.ManageToken+x.query, "", "Accept", x.accept)
		if got.status != 200 || got.header.Get("Content-Type") != x.media || !strings.HasPrefix(string(got.body), x.begins) {
			t.Errorf("%+v: %d %s %.40q", x, got.status, got.header.Get("Content-Type"), got.body)
		}
	}
	if p := s.do("GET", "/reservations/"+r.Id+"/pass", "", "Authorization", bearer(r), "Accept", "application/pdf").problem(t); p.Status != 406 {
		t.Errorf("%+v", p)
	}
	if p := s.do("GET", "/reservations/"+r.Id+"/pass?format=gif", "", "Authorization", bearer(r)).problem(t); p.Status != 422 {
		t.Errorf("%+v", p)
	}
}

func TestWithoutItsTokenThereIsNoReservation(t *testing.T) {
	s := newSite(t, nil)
	a, b := s.reserve("a-key-that-is-long-k1", bookingtest.OK), s.reserve("a-key-that-is-long-k2", bookingtest.OK)
	unknown := id.New[id.Reservation](start).String()
	var first string
	for name, x := range map[string][2]string{
		"no token":         {a.Id, ""},
		"another's":        {a.Id, bearer(b)},
		"altered":          {a.Id, bearer(a) + "a"},
		"another scheme":   {a.Id, "Basic " + *a.ManageToken},
		"empty":            {a.Id, "Bearer "},
		"unknown":          {unknown, bearer(a)},
		"not an id":        {"rsv_x", bearer(a)},
		"another kind":     {"quo_" + strings.TrimPrefix(a.Id, "rsv_"), bearer(a)},
		"in another style": {strings.ToUpper(a.Id), bearer(a)},
	} {
		for _, call := range []string{"GET ", "POST /confirm", "POST /cancel", "GET /pass"} {
			method, rest, _ := strings.Cut(call, " ")
			got := s.do(method, "/reservations/"+x[0]+rest, "", "Authorization", x[1])
			p := got.problem(t)
			if got.status != 404 || p.Code != "reservation_not_found" {
				t.Errorf("%s, %s: %d %s", name, call, got.status, got.body)
			}
			p.RequestID = ""
			if shown := text(t, p); first == "" {
				first = shown
			} else if shown != first {
				t.Errorf("%s, %s: answered differently: %s", name, call, shown)
			}
		}
	}
	if err := s.world.Check(); err != nil {
		t.Fatal(err)
	}
	if got := s.do("GET", "/reservations/"+a.Id, "", "Authorization", bearer(a)).reservation(t); got.State != "confirmed" {
		t.Fatalf("%+v", got)
	}
}

func TestBadRequests(t *testing.T) {
	s := newSite(t, nil)
	with := func(change func(map[string]any)) string {
		w := wish()
		change(w)
		return text(t, w)
	}
	set := func(name string, v any) string { return with(func(w map[string]any) { w[name] = v }) }
	good := text(t, wish())
	for name, x := range map[string]struct {
		body   string
		header []string
		status int
		code   string
		field  string
	}{
		"no JSON":             {body: `{"parking_id":`, status: 400, code: "malformed_json"},
		"nothing":             {body: " ", status: 400, code: "malformed_json"},
		"two objects":         {body: good + good, status: 400, code: "malformed_json"},
		"no UTF-8":            {body: set("vehicle_plate", "AB12")[:40] + "\xff" + good[40:], status: 400, code: "malformed_json"},
		"an array":            {body: `[]`, status: 422, code: "request_invalid", field: "body"},
		"unknown field":       {body: set("coupon", "FREE"), status: 422, code: "unknown_field", field: "coupon"},
		"unknown inner field": {body: set("contact", map[string]any{"email": "a@example.org", "name": "x"}), status: 422, code: "unknown_field", field: "contact.name"},
		"field in capitals":   {body: set("Parking_ID", "altmarkt"), status: 422, code: "unknown_field", field: "Parking_ID"},
		"field given twice":   {body: strings.Replace(good, "{", `{"parking_id":"elsewhere",`, 1), status: 422, code: "request_invalid", field: "parking_id"},
		"null":                {body: set("vehicle_plate", nil), status: 422, code: "request_invalid", field: "vehicle_plate"},
		"number for a text":   {body: set("space_type", 7), status: 422, code: "request_invalid", field: "space_type"},
		"text for an object":  {body: set("contact", "a@example.org"), status: 422, code: "request_invalid", field: "contact"},
		"missing field":       {body: with(func(w map[string]any) { delete(w, "payment_method") }), status: 422, code: "request_invalid", field: "payment_method"},
		"missing contact":     {body: with(func(w map[string]any) { delete(w, "contact") }), status: 422, code: "request_invalid", field: "contact"},
		"missing e-mail":      {body: set("contact", map[string]any{}), status: 422, code: "request_invalid", field: "contact.email"},
		"bad e-mail":          {body: set("contact", map[string]any{"email": "nobody"}), status: 422, code: "request_invalid", field: "contact.email"},
		"large body":          {body: set("vehicle_plate", strings.Repeat("A", 70<<10)), status: 413, code: "body_too_large"},
		"a form":              {body: "a=b", header: []string{"Content-Type", "application/x-www-form-urlencoded"}, status: 415, code: "unsupported_media_type"},
		"another charset":     {body: good, header: []string{"Content-Type", "application/json; charset=latin1"}, status: 415, code: "unsupported_media_type"},
		"no key":              {body: good, header: []string{"Idempotency-Key", ""}, status: 422, code: "idempotency_key_missing"},
		"two keys":            {body: good, header: []string{"Idempotency-Key", "a-key-that-is-long-second"}, status: 422, code: "idempotency_key_invalid"},
		"no offset":           {body: set("from", "2026-06-11T12:00:00"), status: 422, code: "time_without_offset", field: "from"},
		"a day":               {body: set("to", "2026-06-12"), status: 422, code: "time_without_offset", field: "to"},
		"no time":             {body: set("to", "tomorrow"), status: 422, code: "request_invalid", field: "to"},
		"no such day":         {body: set("to", "2026-06-31T12:00:00Z"), status: 422, code: "request_invalid", field: "to"},
		"the year 1":          {body: set("from", "0001-01-01T00:00:00Z"), status: 422, code: "window_in_past", field: "from"},
		"the last second": {body: with(func(w map[string]any) {
			w["from"], w["to"] = "9999-12-31T23:59:58Z", "9999-12-31T23:59:59Z"
		}), status: 422, code: "beyond_horizon", field: "to"},
		"the year 10000":  {body: set("to", "10000-01-01T00:00:00Z"), status: 422, code: "request_invalid", field: "to"},
		"empty window":    {body: set("to", "2026-06-11T10:00:00Z"), status: 422, code: "window_empty", field: "to"},
		"reversed window": {body: set("to", "2026-06-11T09:00:00Z"), status: 422, code: "window_empty", field: "to"},
		"past window":     {body: set("from", "2026-06-11T07:00:00Z"), status: 422, code: "window_in_past", field: "from"},
		"long window":     {body: set("to", "2026-08-11T07:00:00Z"), status: 422, code: "window_too_long", field: "to"},
		"absurd window":   {body: set("to", "9999-12-31T23:59:59Z"), status: 422, code: "window_too_long", field: "to"},
		"far window": {body: with(func(w map[string]any) {
			w["from"], w["to"] = "2027-06-11T07:00:00Z", "2027-06-11T08:00:00Z"
		}), status: 422, code: "beyond_horizon", field: "to"},
		// Times whose year has no four digits once the offset is taken off.
		"year 10000": {body: with(func(w map[string]any) {
			w["from"], w["to"] = "9999-12-31T23:00:00-12:00", "9999-12-31T23:59:59-12:00"
		}), status: 422, code: "beyond_horizon", field: "to"},
		"until year 10000":   {body: set("to", "9999-12-31T23:59:59-12:00"), status: 422, code: "beyond_horizon", field: "to"},
		"before year 0":      {body: set("from", "0000-01-01T00:00:00+12:00"), status: 422, code: "window_in_past", field: "from"},
		"unknown parking":    {body: set("parking_id", "nowhere"), status: 404, code: "parking_not_found"},
		"impossible parking": {body: set("parking_id", "../etc"), status: 404, code: "parking_not_found"},
		"unknown type":       {body: set("space_type", "ev"), status: 422, code: "space_type_unknown", field: "space_type"},
		"not for sale":       {body: set("parking_id", "listed"), status: 409, code: "not_for_sale"},
		"bad plate":          {body: set("vehicle_plate", "💥"), status: 422, code: "request_invalid", field: "vehicle_plate"},
		"unknown quote":      {body: set("quote_id", id.New[id.Quote](start).String()), status: 409, code: "quote_expired", field: "quote_id"},
		"declined card":      {body: set("payment_method", bookingtest.Declined), status: 402, code: "payment_declined", field: "payment_method"},
	} {
		t.Run(name, func(t *testing.T) {
			header := append([]string{"Idempotency-Key", "key-of-" + strings.ReplaceAll(name, " ", "-")}, x.header...)
			got := s.do("POST", "/reserve", x.body, header...)
			p := got.problem(t)
			if got.status != x.status || p.Code != x.code {
				t.Fatalf("%d %s, want %d %s", got.status, got.body, x.status, x.code)
			}
			if _, named := p.Fields[x.field]; x.field != "" && !named {
				t.Fatalf("fields %v do not name %q", p.Fields, x.field)
			}
		})
	}
	for _, r := range s.world.All() {
		if r.Reservation.State != "expired" { // the declined one
			t.Errorf("a bad request left %+v", r)
		}
	}
	if err := s.world.Check(); err != nil {
		t.Fatal(err)
	}
	// The spaces are all still there, and then no more.
	kept := s.reserve("a-key-that-is-long-k1", bookingtest.OK)
	s.reserve("a-key-that-is-long-k2", bookingtest.OK)
	if p := s.do("POST", "/reserve", good, "Idempotency-Key", "a-key-that-is-long-k3").problem(t); p.Status != 409 || p.Code != "sold_out" {
		t.Fatalf("%+v", p)
	}
	if p := s.do("POST", "/reserve", set("vehicle_plate", "XY 1"), "Idempotency-Key", "a-key-that-is-long-k1").problem(t); p.Status != 422 || p.Code != "idempotency_key_reused" {
		t.Fatalf("%+v", p)
	}
	for path, body := range map[string]string{
		"/quotes":                              `{"parking_id":"altmarkt","space_type":"standard","from":"2026-06-11T10:00:00Z","to":"9999-12-31T23:59:59-12:00"}`,
		"/reservations/" + kept.Id + "/extend": `{"to":"9999-12-31T23:59:59-12:00"}`,
		"/reservations/" + kept.Id + "/modify": `{"from":"9999-12-31T23:00:00-12:00","to":"9999-12-31T23:59:59-12:00"}`,
	} {
		got := s.do("POST", path, body, "Idempotency-Key", "a-key-that-is-long-k4", "Authorization", bearer(kept))
		if p := got.problem(t); p.Status != 422 || p.Code != "beyond_horizon" {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if p := s.do("POST", "/quotes", set("coupon", "x")).problem(t); p.Code != "unknown_field" || len(p.Fields) != 4 {
		t.Fatalf("%+v", p)
	}
}

func TestARequestThatIsStillWorkedOn(t *testing.T) {
	s := newSite(t, nil)
	w := wish()
	w["payment_method"] = bookingtest.Gated
	body := text(t, w)
	ctx, hangUp := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/reserve", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", "a-key-that-is-long-k1")
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
	<-s.provider.Arrived
	got := s.do("POST", "/reserve", body, "Idempotency-Key", "a-key-that-is-long-k1")
	if p := got.problem(t); p.Status != 409 || p.Code != "request_in_progress" || got.header.Get("Retry-After") == "" {
		t.Fatalf("%+v", p)
	}
	held := s.world.All()[0].Reservation
	changed, unwatch := s.world.Watch(altmarkt)
	defer unwatch()
	hangUp()
	<-gone
	s.provider.Gate <- struct{}{}
	<-changed // the answer is booked although nobody listens
	if got := s.do("POST", "/reserve", body, "Idempotency-Key", "a-key-that-is-long-k1").reservation(t); got.State != "confirmed" || got.Id != held.ID.String() {
		t.Fatalf("%+v", got)
	}
}
