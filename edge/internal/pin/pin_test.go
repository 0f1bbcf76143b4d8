package pin_test

import (
	"strings"
	"testing"

	"github.com/openlot/openlot/edge/internal/pin"
)

// A hash knows its PIN and no other, also when it was written down; two hashes of one
// PIN differ, and none shows it.
func TestAHashKnowsItsPIN(t *testing.T) {
	h, err := pin.Make("480915", 1000)
	if err != nil {
		t.Fatal(err)
	}
	again, err := pin.Parse(h.String())
	if err != nil || again.String() != h.String() || strings.Contains(h.String(), "480915") {
		t.Fatalf("%v %s", err, h)
	}
	if !again.Is("480915") || again.Is("480916") || again.Is("") || (pin.Hash{}).Is("") {
		t.Error("it takes another PIN, or not its own")
	}
	if other, err := pin.Make("480915", 1000); err != nil || other.String() == h.String() {
		t.Errorf("%v: two hashes are the same", err)
	}
}

func TestWhatEverybodyTriesFirstIsNoPIN(t *testing.T) {
	for _, p := range []string{"", "12345", "123456", "654321", "000000", "1234567890123", "48091a", "４８０９１５"} {
		if _, err := pin.Make(p, 1000); err == nil {
			t.Errorf("%q is taken", p)
		}
	}
}

func TestOnlyAHashIsReadAsOne(t *testing.T) {
	h, err := pin.Make("480915", 1000)
	if err != nil {
		t.Fatal(err)
	}
	good := h.String()
	for _, s := range []string{"", "480915", good + "$", good[:len(good)-4], strings.Replace(good, "1000", "1", 1), strings.Replace(good, "1000", "99999999", 1), strings.Replace(good, "sha256", "sha1", 1)} {
		if _, err := pin.Parse(s); err == nil {
			t.Errorf("%q is taken for a hash", s)
		}
	}
}
