package ha

import (
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/scripts/client"
)

// A car that is not let in is forgiven only if its edge was dead meanwhile.
func TestAShutGateIsForgivenOnlyWhileItsEdgeIsDead(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	g := &gates{}
	g.excuse(at(100), at(110))
	g.refused = []visit{
		{at(95), at(99), "before"},
		{at(95), at(101), "cut off"},
		{at(102), at(104), "within"},
		{at(109), at(120), "begun within"},
		{at(111), at(112), "after"},
	}
	if got := strings.Join(g.shut(), "|"); got != "before|after" {
		t.Errorf("held against it: %s", got)
	}
	if g.took(time.Now(), "in", "HA-1", client.Vehicle{Outcome: client.Passed}, nil) != true || g.passed.Load() != 1 || len(g.shut()) != 2 {
		t.Error("a passage is no passage")
	}
	if g.took(time.Now(), "in", "HA-2", client.Vehicle{Outcome: "turned_back", Display: "FULL"}, nil) || len(g.shut()) != 3 {
		t.Error("a car that turned back passed")
	}
}
