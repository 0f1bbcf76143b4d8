package commit

import (
	"time"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// ShopPayment is what a shop has paid of what its codes took off. It is stored by the event
// that tells it: see Work.PayShop and Work.ReverseShopPayment.
type ShopPayment struct {
	ID         id.ShopPayment
	Shop       int
	PaidOn     string // a day of the parking, such as 2026-11-20
	Amount     money.Amount
	Way        string
	Note       string
	By         string // an account's id
	BookedAt   time.Time
	ReversedAt time.Time // zero: it counts
	ReversedBy string
	Why        string // it was reversed
}

// ShopCode is a code of a shop: its number and its place among the shop's codes.
type ShopCode struct {
	Shop   uint16
	Serial uint32
}

// ShopCodeUse is what a code was used for, the first time that the cloud heard of. It is
// stored with the stay whose payment names the code.
type ShopCodeUse struct {
	Payment id.Payment
	Session id.Session
	At      time.Time
}

// ShopPayment returns a copy of what a shop has paid, nil when there is none of that id.
func (w *Work) ShopPayment(i id.ShopPayment) (*ShopPayment, error) {
	return find(&w.rows.shopPayments, i, &w.missing.ShopPayments)
}

// PayShop books a payment and tells it, which stores it.
func (w *Work) PayShop(p *ShopPayment) error {
	if err := w.Book(ledger.ShopSettled(p.Amount)); err != nil {
		return err
	}
	w.rows.shopPayments.set(p.ID, p)
	w.Emit(feed.ShopPaid, feed.Body{By: p.By, ShopPayment: &feed.ShopPayment{
		ID: p.ID, Shop: p.Shop, PaidOn: p.PaidOn, Amount: p.Amount, Way: p.Way, Note: p.Note, At: p.BookedAt,
	}})
	return nil
}

// ReverseShopPayment books the opposite of a payment and tells it, which stores that it
// counts no more.
func (w *Work) ReverseShopPayment(p *ShopPayment, by parking.Author, now time.Time) error {
	if err := w.Book(ledger.ShopSettled(p.Amount.Neg())); err != nil {
		return err
	}
	p.ReversedAt, p.ReversedBy, p.Why = now, by.Name, by.Why
	w.rows.shopPayments.set(p.ID, p)
	w.Emit(feed.ShopPaymentReversed, feed.Body{By: by.Name, Why: by.Why, ShopPayment: &feed.ShopPayment{
		ID: p.ID, Shop: p.Shop, PaidOn: p.PaidOn, Amount: p.Amount, Way: p.Way, Note: p.Note, At: now,
	}})
	return nil
}

// ShopCodeUse returns what a code was used for, nil when it was for nothing yet.
func (w *Work) ShopCodeUse(c ShopCode) (*ShopCodeUse, error) {
	return find(&w.rows.shopCodes, c, &w.missing.ShopCodes)
}

// UseShopCode remembers for the ops after this one what a code is used for.
func (w *Work) UseShopCode(c ShopCode, u *ShopCodeUse) { w.rows.shopCodes.set(c, u) }
