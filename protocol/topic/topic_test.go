package topic_test

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/topic"
)

// The shard is part of the protocol: these never change.
func TestKnownTopics(t *testing.T) {
	for p, shard := range map[id.Parking]uint8{"dresden-altmarkt": 51, "a": 44, "dresden-semperoper": 39} {
		if got := topic.Shard(p); got != shard {
			t.Errorf("%s is in shard %d, not %d", p, got, shard)
		}
	}
	for got, want := range map[string]string{
		topic.ForUp("a", topic.Hello):     "openlot/1/44/a/up/hello",
		topic.ForUp("a", topic.Events):    "openlot/1/44/a/up/events",
		topic.ForUp("a", topic.Beat):      "openlot/1/44/a/up/beat",
		topic.ForUp("a", topic.Applied):   "openlot/1/44/a/up/applied",
		topic.ForDown("a", topic.Welcome): "openlot/1/44/a/down/welcome",
		topic.ForDown("a", topic.Ack):     "openlot/1/44/a/down/ack",
		topic.ForDown("a", topic.Sync):    "openlot/1/44/a/down/sync",
		topic.ForDown("a", topic.Resume):  "openlot/1/44/a/down/resume",
		topic.DownFilter("a"):             "openlot/1/44/a/down/+",
		topic.PublishGrant("a"):           "openlot/1/44/a/up/+",
		topic.SubscribeGrant("a"):         "openlot/1/44/a/down/+",
		topic.ShardFilter(3):              "openlot/1/03/+/up/+",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestRoundTripAndShardFilter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, err := id.ParseParking(rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?`).Draw(t, "parking"))
		if err != nil {
			t.Fatal(err)
		}
		h := fnv.New32a()
		h.Write([]byte(p))
		if want := h.Sum32() % 64; uint32(topic.Shard(p)) != want {
			t.Fatalf("%s: shard %d, want %d", p, topic.Shard(p), want)
		}
		for _, c := range []topic.Up{topic.Hello, topic.Events, topic.Beat, topic.Applied} {
			text := topic.ForUp(p, c)
			if gotP, gotC, err := topic.ParseUp(text); err != nil || gotP != p || gotC != c {
				t.Fatalf("%s: %s %s %v", text, gotP, gotC, err)
			}
			if _, _, err := topic.ParseDown(text); !errors.Is(err, topic.ErrMalformed) {
				t.Fatalf("%s is taken for a down topic: %v", text, err)
			}
			for shard := range uint8(topic.Shards) {
				if matches(topic.ShardFilter(shard), text) != (shard == topic.Shard(p)) {
					t.Fatalf("filter %d and %s", shard, text)
				}
			}
			if !matches(topic.PublishGrant(p), text) || matches(topic.SubscribeGrant(p), text) {
				t.Fatalf("the grants and %s", text)
			}
		}
		for _, c := range []topic.Down{topic.Welcome, topic.Ack, topic.Sync, topic.Resume} {
			text := topic.ForDown(p, c)
			if gotP, gotC, err := topic.ParseDown(text); err != nil || gotP != p || gotC != c {
				t.Fatalf("%s: %s %s %v", text, gotP, gotC, err)
			}
			if _, _, err := topic.ParseUp(text); !errors.Is(err, topic.ErrMalformed) {
				t.Fatalf("%s is taken for an up topic: %v", text, err)
			}
			if !matches(topic.DownFilter(p), text) || !matches(topic.SubscribeGrant(p), text) || matches(topic.PublishGrant(p), text) {
				t.Fatalf("the filters and %s", text)
			}
		}
	})
}

// matches is MQTT's matching for filters with +.
func matches(filter, name string) bool {
	f, n := strings.Split(filter, "/"), strings.Split(name, "/")
	if len(f) != len(n) {
		return false
	}
	for i := range f {
		if f[i] != "+" && f[i] != n[i] {
			return false
		}
	}
	return true
}

func TestHostileTopics(t *testing.T) {
	for _, s := range []string{
		"", "/", "openlot", "openlot/1", "openlot/1/", "openlot/1/44/a/up", "openlot/1/44/a/up/", "openlot/1/44/a/up/hello/",
		"openlot/1/44/a/up/hello/x", "/openlot/1/44/a/up/hello", "openlot/2/44/a/up/hello", "openlot/01/44/a/up/hello",
		"openlot/1/45/a/up/hello", "openlot/1/044/a/up/hello", "openlot/1/-20/a/up/hello", "openlot/1/+/a/up/hello", "openlot/1/108/a/up/hello",
		"openlot/1/44/+/up/hello", "openlot/1/44/#", "openlot/1/44/a/+/hello", "openlot/1/44/a/up/+", "openlot/1/44/a/up/HELLO",
		"openlot/1/44/a/sideways/hello", "openlot/1/44/a/up/welcome", "openlot/1/44/A/up/hello", "openlot/1/44//up/hello",
		"openlot/1/44/a\x00/up/hello", "openlot/1/44/../up/hello", "$SYS/broker", "openlot/1/44/" + strings.Repeat("a", 70_000) + "/up/hello",
		strings.Repeat("/", 70_000),
	} {
		if p, c, err := topic.ParseUp(s); !errors.Is(err, topic.ErrMalformed) || p != "" || c != "" {
			t.Errorf("%.40q: %q %q %v", s, p, c, err)
		}
		if p, c, err := topic.ParseDown(s); !errors.Is(err, topic.ErrMalformed) || p != "" || c != "" {
			t.Errorf("%.40q: %q %q %v", s, p, c, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("openlot/1/44/a/up/hello")
	f.Add("openlot/1/44/a/down/sync")
	f.Fuzz(func(t *testing.T, s string) {
		if p, c, err := topic.ParseUp(s); err == nil && topic.ForUp(p, c) != s {
			t.Errorf("%q is another spelling", s)
		}
		if p, c, err := topic.ParseDown(s); err == nil && topic.ForDown(p, c) != s {
			t.Errorf("%q is another spelling", s)
		}
	})
}

func ExampleShard() {
	fmt.Println(topic.ForUp("dresden-altmarkt", topic.Hello))
	// Output: openlot/1/51/dresden-altmarkt/up/hello
}

// Edges in the field and brokers' records know the client ids: how they are made
// never changes.
func TestClientIDIsThatOfTheSpecification(t *testing.T) {
	if got := topic.ClientID("correct horse"); got != "edge-577b109d4e03c665398164bb6da6ef91" {
		t.Error(got)
	}
}
