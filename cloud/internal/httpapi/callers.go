package httpapi

import (
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/time/rate"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/fault"
)

// CodeTooManyRequests is the fault of a network that asks too often.
const CodeTooManyRequests = "too_many_requests"

// Pace is how often somebody may do something: so many times at once, and then so many
// a second. The zero Pace is no limit.
type Pace struct {
	PerSecond float64
	Burst     int
}

// maxCallers is how many networks are remembered in each half of a pace's memory.
const maxCallers = 50_000

// callers are the networks that did something lately, each with its bucket (a token
// bucket, golang.org/x/time/rate). What nobody asked for since half of the memory was
// filled, or since a bucket fills up by itself, is forgotten: a full bucket and none are
// the same.
type callers struct {
	pace   Pace
	now    func() time.Time
	filled time.Duration // from empty to full

	mu       sync.Mutex
	newer    map[string]*rate.Limiter
	older    map[string]*rate.Limiter
	turnedAt time.Time
}

func newCallers(p Pace, now func() time.Time) *callers {
	c := &callers{pace: p, now: now, newer: map[string]*rate.Limiter{}, turnedAt: now()}
	if p.PerSecond > 0 {
		c.filled = time.Duration(float64(p.Burst) / p.PerSecond * float64(time.Second))
	}
	return c
}

// bucket is a network's. It is called with mu held.
func (c *callers) bucket(network string, now time.Time) *rate.Limiter {
	if len(c.newer) >= maxCallers || now.Sub(c.turnedAt) >= c.filled {
		c.older, c.newer, c.turnedAt = c.newer, map[string]*rate.Limiter{}, now
	}
	b := c.newer[network]
	if b == nil {
		if b = c.older[network]; b == nil {
			b = rate.NewLimiter(rate.Limit(c.pace.PerSecond), c.pace.Burst)
		}
		c.newer[network] = b
	}
	return b
}

// wait is how long the network has to wait until it may do it again; zero: it may now.
func (c *callers) wait(network string) time.Duration {
	if c.pace.PerSecond <= 0 {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	missing := 1 - c.bucket(network, now).TokensAt(now)
	return time.Duration(max(0, missing) / c.pace.PerSecond * float64(time.Second))
}

// count counts that the network did it, also where it was not to.
func (c *callers) count(network string) {
	if c.pace.PerSecond <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	c.bucket(network, now).ReserveN(now, 1) // below nothing: who did it more often at once waits longer
}

// tell says in the header when to come again, in whole seconds.
func tell(c *gin.Context, wait time.Duration) {
	c.Header("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
}

// paced is a route that costs the database something and is open to anybody: a network
// may ask for so much of them together.
func (s *server) paced(h func(*gin.Context) error) gin.HandlerFunc {
	return s.do(func(c *gin.Context) error {
		network := from(c)
		if wait := s.requests.wait(network); wait > 0 {
			tell(c, wait)
			return fault.New(fault.Exhausted, CodeTooManyRequests, "Too many requests come from this network. Wait until Retry-After is over.")
		}
		s.requests.count(network)
		return h(c)
	})
}

// carded is a paced route that asks for a payment. A network of which payments secure
// nothing time after time waits: whoever looks for stolen cards that work, keeps spaces
// with cards that do not, or with promises to pay at the machine, needs many of them.
func (s *server) carded(h func(*gin.Context) error) gin.HandlerFunc {
	return s.paced(func(c *gin.Context) error {
		network := from(c)
		if wait := s.unsecured.wait(network); wait > 0 {
			tell(c, wait)
			return fault.New(fault.Exhausted, account.CodeTooManyTries, "Too many payments were tried from this network that secured nothing. Wait until Retry-After is over.")
		}
		err := h(c)
		if fault.Code(err) == booking.CodeDeclined || c.GetBool(unsecured) {
			s.unsecured.count(network)
		}
		return err
	})
}

// unsecured marks an answer that is good although nothing was secured.
const unsecured = "openlot.unsecured"

// noteUnsecured marks the answer of a reservation that is kept for another card, or is
// to be paid at the machine.
func noteUnsecured(c *gin.Context, v *booking.View) {
	if v.Payment.State == payment.Declined || v.Promised {
		c.Set(unsecured, true)
	}
}

// openStreams is how many streams are open, of everybody and of each network.
type openStreams struct {
	most, each int

	mu   sync.Mutex
	open int
	of   map[string]int
}

// newOpenStreams has room for so many streams, a tenth of them for one network.
func newOpenStreams(most int) *openStreams {
	return &openStreams{most: most, each: max(1, most/10), of: map[string]int{}}
}

// take opens a network's stream; leave closes it. Its fault is CodeTooManyStreams.
func (p *openStreams) take(network string) (leave func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open >= p.most || p.of[network] >= p.each {
		return nil, fault.New(fault.Unavailable, CodeTooManyStreams, "Too many streams are open. Ask again in a moment.")
	}
	p.open++
	p.of[network]++
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.open--
		if p.of[network]--; p.of[network] == 0 {
			delete(p.of, network)
		}
	}), nil
}
