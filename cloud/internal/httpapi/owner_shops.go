package httpapi

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/shop"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// Shops are those of parkings.
type Shops interface {
	List(ctx context.Context, at id.Parking) ([]shop.Used, error)
	Add(ctx context.Context, at id.Parking, one shop.Shop, by parking.Author) (shop.Shop, error)
	Change(ctx context.Context, at id.Parking, number int, c shop.Change, by parking.Author) (shop.Shop, error)
	Codes(ctx context.Context, at id.Parking, number, after, count int, by parking.Author) (shop.Shop, []string, error)
	Pay(ctx context.Context, p *shop.Pay) (commit.ShopPayment, error)
	Reverse(ctx context.Context, r *shop.Reverse) (commit.ShopPayment, error)
	Statement(ctx context.Context, at id.Parking, number int, d shop.Days) (shop.Statement, error)
	Lines(ctx context.Context, at id.Parking, number int, d shop.Days) (shop.Statement, []shop.Line, error)
}

// ownerShopRoutes are a parking's shops and their codes. What a shop owes is money.
func (s *server) ownerShopRoutes(r *gin.Engine, get func(string, gin.HandlerFunc)) {
	get("/owner/parkings/:id/shops", s.run(account.ViewParkings, s.listShops))
	r.POST("/owner/parkings/:id/shops", s.run(account.RunParkings, s.addShop))
	r.PATCH("/owner/parkings/:id/shops/:shop", s.run(account.RunParkings, s.changeShop))
	r.POST("/owner/parkings/:id/shops/:shop/codes", s.run(account.RunParkings, s.makeCodes))
	get("/owner/parkings/:id/shops/:shop/statement", s.run(account.ViewMoney, s.shopStatement))
	r.POST("/owner/parkings/:id/shops/:shop/payments", s.run(account.RunParkings, s.addShopPayment))
	r.POST("/owner/parkings/:id/shops/:shop/payments/:payment/reverse", s.run(account.RunParkings, s.reverseShopPayment))
}

func shopAnswer(s *shop.Shop) api.Shop {
	return api.Shop{
		Number: s.Number, Name: s.Name, Gives: api.ShopGives(s.Gives), Value: s.Value, Most: s.Most, GoodUntil: seconds(s.GoodUntil), Open: s.GoodUntil.After(time.Now()), Issued: s.Issued,
	}
}

func (s *server) listShops(c *gin.Context, a ask) error {
	ctx, cancel := bounded(c)
	defer cancel()
	all, err := s.Shops.List(ctx, a.at)
	if err != nil {
		return err
	}
	v := account.Decide(a.who, account.ViewMoney, a.of)
	out := api.Shops{Shops: []api.Shop{}}
	for i := range all {
		one := shopAnswer(&all[i].Shop)
		one.Used = &all[i].Uses
		if v == account.Allowed {
			one.Owed, one.Paid = new(amount(all[i].Owed)), new(amount(all[i].Paid))
		}
		out.Shops = append(out.Shops, one)
	}
	answer(c, http.StatusOK, out)
	return nil
}

func (s *server) addShop(c *gin.Context, a ask) error {
	var name, gives, until string
	var value, most json.RawMessage
	var one shop.Shop
	if err := readBody(c, object{
		texts: map[string]*string{"name": &name, "gives": &gives, "good_until": &until}, parts: map[string]*json.RawMessage{"value": &value, "most": &most},
		required: []string{"name", "gives", "value", "good_until"},
	}, times{"good_until": {&until, &one.GoodUntil}}); err != nil {
		return err
	}
	wrong := map[string]string{}
	one.Name, one.Gives, one.Value, one.Most = name, shop.Gives(gives), whole(wrong, "value", value, 1), whole(wrong, "most", most, 0)
	if err := invalidFields(wrong); err != nil {
		return err
	}
	got, err := s.Shops.Add(c.Request.Context(), a.at, one, a.by(""))
	if err != nil {
		return err
	}
	answer(c, http.StatusOK, api.ShopAnswer{Shop: shopAnswer(&got)})
	return nil
}

// whole reads a whole number that may be left out.
func whole(wrong map[string]string, name string, raw json.RawMessage, least int64) int64 {
	if raw == nil {
		return 0
	}
	n, says := number(raw, least, wire.MaxAmount)
	if says != "" {
		wrong[name] = says
	}
	return n
}

// shopNumber is the number in the path; what is none is no shop's.
func shopNumber(c *gin.Context) (int, error) {
	n, err := strconv.Atoi(c.Param("shop"))
	if err != nil || n < 1 || n > wire.MaxShop {
		return 0, fault.New(fault.NotFound, shop.CodeNotFound, "There is no such shop in this parking.")
	}
	return n, nil
}

func (s *server) changeShop(c *gin.Context, a ask) error {
	n, err := shopNumber(c)
	if err != nil {
		return err
	}
	var change shop.Change
	var until string
	var most json.RawMessage
	var ends time.Time
	if err := readBody(c, object{
		maybe: map[string]**string{"name": &change.Name}, texts: map[string]*string{"good_until": &until}, parts: map[string]*json.RawMessage{"most": &most},
	}, times{"good_until": {&until, &ends}}); err != nil {
		return err
	}
	wrong := map[string]string{}
	if most != nil {
		m := whole(wrong, "most", most, 0)
		change.Most = &m
	}
	if until != "" {
		change.GoodUntil = &ends
	}
	if err := invalidFields(wrong); err != nil {
		return err
	}
	got, err := s.Shops.Change(c.Request.Context(), a.at, n, change, a.by(""))
	if err != nil {
		return err
	}
	answer(c, http.StatusOK, api.ShopAnswer{Shop: shopAnswer(&got)})
	return nil
}

func (s *server) makeCodes(c *gin.Context, a ask) error {
	n, err := shopNumber(c)
	if err != nil {
		return err
	}
	var count, after json.RawMessage
	if err := readBody(c, object{parts: map[string]*json.RawMessage{"count": &count, "after": &after}, required: []string{"count", "after"}}, nil); err != nil {
		return err
	}
	wrong := map[string]string{}
	many, had := whole(wrong, "count", count, 1), whole(wrong, "after", after, 0)
	if err := invalidFields(wrong); err != nil {
		return err
	}
	_, codes, err := s.Shops.Codes(c.Request.Context(), a.at, n, int(had), int(many), a.by(""))
	if err != nil {
		return err
	}
	asFile(c, fmt.Sprintf("codes-%s-%d-%d.csv", a.at, n, had+1))
	w := csv.NewWriter(c.Writer)
	rows := [][]string{{"serial", "code"}}
	for i, code := range codes {
		rows = append(rows, []string{strconv.Itoa(int(had) + i + 1), code})
	}
	if err := w.WriteAll(rows); err != nil {
		return fmt.Errorf("write the codes: %w", err)
	}
	return nil
}
