package money_test

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/protocol/money"
)

func TestDecimal(t *testing.T) {
	for _, c := range []struct {
		minor    int64
		currency money.Currency
		want     string
	}{
		{1250, "EUR", "12.50 EUR"},
		{5, "EUR", "0.05 EUR"},
		{-5, "EUR", "-0.05 EUR"},
		{0, "EUR", "0.00 EUR"},
		{-100, "EUR", "-1.00 EUR"},
		{500, "JPY", "500 JPY"},
		{0, "JPY", "0 JPY"},
		{-7, "JPY", "-7 JPY"},
		{1234, "KWD", "1.234 KWD"},
		{7, "KWD", "0.007 KWD"},
		{-10, "KWD", "-0.010 KWD"},
		{math.MaxInt64, "EUR", "92233720368547758.07 EUR"},
		{math.MinInt64, "EUR", "-92233720368547758.08 EUR"},
	} {
		if got := money.New(c.minor, c.currency).String(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestParseCurrency(t *testing.T) {
	for _, code := range []string{"EUR", "JPY", "KWD"} {
		if c, err := money.ParseCurrency(code); err != nil || string(c) != code {
			t.Errorf("%s: %v", code, err)
		}
	}
	for _, code := range []string{"", "eur", "EURO", "XXX", "EU"} {
		if _, err := money.ParseCurrency(code); !errors.Is(err, money.ErrUnknown) {
			t.Errorf("%q: %v", code, err)
		}
	}
}

func TestAddAndSubAreExactOrRefused(t *testing.T) {
	edge := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{0, 1, -1, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1, math.MinInt64 + 1}))
	rapid.Check(t, func(t *rapid.T) {
		a, b := edge.Draw(t, "a"), edge.Draw(t, "b")
		for _, c := range []struct {
			got  func(money.Amount) (money.Amount, error)
			want *big.Int
		}{
			{money.New(a, "EUR").Add, new(big.Int).Add(big.NewInt(a), big.NewInt(b))},
			{money.New(a, "EUR").Sub, new(big.Int).Sub(big.NewInt(a), big.NewInt(b))},
		} {
			got, err := c.got(money.New(b, "EUR"))
			switch {
			case c.want.IsInt64() && (err != nil || got != money.New(c.want.Int64(), "EUR")):
				t.Fatalf("%d, %d: %v, %v instead of %v", a, b, got, err, c.want)
			case !c.want.IsInt64() && !errors.Is(err, money.ErrOverflow):
				t.Fatalf("%d, %d: %v, %v instead of overflow", a, b, got, err)
			}
		}
	})
	eur, chf := money.New(1, "EUR"), money.New(math.MinInt64, "CHF")
	if _, err := eur.Add(chf); !errors.Is(err, money.ErrCurrency) {
		t.Error(err)
	}
	if _, err := eur.Sub(chf); !errors.Is(err, money.ErrCurrency) {
		t.Error(err)
	}
	if money.New(5, "EUR").Neg() != money.New(-5, "EUR") || !money.New(0, "EUR").IsZero() || eur.IsZero() {
		t.Error("Neg or IsZero")
	}
}

// Parts sum exactly, keep the sign, and none is further than one unit from its
// exact share; equal weights give equal parts but for one unit.
func TestSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		minor := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-1000, 1000)).Draw(t, "minor")
		if minor == math.MinInt64 {
			minor++
		}
		weights := rapid.SliceOfN(rapid.OneOf(rapid.Int64Range(0, 10), rapid.Int64Range(0, math.MaxInt64/8)), 1, 8).Draw(t, "weights")
		var total int64
		for _, w := range weights {
			total += w
		}
		parts, err := money.New(minor, "EUR").Split(weights...)
		if total == 0 {
			if err == nil {
				t.Fatal("split by nothing")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		var sum int64
		for i, p := range parts {
			sum += p.Minor
			if p.Currency != "EUR" || (p.Minor != 0 && (p.Minor > 0) != (minor > 0)) || (weights[i] == 0 && p.Minor != 0) {
				t.Fatalf("part %d of %d by %v is %v", i, minor, weights, p)
			}
			// |p*total - minor*w| < total
			diff := new(big.Int).Mul(big.NewInt(p.Minor), big.NewInt(total))
			diff.Sub(diff, new(big.Int).Mul(big.NewInt(minor), big.NewInt(weights[i])))
			if diff.Abs(diff).Cmp(big.NewInt(total)) >= 0 {
				t.Fatalf("part %d of %d by %v is %v: a unit or more from its share", i, minor, weights, p)
			}
		}
		if sum != minor {
			t.Fatalf("%d by %v sums to %d", minor, weights, sum)
		}
	})
}

func TestSplitByHand(t *testing.T) {
	parts, err := money.New(100, "EUR").Split(1, 1, 1)
	if err != nil || parts[0].Minor != 34 || parts[1].Minor != 33 || parts[2].Minor != 33 {
		t.Errorf("the earlier part gets the cent: %v, %v", parts, err)
	}
	parts, err = money.New(-5, "EUR").Split(3, 7)
	if err != nil || parts[0].Minor != -2 || parts[1].Minor != -3 {
		t.Errorf("%v, %v", parts, err) // -1.5 and -3.5: both halves, the earlier one first
	}
	for name, weights := range map[string][]int64{
		"none": {}, "zero": {0, 0}, "negative": {2, -1}, "too much": {math.MaxInt64, math.MaxInt64, 3},
	} {
		if _, err := money.New(1, "EUR").Split(weights...); !errors.Is(err, money.ErrOverflow) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := money.New(math.MinInt64, "EUR").Split(1); !errors.Is(err, money.ErrOverflow) {
		t.Errorf("the smallest amount: %v", err)
	}
}

func TestAnAmountAsPeopleReadIt(t *testing.T) {
	for want, a := range map[string]money.Amount{
		"€4.60": money.New(460, "EUR"), "−€0.05": money.New(-5, "EUR"), "£0.00": money.New(0, "GBP"), "¥500": money.New(500, "JPY"),
		"12.50 CHF": money.New(1250, "CHF"), "−1.500 KWD": money.New(-1500, "KWD"),
	} {
		if got := a.Written(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
