// Package whatif prices past stays anew: what each would have cost by a tariff, as far
// as that depends on the tariff. It is pure. What a stay was charged by is on its bill,
// so that the rule which applied then applies again: the time inside for a walk-in, the
// window and what was done with it for a reservation, and nothing where nothing was
// charged for another reason than the tariff.
//
// Pricing stays by the edition that priced them gives what they were charged, to the
// minor unit, as long as the parking's graces are what they were.
package whatif

import (
	"errors"
	"slices"
	"time"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// Stay is a stay that has ended.
type Stay struct {
	Entered time.Time // zero: nobody saw it
	Left    time.Time
	Unseen  bool                     // nobody saw it leave
	Bill    bill.Bill                // the last one
	On      *reservation.Reservation // what it stood on; nil: a walk-in
}

// Edition is a tariff that stays are priced by.
type Edition struct {
	tariff tariff.Tariff
	plan   *tariff.Plan
}

// Compile makes an edition for a parking's zone. Its faults are those of tariff.Compile.
func Compile(p *parking.Parking, t tariff.Tariff) (*Edition, error) {
	zone, err := p.Location()
	if err != nil {
		zone = nil // many a tariff needs none
	}
	plan, err := tariff.Compile(t, zone)
	if err != nil {
		return nil, err
	}
	return &Edition{t, plan}, nil
}

// errUnpriced is a stay that the tariff cannot price.
var errUnpriced = errors.New("the tariff cannot price the stay")

// Price is what a stay costs by the edition.
func (e *Edition) Price(p *parking.Parking, s *Stay) (int64, error) {
	switch s.Bill.Basis {
	case bill.Used:
		if len(s.Bill.Parts) != 1 {
			return 0, errUnpriced
		}
		part := &s.Bill.Parts[0]
		return e.total(timerange.Range{From: part.From, To: part.To}, part.SpaceType)
	case bill.Quoted, bill.Unwatched, bill.Overstayed, bill.QuotedAndNew, bill.Shortened:
		if s.On == nil {
			return 0, errUnpriced
		}
		return e.reserved(p, s)
	case bill.Missed, bill.Cancelled, bill.Walked, bill.Voided, bill.NotSeen: // the tariff has no say in it
	}
	return s.Bill.Due.Minor, nil
}

func (e *Edition) total(r timerange.Range, t id.SpaceType) (int64, error) {
	if longest := r.From.Add(tariff.MaxStay); r.To.After(longest) {
		r.To = longest
	}
	a, err := e.plan.Total(r, tariff.Facts{SpaceType: string(t)})
	return a.Minor, err
}

// reserved prices the window as if it had been booked by this edition, at the demand of
// its booking, and then what was done with it.
func (e *Edition) reserved(p *parking.Parking, s *Stay) (int64, error) {
	r := *s.On
	agreed, err := e.plan.Price(r.Window, tariff.Facts{SpaceType: string(r.SpaceType)})
	if err != nil {
		return 0, err
	}
	agreed = agreed.Demand(r.Quote.DemandPercent(), r.Window)
	r.Quote.Total, r.Quote.Tax, r.Quote.Lines, r.Quote.TariffVersion = agreed.Total, agreed.Tax, nil, e.tariff.Version
	if s.Bill.Basis == bill.Unwatched {
		return max(r.Quote.Total.Minor, 0), nil
	}
	due := settlement.AtExit(settlement.ExitInput{
		Parking: p, Reservation: &r, SpaceType: r.SpaceType, Tariff: &e.tariff, Plan: e.plan, EnteredAt: s.Entered, ExitedAt: s.charged(p), Unseen: s.Unseen,
	})
	if due.Problem != nil {
		return 0, due.Problem
	}
	return due.Due.Minor, nil
}

// charged is the end of the stay as it was charged: the doubt about the edge's clock, and
// a payment at a machine, are in the bill.
func (s *Stay) charged(p *parking.Parking) time.Time {
	b := &s.Bill
	switch n := len(b.Parts); {
	case b.Basis == bill.Shortened && n == 2:
		return b.Parts[1].To
	case (b.Basis == bill.Overstayed || b.Basis == bill.QuotedAndNew) && n > 0:
		return b.Parts[n-1].To.Add(time.Duration(b.Grace) * time.Second)
	case b.Basis == bill.Quoted && b.Grace == 0: // it left in time
		if last := s.On.Window.To.Add(p.Policy.ExitGrace); s.Left.After(last) {
			return last
		}
	}
	return s.Left
}

// length is how long it was there.
func (s *Stay) length() time.Duration {
	if !s.Entered.IsZero() {
		return max(s.Left.Sub(s.Entered), 0)
	}
	if s.On != nil {
		return s.On.Window.Duration()
	}
	return 0
}

// Comparison is what stays cost by two editions. Amounts are minor units.
type Comparison struct {
	Stays, Unpriced       int
	Real, Now, Draft      int64
	Same, More, Less      int
	MostMore, MostLess    int64
	Bands                 []Band
	parking               *parking.Parking
	now, draft            *Edition
	currency              money.Currency
	pricesNow, priceDraft []map[int64]int
}

// Band are the stays of some lengths.
type Band struct {
	UpTo        time.Duration // 0: whatever is longer than the band before
	Stays       int
	MedianNow   int64 // the lower of two
	MedianDraft int64
	Difference  int64 // of the draft
}

// bands are where lengths of stay are told apart.
var bands = []time.Duration{
	30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 4 * time.Hour, 6 * time.Hour, 8 * time.Hour, 12 * time.Hour, 24 * time.Hour, 0,
}

// Compare begins a comparison of two editions at a parking.
func Compare(p *parking.Parking, now, draft *Edition) *Comparison {
	c := &Comparison{parking: p, now: now, draft: draft, currency: p.Tariff.Currency}
	for _, upTo := range bands {
		c.Bands = append(c.Bands, Band{UpTo: upTo})
		c.pricesNow, c.priceDraft = append(c.pricesNow, map[int64]int{}), append(c.priceDraft, map[int64]int{})
	}
	return c
}

// Add prices one more stay. A stay that either edition cannot price counts for both as
// it was charged.
func (c *Comparison) Add(s *Stay) {
	charged := int64(0)
	if s.Bill.Due.Currency == c.currency {
		charged = s.Bill.Due.Minor
	}
	now, err := c.now.Price(c.parking, s)
	draft, other := c.draft.Price(c.parking, s)
	if err != nil || other != nil {
		c.Unpriced++
		now, draft = charged, charged
	}
	c.Stays++
	c.Real, c.Now, c.Draft = c.Real+charged, c.Now+now, c.Draft+draft
	switch {
	case draft > now:
		c.More++
		c.MostMore = max(c.MostMore, draft-now)
	case draft < now:
		c.Less++
		c.MostLess = max(c.MostLess, now-draft)
	default:
		c.Same++
	}
	length := s.length()
	i := slices.IndexFunc(bands, func(upTo time.Duration) bool { return upTo == 0 || length <= upTo })
	c.Bands[i].Stays++
	c.Bands[i].Difference += draft - now
	c.pricesNow[i][now]++
	c.priceDraft[i][draft]++
}

// Done finds what needs all stays.
func (c *Comparison) Done() {
	for i := range c.Bands {
		c.Bands[i].MedianNow, c.Bands[i].MedianDraft = median(c.pricesNow[i]), median(c.priceDraft[i])
	}
}

// Point is what a stay of a length costs by both.
type Point struct {
	Length     time.Duration
	Now, Draft int64
}

// Curve prices stays of up to a day that begin at an instant. Its faults are those of
// tariff.Plan.Total.
func (c *Comparison) Curve(from time.Time, t id.SpaceType) ([]Point, error) {
	const step, day = 15 * time.Minute, 24 * time.Hour
	var out []Point
	for length := time.Duration(0); length <= day; length += step {
		r := timerange.Range{From: from, To: from.Add(length)}
		now, err := c.now.total(r, t)
		if err != nil {
			return nil, err
		}
		draft, err := c.draft.total(r, t)
		if err != nil {
			return nil, err
		}
		out = append(out, Point{length, now, draft})
	}
	return out, nil
}
