package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
	"github.com/openlot/openlot/cloud/internal/httpapi"
)

// clock is a time that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// newPaced is a site whose networks are what a proxy on this machine says they are.
func newPaced(t *testing.T, requests, declines httpapi.Pace) (*site, *clock) {
	t.Helper()
	c := &clock{now: start}
	return newSite(t, func(cfg *httpapi.Config) {
		cfg.Requests, cfg.Unsecured, cfg.Now, cfg.TrustedProxies = requests, declines, c.Now, []string{"127.0.0.1"}
	}), c
}

// A network that asks too often is told when to go on, and nobody else is.
func TestANetworkThatAsksTooOftenWaits(t *testing.T) {
	s, c := newPaced(t, httpapi.Pace{PerSecond: 0.5, Burst: 3}, httpapi.Pace{})
	quote := text(t, map[string]any{"parking_id": altmarkt, "space_type": "standard", "from": wish()["from"], "to": wish()["to"]})
	ask := func(network string) reply { return s.do("POST", "/quotes", quote, "X-Forwarded-For", network) }
	for range 3 {
		if r := ask("198.51.100.7"); r.status != 201 {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	refused := ask("198.51.100.7")
	if p := refused.problem(t); p.Status != 429 || p.Code != httpapi.CodeTooManyRequests || refused.header.Get("Retry-After") != "2" {
		t.Fatalf("%+v, come again after %q", p, refused.header.Get("Retry-After"))
	}
	// All that costs something is counted together, and what is refused counts nothing.
	if r := s.do("GET", "/places?q=dres", "", "X-Forwarded-For", "198.51.100.7"); r.status != 429 {
		t.Errorf("looking for places: %d", r.status)
	}
	// Who only looks, and everybody else, goes on; of IPv6 a household is one network.
	for _, r := range []reply{
		s.do("GET", "/healthz", "", "X-Forwarded-For", "198.51.100.7"),
		ask("198.51.100.8"), ask("2001:db8::1"), ask("2001:db8::2"), ask("2001:db8::3"),
	} {
		if r.status != 200 && r.status != 201 {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	if r := ask("2001:db8::4"); r.status != 429 {
		t.Errorf("the fourth of a household: %d", r.status)
	}
	c.pass(2 * time.Second)
	if r := ask("198.51.100.7"); r.status != 201 {
		t.Errorf("after what it was to wait: %d %s", r.status, r.body)
	}
	if r := ask("198.51.100.7"); r.status != 429 {
		t.Errorf("one more: %d", r.status)
	}
	c.pass(time.Hour) // nobody is owed more than the burst
	for n := range 4 {
		if r := ask("198.51.100.7"); (r.status == 201) != (n < 3) {
			t.Errorf("%d after an hour: %d", n, r.status)
		}
	}
}

// Cards that are declined are counted, also those of reservations that are kept and of
// other cards for these; good ones are not, and cost nobody a space.
func TestANetworkOfDeclinedCardsTriesNoMore(t *testing.T) {
	s, c := newPaced(t, httpapi.Pace{}, httpapi.Pace{PerSecond: 1.0 / 120, Burst: 3})
	tried := 0
	reserve := func(network, method string, keep bool) reply {
		tried++
		w := wish()
		w["payment_method"], w["keep_when_declined"] = method, keep
		return s.do("POST", "/reserve", text(t, w), "Idempotency-Key", fmt.Sprintf("a-key-that-is-long-%d", tried), "X-Forwarded-For", network)
	}
	if r := reserve("198.51.100.7", "pm_ok", false); r.status != 201 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	kept := reserve("198.51.100.7", bookingtest.Declined, true)
	if kept.status != 201 {
		t.Fatalf("%d %s", kept.status, kept.body)
	}
	r := kept.reservation(t)
	card := func(key string) reply {
		return s.do("POST", "/reservations/"+r.Id+"/card", `{"payment_method":"`+bookingtest.Declined+`"}`,
			"Authorization", bearer(r), "Idempotency-Key", key, "X-Forwarded-For", "198.51.100.7")
	}
	if got := card("a-key-of-a-card-k1"); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := card("a-key-of-a-card-k2"); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for what, got := range map[string]reply{"another card": card("a-key-of-a-card-k3"), "another reservation": reserve("198.51.100.7", "pm_ok", false)} {
		if p := got.problem(t); p.Status != 429 || p.Code != "too_many_tries" || got.header.Get("Retry-After") != strconv.Itoa(120) {
			t.Errorf("%s after three that were declined: %+v, come again after %q", what, p, got.header.Get("Retry-After"))
		}
	}
	if got := s.do("GET", "/reservations/"+r.Id, "", "Authorization", bearer(r), "X-Forwarded-For", "198.51.100.7"); got.reservation(t).State != "held" {
		t.Errorf("what is kept: %s", got.body)
	}
	// Both spaces are taken, one of them by the card that waits: refused, and not for the pace.
	if p := reserve("198.51.100.8", "pm_ok", false).problem(t); p.Code != "sold_out" {
		t.Errorf("%+v", p)
	}
	c.pass(2 * time.Minute)
	if got := card("a-key-of-a-card-k4"); got.status == 429 {
		t.Errorf("after what it was to wait: %s", got.body)
	}
	if err := s.world.Check(); err != nil {
		t.Fatal(err)
	}
}

// A network has a tenth of the streams, and what operators watch takes none of drivers'.
func TestANetworkTakesNotAllStreams(t *testing.T) {
	s := newSite(t, func(c *httpapi.Config) { c.MaxStreams, c.TrustedProxies = 20, []string{"127.0.0.1"} })
	r := s.reserve("a-key-that-is-long-k1", bookingtest.OK)
	watch := func(network string) *events {
		return s.stream("/reservations/"+r.Id, "Authorization", bearer(r), "X-Forwarded-For", network)
	}
	first := watch("198.51.100.7")
	first.next(t)
	second := watch("198.51.100.7")
	second.next(t)
	if third := watch("198.51.100.7"); third.resp.StatusCode != http.StatusServiceUnavailable || third.resp.Header.Get("Retry-After") == "" {
		t.Fatalf("%d %v", third.resp.StatusCode, third.resp.Header)
	}
	watch("198.51.100.8").next(t)
}

// promising takes each payment for a promise.
type promising struct{ httpapi.Booking }

func (b promising) Reserve(ctx context.Context, r booking.Request) (booking.View, error) {
	v, err := b.Booking.Reserve(ctx, r)
	v.Promised = true
	return v, err
}

// Promises to pay at the machine keep spaces that cost nothing, as declined cards do.
func TestPromisesAreCountedAsDeclines(t *testing.T) {
	s := newSite(t, func(c *httpapi.Config) {
		c.Booking, c.Unsecured, c.Now = promising{c.Booking}, httpapi.Pace{PerSecond: 1.0 / 120, Burst: 1}, func() time.Time { return start }
	})
	if r := s.do("POST", "/reserve", text(t, wish()), "Idempotency-Key", "a-key-that-is-long-k1"); r.status != 201 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if p := s.do("POST", "/reserve", text(t, wish()), "Idempotency-Key", "a-key-that-is-long-k2").problem(t); p.Status != 429 {
		t.Fatalf("%+v", p)
	}
}
