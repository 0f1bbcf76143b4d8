package shop

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/openlot/openlot/cloud/internal/books"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/wire"
)

// Fault codes of what shops have paid.
const (
	CodePaymentInvalid  = "shop_payment_invalid"
	CodePaymentNotFound = "shop_payment_not_found"
	CodeKeyReused       = "idempotency_key_reused"
)

// Limits of what is written down.
const (
	MaxNote = 200 // bytes, of a note and of why something was reversed
	MaxAgo  = 731 // days
)

// ways are how a shop may have paid.
var ways = map[string]bool{"transfer": true, "cash": true, "card": true, "offset": true, "other": true}

// Pay writes down what a shop has paid of what it owes. The row and the ledger's entry are
// one commit. Doing it again with the same id changes nothing.
type Pay struct {
	In     id.Parking
	ID     id.ShopPayment // minted by the caller
	Shop   int            // it is there: shops are never deleted
	Minor  int64          // of the parking's currency
	PaidOn books.Day
	Way    string
	Note   string
	By     parking.Author

	// Set by Apply.
	After commit.ShopPayment
}

var _ commit.Op = (*Pay)(nil)

// Parking implements commit.Op.
func (p *Pay) Parking() id.Parking { return p.In }

// Prefetch implements commit.Op.
func (p *Pay) Prefetch(r *commit.Rows) { r.ShopPayments = append(r.ShopPayments, p.ID) }

// Apply implements commit.Op. Its faults are CodePaymentInvalid and CodeKeyReused. The entry
// is booked now, also when the day of the payment is closed.
func (p *Pay) Apply(w *commit.Work, now time.Time) error {
	before, err := w.ShopPayment(p.ID)
	if err != nil {
		return err
	}
	if before != nil {
		if before.Shop != p.Shop || before.PaidOn != string(p.PaidOn) || before.Amount.Minor != p.Minor || before.Way != p.Way || before.Note != p.Note {
			return fault.New(fault.Invalid, CodeKeyReused, "This key was used for another payment. Use a fresh one for each.")
		}
		p.After = *before
		return nil
	}
	zone, err := w.Parking.Location()
	if err != nil {
		return fmt.Errorf("time zone of %s: %w", p.In, err)
	}
	if wrong := p.check(books.DayOf(now, zone)); len(wrong) > 0 {
		f := fault.New(fault.Invalid, CodePaymentInvalid, "The payment cannot be as it is written; fields says why.")
		for name, says := range wrong {
			f = f.WithField(name, says)
		}
		return f
	}
	p.After = commit.ShopPayment{
		ID: p.ID, Shop: p.Shop, PaidOn: string(p.PaidOn), Amount: money.New(p.Minor, w.Parking.Tariff.Currency), Way: p.Way, Note: p.Note, By: p.By.Name, BookedAt: now,
	}
	return w.PayShop(&p.After)
}

// check says what of a payment cannot be, on a day of the parking.
func (p *Pay) check(today books.Day) map[string]string {
	wrong := map[string]string{}
	if p.Minor < 1 || p.Minor > wire.MaxAmount {
		wrong["amount"] = fmt.Sprintf("is 1 to %d minor units", wire.MaxAmount)
	}
	if p.PaidOn > today || p.PaidOn < today.Add(-MaxAgo) {
		wrong["paid_on"] = fmt.Sprintf("is today, or one of the %d days before", MaxAgo)
	}
	if !ways[p.Way] {
		wrong["way"] = "is transfer, cash, card, offset or other"
	}
	if !sentence(p.Note) {
		wrong["note"] = fmt.Sprintf("has at most %d bytes, without control characters", MaxNote)
	}
	return wrong
}

// sentence reports whether a text can be stored.
func sentence(s string) bool {
	return len(s) <= MaxNote && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// Reverse takes a payment back that was written down wrongly: an opposite entry is booked,
// and the row stays. Doing it again changes nothing.
type Reverse struct {
	In   id.Parking
	ID   id.ShopPayment
	Shop int
	By   parking.Author // says why

	// Set by Apply.
	After commit.ShopPayment
}

var _ commit.Op = (*Reverse)(nil)

// Parking implements commit.Op.
func (r *Reverse) Parking() id.Parking { return r.In }

// Prefetch implements commit.Op.
func (r *Reverse) Prefetch(rows *commit.Rows) { rows.ShopPayments = append(rows.ShopPayments, r.ID) }

// Apply implements commit.Op. Its faults are CodePaymentInvalid and CodePaymentNotFound.
func (r *Reverse) Apply(w *commit.Work, now time.Time) error {
	if r.By.Why == "" || !sentence(r.By.Why) {
		return fault.New(fault.Invalid, CodePaymentInvalid, "Say why the payment is taken back.").
			WithField("why", fmt.Sprintf("has 1 to %d bytes, without control characters", MaxNote))
	}
	p, err := w.ShopPayment(r.ID)
	if err != nil {
		return err
	}
	if p == nil || p.Shop != r.Shop {
		return errNoPayment()
	}
	if p.ReversedAt.IsZero() {
		if err := w.ReverseShopPayment(p, r.By, now); err != nil {
			return err
		}
	}
	r.After = *p
	return nil
}

func errNoPayment() error {
	return fault.New(fault.NotFound, CodePaymentNotFound, "There is no such payment of this shop.")
}

// Pay writes a payment down.
func (s *Service) Pay(ctx context.Context, p *Pay) (commit.ShopPayment, error) {
	if _, err := s.Store.Shop(ctx, p.In, p.Shop); err != nil {
		return commit.ShopPayment{}, err
	}
	_, err := s.Commits.Commit(ctx, p)
	return p.After, err
}

// Reverse takes a payment back.
func (s *Service) Reverse(ctx context.Context, r *Reverse) (commit.ShopPayment, error) {
	if _, err := s.Store.Shop(ctx, r.In, r.Shop); err != nil {
		return commit.ShopPayment{}, err
	}
	_, err := s.Commits.Commit(ctx, r)
	return r.After, err
}
