package twin

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/firmware-bridge/board"
)

func serve(t *testing.T, tw *Twin) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(tw.Handler())
	t.Cleanup(s.Close)
	return s
}

func do(t *testing.T, method, url, body string) (int, string, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header.Get("Content-Type"), b
}

func TestBadRequestsChangeNothing(t *testing.T) {
	tw := start(t, 1, GateConfig{Name: "in"})
	s := serve(t, tw)
	before := tw.snapshot(t)
	long := strings.Repeat("x", board.MaxCredential+1)
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
		code                     string
	}{
		{"unknown gate", "POST", "/gates/nope/vehicles", `{"button":true}`, 404, "unknown_gate"},
		{"gate number too high", "POST", "/gates/1/vehicles", `{"button":true}`, 404, "unknown_gate"},
		{"no body", "POST", "/gates/in/vehicles", "", 400, "malformed_json"},
		{"half a body", "POST", "/gates/in/vehicles", `{"button":`, 400, "malformed_json"},
		{"two bodies", "POST", "/gates/in/vehicles", `{"button":true}{}`, 400, "malformed_json"},
		{"no object", "POST", "/gates/in/vehicles", `[1]`, 400, "malformed_json"},
		{"wrong type", "POST", "/gates/in/vehicles", `{"button":"yes"}`, 400, "malformed_json"},
		{"unknown field", "POST", "/gates/in/vehicles", `{"button":true,"speed":9}`, 400, "malformed_json"},
		{"huge body", "POST", "/gates/in/vehicles", `{"credential":"` + strings.Repeat("x", maxBody) + `"}`, 413, "body_too_large"},
		{"neither credential nor button", "POST", "/gates/in/vehicles", `{}`, 422, "invalid_vehicle"},
		{"both", "POST", "/gates/in/vehicles", `{"button":true,"credential":"c"}`, 422, "invalid_vehicle"},
		{"waits and presses", "POST", "/gates/in/vehicles", `{"button":true,"waits":true}`, 422, "invalid_vehicle"},
		{"long credential", "POST", "/gates/in/vehicles", `{"credential":"` + long + `"}`, 422, "invalid_vehicle"},
		{"long plate", "POST", "/gates/in/vehicles", `{"button":true,"plate":"12345678901234567"}`, 422, "invalid_vehicle"},
		{"no patience", "POST", "/gates/in/vehicles", `{"button":true,"patience_ms":0}`, 422, "invalid_vehicle"},
		{"endless patience", "POST", "/gates/in/vehicles", `{"button":true,"patience_ms":9223372036854775807}`, 422, "invalid_vehicle"},
		{"unknown vehicle", "GET", "/vehicles/veh_1", "", 404, "unknown_vehicle"},
		{"no vehicle's id", "GET", "/vehicles/veh_01", "", 404, "unknown_vehicle"},
		{"unknown condition", "PUT", "/gates/in/conditions", `{"flood":true}`, 400, "malformed_json"},
		{"wrong method", "DELETE", "/state", "", 405, "method_not_allowed"},
		{"no such place", "GET", "/nowhere", "", 404, "not_found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, kind, body := do(t, tt.method, s.URL+tt.path, tt.body)
			var p struct{ Code, Detail string }
			if err := json.Unmarshal(body, &p); err != nil {
				t.Fatalf("%v in %q", err, body)
			}
			if status != tt.status || kind != "application/problem+json" || p.Code != tt.code || p.Detail == "" {
				t.Errorf("%d %s %s, want %d %s", status, kind, body, tt.status, tt.code)
			}
		})
	}
	after := tw.snapshot(t)
	before.Now, after.Now = 0, 0
	b, _ := json.Marshal(before)
	a, _ := json.Marshal(after)
	if string(a) != string(b) {
		t.Errorf("the state changed from\n%s to\n%s", b, a)
	}
}

func TestLaneFull(t *testing.T) {
	tw := start(t, 1, GateConfig{Name: "in"})
	s := serve(t, tw)
	for i := range maxQueue {
		if status, _, body := do(t, "POST", s.URL+"/gates/0/vehicles", `{"button":true}`); status != http.StatusCreated {
			t.Fatalf("vehicle %d: %d %s", i, status, body)
		}
	}
	if status, _, body := do(t, "POST", s.URL+"/gates/0/vehicles", `{"button":true}`); status != http.StatusTooManyRequests || !strings.Contains(string(body), "lane_full") {
		t.Errorf("one more: %d %s", status, body)
	}
}

func TestDriveUpOverHTTP(t *testing.T) {
	tw := start(t, 100, GateConfig{Name: "in"})
	s := serve(t, tw)
	connect(t, tw, nil, func(c *board.Client, e board.Event) {
		if e.Kind == board.Credential {
			if err := c.Pulse(context.Background(), e.Gate, board.Open, board.MinPulse); err != nil {
				t.Error(err)
			}
		}
	})
	status, _, body := do(t, "POST", s.URL+"/gates/in/vehicles", `{"credential":"PK1:X","plate":"DD-AB 1"}`)
	var v Vehicle
	if err := json.Unmarshal(body, &v); err != nil || status != http.StatusCreated || v.Plate != "DD-AB 1" || v.Outcome != Waiting {
		t.Fatalf("%d %s", status, body)
	}
	_, _, body = do(t, "GET", s.URL+"/vehicles/"+v.ID+"?wait=10s", "")
	if err := json.Unmarshal(body, &v); err != nil || v.Outcome != Passed || v.CredentialToOpen <= 0 || v.Timeline.Cleared == 0 {
		t.Fatalf("%s", body)
	}
	var m Metrics
	_, _, body = do(t, "GET", s.URL+"/metrics.json", "")
	if err := json.Unmarshal(body, &m); err != nil || m.CredentialToOpen.Count != 1 || m.CredentialToOpen.P99 != v.CredentialToOpen || m.Gates["in"].Count != 1 || m.Outcomes[Passed] != 1 {
		t.Errorf("%s", body)
	}
	if status, kind, body := do(t, "GET", s.URL+"/", ""); status != 200 || !strings.HasPrefix(kind, "text/html") || strings.Contains(string(body), "src=\"http") {
		t.Errorf("page: %d %s", status, kind)
	}
}

func TestWatchersSeeChanges(t *testing.T) {
	tw := start(t, 1, GateConfig{Name: "in"})
	s := serve(t, tw)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewScanner(res.Body)
	next := func() (st State) {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(data), &st); err != nil {
					t.Fatal(err)
				}
				return st
			}
		}
		t.Fatalf("the stream ended: %v", lines.Err())
		return
	}
	if st := next(); st.Gates[0].Fire || st.Gates[0].ArmSpeed != 0 {
		t.Fatalf("at first: %+v", st.Gates[0])
	}
	if status, _, body := do(t, "PUT", s.URL+"/gates/in/conditions", `{"fire":true}`); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, body)
	}
	if st := next(); !st.Gates[0].Fire || st.Gates[0].ArmSpeed <= 0 {
		t.Errorf("with a fire alarm: %+v", st.Gates[0])
	}
}

func TestDistribution(t *testing.T) {
	var us []int64
	for i := range 1000 {
		us = append(us, int64(1000-i))
	}
	d := distribution(us)
	if d.Count != 1000 || d.P50 != 500 || d.P90 != 900 || d.P99 != 990 || d.P999 != 999 || d.Max != 1000 {
		t.Errorf("%+v", d)
	}
	if d.Buckets[0] != (Bucket{250, 250}) || d.Buckets[2] != (Bucket{1000, 500}) {
		t.Errorf("%+v", d.Buckets)
	}
}
