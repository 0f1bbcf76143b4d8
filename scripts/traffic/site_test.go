package traffic

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/scripts/client"
)

// town is a twin and a cloud in which every car passes at once, unless it shows
// at the exit what it was not given at the entry.
type town struct {
	t *testing.T

	mu       sync.Mutex
	given    map[string]bool // tickets and passes that are good for leaving
	visits   map[string]client.Vehicle
	in, out  int
	buttons  int // at the exit
	reserved int
	full     bool // walk-ins are refused
	news     chan struct{}
}

func newTown(t *testing.T) (*town, Site) {
	t.Helper()
	w := &town{t: t, given: map[string]bool{}, visits: map[string]client.Vehicle{}, news: make(chan struct{}, 1000)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /gates/{gate}/vehicles", w.arrive)
	mux.HandleFunc("GET /vehicles/{id}", func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		_ = json.NewEncoder(rw).Encode(w.visits[r.PathValue("id")])
	})
	mux.HandleFunc("POST /reserve", w.reserve)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return w, Site{
		Parking: "p", Capacity: 100, Seed: 1, File: filepath.Join(t.TempDir(), "cars.json"), Log: slog.New(slog.DiscardHandler),
		Cloud: &client.Cloud{URL: s.URL, HTTP: client.NewHTTP()}, Twin: &client.Twin{URL: s.URL, HTTP: client.NewHTTP()},
	}
}

func (w *town) arrive(rw http.ResponseWriter, r *http.Request) {
	var q struct {
		Credential string `json:"credential"`
		Button     bool   `json:"button"`
	}
	_ = json.NewDecoder(r.Body).Decode(&q)
	w.mu.Lock()
	defer w.mu.Unlock()
	v := client.Vehicle{ID: fmt.Sprintf("veh_%d", len(w.visits)+1), Outcome: client.Passed}
	switch {
	case r.PathValue("gate") == "exit-1" && q.Button:
		w.buttons++
		w.out++
	case r.PathValue("gate") == "exit-1" && !w.given[q.Credential]:
		v.Outcome = client.Refused
	case r.PathValue("gate") == "exit-1":
		delete(w.given, q.Credential)
		w.out++
	case q.Button && w.full:
		v.Outcome = client.Refused
	case q.Button:
		v.Ticket = "TK1:" + v.ID
		w.given[v.Ticket] = true
		w.in++
	default:
		w.in++
	}
	w.visits[v.ID] = v
	rw.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(rw).Encode(client.Vehicle{ID: v.ID, Outcome: client.Waiting})
	w.news <- struct{}{}
}

func (w *town) reserve(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if key := r.Header.Get("Idempotency-Key"); key == "" || strings.ContainsAny(key, " \t") {
		w.t.Errorf("key %q", key)
	}
	w.reserved++
	pass := fmt.Sprintf("PK1:%d", w.reserved)
	w.given[pass] = true
	rw.WriteHeader(http.StatusCreated)
	_, _ = fmt.Fprintf(rw, `{"reservation":{"id":"rsv_%d","pass":%q}}`, w.reserved, pass)
}

// drive drives until done reports that it has seen enough.
func (w *town) drive(s Site, done func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	go func() {
		for {
			select {
			case <-w.news:
			case <-ctx.Done():
				return
			}
			w.mu.Lock()
			enough := done()
			w.mu.Unlock()
			if enough {
				cancel()
			}
		}
	}()
	if err := s.Drive(ctx, w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	if ctx.Err() == context.DeadlineExceeded {
		w.t.Fatalf("after 20 s %d cars were in and %d out", w.in, w.out)
	}
}

func constant(t *testing.T, free int) Curve {
	t.Helper()
	return curves(t, fmt.Sprintf("timestamp,p\n2024-06-11T00:00Z,%d\n", free))["p"]
}

func saved(t *testing.T, file string) (cars []Car) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &cars)
	}
	if err != nil {
		t.Fatal(err)
	}
	return cars
}

func TestCarsOfTheLastRunGetOut(t *testing.T) {
	w, s := newTown(t)
	s.Curve = constant(t, 97)
	w.drive(s, func() bool { return w.in >= 3 })
	inside := saved(t, s.File)
	if len(inside) != 3 || w.out != 0 {
		t.Fatalf("%d cars on file, %d in and %d out", len(inside), w.in, w.out)
	}
	s.Curve = constant(t, 100)
	w.drive(s, func() bool { return w.out >= 3 })
	if left := saved(t, s.File); len(left) != 0 || w.buttons != 0 || len(w.given) != 0 {
		t.Errorf("%d cars are left on file, %d pressed the button, given and not shown: %v", len(left), w.buttons, w.given)
	}
}

func TestWhoIsNotLetOutPressesTheButton(t *testing.T) {
	w, s := newTown(t)
	if err := os.WriteFile(s.File, []byte(`[{"credential":"TK1:forgotten","plate":"DD-A 1"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Curve = constant(t, 100)
	w.drive(s, func() bool { return w.out == 1 })
	if w.buttons != 1 || len(saved(t, s.File)) != 0 {
		t.Errorf("%d pressed the button", w.buttons)
	}
}

func TestRefusedWalkInsReserve(t *testing.T) {
	w, s := newTown(t)
	w.full = true
	s.Curve = constant(t, 97)
	w.drive(s, func() bool { return w.in >= 3 })
	if w.reserved < 3 {
		t.Errorf("%d reserved", w.reserved)
	}
	for _, c := range saved(t, s.File) {
		if !strings.HasPrefix(c.Credential, "PK1:") {
			t.Errorf("a car inside holds %q", c.Credential)
		}
	}
}

func TestBadFileIsAnError(t *testing.T) {
	_, s := newTown(t)
	if err := os.WriteFile(s.File, []byte(`[{"cred`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Drive(t.Context(), t.Context()); err == nil || !strings.Contains(err.Error(), s.File) {
		t.Error(err)
	}
}
