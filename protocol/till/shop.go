package till

import (
	"strings"
	"time"

	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/wire"
)

// Bits of a shop's code, before its mark.
const (
	numberBits = 10
	serialBits = 17
	codeLength = (numberBits + serialBits + credential.ShopBits) / 5
)

// ShopCode is a code that a shop gives away, such as "03G0-0AK7-9QWE".
func ShopCode(k credential.Key, number uint16, serial uint32) string {
	n := uint64(number)<<(serialBits+credential.ShopBits) | uint64(serial)<<credential.ShopBits | k.Shop(number, serial)
	out := make([]byte, 0, codeLength+2)
	for i := range codeLength {
		if i > 0 && i%4 == 0 {
			out = append(out, '-')
		}
		out = append(out, codeLetters[n>>(5*(codeLength-1-i))&31])
	}
	return string(out)
}

// ParseShopCode reads a code as somebody typed it; ok is false for any that this key has
// not made.
func ParseShopCode(k credential.Key, text string) (number uint16, serial uint32, ok bool) {
	normal, ok := NormalCode(text)
	if !ok || len(normal) != codeLength || k == (credential.Key{}) {
		return 0, 0, false
	}
	n := uint64(0)
	for i := range codeLength {
		n = n<<5 | uint64(strings.IndexByte(codeLetters, normal[i]))
	}
	number = uint16(n >> (serialBits + credential.ShopBits))
	serial = uint32(n >> credential.ShopBits & (1<<serialBits - 1))
	if number == 0 || serial == 0 || n&(1<<credential.ShopBits-1) != k.Shop(number, serial) {
		return 0, 0, false
	}
	return number, serial, true
}

// NormalCode is a code of a slip or a shop in capitals without hyphens and blanks, with
// letters that are no part of it taken for the digits that they look like; ok is false
// for what cannot be one.
func NormalCode(text string) (normal string, ok bool) {
	var b strings.Builder
	for _, c := range strings.ToUpper(text) {
		switch c {
		case '-', ' ':
			continue
		case 'O':
			c = '0'
		case 'I', 'L':
			c = '1'
		}
		if c > 'Z' || strings.IndexByte(codeLetters, byte(c)) < 0 {
			return "", false
		}
		b.WriteByte(byte(c))
	}
	return b.String(), b.Len() > 0
}

// Taken is what the codes of a shop have taken off a stay.
type Taken struct {
	Shop   uint16
	Amount int64
}

// byShop sums what each shop has given.
func byShop(payments []Payment) (out []Taken) {
next:
	for _, p := range payments {
		if p.Shop == 0 {
			continue
		}
		for i := range out {
			if out[i].Shop == p.Shop {
				out[i].Amount += p.Amount
				continue next
			}
		}
		out = append(out, Taken{p.Shop, p.Amount})
	}
	return out
}

// Discount is what one more code of a shop takes off what is asked; 0: the shop gives no
// more for this stay, or nothing is to be paid.
func (b *Book) Discount(s Stay, a Ask, shop wire.Shop) (int64, error) {
	given, one := int64(0), true
	for _, t := range a.Shops {
		if t.Shop == shop.Number {
			given, one = t.Amount, false
		}
	}
	if shop.Most == 0 && !one {
		return 0, nil
	}
	off := int64(shop.Value)
	switch shop.Gives {
	case wire.GivesPercent:
		off = percent(max(a.Total.Minor-a.Covered, 0), int64(shop.Value))
	case wire.GivesMinutes:
		end := a.Until.Add(-time.Duration(shop.Value) * time.Minute)
		if end.Before(s.EnteredAt) {
			end = s.EnteredAt
		}
		shorter, err := b.due(s, end)
		if err != nil {
			return 0, err
		}
		off = a.Total.Minor - shorter.Total.Minor
	case wire.GivesAmount:
	}
	if shop.Most > 0 {
		off = min(off, shop.Most-given)
	}
	return min(max(off, 0), a.Pay), nil
}
