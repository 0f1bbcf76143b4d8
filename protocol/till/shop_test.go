package till_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/till"
	"github.com/openlot/openlot/protocol/wire"
)

// A code is read back however it is typed, and not when one character is another, nor
// under another parking's key.
func TestAShopsCodeIsReadBackAndNoOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := credential.Key(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key"))
		if k == (credential.Key{}) {
			k[0] = 1
		}
		number, serial := uint16(rapid.IntRange(1, wire.MaxShop).Draw(t, "shop")), uint32(rapid.IntRange(1, wire.MaxSerial).Draw(t, "serial"))
		code := till.ShopCode(k, number, serial)
		for _, typed := range []string{code, strings.ToLower(code), strings.ReplaceAll(code, "-", ""), strings.NewReplacer("0", "o", "1", "l").Replace(code), " " + strings.ReplaceAll(code, "-", " ")} {
			if n, s, ok := till.ParseShopCode(k, typed); !ok || n != number || s != serial {
				t.Fatalf("%q of %q: %d %d %v", typed, code, n, s, ok)
			}
		}
		i := rapid.IntRange(0, len(code)-1).Draw(t, "place")
		letter := rapid.SampledFrom([]byte("0123456789ABCDEFGHJKMNPQRSTVWXYZ")).Draw(t, "letter")
		if code[i] != '-' && code[i] != letter {
			if n, s, ok := till.ParseShopCode(k, code[:i]+string(letter)+code[i+1:]); ok {
				t.Fatalf("another code than %q is one: %d %d", code, n, s)
			}
		}
		k[31]++
		if _, _, ok := till.ParseShopCode(k, code); ok {
			t.Fatal("another parking takes it")
		}
	})
	for _, bad := range []string{"", "-", "0000-0000-0000", "ÄÖÜ", "UUUU-UUUU-UUUU", strings.Repeat("A", 11), strings.Repeat("A", 13), strings.Repeat("9", 1000)} {
		if _, _, ok := till.ParseShopCode(credential.Key{1}, bad); ok {
			t.Errorf("%q is a code", bad)
		}
	}
}

// A shop gives what it says, no more than is to be paid, and no more than its most.
func TestAShopGivesNoMoreThanItSays(t *testing.T) {
	b := book(t)
	for name, c := range map[string]struct {
		shop wire.Shop
		took int64 // by its codes before
		want int64
	}{
		"an hour of two":             {wire.Shop{Gives: wire.GivesMinutes, Value: 60}, 0, 200},
		"more than he was here":      {wire.Shop{Gives: wire.GivesMinutes, Value: 600}, 0, 400},
		"half":                       {wire.Shop{Gives: wire.GivesPercent, Value: 50}, 0, 200},
		"an amount":                  {wire.Shop{Gives: wire.GivesAmount, Value: 150}, 0, 150},
		"more than there is":         {wire.Shop{Gives: wire.GivesAmount, Value: 900}, 0, 400},
		"a second code":              {wire.Shop{Gives: wire.GivesAmount, Value: 150}, 150, 0},
		"a second code, up to":       {wire.Shop{Gives: wire.GivesAmount, Value: 150, Most: 200}, 150, 50},
		"a second code, and no more": {wire.Shop{Gives: wire.GivesPercent, Value: 100, Most: 150}, 150, 0},
	} {
		c.shop.Number = 3
		s := till.Stay{SpaceType: id.Standard, EnteredAt: noon.Add(-90 * time.Minute)}
		if c.took > 0 {
			s.Payments = []till.Payment{{At: noon, Until: noon, Amount: c.took, Shop: 3}}
		}
		a, err := b.Ask(s, noon)
		if err != nil {
			t.Fatal(err)
		}
		got, err := b.Discount(s, a, c.shop)
		if err != nil || got != c.want {
			t.Errorf("%s: takes %d off, %v; want %d", name, got, err, c.want)
		}
	}
	// A slip that was given for a stay pays nothing of it.
	s := till.Stay{SpaceType: id.Standard, EnteredAt: noon.Add(-90 * time.Minute), Payments: []till.Payment{{At: noon, Until: noon, Amount: 300, Slip: true}}}
	if a, err := b.Ask(s, noon); err != nil || a.Pay != 400 {
		t.Errorf("%+v, %v", a, err)
	}
}
