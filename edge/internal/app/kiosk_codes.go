package app

import (
	"slices"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/kiosk"
	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/till"
	"github.com/openlot/openlot/protocol/wire"
)

// told are the shops that the cloud has told of, and the key of their codes.
func (k *takings) told() (shops []wire.Shop, key credential.Key) {
	k.a.rec.View(func(s *admission.State) {
		if s.Prices != nil {
			shops = s.Prices.Shops // which is replaced and never changed
		}
		key = s.GateKey
	})
	return shops, key
}

// over reports that a shop's time may have come: without an upper bound of the time it
// may have at any instant.
func over(s wire.Shop, hi time.Time) bool { return hi.IsZero() || hi.Unix() >= s.Until }

// anyShop reports whether any code is good.
func (k *takings) anyShop(hi time.Time) bool {
	shops, key := k.told()
	return key != credential.Key{} && slices.ContainsFunc(shops, func(s wire.Shop) bool { return !over(s, hi) })
}

// shops is what the machine may know of them.
func (k *takings) shops(hi time.Time) kiosk.Shops {
	find := func(number uint16) (wire.Shop, credential.Key, bool) {
		all, key := k.told()
		if i := slices.IndexFunc(all, func(s wire.Shop) bool { return s.Number == number }); i >= 0 {
			return all[i], key, true
		}
		return wire.Shop{}, key, false
	}
	return kiosk.Shops{
		Read: func(text string) (kiosk.Code, kiosk.Refusal) {
			_, key := k.told()
			number, serial, ok := till.ParseShopCode(key, text)
			if !ok {
				return kiosk.Code{}, kiosk.CodeUnknown
			}
			shop, _, known := find(number)
			if !known || over(shop, hi) {
				return kiosk.Code{}, kiosk.CodeExpired
			}
			return kiosk.Code{Shop: shop, Serial: serial}, ""
		},
		Discount: func(i id.Session, a till.Ask, shop wire.Shop) (int64, error) {
			book := k.book // of the prices that a was made by
			if book == nil {
				return 0, till.ErrNoPrice
			}
			stay, err := k.stay(i)
			if err != nil {
				return 0, err
			}
			return book.Discount(stay, a, shop)
		},
		Name: func(number uint16) string {
			shop, _, _ := find(number)
			return shop.Name
		},
	}
}
