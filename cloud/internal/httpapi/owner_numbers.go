package httpapi

import (
	"context"
	"encoding/csv"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/books"
	"github.com/openlot/openlot/cloud/internal/lookup"
	"github.com/openlot/openlot/cloud/internal/trends"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
)

// Numbers are what operators look at: trends, reservations, stays, money.
type Numbers interface {
	// Zone is a parking's time zone; empty: there is no such parking.
	Zone(ctx context.Context, p id.Parking) (string, error)
	Hours(ctx context.Context, p id.Parking, span timerange.Range, of id.SpaceType) (trends.Kept, error)
	Reservations(ctx context.Context, w lookup.ReservationsWanted) ([]lookup.Reservation, error)
	Details(ctx context.Context, p id.Parking, i id.Reservation) (lookup.Details, error)
	Sessions(ctx context.Context, w lookup.SessionsWanted) ([]lookup.Session, error)
	Postings(ctx context.Context, s lookup.Scope, account, kind string, page lookup.Page) ([]books.Row, error)
	Ledger(ctx context.Context, s lookup.Scope) (iter.Seq2[books.Row, error], error)
	Receivables(ctx context.Context, s lookup.Scope, state string, page lookup.Page) ([]lookup.Receivable, error)
	Sums(ctx context.Context, s lookup.Scope) (lookup.Sums, error)
	Closings(ctx context.Context, s lookup.Scope, shifts bool, page lookup.Page) ([]books.Sealed, error)
}

// Demand counts who wanted to book and found nothing.
type Demand interface {
	Refused(p id.Parking, t id.SpaceType, from time.Time, key string)
}

const (
	numbersPage    = 50
	numbersMaxPage = 200
	moneyDays      = 400
)

// numberRoutes are what an operator's dashboard shows of trends, reservations, stays
// and money.
func (s *server) numberRoutes(get func(string, gin.HandlerFunc)) {
	if s.Numbers == nil {
		return
	}
	get("/owner/parkings/:id/trends", s.as(s.getTrends))
	get("/owner/parkings/:id/reservations/:reservation", s.as(s.ownerReservation))
	get("/owner/reservations", s.as(s.ownerReservations))
	get("/owner/sessions", s.as(s.ownerSessions))
	get("/owner/money", s.as(s.getMoney))
	get("/owner/ledger", s.as(s.listLedger))
	get("/owner/payouts", s.as(s.listPayouts))
	get("/owner/receivables", s.as(s.listReceivables))
	get("/owner/closings", s.as(func(c *gin.Context, p account.Principal, _ account.Login) error { return s.listClosings(c, p) }))
	get("/owner/shifts", s.as(func(c *gin.Context, p account.Principal, _ account.Login) error { return s.listShifts(c, p) }))
}

func errParkingHidden() error {
	return fault.New(fault.NotFound, "parking_not_found", "There is no such parking, or you do not work for its operator.")
}

func wrongParameter(name, says string) error {
	return fault.Newf(fault.Invalid, "invalid_parameter", "The parameter %s %s.", name, says).WithField(name, says)
}

// numberScope is what of whose parkings somebody may look at; money reports whether he
// may look at what they earn, of all of them. When only money is asked for, it is what he
// may look at.
func (s *server) numberScope(c *gin.Context, p account.Principal, onlyMoney bool) (scope lookup.Scope, seesMoney bool, err error) {
	var of id.Operator
	if text, given := c.GetQuery("operator"); given {
		if of, err = id.Parse[id.Operator](text); err != nil {
			return scope, false, fault.New(fault.NotFound, account.CodeOperatorUnknown, "There is no such operator, or you do not work for it.")
		}
	}
	found, err := s.Accounts.Parkings(c.Request.Context(), p, of)
	if err != nil {
		return scope, false, err
	}
	only := id.Parking(c.Query("parking"))
	if at := c.Param("id"); at != "" {
		only = id.Parking(at)
	}
	seesMoney = true
	var refusal error
	for _, o := range found {
		refused := account.Decide(p, account.ViewMoney, account.Object{Operator: o.Operator, Exists: true}).Refusal(errParkingHidden())
		if only != "" && !slices.Contains(o.Parkings, only) {
			continue
		}
		if refused != nil {
			refusal, seesMoney = refused, false
			if onlyMoney {
				continue
			}
		}
		scope.Operators = append(scope.Operators, o.Operator)
		scope.Parkings = append(scope.Parkings, o.Parkings...)
	}
	switch {
	case len(scope.Operators) == 0 && refusal != nil:
		return scope, false, refusal
	case only != "" && len(scope.Operators) == 0:
		return scope, false, errParkingHidden()
	case only != "":
		scope.Parkings = []id.Parking{only}
	}
	return scope, seesMoney, nil
}

// days reads the days of a scope; needed says whether both must be there.
func days(c *gin.Context, s *lookup.Scope, needed bool, most int) error {
	for name, into := range map[string]*books.Day{"from": &s.From, "to": &s.To} {
		text, given := c.GetQuery(name)
		if !given && !needed {
			continue
		}
		d, err := books.ParseDay(text)
		if err != nil {
			return wrongParameter(name, "must be a day such as 2026-10-25")
		}
		*into = d
	}
	if s.From != "" && s.To != "" {
		if s.To < s.From {
			return wrongParameter("to", "must not be before from")
		}
		if most > 0 && s.From.Add(most) <= s.To {
			return wrongParameter("to", fmt.Sprintf("must be within %d days", most))
		}
	}
	return nil
}

// page reads which part of a list is wanted: one row more than that, which tells
// whether there is another page.
func page(c *gin.Context) (p lookup.Page, limit int, err error) {
	limit = numbersPage
	if text, given := c.GetQuery("limit"); given {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > numbersMaxPage {
			return p, 0, wrongParameter("limit", fmt.Sprintf("must be 1 to %d", numbersMaxPage))
		}
	}
	if text, given := c.GetQuery("cursor"); given {
		at, ok := lookup.ParsePlace(text)
		if !ok {
			return p, 0, wrongParameter("cursor", "is not one of an earlier answer")
		}
		p.After = at
	}
	p.Limit = limit + 1
	return p, limit, nil
}

// cut makes a page of rows of which one may be too many.
func cut[T any](rows []T, limit int, place func(*T) lookup.Place) ([]T, *string) {
	if len(rows) <= limit {
		return rows, nil
	}
	next := place(&rows[limit-1]).String()
	return rows[:limit], &next
}

func onlyOf(c *gin.Context, name string, values ...string) (string, error) {
	text, given := c.GetQuery(name)
	if given && !slices.Contains(values, text) {
		return "", wrongParameter(name, "is none of those that there are")
	}
	return text, nil
}

func (s *server) getTrends(c *gin.Context, p account.Principal, _ account.Login) error {
	scope, seesMoney, err := s.numberScope(c, p, false)
	if err != nil {
		return err
	}
	if err := days(c, &scope, true, trends.MaxDays); err != nil {
		return err
	}
	at, of := scope.Parkings[0], id.SpaceType(c.Query("space_type"))
	ctx, cancel := bounded(c)
	defer cancel()
	name, err := s.Numbers.Zone(ctx, at)
	if err == nil && name == "" {
		err = errParkingHidden()
	}
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return fmt.Errorf("time zone of %s: %w", at, err)
	}
	before, _, ends := trends.Span(scope.From, scope.To, zone)
	kept, err := s.Numbers.Hours(ctx, at, timerange.Range{From: before, To: ends}, of)
	if err != nil {
		return err
	}
	r := trends.Make(kept.Rows, scope.From, scope.To, zone, kept.Currency, time.Now())
	if accepts(c, "text/csv") {
		return trendsCSV(c, at, &r)
	}
	answer(c, http.StatusOK, trendsAnswer(at, &kept, &r, seesMoney))
	return nil
}

func trendsAnswer(at id.Parking, kept *trends.Kept, r *trends.Report, seesMoney bool) api.Trends {
	t := api.Trends{
		ParkingId: string(at), Timezone: kept.Zone, From: string(r.From), To: string(r.To), Currency: string(kept.Currency), Capacity: kept.Capacity,
		LastFactAt: r.ToldAt, KnownUntil: kept.KnownUntil, ComputedAt: r.CountedAt,
		Hours: []api.TrendHour{}, Days: []api.TrendDay{}, StayLengths: []api.StayLength{},
		Total: trendSums(&r.Total, seesMoney), Before: trendSums(&r.Before, seesMoney),
	}
	for _, h := range r.Hours {
		t.Hours = append(t.Hours, api.TrendHour{
			At: h.At, Day: string(h.Day), Hour: h.Hour, Repeated: h.Repeated, OccupancyPercent: narrow(h.Percent), Occupied: narrow(h.Occupied),
			Capacity: h.Capacity, Arrivals: h.Arrivals, Departures: h.Left, Refused: h.Refused, Late: h.Late,
		})
	}
	for i := range r.Days {
		d, x := &r.Days[i], trendSums(&r.Days[i].Sums, seesMoney)
		t.Days = append(t.Days, api.TrendDay{
			Day: string(d.Day), Hours: api.TrendDayHours(d.Hours),
			RevenueReserved: x.RevenueReserved, RevenueWalkIn: x.RevenueWalkIn, Stays: x.Stays, Turnover: x.Turnover, MedianMinutes: x.MedianMinutes, Reserved: x.Reserved,
			NoShows: x.NoShows, EarlyDepartures: x.EarlyDepartures, Resold: x.Resold, Refused: x.Refused, FullHours: x.FullHours, UnknownHours: x.UnknownHours,
		})
	}
	for _, l := range r.Lengths {
		t.StayLengths = append(t.StayLengths, api.StayLength{UpToMinutes: l.UpTo, Stays: l.Stays})
	}
	return t
}

func narrow(x *float64) *float32 {
	if x == nil {
		return nil
	}
	return new(float32(*x))
}

func trendSums(x *trends.Sums, seesMoney bool) api.TrendSums {
	s := api.TrendSums{
		Stays: x.Stays, Turnover: narrow(x.Turnover), MedianMinutes: x.Median, Reserved: x.Due, NoShows: x.NoShows, EarlyDepartures: x.Early, Resold: x.Resold,
		Refused: x.Refused, FullHours: x.FullHours, UnknownHours: x.UnknownHours,
	}
	if seesMoney {
		s.RevenueReserved, s.RevenueWalkIn = maybe(x.Reserved), maybe(x.WalkIn)
	}
	return s
}

func maybe(m money.Amount) *api.MaybeAmount {
	a := amount(m)
	return &a
}

// trendsCSV writes the hours as a file; what is not known is empty.
func trendsCSV(c *gin.Context, at id.Parking, r *trends.Report) error {
	asFile(c, fmt.Sprintf("trends-%s-%s-%s.csv", at, r.From, r.To))
	w := csv.NewWriter(c.Writer)
	w.UseCRLF = true
	number := func(x *float64, digits int) string {
		if x == nil {
			return ""
		}
		return strconv.FormatFloat(*x, 'f', digits, 64)
	}
	count := func(n *int) string {
		if n == nil {
			return ""
		}
		return strconv.Itoa(*n)
	}
	err := w.Write([]string{"at", "day", "hour", "repeated", "occupancy_percent", "occupied", "capacity", "arrivals", "departures", "turnover", "refused", "late"})
	for _, h := range r.Hours {
		if err != nil {
			break
		}
		err = w.Write([]string{
			h.At.Format(time.RFC3339), string(h.Day), strconv.Itoa(h.Hour), strconv.FormatBool(h.Repeated), number(h.Percent, 1), number(h.Occupied, 1),
			strconv.Itoa(h.Capacity), count(h.Arrivals), count(h.Left), number(h.Turnover, 3), strconv.Itoa(h.Refused), strconv.FormatBool(h.Late),
		})
	}
	w.Flush()
	if err == nil {
		err = w.Error()
	}
	if err != nil {
		return fmt.Errorf("write the trends: %w", err)
	}
	return nil
}

// asFile says that what follows is a CSV file of that name.
func asFile(c *gin.Context, name string) {
	c.Header("Cache-Control", "no-store")
	c.Header("Content-Disposition", `attachment; filename="`+name+`"`)
	c.Header("Content-Type", "text/csv; charset=utf-8")
	c.Status(http.StatusOK)
}
