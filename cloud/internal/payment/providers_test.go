package payment_test

import (
	"testing"

	"github.com/openlot/openlot/cloud/internal/payment"
)

// named is a provider of which only the name counts.
type named struct {
	payment.Provider
	name string
}

func (n named) Name() string { return n.name }

type taker struct {
	named
	takes string
}

func (t taker) Takes(method string) bool { return method == t.takes }

// Whoever takes a method by its name comes before who takes any, in whichever
// order they stand; a payment's provider is found by its name alone.
func TestAMethodHasItsProvider(t *testing.T) {
	any, other := named{name: "any"}, named{name: "other"}
	cash, card := taker{named{name: "cash"}, "cash"}, taker{named{name: "card"}, "pm_card"}
	for _, p := range []payment.Providers{{any, cash, card, other}, {card, cash, any, other}} {
		for method, want := range map[string]string{"cash": "cash", "pm_card": "card", "pm_sandbox_ok": "any", "": "any"} {
			if got, ok := p.For(method); !ok || got.Name() != want {
				t.Errorf("%q is taken by %v", method, got)
			}
		}
		for _, name := range []string{"any", "other", "cash", "card"} {
			if got, ok := p.Named(name); !ok || got.Name() != name {
				t.Errorf("%q is %v", name, got)
			}
		}
	}
	only := payment.Providers{cash}
	if got, ok := only.For("pm_card"); ok || got != nil {
		t.Errorf("%v takes what it does not know", got)
	}
	if _, ok := only.Named("any"); ok {
		t.Error("found what is not there")
	}
}
