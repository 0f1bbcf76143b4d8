package wire

import "errors"

// ShopsSince is the minor version from which on an edge with a machine is told of shops
// that take something off what their customers pay, and from which on it journals their
// codes and credits that are used.
const ShopsSince = 6

// Limits of shops. A code has room for no greater numbers.
const (
	MaxShops    = 64        // of a parking that are told
	MaxShop     = 1<<10 - 1 // number of a shop
	MaxSerial   = 1<<17 - 1 // of a shop's code
	MaxShopName = 64        // bytes

	MaxShopMinutes = 366 * 24 * 60
)

// Gives says what a code of a shop takes off.
type Gives uint8

// What a code may take off.
const (
	GivesMinutes Gives = 1 // Value minutes: the stay costs as if it had ended so much earlier
	GivesPercent Gives = 2 // Value hundredths of what the stay costs beyond what is covered
	GivesAmount  Gives = 3 // Value minor units
)

// Shop is one that gives its customers codes (since 1.6). What a code takes off is paid
// by the shop.
type Shop struct {
	Number uint16 `cbor:"1,keyasint"`
	Name   string `cbor:"2,keyasint"` // for who uses a code
	Gives  Gives  `cbor:"3,keyasint"`
	Value  uint32 `cbor:"4,keyasint"`
	Most   int64  `cbor:"5,keyasint,omitempty"` // minor units that it gives for one stay, by all its codes; 0: by one code, whatever that is
	Until  int64  `cbor:"6,keyasint"`           // Unix seconds: from then on its codes are good no more
}

func (s *Shop) validate() error {
	err := errors.Join(
		check(s.Number > 0 && s.Number <= MaxShop, "a shop's number is 1 to %d", MaxShop),
		check(s.Name != "", "a shop has a name"), short("shop", s.Name, MaxShopName),
		check(s.Gives >= GivesMinutes && s.Gives <= GivesAmount, "unknown gift of a shop"),
		check(s.Value > 0 && s.Value <= MaxAmount, "a shop gives 1 to %d", MaxAmount),
		check(s.Gives != GivesPercent || s.Value <= 100, "a percentage is 1 to 100"),
		check(s.Gives != GivesMinutes || s.Value <= MaxShopMinutes, "a shop gives at most %d minutes", MaxShopMinutes),
		check(s.Most >= 0 && s.Most <= MaxAmount, "an amount is 0 to %d minor units", MaxAmount),
		check(s.Until >= 0 && s.Until < 1<<33, "the end of a shop is out of range"),
	)
	return err
}

func (p *Prices) validateShops() error {
	err := check(len(p.Shops) <= MaxShops, "at most %d shops", MaxShops)
	for i := range p.Shops {
		if err == nil {
			err = errors.Join(check(i == 0 || p.Shops[i].Number > p.Shops[i-1].Number, "shops come by their numbers"), p.Shops[i].validate())
		}
	}
	return err
}

// validatePaid checks what a payment by a shop or out of a credit names.
func (e *Event) validatePaid() error {
	byShop, ofCredit := e.Method == ShopPays, e.Method == CreditPays
	named := !e.Credit.IsZero() && !e.CreditOf.IsZero()
	return errors.Join(
		check(e.Kind == Paid || e.Shop == 0 && e.Serial == 0 && e.Credit.IsZero() && e.CreditOf.IsZero(), "only a payment names a shop or a credit"),
		check(byShop == (e.Shop > 0) && byShop == (e.Serial > 0), "a payment by a shop names its code, and no other does"),
		check(ofCredit == named && named == (!e.Credit.IsZero() || !e.CreditOf.IsZero()), "a payment out of a credit names it and its stay, and no other does"),
		check(e.Shop <= MaxShop && e.Serial <= MaxSerial, "a code out of range"),
	)
}
