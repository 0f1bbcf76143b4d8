package tariff

import (
	"fmt"
	"time"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
)

// MaxStay is the longest stay that is priced.
const MaxStay = 400 * 24 * time.Hour

// Facts are what a price depends on beside the tariff and the stay.
type Facts struct {
	Zone *time.Location // the parking's zone; needed by a maximum per calendar day
}

// Rules of a bill's lines.
const (
	RuleRate     = "rate"         // started intervals of one day
	RuleFree     = "free_minutes" // the stay was short enough to cost nothing
	RuleDailyMax = "daily_max"    // takes off what a day's intervals cost above its maximum
)

// Line is one step of a bill. The lines sum to the total; a maximum is a
// negative line.
type Line struct {
	Rule     string       `json:"rule"`
	Label    string       `json:"label"`              // English, for a person
	From     time.Time    `json:"from"`               // the part of the stay that the line is about, in UTC
	To       time.Time    `json:"to"`                 //
	Quantity int          `json:"quantity,omitempty"` // started intervals
	Amount   money.Amount `json:"amount"`
}

// Bill is an explained price.
type Bill struct {
	Total          money.Amount `json:"total"`
	Tax            money.Amount `json:"tax"` // included in Total
	TaxBasisPoints int          `json:"tax_basis_points"`
	Lines          []Line       `json:"lines"`
	TariffVersion  uint32       `json:"tariff_version"`
}

// Price prices a stay. Its errors are faults: "invalid_window" for a reversed
// stay, "stay_too_long" above MaxStay, "invalid_tariff", and "zone_missing"
// when a calendar day has no zone. A stay of no duration costs nothing and has
// no lines.
func (t Tariff) Price(stay timerange.Range, f Facts) (Bill, error) {
	if err := t.Validate(); err != nil {
		return Bill{}, err
	}
	// Stripped of monotonic readings: the price is by the instants.
	from, to := stay.From.UTC(), stay.To.UTC()
	switch elapsed := to.Sub(from); {
	case elapsed < 0:
		return Bill{}, fault.New(fault.Invalid, "invalid_window", "The stay ends before it begins.")
	case elapsed > MaxStay:
		return Bill{}, fault.New(fault.Invalid, "stay_too_long", "A stay of more than 400 days is not priced.")
	case t.DailyMax > 0 && t.Day == Calendar && f.Zone == nil:
		return Bill{}, fault.New(fault.Invalid, "zone_missing", "A maximum per calendar day needs the parking's time zone.")
	case elapsed == 0:
		return t.bill(nil), nil
	case elapsed <= time.Duration(t.FreeMinutes)*time.Minute:
		return t.bill([]Line{{
			Rule: RuleFree, Label: fmt.Sprintf("Up to %d min are free", t.FreeMinutes),
			From: from, To: to, Amount: money.New(0, t.Currency),
		}}), nil
	}
	return t.bill(t.lines(from, to, f)), nil
}

// lines prices a stay that is longer than the free minutes, day by day.
func (t Tariff) lines(from, to time.Time, f Facts) []Line {
	interval := time.Duration(t.IntervalMinutes) * time.Minute
	started := func(until time.Time) int64 { return ceilDiv(until.Sub(from), interval) }
	all := started(to)
	var lines []Line
	for counted, day := int64(0), from; counted < all; {
		next := t.dayAfter(day, from, to, f)
		upTo := min(started(next), all)
		if n := upTo - counted; n > 0 {
			begin, end := from.Add(time.Duration(counted)*interval), from.Add(time.Duration(upTo)*interval)
			if end.After(to) {
				end = to
			}
			full := n * t.Rate
			lines = append(lines, Line{
				Rule: RuleRate, Quantity: int(n), From: begin, To: end, Amount: money.New(full, t.Currency),
				Label: fmt.Sprintf("%d × %d min at %s", n, t.IntervalMinutes, money.New(t.Rate, t.Currency)),
			})
			if over := full - t.capped(full); over > 0 {
				lines = append(lines, Line{
					Rule: RuleDailyMax, From: begin, To: end, Amount: money.New(-over, t.Currency),
					Label: t.maximumLabel(day, f),
				})
			}
		}
		counted, day = upTo, next
	}
	return lines
}

// dayAfter is the instant at which the day that holds at ends for the tariff;
// without a maximum the whole stay is one day.
func (t Tariff) dayAfter(at, from, to time.Time, f Facts) time.Time {
	switch {
	case t.DailyMax == 0:
		return to
	case t.Day == Rolling:
		return from.Add((at.Sub(from)/(24*time.Hour) + 1) * 24 * time.Hour) //nolint:durationcheck // a count of days, times a day
	default:
		return nextMidnight(at, f.Zone)
	}
}

func (t Tariff) maximumLabel(day time.Time, f Facts) string {
	maximum := money.New(t.DailyMax, t.Currency)
	if t.Day == Rolling {
		return fmt.Sprintf("At most %s in 24 hours", maximum)
	}
	return fmt.Sprintf("At most %s on %s", maximum, day.In(f.Zone).Format(time.DateOnly))
}

// bill sums the lines. Their number and the limits of a tariff keep the sum in
// range.
func (t Tariff) bill(lines []Line) Bill {
	var total int64
	for _, l := range lines {
		total += l.Amount.Minor
	}
	return Bill{
		Total: money.New(total, t.Currency), Tax: money.New(includedTax(total, int64(t.TaxBasisPoints)), t.Currency),
		TaxBasisPoints: t.TaxBasisPoints, Lines: append([]Line{}, lines...), TariffVersion: t.Version,
	}
}

// includedTax is the tax contained in a total, rounded half up to the minor
// unit. The limits of a tariff keep the products below 2^63.
func includedTax(total, basisPoints int64) int64 {
	whole := 10_000 + basisPoints
	return (2*total*basisPoints + whole) / (2 * whole)
}

func ceilDiv(d, step time.Duration) int64 {
	n := int64(d / step)
	if d%step > 0 {
		n++
	}
	return n
}

// nextMidnight is the first instant after at whose date in the zone is a later
// one. It walks along the zone's offsets instead of asking for 00:00, which
// some zones skip and others have twice.
func nextMidnight(at time.Time, zone *time.Location) time.Time {
	at = at.In(zone)
	y, m, d := at.Date()
	today := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	for {
		_, offset := at.Zone()
		_, end := at.ZoneBounds()
		midnight := today.AddDate(0, 0, 1).Add(-time.Duration(offset) * time.Second)
		if end.IsZero() || midnight.Before(end) {
			return midnight
		}
		y, m, d := end.Date()
		if time.Date(y, m, d, 0, 0, 0, 0, time.UTC).After(today) {
			return end.UTC()
		}
		at = end
	}
}
