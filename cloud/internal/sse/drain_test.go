package sse_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/sse"
)

// TestADrainEndsStreamsOneAfterTheOther looks at when each client is ended, and
// what it is told before.
func TestADrainEndsStreamsOneAfterTheOther(t *testing.T) {
	everyWay(t, func(t *testing.T, start func(sse.Options) *bed) {
		// A machine that stands still for a moment sees many go at once: over a longer
		// time that is the lesser part.
		even := false
		for _, over := range []time.Duration{2 * time.Second, 15 * time.Second} {
			if even = drains(t, start(sse.Options{}), over); even {
				break
			}
		}
		if !even {
			t.Error("streams do not go evenly")
		}
	})
}

// drains has 200 clients in a drain over some time and reports whether they went evenly.
func drains(t *testing.T, b *bed, over time.Duration) bool {
	t.Helper()
	const clients = 200
	s := b.state("a", 10)
	s.set(2)
	var mu sync.Mutex
	ends, words := make([]int, 5), map[string]bool{}
	lasting := 0
	var all sync.WaitGroup
	began := make(chan time.Time)
	for range clients {
		c := b.open("a", 0, "")
		c.until(2)
		all.Go(func() {
			from := <-began
			last := ""
			for {
				line, ok := c.next()
				if !ok {
					break
				}
				last = line
			}
			mu.Lock()
			defer mu.Unlock()
			ends[min(int(5*time.Since(from)/over), 4)]++
			words[last] = true
			if c.seen == 3 {
				lasting++
			}
			if !strings.HasPrefix(last, "retry: ") {
				t.Errorf("the last word is %q", last)
			}
		})
	}
	now := time.Now()
	for range clients {
		began <- now
	}
	var drained sync.WaitGroup
	drained.Go(func() { b.sse.Drain(context.Background(), over) })
	time.Sleep(over / 2)
	s.set(3) // is told to those who are still there
	late := b.open("a", 0, "")
	late.until(3)
	if _, ok := late.next(); ok { // the retry
		if _, ok = late.next(); ok {
			t.Error("who came late stays")
		}
	}
	drained.Wait()
	all.Wait()
	if took := time.Since(now); took > over+10*time.Second {
		t.Errorf("it took %s", took)
	}
	if len(words) < clients/2 {
		t.Errorf("%d clients come back at %d different times", clients, len(words))
	}
	if status, _ := b.open("a", 0, "").answer(); status != http.StatusServiceUnavailable {
		t.Errorf("afterwards: %d", status)
	}
	if got := b.figure("openlot_sse_connections"); got != 0 {
		t.Errorf("%v are left", got)
	}
	t.Logf("over %s, a fifth of it each saw so many go: %v; %d were told in the middle", over, ends, lasting)
	return slices.Min(ends) >= clients/20 && lasting >= clients/5 && lasting <= clients*4/5
}

// TestADrainWaitsForNobody has a client that does not read.
func TestADrainWaitsForNobody(t *testing.T) {
	everyWay(t, func(t *testing.T, start func(sse.Options) *bed) {
		b := start(sse.Options{Stuck: time.Minute})
		s := b.state("a", 8_000_000)
		b.open("a", 4<<10, "")
		s.set(2)
		began := time.Now()
		b.sse.Drain(context.Background(), 100*time.Millisecond)
		if took := time.Since(began); took > 30*time.Second { // half of what the stuck one would be given
			t.Errorf("it took %s", took)
		}
		b.gone("a")
	})
}
