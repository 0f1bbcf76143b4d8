package httpapi

import (
	"fmt"
	"testing"
	"time"
)

// Networks are forgotten when forgetting them changes nothing, or when there are too
// many: an attacker with many addresses fills no memory.
func TestCallersAreForgottenInTime(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	c := newCallers(Pace{PerSecond: 1, Burst: 10}, func() time.Time { return now })
	for range 10 {
		c.count("one")
	}
	for n := range 20 { // it is asked for all the time, and gains a token a second all the same
		now = now.Add(time.Second)
		if wait := c.wait("one"); wait != 0 {
			t.Fatalf("%d: %s", n, wait)
		}
		c.count("one")
	}
	if wait := c.wait("one"); wait != time.Second {
		t.Fatalf("it has to wait %s", wait)
	}
	now = now.Add(5 * time.Second)
	c.wait("two") // may make room
	if got := c.bucket("one", now).TokensAt(now); got != 5 {
		t.Fatalf("it has %v", got)
	}
	for n := range 5 * maxCallers {
		c.count(fmt.Sprint(n))
		if all := len(c.newer) + len(c.older); all > 2*maxCallers {
			t.Fatalf("%d are remembered", all)
		}
	}
	now = now.Add(10 * time.Second)
	c.wait("a")
	now = now.Add(10 * time.Second)
	c.wait("a")
	if all := len(c.newer) + len(c.older); all > 2 { // itself, perhaps in both halves
		t.Fatalf("%d are remembered of whom nobody has heard", all)
	}
}
