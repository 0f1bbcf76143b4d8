package sandbox_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
)

// ear hears webhooks as the cloud would, and notes in what state each one's hold
// was said to be.
type ear struct {
	url    string
	heard  chan payment.Notice
	forged chan struct{}

	mu   sync.Mutex
	deaf int // so many are not taken
}

func listen(t *testing.T, p func() *sandbox.Provider) *ear {
	t.Helper()
	e := &ear{heard: make(chan payment.Notice, 100), forged: make(chan struct{}, 100)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		e.mu.Lock()
		deaf := e.deaf > 0
		e.deaf--
		e.mu.Unlock()
		if deaf {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		n, err := p().Notice(r.Header.Get, body, time.Now())
		if err != nil {
			e.forged <- struct{}{}
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		e.heard <- n
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	e.url = server.URL
	return e
}

func (e *ear) next(t *testing.T) payment.Notice {
	t.Helper()
	select {
	case n := <-e.heard:
		return n
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was heard")
		return payment.Notice{}
	}
}

// sending runs the sandbox, as one process after another.
func sending(t *testing.T, p *sandbox.Provider) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// stepped places a hold and takes its second step.
func stepped(t *testing.T, p *sandbox.Provider, method string) payment.Request {
	t.Helper()
	r := request(method)
	o, err := p.Authorize(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Complete(t.Context(), o.Ref, true); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWebhooksGoAstrayAsTheirMethodSays(t *testing.T) {
	db, _ := postgrestest.New(t)
	var p *sandbox.Provider
	e := listen(t, func() *sandbox.Provider { return p })
	p = sandbox.New(postgres.NewSandbox(db), sandbox.Options{Webhooks: sandbox.Webhooks{URL: e.url, Secret: secret, Late: time.Millisecond}})
	sending(t, p)

	quiet := request(sandbox.OK) // whose answer says all there is to say
	if _, err := p.Authorize(t.Context(), quiet); err != nil {
		t.Fatal(err)
	}
	stepped(t, p, sandbox.WebhookNever)
	plain := stepped(t, p, sandbox.SecondFactor)
	if n := e.next(t); n.Key != plain.Key || n.Kind != "hold.changed" {
		t.Fatalf("%+v", n)
	}
	late := stepped(t, p, sandbox.WebhookLate)
	for range 2 {
		if n := e.next(t); n.Key != late.Key {
			t.Fatalf("%+v", n)
		}
	}
	stepped(t, p, sandbox.WebhookTwice)
	times := map[string]int{}
	for range 4 {
		times[e.next(t).Event]++
	}
	for event, n := range times {
		if n != 2 {
			t.Errorf("%s came %d times", event, n)
		}
	}
	stepped(t, p, sandbox.WebhookForged)
	for range 2 {
		select {
		case <-e.forged:
		case n := <-e.heard:
			t.Fatalf("%+v", n)
		case <-time.After(20 * time.Second):
			t.Fatal("no forgery was tried")
		}
	}
	stepped(t, p, sandbox.WebhookReorder)
	if kinds := []string{e.next(t).Kind, e.next(t).Kind}; !slices.Equal(kinds, []string{"hold.changed", "hold.placed"}) {
		t.Errorf("in the order %v", kinds)
	}
	disputed := request(sandbox.Disputed)
	o, err := p.Authorize(t.Context(), disputed)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a capture that is made again is disputed once
		if _, err := p.Capture(t.Context(), o.Ref, disputed.Amount, "c"); err != nil {
			t.Fatal(err)
		}
	}
	n := e.next(t)
	if n.About != payment.AboutDispute || n.Sense() != nil || n.Ref != o.Ref || n.Dispute.State != payment.DisputeOpen || n.Dispute.Amount != disputed.Amount {
		t.Fatalf("%+v, %v", n, n.Sense())
	}
	select {
	case n := <-e.heard:
		t.Fatalf("there is more: %+v", n)
	default:
	}
}

// What was to be told is told by the next process, and until it was heard.
func TestWebhooksOutliveTheirProcess(t *testing.T) {
	db, _ := postgrestest.New(t)
	var p *sandbox.Provider
	e := listen(t, func() *sandbox.Provider { return p })
	ahead := time.Duration(0)
	start := func() *sandbox.Provider {
		return sandbox.New(postgres.NewSandbox(db), sandbox.Options{
			Now: func() time.Time { return time.Now().Add(ahead) }, Webhooks: sandbox.Webhooks{URL: e.url, Secret: secret},
		})
	}
	p = start()
	want := map[string]bool{}
	for range 5 {
		want[stepped(t, p, sandbox.SecondFactor).Key] = true
	}
	e.mu.Lock()
	e.deaf = 3 // it is down for a while
	e.mu.Unlock()
	ahead = time.Minute
	p = start()
	stop := sending(t, p)
	heard := map[string]int{}
	for len(heard) < 2 {
		heard[e.next(t).Key]++
	}
	stop()
	ahead = 2 * time.Minute // longer than any pause between two tries
	p = start()
	sending(t, p)
	for len(heard) < len(want) {
		heard[e.next(t).Key]++
	}
	for key := range heard {
		if !want[key] {
			t.Errorf("heard of %s", key)
		}
	}
}
