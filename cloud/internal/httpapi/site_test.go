package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"go.uber.org/goleak"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
	"github.com/openlot/openlot/cloud/internal/gatehouse"
	"github.com/openlot/openlot/cloud/internal/httpapi"
	"github.com/openlot/openlot/cloud/internal/picture"
	"github.com/openlot/openlot/cloud/internal/problem"
	"github.com/openlot/openlot/cloud/internal/receipt"
	"github.com/openlot/openlot/cloud/internal/trends"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/pass"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const altmarkt id.Parking = "altmarkt"

// start is the time at which the tests' world stands still.
var start = time.Date(2026, 6, 11, 8, 7, 30, 0, time.UTC)

// logs collects log lines.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// site is a running API over a world in memory.
type site struct {
	t        *testing.T
	url      string
	world    *bookingtest.World
	provider *bookingtest.Provider
	service  *booking.Service
	logs     *logs
	stopping chan struct{}
	doc      *openapi3.T
	handler  http.Handler
	keys     []pass.PublicKey
}

// numbers are those of nobody: who is not logged in does not come as far.
type numbers struct{ httpapi.Numbers }

func named(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, name+" "+r.PathValue("id"))
	})
}

func newSite(t *testing.T, change func(*httpapi.Config)) *site {
	t.Helper()
	s := &site{t: t, logs: &logs{}, stopping: make(chan struct{}), provider: bookingtest.NewProvider()}
	listed := bookingtest.Parking("listed", 0)
	listed.SpaceTypes = nil
	s.world = bookingtest.NewWorld(func() time.Time { return start }, bookingtest.Parking(altmarkt, 2), listed)
	tokens, err := booking.NewTokens([]byte(strings.Repeat("s", 32)))
	if err != nil {
		t.Fatal(err)
	}
	key, err := pass.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	s.keys = []pass.PublicKey{key.Public()}
	log := slog.New(slog.NewJSONHandler(s.logs, nil))
	s.service = booking.NewService(booking.Config{
		Store: s.world, Commits: s.world, Provider: s.provider, Tokens: tokens, Passes: booking.Passes{Key: key},
		Log: log, Now: func() time.Time { return start },
	})
	c := httpapi.Config{
		Booking: s.service, Watcher: s.world, Receipts: receipts{receipt.Desk{Store: s, Key: key}, s.keys}, Log: log, Stopping: s.stopping,
		Parkings: named("parkings"), Parking: named("parking"), Web: named("web"), Apps: named("apps"), Mail: named("mail"), Sandbox: named("sandbox"), Webhooks: &hooks{}, Accounts: strangers{}, Numbers: numbers{}, Gatehouse: &gatehouse.Service{}, Places: &atlas{}, Pictures: &picture.Service{}, Usual: &trends.Usuals{},
		Reminders: &asked{},
	}
	if change != nil {
		change(&c)
	}
	if s.handler, err = httpapi.New(c); err != nil {
		t.Fatal(err)
	}
	if s.doc, err = api.Load(); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(s.handler)
	server.Config = httpapi.NewServer(s.handler, log)
	server.Start()
	s.url = server.URL
	t.Cleanup(func() {
		server.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return s
}

type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) problem(t *testing.T) problem.Problem {
	t.Helper()
	var p problem.Problem
	if err := json.Unmarshal(r.body, &p); err != nil || p.Status != r.status || p.Code == "" {
		t.Fatalf("%d %s: no problem: %v", r.status, r.body, err)
	}
	return p
}

func (r reply) reservation(t *testing.T) api.Reservation {
	t.Helper()
	var a api.ReservationAnswer
	if err := json.Unmarshal(r.body, &a); err != nil || a.Reservation.Id == "" {
		t.Fatalf("%d %s: no reservation: %v", r.status, r.body, err)
	}
	return a.Reservation
}

// do sends a request and checks the answer against the contract.
func (s *site) do(method, path, body string, header ...string) reply {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i+1] == "" {
			req.Header.Del(header[i])
			continue
		}
		req.Header.Add(header[i], header[i+1])
	}
	if types := req.Header.Values("Content-Type"); len(types) > 1 {
		req.Header.Set("Content-Type", types[len(types)-1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	r := reply{resp.StatusCode, resp.Header, got}
	s.keepsContract(req, r)
	return r
}

// keepsContract fails the test when an answer is not as openapi.yaml says.
func (s *site) keepsContract(req *http.Request, r reply) {
	s.t.Helper()
	listing := req.URL.Path == "/parking" || strings.HasPrefix(req.URL.Path, "/parkings") && strings.Count(req.URL.Path, "/") < 3
	for _, h := range []string{"X-Request-Id", "X-Content-Type-Options", "Cross-Origin-Resource-Policy", "Referrer-Policy", "X-Frame-Options"} {
		if ofPages := h == "Referrer-Policy" || h == "X-Frame-Options"; r.header.Get(h) == "" && (!ofPages || !listing) {
			s.t.Errorf("%s %s: no %s", req.Method, req.URL.Path, h)
		}
	}
	path, item := s.operation(req.URL.Path)
	if item == nil || item.GetOperation(req.Method) == nil || req.Method == http.MethodHead {
		return
	}
	op := item.GetOperation(req.Method)
	mediaType, _, _ := mime.ParseMediaType(r.header.Get("Content-Type"))
	answer := op.Responses.Status(r.status)
	if answer == nil {
		answer = op.Responses.Default()
	}
	if answer == nil {
		s.t.Fatalf("%s %s: status %d is not in the contract", req.Method, path, r.status)
	}
	if r.status != http.StatusNoContent && r.status != http.StatusNotModified && answer.Value.Content.Get(mediaType) == nil {
		s.t.Fatalf("%s %s: %d with %q is not in the contract", req.Method, path, r.status, mediaType)
	}
	if !strings.HasSuffix(mediaType, "json") {
		return
	}
	err := openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: req,
			Route:   &routers.Route{Spec: s.doc, Path: path, PathItem: item, Method: req.Method, Operation: op},
		},
		Status: r.status, Header: r.header, Body: io.NopCloser(bytes.NewReader(r.body)),
	})
	if err != nil {
		s.t.Fatalf("%s %s: %v\n%s", req.Method, path, err, r.body)
	}
}

// operation finds the path's item in the contract.
func (s *site) operation(path string) (string, *openapi3.PathItem) {
	if item := s.doc.Paths.Value(path); item != nil {
		return path, item
	}
	parts := strings.Split(path, "/")
	for template, item := range s.doc.Paths.Map() {
		want := strings.Split(template, "/")
		fits := len(want) == len(parts)
		for i := 0; fits && i < len(want); i++ {
			fits = want[i] == parts[i] || strings.HasPrefix(want[i], "{")
		}
		if fits {
			return template, item
		}
	}
	return "", nil
}

// wish is the body of a good request.
func wish() map[string]any {
	return map[string]any{
		"parking_id": "altmarkt", "space_type": "standard", "from": "2026-06-11T12:00:00+02:00", "to": "2026-06-11T14:00:00+02:00",
		"vehicle_plate": "dd-ab 123", "payment_method": bookingtest.OK,
		"contact": map[string]any{"email": "driver@example.org", "phone": "+493511234567"},
	}
}

func text(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (s *site) reserve(key, method string) api.Reservation {
	s.t.Helper()
	w := wish()
	w["payment_method"] = method
	r := s.do("POST", "/reserve", text(s.t, w), "Idempotency-Key", key)
	if r.status != 201 {
		s.t.Fatalf("%d %s", r.status, r.body)
	}
	return r.reservation(s.t)
}

func bearer(r api.Reservation) string { return "Bearer " + *r.ManageToken }
