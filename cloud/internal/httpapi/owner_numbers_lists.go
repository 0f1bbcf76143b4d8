package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/lookup"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// sought reads what somebody has typed. none says that nothing can be found by it.
func sought(c *gin.Context) (s *lookup.Sought, none bool, err error) {
	text, given := c.GetQuery("q")
	if !given {
		return nil, false, nil
	}
	if len(text) < 2 || len(text) > 254 {
		return nil, false, wrongParameter("q", "must have 2 to 254 characters")
	}
	found, ok := lookup.Seek(text, time.Now())
	return &found, !ok, nil
}

func (s *server) ownerReservations(c *gin.Context, p account.Principal, _ account.Login) error {
	scope, seesMoney, err := s.numberScope(c, p, false)
	if err != nil {
		return err
	}
	if err := days(c, &scope, false, 0); err != nil {
		return err
	}
	states := []string{}
	for _, x := range reservation.States() {
		states = append(states, string(x))
	}
	state, err := onlyOf(c, "state", states...)
	if err != nil {
		return err
	}
	part, limit, err := page(c)
	if err != nil {
		return err
	}
	q, none, err := sought(c)
	if err != nil {
		return err
	}
	list := api.OwnerReservations{Reservations: []api.OwnerReservation{}}
	if none || q != nil && q.Plate == "" && q.Mail == "" && q.Reservation.IsZero() && q.Session.IsZero() {
		answer(c, http.StatusOK, list)
		return nil
	}
	ctx, cancel := bounded(c)
	defer cancel()
	rows, err := s.Numbers.Reservations(ctx, lookup.ReservationsWanted{Scope: scope, State: state, Sought: q, Page: part})
	if err != nil {
		return err
	}
	rows, list.NextCursor = cut(rows, limit, (*lookup.Reservation).Place)
	for i := range rows {
		list.Reservations = append(list.Reservations, ownerReservation(&rows[i], seesMoney))
	}
	answer(c, http.StatusOK, list)
	return nil
}

func ownerReservation(r *lookup.Reservation, seesMoney bool) api.OwnerReservation {
	a := api.OwnerReservation{
		Id: r.ID.String(), ParkingId: string(r.Parking), SpaceType: string(r.SpaceType), State: api.ReservationState(r.State),
		From: seconds(r.Window.From), To: seconds(r.Window.To), Email: r.Email, VehiclePlate: given(r.Plate), Phone: given(r.Phone), Space: given(r.Space),
		SessionId: given(r.Session.String()), CreatedAt: r.CreatedAt.UTC(),
	}
	if seesMoney {
		a.Price = new(amount(r.Quote.Total))
		if r.PaymentState != "" {
			a.PaymentState = new(api.PaymentState(r.PaymentState))
		}
	}
	return a
}

func (s *server) ownerSessions(c *gin.Context, p account.Principal, _ account.Login) error {
	scope, seesMoney, err := s.numberScope(c, p, false)
	if err != nil {
		return err
	}
	if err := days(c, &scope, false, 0); err != nil {
		return err
	}
	w := lookup.SessionsWanted{Scope: scope}
	state, err := onlyOf(c, "state", "open", "ended")
	if err != nil {
		return err
	}
	if state != "" {
		w.Open = new(state == "open")
	}
	walkIn, err := onlyOf(c, "walk_in", "true", "false")
	if err != nil {
		return err
	}
	if walkIn != "" {
		w.WalkIn = new(walkIn == "true")
	}
	part, limit, err := page(c)
	if err != nil {
		return err
	}
	q, none, err := sought(c)
	if err != nil {
		return err
	}
	list := api.OwnerSessions{Sessions: []api.OwnerSession{}}
	if none {
		answer(c, http.StatusOK, list)
		return nil
	}
	w.Page, w.Sought = part, q
	ctx, cancel := bounded(c)
	defer cancel()
	rows, err := s.Numbers.Sessions(ctx, w)
	if err != nil {
		return err
	}
	rows, list.NextCursor = cut(rows, limit, (*lookup.Session).Place)
	for i := range rows {
		list.Sessions = append(list.Sessions, ownerSession(&rows[i], seesMoney))
	}
	answer(c, http.StatusOK, list)
	return nil
}

func ownerSession(x *lookup.Session, seesMoney bool) api.OwnerSession {
	a := api.OwnerSession{
		Id: x.ID.String(), ParkingId: string(x.Parking), SpaceType: string(x.SpaceType), State: api.SessionState(x.State), WalkIn: x.Reservation.IsZero(),
		ReservationId: given(x.Reservation.String()), VehiclePlate: given(x.Plate), EnteredAt: x.EnteredAt.UTC(), Inferred: x.Inferred,
		EntryLane: given(x.EntryLane), ExitLane: given(x.ExitLane), EntryReason: given(x.EntryReason), ExitReason: given(x.ExitReason),
	}
	if x.ExitedAt != nil {
		a.LeftAt = new(x.ExitedAt.UTC())
		a.Minutes = new(int(x.ExitedAt.Sub(x.EnteredAt) / time.Minute))
	}
	if seesMoney && x.Currency != nil {
		if x.Due != nil {
			a.Due = new(amount(money.New(*x.Due, *x.Currency)))
		}
		if x.Owed != nil {
			a.Owed = new(amount(money.New(*x.Owed, *x.Currency)))
		}
	}
	return a
}

func (s *server) ownerReservation(c *gin.Context, p account.Principal, _ account.Login) error {
	scope, seesMoney, err := s.numberScope(c, p, false)
	if err != nil {
		return err
	}
	i, err := id.Parse[id.Reservation](c.Param("reservation"))
	if err != nil {
		return fault.New(fault.NotFound, booking.CodeReservationNotFound, "There is no such reservation.")
	}
	ctx, cancel := bounded(c)
	defer cancel()
	d, err := s.Numbers.Details(ctx, scope.Parkings[0], i)
	if err != nil {
		return err
	}
	a := api.OwnerReservationDetail{
		Reservation: ownerReservation(&d.Reservation, seesMoney), Stays: []api.OwnerSession{}, Timeline: []api.TimelineEntry{}, Told: []api.ToldDriver{},
	}
	for i := range d.Stays {
		a.Stays = append(a.Stays, ownerSession(&d.Stays[i], seesMoney))
	}
	for _, f := range d.Facts {
		if e := timelineEntry(&f); seesMoney || !strings.HasPrefix(e.Code, "payment.") && !strings.HasPrefix(e.Code, "refund.") {
			a.Timeline = append(a.Timeline, e)
		}
	}
	for _, m := range d.Messages {
		channel, template, _ := strings.Cut(m.Kind, "_")
		a.Told = append(a.Told, api.ToldDriver{At: m.At.UTC(), Channel: api.ToldDriverChannel(channel), Template: template, State: api.ToldDriverState(m.State)})
	}
	if seesMoney {
		if err := detailMoney(&a, &d); err != nil {
			return err
		}
	}
	answer(c, http.StatusOK, a)
	return nil
}

func timelineEntry(f *lookup.Fact) api.TimelineEntry {
	e := api.TimelineEntry{At: f.At.UTC(), Source: "cloud", Code: f.Code, Lane: given(f.Lane), Reason: given(f.Reason), State: given(f.State)}
	if f.Gate {
		e.Source, e.UncertainMs = "gate", new(f.Uncertain.Milliseconds())
	}
	if f.ToldAt != nil {
		e.ToldAt = new(f.ToldAt.UTC())
	}
	return e
}

// detailMoney adds what staff do not see.
func detailMoney(a *api.OwnerReservationDetail, d *lookup.Details) error {
	payments, bills, postings := []api.OwnerPayment{}, []api.OwnerBill{}, []api.LedgerPosting{}
	for _, x := range d.Payments {
		payments = append(payments, api.OwnerPayment{
			Id: x.ID.String(), State: api.PaymentState(x.State), Provider: x.Provider, Amount: amount(x.Amount), Authorized: amount(x.Authorized),
			Captured: amount(x.Captured), Refunded: amount(x.Refunded), DeclineCode: given(x.DeclineCode), ForDebt: x.ForDebt, UpdatedAt: x.UpdatedAt.UTC(),
		})
	}
	for _, x := range d.Bills {
		b := api.OwnerBill{Number: x.Number, At: x.At.UTC()}
		document, err := json.Marshal(x.Bill) // the API's bill is the document
		if err == nil {
			err = json.Unmarshal(document, &b.Bill)
		}
		if err != nil {
			return fmt.Errorf("bill %d of %s: %w", x.Number, d.Reservation.ID, err)
		}
		bills = append(bills, b)
	}
	for i := range d.Money {
		postings = append(postings, posting(&d.Money[i]))
	}
	detail := priceDetail(&d.Reservation.Quote)
	a.Payments, a.Bills, a.Money, a.PriceDetail = &payments, &bills, &postings, &detail
	return nil
}
