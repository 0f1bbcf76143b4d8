// Package money holds amounts as whole minor units of an ISO 4217 currency.
// There is no floating point and no implicit rounding: whoever divides names
// the rule at the call.
package money

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Currency is an ISO 4217 alphabetic code in capitals.
type Currency string

// Amount is a number of minor units (cents for EUR, yen for JPY, fils for
// KWD) of one currency. The zero value has no currency and may only be
// compared.
type Amount struct {
	Minor    int64    `json:"minor" cbor:"1,keyasint"`
	Currency Currency `json:"currency" cbor:"2,keyasint"`
}

// Errors of this package.
var (
	ErrCurrency = errors.New("currencies differ")
	ErrOverflow = errors.New("amount out of range")
	ErrUnknown  = errors.New("unknown currency")
)

// exponents lists the ISO 4217 minor-unit exponent of the currencies that are
// accepted.
var exponents = map[Currency]int{
	"EUR": 2, "CHF": 2, "DKK": 2, "GBP": 2, "USD": 2, "SEK": 2, "NOK": 2, "PLN": 2, "CZK": 2,
	"HUF": 2, "CAD": 2, "AUD": 2, "NZD": 2, "INR": 2, "AED": 2, "JPY": 0, "KRW": 0, "KWD": 3, "BHD": 3,
}

// ParseCurrency checks a code against the accepted currencies.
func ParseCurrency(s string) (Currency, error) {
	if _, ok := exponents[Currency(s)]; !ok {
		return "", fmt.Errorf("%w: %q", ErrUnknown, s)
	}
	return Currency(s), nil
}

// Exponent is the number of decimal places of the currency's minor unit.
func (c Currency) Exponent() int { return exponents[c] }

// New makes an amount.
func New(minor int64, c Currency) Amount { return Amount{Minor: minor, Currency: c} }

// Add returns a+b, or ErrCurrency or ErrOverflow.
func (a Amount) Add(b Amount) (Amount, error) {
	if a.Currency != b.Currency {
		return Amount{}, fmt.Errorf("%w: %s and %s", ErrCurrency, a.Currency, b.Currency)
	}
	sum := a.Minor + b.Minor
	if (sum > a.Minor) != (b.Minor > 0) && b.Minor != 0 {
		return Amount{}, ErrOverflow
	}
	return Amount{sum, a.Currency}, nil
}

// Sub returns a-b, or ErrCurrency or ErrOverflow.
func (a Amount) Sub(b Amount) (Amount, error) {
	if a.Currency != b.Currency {
		return Amount{}, fmt.Errorf("%w: %s and %s", ErrCurrency, a.Currency, b.Currency)
	}
	diff := a.Minor - b.Minor
	if (diff < a.Minor) != (b.Minor > 0) && b.Minor != 0 {
		return Amount{}, ErrOverflow
	}
	return Amount{diff, a.Currency}, nil
}

// Neg returns -a. The smallest int64 has no opposite and stays as it is; Add
// and Sub reach it only from amounts that are out of all reason already.
func (a Amount) Neg() Amount { return Amount{-a.Minor, a.Currency} }

// IsZero reports whether the amount is zero in whatever currency.
func (a Amount) IsZero() bool { return a.Minor == 0 }

// String is the amount in major units with its code, such as "12.50 EUR".
func (a Amount) String() string { return a.Decimal() + " " + string(a.Currency) }

// Decimal is the amount in major units with the currency's decimal places and
// a point, such as "-0.05".
func (a Amount) Decimal() string {
	exp := a.Currency.Exponent()
	neg := a.Minor < 0
	u := uint64(a.Minor)
	if neg {
		u = -u
	}
	digits := strconv.FormatUint(u, 10)
	for len(digits) <= exp {
		digits = "0" + digits
	}
	if exp > 0 {
		digits = digits[:len(digits)-exp] + "." + digits[len(digits)-exp:]
	}
	if neg {
		digits = "-" + digits
	}
	return digits
}

// signs are written before an amount; other currencies are named after it.
var signs = map[Currency]string{"EUR": "€", "GBP": "£", "USD": "$", "JPY": "¥", "KRW": "₩", "INR": "₹"}

// Written is the amount as people read it: with the currency's sign where there
// is one, and a real minus, such as "−€0.05" or "12.50 CHF".
func (a Amount) Written() string {
	sign, ok := signs[a.Currency]
	minus := ""
	if a.Minor < 0 {
		a, minus = a.Neg(), "−"
	}
	if !ok {
		return minus + a.String()
	}
	return minus + sign + a.Decimal()
}

// Split divides the amount into parts proportional to weights so that they
// sum exactly to it, by the largest-remainder method: each part is first
// rounded toward zero, then the units left over go to the largest remainders,
// the earlier part first on a tie. Weights are at least 0 with a positive sum.
func (a Amount) Split(weights ...int64) ([]Amount, error) {
	var total int64
	for _, w := range weights {
		if w < 0 {
			return nil, fmt.Errorf("%w: negative weight", ErrOverflow)
		}
		if total > math.MaxInt64-w {
			return nil, fmt.Errorf("%w: the sum of the weights", ErrOverflow)
		}
		total += w
	}
	if total <= 0 {
		return nil, fmt.Errorf("%w: weights sum to nothing", ErrOverflow)
	}
	if a.Minor == math.MinInt64 {
		return nil, ErrOverflow
	}
	sign, minor := int64(1), a.Minor
	if minor < 0 {
		sign, minor = -1, -minor
	}
	parts := make([]Amount, len(weights))
	remainders := make([]int64, len(weights))
	left := minor
	for i, w := range weights {
		share, rest, err := mulDiv(minor, w, total)
		if err != nil {
			return nil, err
		}
		parts[i] = Amount{share, a.Currency}
		remainders[i] = rest
		left -= share
	}
	for ; left > 0; left-- {
		best := 0
		for i := range remainders {
			if remainders[i] > remainders[best] {
				best = i
			}
		}
		parts[best].Minor++
		remainders[best] = -1
	}
	for i := range parts {
		parts[i].Minor *= sign
	}
	return parts, nil
}
