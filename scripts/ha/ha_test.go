package ha

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/scripts/client"
)

func frame(event, data string) client.Frame {
	return client.Frame{Event: event, Data: []byte(data), At: time.Now()}
}

// A version that goes back is seen, over any number of streams of one watcher, and so is
// one that has not arrived.
func TestAWatcherSeesVersionsGoBackAndLag(t *testing.T) {
	w := newWatcher("list", "")
	if w.behind(map[string]uint64{"a": 1}) == "" {
		t.Error("who has seen nothing is up to date")
	}
	w.take(frame("snapshot", `{"parkings":[{"id":"a","version":3,"available_now":5},{"id":"b","version":1,"available_now":null}]}`))
	w.take(frame("availability", `[{"id":"a","version":4}]`))
	if late := w.behind(map[string]uint64{"a": 4, "b": 2}); !strings.Contains(late, "1 of b") {
		t.Errorf("behind: %q", late)
	}
	if late := w.behind(map[string]uint64{"a": 4, "b": 1, "unwatched": 9}); late != "" || len(w.back) != 0 {
		t.Errorf("behind: %q, back: %q", late, w.back)
	}
	w.take(frame("parking", `{"id":"a","version":3,"available_now":5}`))
	if len(w.back) != 1 || !strings.Contains(w.back[0], "from 4 to 3") {
		t.Errorf("back: %q", w.back)
	}
	if w.free["a"] != "5" || w.free["b"] != "null" {
		t.Errorf("free: %v", w.free)
	}
}

func TestTheGapIsTheLongestTimeWithoutASale(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	l := &load{}
	for _, ms := range []int{50, 100, 400, 450, 2000} {
		l.acks = append(l.acks, acked{at: at(ms)})
	}
	for _, c := range []struct{ from, to, want int }{{100, 460, 300}, {460, 1500, 1040}, {0, 120, 50}, {401, 3000, 1550}} {
		if got := l.gap(at(c.from), at(c.to)); got != time.Duration(c.want)*time.Millisecond {
			t.Errorf("from %d to %d: %s, not %d ms", c.from, c.to, got, c.want)
		}
	}
}

// Only readings are forgiven, and only those since the balancer died.
func TestOnlyReadingsAreForgiven(t *testing.T) {
	l := &load{failed: []string{"read at 1", "ha-1: sold twice", "read at 2", "ha-2: refused"}}
	l.forgive(1)
	if got := strings.Join(l.failed, "|"); got != "read at 1|ha-1: sold twice|ha-2: refused" {
		t.Errorf("left: %s", got)
	}
}

// What the parts are told keeps what the drill relies on.
func TestTheReplicaNeverLeadsAndNobodyElseIsAsynchronous(t *testing.T) {
	for _, apart := range []bool{false, true} {
		theReplicaNeverLeads(t, apart)
	}
}

func theReplicaNeverLeads(t *testing.T, apart bool) {
	t.Helper()
	l, err := newLayout(t.Context(), 1, apart)
	if err != nil {
		t.Fatal(err)
	}
	for n := range nodes {
		b, err := l.patroniConfig(n, "/bin", "/dir")
		if err != nil {
			t.Fatal(err)
		}
		var c struct {
			Tags      map[string]bool `json:"tags"`
			Etcd      map[string]any  `json:"etcd"`
			Bootstrap struct {
				DCS map[string]any `json:"dcs"`
			} `json:"bootstrap"`
		}
		if err := json.Unmarshal(b, &c); err != nil {
			t.Fatal(err)
		}
		if is := n == replica; c.Tags["nofailover"] != is || c.Tags["nosync"] != is {
			t.Errorf("%s: %v", pgName(n), c.Tags)
		}
		if c.Bootstrap.DCS["synchronous_mode"] != true || c.Etcd["hosts"] == nil {
			t.Errorf("%s loses what was acknowledged", pgName(n))
		}
	}
	if strings.Contains(l.dsn(owner, database), l.postgres[replica]) {
		t.Error("the replica is asked whether it leads")
	}
	seen := map[string]bool{}
	for _, group := range [][]string{{l.balancer, l.mqtt}, l.cloud, l.admin, l.postgres, l.patroni, l.etcd, l.etcdPeer, l.nats, l.natsHTTP, l.natsRoute, l.natsMQTT, l.edge, l.twin} {
		for _, a := range group {
			if seen[a] {
				t.Errorf("%s is used twice", a)
			}
			seen[a] = true
		}
	}
	b, err := l.natsConfig(0, "/dir", []edgeLogin{{Edge: "edg_1", Secret: "s", Parking: "north"}})
	if err != nil || strings.Contains(string(b), "+") || !strings.Contains(string(b), "north.up.*") {
		t.Errorf("%v: an edge may publish elsewhere:\n%s", err, b)
	}
}

func TestAwaitSaysWhatWasWrong(t *testing.T) {
	err := await(t.Context(), 120*time.Millisecond, func(ctx context.Context) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return errors.New("nobody leads")
	})
	if err == nil || !strings.Contains(err.Error(), "nobody leads") {
		t.Error(err)
	}
}

// A request that an earlier death left in progress is not held against a later one.
func TestARequestThatFailedBeforeIsNotCountedAgain(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	l := &load{retried: []time.Time{at(90), at(101), at(90), at(101), at(90)}}
	if n, _ := l.troubles(at(100), 0); n != 2 {
		t.Errorf("%d attempts failed because of it", n)
	}
}
