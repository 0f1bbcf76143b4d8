package payment_test

import (
	"flag"
	"os"
	"testing"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/payment"
)

var update = flag.Bool("update", false, "write STATES.md anew")

func TestTheDiagramIsTheTable(t *testing.T) {
	want := "# States of a payment\n\nDrawn from `payment.go` by `go test ./internal/payment -update`. A reservation whose hold lapses, or that has\n" +
		"none yet, gets another payment; a payment never comes back.\n\n```mermaid\n" + payment.Diagram() + "```\n"
	if *update {
		if err := os.WriteFile("STATES.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("STATES.md")
	if err != nil || string(got) != want {
		t.Errorf("STATES.md is not the table (%v): write it anew with -update", err)
	}
}

// Whatever way a payment takes, it is captured at most once and ends.
func TestEveryWayEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at, captured := payment.Requested, 0
		for n := 0; !at.Final(); n++ {
			var to []payment.State
			for _, s := range payment.States() {
				if at.CanBecome(s) {
					to = append(to, s)
				}
			}
			at = rapid.SampledFrom(to).Draw(t, "next")
			if at == payment.Captured {
				captured++
			}
			if at == payment.Requested || captured > 1 {
				t.Fatalf("after %d moves it is %s, captured %d times", n, at, captured)
			}
		}
	})
}

func TestOurKeysAreTold(t *testing.T) {
	var p payment.Payment
	for _, key := range []string{"", "-hold", "pay_", "rsv_01m8c7pfs0ewy8f26va6pqv2zn-hold", "pay_01m8c7pfs0ekwvftnq8c48aekp", "pay_01m8c7pfs0ekwvftnq8c48aekp-", "somebody-elses", p.Key("hold")} {
		if i, call, ours := payment.Called(key); ours {
			t.Errorf("%q is of %s, %s", key, i, call)
		}
	}
	if i, call, ours := payment.Called("pay_01m8c7pfs0ekwvftnq8c48aekp-refund-no_show-2"); !ours || i.String() != "pay_01m8c7pfs0ekwvftnq8c48aekp" || call != "refund-no_show-2" {
		t.Errorf("%s, %s, %v", i, call, ours)
	}
}
