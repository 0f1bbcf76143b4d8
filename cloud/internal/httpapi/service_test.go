package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
	"github.com/openlot/openlot/cloud/internal/httpapi"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// events reads a stream.
type events struct {
	resp *http.Response
	in   *bufio.Reader
}

func (s *site) stream(path string, header ...string) *events {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+path, http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = resp.Body.Close() })
	return &events{resp, bufio.NewReader(resp.Body)}
}

// next is the next event's id and data.
func (e *events) next(t *testing.T) (eventID string, r api.Reservation) {
	t.Helper()
	for {
		line, err := e.in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if name, ok := strings.CutPrefix(line, "id: "); ok {
			eventID = strings.TrimSpace(name)
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			var a api.ReservationAnswer
			if err := json.Unmarshal([]byte(data), &a); err != nil {
				t.Fatal(err)
			}
			return eventID, a.Reservation
		}
	}
}

// until reads on to the first event that fits; states may be folded.
func (e *events) until(t *testing.T, fits func(api.Reservation) bool) (string, api.Reservation) {
	t.Helper()
	for {
		if name, r := e.next(t); fits(r) {
			return name, r
		}
	}
}

func TestAStreamFollowsTheReservationToItsEnd(t *testing.T) {
	s := newSite(t, nil)
	r := s.reserve("a-key-that-is-long-k1", bookingtest.SecondFactor)
	path := "/reservations/" + r.Id
	e := s.stream(path, "Authorization", bearer(r))
	if e.resp.StatusCode != http.StatusOK || e.resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %v", e.resp.StatusCode, e.resp.Header)
	}
	if _, first := e.next(t); first.State != "held" || first.ManageToken != nil {
		t.Fatalf("%+v", first)
	}
	s.reserve("a-key-that-is-long-k2", bookingtest.OK) // another's: nothing to tell
	s.provider.Complete(s.find(r.Id).Payment.Ref, true)
	s.do("POST", path+"/confirm", "", "Authorization", bearer(r))
	if _, got := e.next(t); got.State != "confirmed" || got.Pass == nil {
		t.Fatalf("%+v", got)
	}
	s.do("POST", path+"/cancel", "", "Authorization", bearer(r))
	e.until(t, func(g api.Reservation) bool {
		return g.State == "cancelled" && g.Payment.State == "void_requested" && g.Pass == nil
	})
	if _, err := s.world.Commit(t.Context(), settlement.RecordVoid{At: altmarkt, Payment: s.find(r.Id).Payment.ID}); err != nil {
		t.Fatal(err)
	}
	last, _ := e.until(t, func(g api.Reservation) bool { return g.Payment.State == "voided" })
	if rest, err := io.ReadAll(e.in); err != nil || strings.TrimSpace(string(rest)) != "" {
		t.Fatalf("after the end: %q, %v", rest, err)
	}
	// A browser reconnects by itself, and is told that there is no more.
	if again := s.stream(path, "Authorization", bearer(r), "Last-Event-ID", last); again.resp.StatusCode != http.StatusNoContent {
		t.Fatalf("%d", again.resp.StatusCode)
	}
	fresh := s.stream(path, "Authorization", bearer(r))
	if _, got := fresh.next(t); got.Payment.State != "voided" {
		t.Fatalf("%+v", got)
	}
	if _, err := io.ReadAll(fresh.in); err != nil {
		t.Fatal(err)
	}
	if n := s.world.Watches(); n != 0 {
		t.Fatalf("%d watches are left", n)
	}
}

func (s *site) find(name string) booking.Snapshot {
	s.t.Helper()
	for _, x := range s.world.All() {
		if x.Reservation.ID.String() == name {
			return x
		}
	}
	s.t.Fatalf("no %s", name)
	return booking.Snapshot{}
}

func TestStreamsEndWhenTheProcessStops(t *testing.T) {
	s := newSite(t, nil)
	r := s.reserve("a-key-that-is-long-k1", bookingtest.OK)
	e := s.stream("/reservations/"+r.Id, "Authorization", bearer(r))
	e.next(t)
	if got := s.do("GET", "/readyz", ""); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	close(s.stopping)
	if _, err := io.ReadAll(e.in); err != nil {
		t.Fatal(err)
	}
	if got := s.do("GET", "/readyz", ""); got.status != 503 || !strings.Contains(string(got.body), "draining") {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := s.do("GET", "/healthz", ""); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
}

func TestStreamsAreLimitedAndGuarded(t *testing.T) {
	s := newSite(t, func(c *httpapi.Config) { c.MaxStreams = 1 })
	r := s.reserve("a-key-that-is-long-k1", bookingtest.OK)
	if e := s.stream("/reservations/" + r.Id); e.resp.StatusCode != http.StatusNotFound {
		t.Fatalf("%d", e.resp.StatusCode)
	}
	one := s.stream("/reservations/"+r.Id, "Authorization", bearer(r))
	one.next(t)
	if two := s.stream("/reservations/"+r.Id, "Authorization", bearer(r)); two.resp.StatusCode != http.StatusServiceUnavailable || two.resp.Header.Get("Retry-After") == "" {
		t.Fatalf("%d %v", two.resp.StatusCode, two.resp.Header)
	}
}

// sink is an answer that never ends, outside the network.
type sink struct {
	mu     sync.Mutex
	header http.Header
	b      strings.Builder
}

func (s *sink) Header() http.Header { return s.header }
func (*sink) WriteHeader(int)       {}
func (*sink) Flush()                {}
func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestAQuietStreamShowsThatItLivesAndOutlastsAShortOutage(t *testing.T) {
	// A channel from outside would keep the bubble's time from passing.
	s := newSite(t, func(c *httpapi.Config) { c.Stopping = nil })
	r := s.reserve("a-key-that-is-long-k1", bookingtest.OK)
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		req := httptest.NewRequestWithContext(ctx, "GET", "/reservations/"+r.Id, http.NoBody)
		req.Header.Set("Authorization", bearer(r))
		req.Header.Set("Accept", "text/event-stream")
		w := &sink{header: http.Header{}}
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.handler.ServeHTTP(w, req)
		}()
		time.Sleep(31 * time.Second)
		synctest.Wait()
		if n := strings.Count(w.String(), ": still here"); n != 2 || strings.Count(w.String(), "event: reservation") != 1 {
			t.Errorf("after 31 s: %s", w.String())
		}
		s.world.Down(errors.New("away"))
		time.Sleep(40 * time.Second)
		s.world.Down(nil)
		v, err := s.service.Cancel(ctx, s.find(r.Id).Reservation.ID)
		if err != nil {
			t.Errorf("%+v, %v", v, err)
		}
		synctest.Wait()
		if !strings.Contains(w.String(), `"state":"cancelled"`) {
			t.Errorf("after an outage: %s", w.String())
		}
		leave()
		<-done
	})
	if s.world.Watches() != 0 {
		t.Fatal("a watch is left")
	}
}

func TestOthersHandlersAreMountedAsTheyAre(t *testing.T) {
	released := make(chan struct{})
	s := newSite(t, func(c *httpapi.Config) {
		c.Parkings = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: 1\n\n")
			rc := http.NewResponseController(w)
			if err := errors.Join(rc.SetWriteDeadline(time.Now().Add(time.Minute)), rc.Flush()); err != nil {
				t.Error(err)
			}
			<-released
		})
	})
	e := s.stream("/parkings")
	if line, err := e.in.ReadString('\n'); err != nil || line != "data: 1\n" { // while the handler is still at it
		t.Fatalf("%q, %v", line, err)
	}
	close(released)
	for path, want := range map[string]string{
		"/parking?id=a": "parking ", "/parkings/altmarkt": "parking altmarkt", "/": "web ", "/assets/app/x.js": "web ", "/design": "web ", "/design/": "web ", "/design/assets/x.js": "web ",
		"/portal/assets/x.js": "web ", "/portal/sw.js": "web ", "/basemap.pmtiles": "web ", "/.well-known/assetlinks.json": "apps ",
		"/dev/mail/7": "mail 7", "/dev/sandbox": "sandbox ", "/dev/sandbox/challenge/h1": "sandbox ",
	} {
		resp, err := http.Get(s.url + path)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(got) != want {
			t.Errorf("%s: %q", path, got)
		}
	}
	for _, path := range []string{"/dev/sandbox/challenge/h1", "/dev/sandbox/holds/h1/dispute"} { // what the sandbox's pages send
		resp, err := http.PostForm(s.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(got) != "sandbox " {
			t.Errorf("POST %s: %q", path, got)
		}
	}
}

func TestWhatIsNotThere(t *testing.T) {
	s := newSite(t, func(c *httpapi.Config) { c.Sandbox, c.Mail = nil, nil })
	for _, x := range []struct {
		method, path string
		status       int
		code         string
	}{
		{"GET", "/nowhere", 404, "route_not_found"},
		{"GET", "/parkings/", 404, "route_not_found"},
		{"GET", "/dev/mail", 404, "route_not_found"},
		{"GET", "/dev/sandbox", 404, "route_not_found"},
		{"GET", "/reserve", 405, "method_not_allowed"},
		{"DELETE", "/parkings", 405, "method_not_allowed"},
	} {
		got := s.do(x.method, x.path, "")
		if p := got.problem(t); p.Status != x.status || p.Code != x.code {
			t.Errorf("%+v: %d %s", x, got.status, got.body)
		}
		if x.status == 405 && got.header.Get("Allow") == "" {
			t.Errorf("%+v: no Allow", x)
		}
	}
	if got := s.do("HEAD", "/healthz", ""); got.status != 200 || len(got.body) != 0 {
		t.Errorf("HEAD: %d %q", got.status, got.body)
	}
}

func TestTheLogSaysWhatHappenedAndNothingPersonal(t *testing.T) {
	s := newSite(t, func(c *httpapi.Config) {
		c.Parkings = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("wires crossed at 10.0.0.7") })
	})
	r := s.reserve("key-number-one-is-this", bookingtest.OK)
	s.do("GET", "/reservations/"+r.Id+"?token="+*r.ManageToken, "", "X-Request-Id", "from-a-proxy-1")
	s.do("GET", "/reservations/"+r.Id+"?token=mt_guessed", "", "X-Request-Id", "no\tgood")
	if got := s.do("GET", "/parkings", ""); got.status != 500 || got.problem(t).Code != "internal" || strings.Contains(string(got.body), "wires") {
		t.Fatalf("%d %s", got.status, got.body)
	}
	s.world.Down(fault.Wrap(errors.New("dial tcp: refused"), fault.Unavailable, "database_unavailable", "Away."))
	if got := s.do("GET", "/reservations/"+r.Id, "", "Authorization", bearer(r)); got.status != 503 || got.header.Get("Retry-After") == "" || strings.Contains(string(got.body), "dial") {
		t.Fatalf("%d %s", got.status, got.body)
	}
	shown := s.logs.String()
	for _, secret := range []string{*r.ManageToken, (*r.ManageToken)[3:], "DDAB123", "dd-ab", "driver@", "493511234567", "guessed", "key-number-one", *r.Pass} {
		if strings.Contains(shown, secret) {
			t.Errorf("the log shows %s", secret)
		}
	}
	for _, want := range []string{
		`"route":"/reserve","status":201`, `"request_id":"from-a-proxy-1"`, `"code":"reservation_not_found"`,
		`"route":"/parkings","status":500`, "wires crossed", "dial tcp: refused", `"status":503`,
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("the log lacks %s:\n%s", want, shown)
		}
	}
	if strings.Contains(shown, "no\\tgood") || strings.Count(shown, "dial tcp") != 1 {
		t.Errorf("a foreign name is in the log, or a cause twice:\n%s", shown)
	}
}

func TestReadiness(t *testing.T) {
	var broken error
	s := newSite(t, func(c *httpapi.Config) {
		c.Checks = []httpapi.Check{
			{Name: "database", Run: func(context.Context) error { return broken }},
			{Name: "broker", Run: func(context.Context) error { return nil }},
		}
	})
	if got := s.do("GET", "/readyz", ""); got.status != 200 || !strings.Contains(string(got.body), `"broker":"ok"`) {
		t.Fatalf("%d %s", got.status, got.body)
	}
	s.do("GET", "/healthz", "")
	if shown := s.logs.String(); strings.Contains(shown, "/readyz") || strings.Contains(shown, "/healthz") {
		t.Errorf("a probe that was answered well is in the log:\n%s", shown)
	}
	broken = errors.New("password of openlot is wrong")
	got := s.do("GET", "/readyz", "")
	if got.status != 503 || !strings.Contains(string(got.body), `"database":"failing"`) || strings.Contains(string(got.body), "password") {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if shown := s.logs.String(); !strings.Contains(shown, "password of openlot") || !strings.Contains(shown, `"route":"/readyz"`) {
		t.Fatal("nobody learns why")
	}
	said := strings.Count(s.logs.String(), "password of openlot")
	if got := s.do("GET", "/readyz?unready=404", ""); got.status != 404 || !strings.Contains(string(got.body), `"database":"failing"`) {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if strings.Count(s.logs.String(), "password of openlot") != said+1 {
		t.Fatal("nobody learns why from who is told 404")
	}
	broken = nil
	if got := s.do("GET", "/readyz?unready=404", ""); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
}

func TestTheDescriptionIsServed(t *testing.T) {
	s := newSite(t, nil)
	got := s.do("GET", "/openapi.json", "")
	var doc struct {
		OpenAPI string         `json:"openapi"`
		Paths   map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(got.body, &doc); err != nil || !strings.HasPrefix(doc.OpenAPI, "3.1") || doc.Paths["/reserve"] == nil {
		t.Fatalf("%.200s, %v", got.body, err)
	}
	page := s.do("GET", "/docs", "")
	if page.status != 200 || !strings.Contains(string(page.body), "/reservations/{id}/cancel") || !strings.Contains(string(page.body), "sold_out") {
		t.Fatalf("%d %.200s", page.status, page.body)
	}
}

// Whatever id is asked for, only a good token opens anything.
func TestTheZeroIDIsNobodys(t *testing.T) {
	s := newSite(t, nil)
	var zero id.Reservation
	if got := s.do("GET", "/reservations/rsv_00000000000000000000000000", "", "Authorization", "Bearer "+s.tokenOf(zero)); got.status != 404 {
		t.Fatalf("%d %s", got.status, got.body)
	}
}

func (s *site) tokenOf(r id.Reservation) string {
	tokens, err := booking.NewTokens([]byte(strings.Repeat("s", 32)))
	if err != nil {
		s.t.Fatal(err)
	}
	return tokens.For(r).Reveal()
}

// members are accounts with sessions by their tokens.
type members struct {
	strangers
	mu    sync.Mutex
	in    map[string]account.Login
	owner id.Account
}

func (m *members) Who(_ context.Context, token string) (account.Principal, account.Login, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.in[token]
	return account.Principal{Account: l.Account}, l, nil
}

func (m *members) Still(ctx context.Context, token string) (account.Principal, error) {
	p, _, err := m.Who(ctx, token)
	return p, err
}

func (m *members) Owner(context.Context, id.Reservation) (id.Account, error) { return m.owner, nil }

func (m *members) EndLogin(_ context.Context, _ id.Account, l id.Login) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.in, func(_ string, x account.Login) bool { return x.ID == l })
	return nil
}

// A stream outlives neither the session that opened it nor tells what comes after its end;
// one that a manage token opened goes on.
func TestAStreamEndsWithItsSession(t *testing.T) {
	jana := id.New[id.Account](start)
	phone, laptop := account.Login{ID: id.New[id.Login](start), Account: jana}, account.Login{ID: id.New[id.Login](start), Account: jana}
	who := &members{in: map[string]account.Login{"phone": phone, "laptop": laptop}, owner: jana}
	s := newSite(t, func(c *httpapi.Config) { c.Accounts = who })
	r := s.reserve("a-key-that-is-long-k1", bookingtest.OK)
	path := "/reservations/" + r.Id
	onPhone, byToken := s.stream(path, "Cookie", "openlot_session=phone"), s.stream(path, "Authorization", bearer(r))
	onLaptop := s.stream(path, "Cookie", "openlot_session=laptop")
	for _, e := range []*events{onPhone, byToken, onLaptop} {
		e.next(t)
	}
	if got := s.do("DELETE", "/me/sessions/"+phone.ID.String(), "", "Cookie", "openlot_session=laptop"); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := s.change(r, "extend", "a-key-of-a-change-1", map[string]any{"to": "2026-06-11T16:00:00+02:00"}); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if rest, err := io.ReadAll(onPhone.in); err != nil || bytes.Contains(rest, []byte("data:")) {
		t.Errorf("after its session: %q, %v", rest, err)
	}
	for _, e := range []*events{byToken, onLaptop} {
		e.until(t, func(r api.Reservation) bool { return r.Price.Minor == 800 })
	}
}
