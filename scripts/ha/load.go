package ha

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openlot/openlot/scripts/client"
)

// Load on the cluster: small enough for a small machine, so that what is slow is what
// was killed.
const (
	reservers  = 8
	reserveGap = 200 * time.Millisecond // between two of all drivers
	readGap    = 100 * time.Millisecond // between two readings of the listing
	patience   = 2 * time.Minute        // how long a driver asks again
	attempt    = 8 * time.Second        // how long he waits for one answer
	pauseAgain = 150 * time.Millisecond
)

// acked is a reservation that a driver was told of.
type acked struct {
	key    string
	id     string
	wanted client.Wanted
	at     time.Time
}

// load are the drivers.
type load struct {
	url      string
	parkings []string
	run      string // makes keys different from those of another run

	mu        sync.Mutex
	acks      []acked
	retried   []time.Time // attempts that failed and were made again: when the first one of the same request failed
	failed    []string    // requests that came to nothing
	unplaced  int         // declined, because the death came between the reservation and its hold
	reads     int
	unseen    []string // reservations that their own driver did not see
	positions int
}

func newHTTP() *http.Client {
	c := client.NewHTTP()
	c.Timeout = attempt
	return c
}

// drive reserves and reads until ctx ends; what was begun is brought to its end.
func (l *load) drive(ctx context.Context) {
	var all sync.WaitGroup
	turns := make(chan int)
	for range reservers {
		all.Go(func() {
			c := &client.Cloud{URL: l.url, HTTP: newHTTP()}
			for n := range turns {
				l.reserve(context.WithoutCancel(ctx), c, n)
			}
		})
	}
	all.Go(func() { l.read(ctx) })
	tick := time.NewTicker(reserveGap)
	defer tick.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		select {
		case <-ctx.Done():
		case <-tick.C:
			select {
			case turns <- n:
			case <-ctx.Done():
			}
		}
	}
	close(turns)
	all.Wait()
}

// wanted is what the n-th driver asks for: windows are spread over weeks, so that
// nothing is sold out.
func (l *load) wanted(n int) client.Wanted {
	from := time.Now().UTC().Truncate(time.Hour).Add(time.Duration(24+rand.IntN(24*50)) * time.Hour) //nolint:gosec // only spreads them
	return client.Wanted{
		ParkingID: l.parkings[n%len(l.parkings)], SpaceType: "standard", From: from, To: from.Add(2 * time.Hour),
		PaymentMethod: "pm_sandbox_ok", Contact: &client.Contact{Email: fmt.Sprintf("d%d-%s@ha.example", n, l.run)},
	}
}

func (l *load) reserve(ctx context.Context, c *client.Cloud, n int) {
	w, key := l.wanted(n), fmt.Sprintf("ha-%s-%08d", l.run, n)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var first time.Time
	for {
		r, _, err := c.Reserve(ctx, key, w)
		if err == nil {
			l.mu.Lock()
			l.acks = append(l.acks, acked{key, r.ID, w, time.Now()})
			l.mu.Unlock()
			l.look(ctx, c, r)
			return
		}
		// Nobody knows whether the provider holds anything while its answer is lost; it is
		// asked again until it is known, and when it holds nothing the driver is told so.
		if p, ok := errors.AsType[*client.Problem](err); ok && strings.Contains(p.Fields["payment_method"], "not_placed") {
			l.mu.Lock()
			l.unplaced++
			l.mu.Unlock()
			return
		}
		if p, ok := errors.AsType[*client.Problem](err); ctx.Err() != nil || ok && p.Status < 500 && p.Status != http.StatusTooManyRequests && p.Code != "request_in_progress" {
			l.mu.Lock()
			l.failed = append(l.failed, fmt.Sprintf("%s: %v", key, err))
			l.mu.Unlock()
			return
		}
		if first.IsZero() {
			first = time.Now()
		}
		l.mu.Lock()
		l.retried = append(l.retried, first)
		l.mu.Unlock()
		time.Sleep(pauseAgain)
	}
}

// look asks for the receipt of what was just reserved. There is none yet, but whoever is
// asked knows the reservation, the replica included.
func (l *load) look(ctx context.Context, c *client.Cloud, r client.Reservation) {
	err := c.ReceiptFrom(ctx, r, r.Position)
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Position != "" {
		l.positions++
	}
	if client.Code(err) == "reservation_not_found" {
		l.unseen = append(l.unseen, r.ID+" from "+r.Position)
	}
}

// read asks for the listing again and again, each time once.
func (l *load) read(ctx context.Context) {
	c := &client.Cloud{URL: l.url, HTTP: newHTTP()}
	tick := time.NewTicker(readGap)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		_, err := c.Parking(ctx, l.parkings[n%len(l.parkings)])
		l.mu.Lock()
		l.reads++
		if err != nil && ctx.Err() == nil {
			l.retried = append(l.retried, time.Now())
			l.failed = append(l.failed, "read at "+time.Now().Format("15:04:05.000")+": "+err.Error())
		}
		l.mu.Unlock()
	}
}

// gap is the longest time from a to b in which nobody was told of a reservation.
func (l *load) gap(a, b time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	last, longest := a, time.Duration(0)
	for _, k := range l.acks { // in the order of their times, nearly
		if k.at.Before(a) || k.at.After(b) {
			continue
		}
		longest, last = max(longest, k.at.Sub(last)), k.at
	}
	return max(longest, b.Sub(last))
}

// troubles counts the attempts that failed and what came to nothing since a time. A
// request that failed before is not counted again: what an instance had begun when it was
// killed is "in progress" until somebody finishes it for the dead one.
func (l *load) troubles(since time.Time, failedBefore int) (retried int, failed []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.retried {
		if !t.Before(since) {
			retried++
		}
	}
	return retried, l.failed[failedBefore:]
}

func (l *load) failures() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.failed)
}

// told are the reservations that drivers were told of so far.
func (l *load) told() []acked {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.acks)
}

// forgive drops readings that came to nothing since.
func (l *load) forgive(failedBefore int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	since := slices.DeleteFunc(slices.Clone(l.failed[failedBefore:]), func(f string) bool { return strings.HasPrefix(f, "read at") })
	l.failed = append(l.failed[:failedBefore], since...)
}

// sameAgain sends the newest requests once more and expects the same answers.
func (l *load) sameAgain(ctx context.Context) error {
	c := &client.Cloud{URL: l.url, HTTP: newHTTP()}
	all := l.told()
	for _, k := range all[max(0, len(all)-100):] {
		r, _, err := c.Reserve(ctx, k.key, k.wanted)
		if err != nil || r.ID != k.id {
			return fmt.Errorf("the request with key %s answered %s and then %s: %w", k.key, k.id, r.ID, err)
		}
	}
	return nil
}
