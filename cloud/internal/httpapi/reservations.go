package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

func (s *server) createQuote(c *gin.Context) error {
	var parking, spaceType, from, to string
	var begin, end time.Time
	err := readBody(c, object{
		texts:    map[string]*string{"parking_id": &parking, "space_type": &spaceType, "from": &from, "to": &to},
		required: []string{"parking_id", "space_type", "from", "to"},
	}, times{"from": {&from, &begin}, "to": {&to, &end}})
	if err != nil {
		return err
	}
	ctx, done := bounded(c)
	defer done()
	q, err := s.Booking.Quote(ctx, parking, spaceType, begin, end)
	if err != nil {
		return err
	}
	answer(c, http.StatusCreated, quoteAnswer(&q))
	return nil
}

func (s *server) reserve(c *gin.Context) error {
	began := time.Now()
	var r booking.Request
	var from, to string
	var keep *bool
	err := readBody(c, object{
		flags: map[string]**bool{"keep_when_declined": &keep},
		texts: map[string]*string{
			"parking_id": &r.Parking, "space_type": &r.SpaceType, "from": &from, "to": &to,
			"vehicle_plate": &r.Plate, "payment_method": &r.Method, "quote_id": &r.Quote, "language": &r.Language,
		},
		objects: map[string]object{"contact": {
			texts: map[string]*string{"email": &r.Email, "phone": &r.Phone}, required: []string{"email"},
		}},
		required: []string{"parking_id", "space_type", "from", "to", "payment_method", "contact"},
	}, times{"from": {&from, &r.From}, "to": {&to, &r.To}})
	if err != nil {
		return err
	}
	if r.Key, r.Account, err = s.scoped(c); err != nil {
		return err
	}
	r.Accepts, r.Keep = c.GetHeader("Accept-Language"), keep != nil && *keep
	// No deadline here: the service sets its own, and goes on when the client
	// has hung up.
	v, err := s.Booking.Reserve(c.Request.Context(), r)
	if err != nil {
		if s.Demand != nil && fault.Code(err) == booking.CodeSoldOut {
			s.Demand.Refused(id.Parking(r.Parking), id.SpaceType(r.SpaceType), r.From, r.Account.String()+r.Key)
		}
		return err
	}
	c.Header("Location", "/reservations/"+v.Reservation.ID.String())
	noteUnsecured(c, &v)
	took(c, &v, began)
	answer(c, settled(&v, http.StatusCreated), reservationAnswer(&v, true))
	return nil
}

// scoped is the request's idempotency key and whose it is: the account's that is logged
// in, or a guest's.
func (s *server) scoped(c *gin.Context) (string, id.Account, error) {
	text, err := key(c)
	if err != nil {
		return "", id.Account{}, err
	}
	who, _, err := s.who(c)
	return text, who.Account, err
}

// key is the request's idempotency key, empty when it has none.
func key(c *gin.Context) (string, error) {
	keys := c.Request.Header.Values("Idempotency-Key")
	if len(keys) > 1 {
		return "", fault.New(fault.Invalid, booking.CodeKeyInvalid, "Send one Idempotency-Key.")
	}
	return c.GetHeader("Idempotency-Key"), nil
}

// settled is the status of a reservation, which is 202 while the provider has
// not answered.
func settled(v *booking.View, status int) int {
	if v.Pending() {
		return http.StatusAccepted
	}
	return status
}

// took says where the time since began went, in milliseconds; what is in total
// alone was spent reading the request:
// https://www.w3.org/TR/server-timing/
func took(c *gin.Context, v *booking.View, began time.Time) {
	t := &v.Took
	c.Header("Server-Timing", fmt.Sprintf("quote;dur=%.3f, commit;dur=%.3f, hold;dur=%.3f, confirm;dur=%.3f, pass;dur=%.3f, total;dur=%.3f",
		ms(t.Quote), ms(t.Claim), ms(t.Hold), ms(t.Record), ms(t.Pass), ms(time.Since(began))))
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (s *server) getReservation(c *gin.Context) error {
	r, bySession, err := s.admitted(c)
	if err != nil {
		return err
	}
	c.Writer.Header().Add("Vary", "Accept, Authorization")
	if accepts(c, "text/event-stream") {
		return s.streamReservation(c, r, bySession)
	}
	ctx, done := bounded(c)
	defer done()
	v, err := s.Booking.Get(ctx, r)
	if err != nil {
		return err
	}
	answer(c, http.StatusOK, reservationAnswer(&v, false))
	return nil
}

func (s *server) confirm(c *gin.Context) error {
	r, err := s.authenticated(c)
	if err != nil {
		return err
	}
	v, err := s.Booking.Confirm(c.Request.Context(), r)
	if err != nil {
		return err
	}
	answer(c, settled(&v, http.StatusOK), reservationAnswer(&v, false))
	return nil
}

func (s *server) extend(c *gin.Context) error {
	var to string
	var r booking.ChangeRequest
	return s.change(c, &r, object{
		texts: map[string]*string{"to": &to}, counts: map[string]*int64{"version": &r.Version},
		amounts: map[string]**money.Amount{"price": &r.Price}, required: []string{"to"},
	}, times{"to": {&to, &r.To}}, s.Booking.Extend)
}

func (s *server) modify(c *gin.Context) error {
	var from, to string
	var r booking.ChangeRequest
	return s.change(c, &r, object{
		texts:    map[string]*string{"from": &from, "to": &to, "space_type": &r.SpaceType},
		counts:   map[string]*int64{"version": &r.Version},
		amounts:  map[string]**money.Amount{"price": &r.Price},
		required: []string{"from", "to"},
	}, times{"from": {&from, &r.From}, "to": {&to, &r.To}}, s.Booking.Modify)
}

// priceOf answers what a change, or leaving now, would cost.
func (s *server) priceOf(c *gin.Context) error {
	which, err := s.authenticated(c)
	if err != nil {
		return err
	}
	var from, to string
	var r booking.ChangeRequest
	if err := readBody(c, object{texts: map[string]*string{"from": &from, "to": &to, "space_type": &r.SpaceType}},
		times{"from": {&from, &r.From}, "to": {&to, &r.To}}); err != nil {
		return err
	}
	if r.To.IsZero() && (!r.From.IsZero() || r.SpaceType != "") {
		return fault.New(fault.Invalid, booking.CodeRequestInvalid, "A change needs an end.").WithField("to", "is missing")
	}
	ctx, done := bounded(c)
	defer done()
	q, err := s.Booking.PriceOf(ctx, which, r)
	if err != nil {
		return err
	}
	answer(c, http.StatusOK, api.PriceAnswer{Price: amount(q.Total), PriceDetail: priceDetail(&q)})
	return nil
}

// change reads a body into r and does what it asks for.
func (s *server) change(c *gin.Context, r *booking.ChangeRequest, o object, instants times,
	do func(context.Context, id.Reservation, booking.ChangeRequest) (booking.View, error),
) error {
	began := time.Now()
	which, err := s.authenticated(c)
	if err != nil {
		return err
	}
	if err := readBody(c, o, instants); err != nil {
		return err
	}
	if r.Key, r.Account, err = s.scoped(c); err != nil {
		return err
	}
	// No deadline here, as for a reservation.
	v, err := do(c.Request.Context(), which, *r)
	if err != nil {
		return err
	}
	took(c, &v, began)
	answer(c, settled(&v, http.StatusOK), reservationAnswer(&v, false))
	return nil
}

func (s *server) pay(c *gin.Context) error {
	began := time.Now()
	which, err := s.authenticated(c)
	if err != nil {
		return err
	}
	var q booking.PayRequest
	if err := readBody(c, object{texts: map[string]*string{"payment_method": &q.Method}}, nil); err != nil {
		return err
	}
	if q.Key, q.Account, err = s.scoped(c); err != nil {
		return err
	}
	// No deadline here, as for a reservation.
	v, err := s.Booking.Pay(c.Request.Context(), which, q)
	if err != nil {
		return err
	}
	took(c, &v, began)
	answer(c, settled(&v, http.StatusOK), reservationAnswer(&v, false))
	return nil
}

func (s *server) tryCard(c *gin.Context) error {
	began := time.Now()
	which, err := s.authenticated(c)
	if err != nil {
		return err
	}
	var q booking.CardRequest
	if err := readBody(c, object{texts: map[string]*string{"payment_method": &q.Method}, required: []string{"payment_method"}}, nil); err != nil {
		return err
	}
	if q.Key, q.Account, err = s.scoped(c); err != nil {
		return err
	}
	// No deadline here, as for a reservation.
	v, err := s.Booking.TryCard(c.Request.Context(), which, q)
	if err != nil {
		return err
	}
	noteUnsecured(c, &v)
	took(c, &v, began)
	answer(c, settled(&v, http.StatusOK), reservationAnswer(&v, false))
	return nil
}

func (s *server) withdraw(c *gin.Context) error {
	r, err := s.authenticated(c)
	if err != nil {
		return err
	}
	var change id.Payment
	if text, given := c.GetQuery("payment"); given {
		if change, err = id.Parse[id.Payment](text); err != nil {
			return fault.New(fault.Invalid, booking.CodeRequestInvalid, "Some of what was sent cannot be used; fields says what.").
				WithField("payment", "is no payment's id")
		}
	}
	ctx, done := bounded(c)
	defer done()
	v, err := s.Booking.Withdraw(ctx, r, change)
	if err != nil {
		return err
	}
	answer(c, http.StatusOK, reservationAnswer(&v, false))
	return nil
}

func (s *server) cancel(c *gin.Context) error {
	r, err := s.authenticated(c)
	if err != nil {
		return err
	}
	var shown *money.Amount
	if c.Request.ContentLength > 0 || len(c.Request.TransferEncoding) > 0 { // else it costs what it costs
		if err := readBody(c, object{amounts: map[string]**money.Amount{"charge": &shown}}, nil); err != nil {
			return err
		}
	}
	ctx, done := bounded(c)
	defer done()
	v, err := s.Booking.CancelAt(ctx, r, shown)
	if err != nil {
		return err
	}
	answer(c, http.StatusOK, reservationAnswer(&v, false))
	return nil
}

// authenticated is the reservation of the path, if the request carries its
// manage token or a session of the account that owns it.
func (s *server) authenticated(c *gin.Context) (id.Reservation, error) {
	r, _, err := s.admitted(c)
	return r, err
}

// admitted is that, and whether it was the session that opened it. An id that cannot be one gets the same answer as one that is
// somebody else's.
func (s *server) admitted(c *gin.Context) (which id.Reservation, bySession bool, err error) {
	token := c.Query("token")
	if header := c.GetHeader("Authorization"); header != "" {
		scheme, rest, _ := strings.Cut(header, " ")
		token = ""
		if strings.EqualFold(scheme, "Bearer") {
			token = strings.TrimSpace(rest)
		}
	}
	// The zero id stands for one that cannot be read: it has a token too, and
	// nobody was ever given it.
	r, parseErr := id.Parse[id.Reservation](c.Param("id"))
	if err := s.Booking.Authenticate(r, token); err != nil {
		return r, true, s.ownedOr(c, r, err)
	}
	if parseErr != nil {
		return r, false, fault.New(fault.NotFound, booking.CodeReservationNotFound, "There is no such reservation, or its token is not right.")
	}
	return r, false, nil
}

// answer writes JSON that nobody may keep.
func answer(c *gin.Context, status int, body any) {
	c.Header("Cache-Control", "no-store")
	c.Header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	c.JSON(status, body)
}

func accepts(c *gin.Context, mediaType string) bool {
	return strings.Contains(strings.ToLower(strings.Join(c.Request.Header.Values("Accept"), ",")), mediaType)
}
