package httpapi

import (
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/money"
)

func reservationAnswer(v *booking.View, withToken bool) api.ReservationAnswer {
	r, p := &v.Reservation, &v.Payment
	out := api.Reservation{
		Id: r.ID.String(), State: api.ReservationState(r.State), ParkingId: string(r.Parking), SpaceType: string(r.SpaceType),
		From: seconds(r.Window.From), To: seconds(r.Window.To), VehiclePlate: given(r.Plate),
		Price: amount(r.Quote.Total), PriceDetail: priceDetail(&r.Quote), Pass: given(v.Pass), Space: given(r.Space),
		NoShowAt: seconds(r.NoShowAt), NoShowCharge: missed(r), EarlyCharge: leftEarly(r), CreatedAt: seconds(r.CreatedAt),
		Version: r.Version,
		Payment: paymentAnswer(p),
	}
	switch c := r.Pending; {
	case c == nil || v.Change == nil:
	case c.Renews && v.Change.State == payment.RequiresAction: // the bank asks the driver before it holds the price again
		out.Payment.NextAction = given(v.Change.NextAction)
	case c.Renews:
	default:
		out.PendingChange = &api.PendingChange{
			SpaceType: string(c.SpaceType), From: seconds(c.Window.From), To: seconds(c.Window.To),
			Price: amount(c.Quote.Total), PriceDetail: priceDetail(&c.Quote), Payment: paymentAnswer(v.Change), Until: seconds(c.Until),
		}
	}
	if o := v.Owed; o != nil && (o.Minor > 0 || v.Debt != nil) {
		out.Owed = &api.OwedAnswer{Amount: amount(money.New(max(o.Minor, 0), o.Currency))}
		if v.Debt != nil {
			out.Owed.Payment = new(paymentAnswer(v.Debt))
		}
	}
	if !v.Entered.IsZero() {
		out.EnteredAt = new(seconds(v.Entered))
	}
	if r.State == reservation.Held {
		until := seconds(r.HoldUntil)
		out.HoldUntil = &until
		out.CardsLeft = counted(r.Quote.CardsLeft)
	}
	if withToken {
		out.ManageToken = given(v.Token.Reveal())
	}
	return api.ReservationAnswer{Reservation: out}
}

func paymentAnswer(p *payment.Payment) api.Payment {
	out := api.Payment{
		Id: p.ID.String(), State: api.PaymentState(p.State), Amount: amount(p.Amount),
		Authorized: amount(money.New(p.Authorized, p.Amount.Currency)), DeclineCode: given(p.DeclineCode),
	}
	if p.State == payment.RequiresAction {
		out.NextAction = given(p.NextAction)
	}
	if p.State == payment.Captured {
		captured := amount(money.New(p.Captured, p.Amount.Currency))
		out.Captured = &captured
	}
	if len(p.Refunds) > 0 {
		refunded := amount(money.New(p.Refunded, p.Amount.Currency))
		out.Refunded = &refunded
		var all []api.PaymentRefund
		for _, r := range p.Refunds {
			reason, _, _ := strings.Cut(r.Reason, "-")
			all = append(all, api.PaymentRefund{Reason: api.RefundReason(reason), State: api.RefundState(r.State), Amount: amount(money.New(r.Amount, p.Amount.Currency)), At: seconds(r.At)})
		}
		out.Refunds = &all
	}
	return out
}

func quoteAnswer(q *booking.Quote) api.QuoteAnswer {
	return api.QuoteAnswer{Quote: api.Quote{
		Id: q.ID.String(), ParkingId: string(q.Parking), SpaceType: string(q.SpaceType), From: seconds(q.Window.From), To: seconds(q.Window.To),
		Price: amount(q.Price.Total), PriceDetail: priceDetail(&q.Price), ExpiresAt: seconds(q.ExpiresAt),
	}}
}

func priceDetail(q *reservation.Quote) api.PriceDetail {
	d := api.PriceDetail{Tax: amount(q.Tax), TariffVersion: int64(q.TariffVersion), Lines: []api.PriceLine{}}
	for _, l := range q.Lines {
		d.Lines = append(d.Lines, api.PriceLine{
			Rule: l.Rule, Id: given(l.ID), Label: l.Label, From: l.From.UTC(), To: l.To.UTC(), Amount: amount(l.Amount),
			Quantity: counted(l.Quantity), Minutes: counted(l.Minutes), Rate: counted(l.Rate), Days: counted(l.Days),
		})
	}
	return d
}

func amount(a money.Amount) api.Amount {
	return api.Amount{Minor: a.Minor, Currency: string(a.Currency)}
}

// given is nil for the empty text.
func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// counted is nil for nothing.
func counted[T int | int64](n T) *T {
	if n == 0 {
		return nil
	}
	return &n
}

func seconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// missed is what not coming costs; nil when it was not agreed on at booking.
func missed(r *reservation.Reservation) *api.Amount {
	if r.Quote.NoShowCharge == nil {
		return nil
	}
	out := amount(r.Quote.Missed(0))
	return &out
}

// leftEarly is what leaving early costs at the least; nil when it saves nothing.
func leftEarly(r *reservation.Reservation) *api.Amount {
	if r.Quote.EarlyCharge == nil {
		return nil
	}
	out := amount(money.New(bill.Percent(max(r.Quote.Total.Minor, 0), *r.Quote.EarlyCharge), r.Quote.Total.Currency))
	return &out
}
