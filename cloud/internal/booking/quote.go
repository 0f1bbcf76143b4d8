package booking

import (
	"context"
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// QuoteLife is how long a quoted price can be reserved at.
const QuoteLife = 10 * time.Minute

// Fault codes of windows and quotes. They are part of the API.
const (
	CodeWindowEmpty   = "window_empty"
	CodeWindowInPast  = "window_in_past"
	CodeWindowTooLong = parking.CodeWindowTooLong
	CodeQuoteMismatch = "quote_mismatch"
	CodeQuoteExpired  = "quote_expired"
)

// Quote is a frozen price for a window.
type Quote struct {
	ID        id.Quote
	Parking   id.Parking
	SpaceType id.SpaceType
	Window    timerange.Range
	Price     reservation.Quote
	ExpiresAt time.Time
}

// checkWindow is what a window must be to be sold by this parking now. A window
// may start in the quarter that is running, whose claim it takes in full.
func checkWindow(w timerange.Range, p *parking.Parking, now time.Time) error {
	if w.From.Before(timerange.Floor(now).Time()) {
		return errPast()
	}
	if err := p.Policy.CheckWindow(w, now); err != nil {
		return err
	}
	return checkHours(w, p, false)
}

// checkHours is whether the parking is open when a window begins, unless it has begun, and
// when it ends.
func checkHours(w timerange.Range, p *parking.Parking, begun bool) error {
	if p.Policy.Hours == nil {
		return nil
	}
	zone, err := p.Location()
	if err != nil {
		return fmt.Errorf("zone of %s: %w", p.ID, err)
	}
	return p.Policy.CheckHours(w, zone, begun)
}

// writable reports whether a time can be written as RFC 3339 has it: with the
// offset taken off, the last hours of the year 9999 can be in a year of five
// digits. The faults are those of a window that is past or too far ahead.
func writable(from, to time.Time) error {
	const first, last = 0, 9999
	switch {
	case from.UTC().Year() < first:
		return errPast()
	case from.UTC().Year() > last || to.UTC().Year() > last:
		return fault.New(fault.Invalid, CodeBeyondHorizon, "No parking sells as far ahead as that.").WithField("to", "is too far ahead")
	}
	return nil
}

func errPast() error {
	return fault.New(fault.Invalid, CodeWindowInPast, "The window begins in the past.").
		WithField("from", "is before the current quarter-hour")
}

// newWindow makes a window of whole seconds.
func newWindow(from, to time.Time) (timerange.Range, error) {
	if err := writable(from, to); err != nil {
		return timerange.Range{}, err
	}
	w, err := timerange.New(from.Truncate(time.Second), to.Truncate(time.Second))
	if err != nil {
		return w, fault.Wrap(err, fault.Invalid, CodeWindowEmpty, "The window is empty or ends before it begins.").
			WithField("to", "is not after from")
	}
	return w, nil
}

// price prices a window of a space type by an edition of the parking's tariff, on
// the terms of its policy, at the demand; nil: at the tariff's price.
func price(p *parking.Parking, by *tariff.Tariff, t id.SpaceType, w timerange.Range, d *reservation.Demand) (reservation.Quote, error) {
	zone, err := p.Location()
	if err != nil {
		return reservation.Quote{}, fmt.Errorf("zone of %s: %w", p.ID, err)
	}
	bill, err := by.Price(w, tariff.Facts{Zone: zone, SpaceType: string(t)})
	if err != nil {
		return reservation.Quote{}, fmt.Errorf("price at %s: %w", p.ID, err)
	}
	missed := p.Policy.NoShowCharge
	q := reservation.Quote{TariffVersion: bill.TariffVersion, NoShowCharge: &missed, Demand: d}
	if early := p.Policy.EarlyCharge; early < 100 {
		q.EarlyCharge = &early
	}
	bill = bill.Demand(q.DemandPercent(), w)
	q.Total, q.Tax, q.Lines = bill.Total, bill.Tax, bill.Lines
	return q, nil
}

// Demand is what moves the price of a window away from the tariff's now; nil:
// nothing does. It is a pure rule.
func Demand(p *parking.Parking, t parking.SpaceType, days map[inventory.Key]*inventory.Day, w timerange.Range, now time.Time) *reservation.Demand {
	lead := parking.Lead(w.From, now)
	occupancy := inventory.Occupancy(days, t.ID, t.Capacity, w.Claim())
	percent := p.Policy.Dynamic.Percent(occupancy, lead)
	if percent == 100 {
		return nil
	}
	return &reservation.Demand{Percent: percent, Occupancy: occupancy, Lead: int64(lead / time.Minute)}
}

// priceNow is what a window costs who asks for it now.
func (s *Service) priceNow(ctx context.Context, p *parking.Parking, t parking.SpaceType, w timerange.Range, now time.Time) (reservation.Quote, error) {
	var d *reservation.Demand
	if p.Policy.Dynamic != nil {
		days, err := s.Store.Days(ctx, p.ID, t.ID, w.Claim())
		if err != nil {
			return reservation.Quote{}, fmt.Errorf("how full %s is: %w", p.ID, err)
		}
		d = Demand(p, t, days, w, now)
	}
	return price(p, &p.Tariff, t.ID, w, d)
}

// accept is the quote's price, if it was made for this request and still stands.
func (q Quote) accept(p id.Parking, t id.SpaceType, w timerange.Range, now time.Time) (reservation.Quote, error) {
	same := q.Parking == p && q.SpaceType == t && q.Window.From.Equal(w.From) && q.Window.To.Equal(w.To)
	switch {
	case !same:
		return q.Price, fault.New(fault.Conflict, CodeQuoteMismatch, "The quote was made for another parking, space type or window.").
			WithField("quote_id", "is for something else")
	case !now.Before(q.ExpiresAt):
		return q.Price, errQuoteExpired()
	}
	return q.Price, nil
}

func errQuoteExpired() error {
	return fault.New(fault.Conflict, CodeQuoteExpired, "The quoted price has expired. Ask for a new quote.").
		WithField("quote_id", "has expired or never was")
}
