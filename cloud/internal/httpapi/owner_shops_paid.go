package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/books"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/lookup"
	"github.com/openlot/openlot/cloud/internal/settings"
	"github.com/openlot/openlot/cloud/internal/shop"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// shopStatement is what a shop owes and has paid, as JSON or as a file.
func (s *server) shopStatement(c *gin.Context, a ask) error {
	n, err := shopNumber(c)
	if err != nil {
		return err
	}
	if err := knownQuery(c, "from", "to"); err != nil {
		return err
	}
	var asked lookup.Scope
	if err := days(c, &asked, false, 0); err != nil {
		return err
	}
	d := shop.Days{From: asked.From, To: asked.To}
	ctx, cancel := bounded(c)
	defer cancel()
	if accepts(c, "text/csv") {
		st, lines, err := s.Shops.Lines(ctx, a.at, n, d)
		if err != nil {
			return err
		}
		asFile(c, fmt.Sprintf("shop-%s-%d.csv", a.at, n))
		return shop.WriteCSV(c.Writer, &st, lines)
	}
	st, err := s.Shops.Statement(ctx, a.at, n, d)
	if err != nil {
		return err
	}
	of := func(minor int64) api.Amount { return amount(money.New(minor, st.Currency)) }
	out := api.ShopStatement{
		Number: st.Number, Name: st.Name, From: given(string(d.From)), To: given(string(d.To)),
		Opening: of(st.Opening), Uses: st.Uses, Taken: of(st.Taken), Paid: of(st.Paid), Balance: of(st.Balance()),
	}
	if out.Payments, err = s.shopPayments(ctx, st.Payments...); err != nil {
		return err
	}
	answer(c, http.StatusOK, out)
	return nil
}

// shopPayments are payments of shops with the names of who wrote them down.
func (s *server) shopPayments(ctx context.Context, all ...commit.ShopPayment) ([]api.ShopPayment, error) {
	who := make([]settings.Change, 0, 2*len(all))
	for _, p := range all {
		who = append(who, settings.Change{By: p.By}, settings.Change{By: p.ReversedBy})
	}
	if err := s.Settings.NameAuthors(ctx, who); err != nil {
		return nil, err
	}
	out := []api.ShopPayment{}
	for i, p := range all {
		one := api.ShopPayment{
			Id: p.ID.String(), PaidOn: p.PaidOn, Amount: amount(p.Amount), Way: api.ShopPaymentWay(p.Way), Note: given(p.Note), BookedAt: seconds(p.BookedAt), By: who[2*i].By,
		}
		if !p.ReversedAt.IsZero() {
			one.ReversedAt, one.ReversedBy, one.Why = new(seconds(p.ReversedAt)), given(who[2*i+1].By), given(p.Why)
		}
		out = append(out, one)
	}
	return out, nil
}

// shopPaymentOf is the id of a payment that somebody writes down by a key: the same again is
// the same.
func shopPaymentOf(a ask, key string) id.ShopPayment {
	h := sha256.Sum256(fmt.Appendf(nil, "shop payment\x00%s\x00%s\x00%s", a.who.Account, a.at, key))
	p, err := id.FromBytes[id.ShopPayment](h[:16])
	if err != nil { // one of 2^128 keys: it gets a fresh one
		return id.New[id.ShopPayment](time.Now())
	}
	return p
}

func (s *server) addShopPayment(c *gin.Context, a ask) error {
	n, err := shopNumber(c)
	if err != nil {
		return err
	}
	k, err := key(c)
	if err == nil {
		err = booking.CheckKey(k)
	}
	if err != nil {
		return err
	}
	var on, way, note string
	var minor json.RawMessage
	if err := readBody(c, object{
		texts: map[string]*string{"paid_on": &on, "way": &way, "note": &note}, parts: map[string]*json.RawMessage{"amount": &minor}, required: []string{"paid_on", "amount", "way"},
	}, nil); err != nil {
		return err
	}
	wrong := map[string]string{}
	op := &shop.Pay{In: a.at, ID: shopPaymentOf(a, k), Shop: n, Minor: whole(wrong, "amount", minor, 1), Way: way, Note: note, By: a.by("")}
	if op.PaidOn, err = books.ParseDay(on); err != nil {
		wrong["paid_on"] = "is no day such as 2026-11-20"
	}
	if err := invalidFields(wrong); err != nil {
		return err
	}
	return s.shopPaid(c, func(ctx context.Context) (commit.ShopPayment, error) { return s.Shops.Pay(ctx, op) })
}

func (s *server) reverseShopPayment(c *gin.Context, a ask) error {
	n, err := shopNumber(c)
	if err != nil {
		return err
	}
	which, err := id.Parse[id.ShopPayment](c.Param("payment"))
	if err != nil {
		return fault.New(fault.NotFound, shop.CodePaymentNotFound, "There is no such payment of this shop.")
	}
	var why string
	if err := readBody(c, object{texts: map[string]*string{"why": &why}, required: []string{"why"}}, nil); err != nil {
		return err
	}
	op := &shop.Reverse{In: a.at, ID: which, Shop: n, By: a.by(why)}
	return s.shopPaid(c, func(ctx context.Context) (commit.ShopPayment, error) { return s.Shops.Reverse(ctx, op) })
}

// shopPaid answers with a payment after something was done to it.
func (s *server) shopPaid(c *gin.Context, do func(context.Context) (commit.ShopPayment, error)) error {
	p, err := do(c.Request.Context())
	if err != nil {
		return err
	}
	all, err := s.shopPayments(c.Request.Context(), p)
	if err != nil {
		return err
	}
	answer(c, http.StatusOK, api.ShopPaymentAnswer{Payment: all[0]})
	return nil
}
