package tariff

import (
	"time"

	"github.com/openlot/openlot/protocol/money"
)

// Format is the shape of the tariff documents that this package reads.
const Format = 1

// Limits of a tariff. They keep every price of a stay of at most MaxStay far
// below the range of an amount.
const (
	MaxRate            = 100_000_000 // minor units per interval
	MaxMaximum         = 100_000_000 // minor units of a maximum, or of the minimum
	MaxIntervalMinutes = 24 * 60
	MaxFreeMinutes     = 24 * 60
	MaxTaxBasisPoints  = 10_000
	MaxFactor          = 100_000 // basis points: ten times the price
	MaxSteps           = 16
	MaxBands           = 16
	MaxEvents          = 64
	MaxHolidays        = 400
	MaxMaxima          = 4
	MaxFactors         = 16
	MaxEventLength     = 31 * 24 * time.Hour
)

// Charge says which part of an interval costs.
type Charge string

// The ways of charging.
const (
	Started Charge = "started" // an interval that has begun costs its whole rate
	Exact   Charge = "exact"   // each completed minute costs its share of the rate
)

// Day says what a daily maximum is counted over.
type Day string

// The kinds of day.
const (
	Calendar Day = "calendar" // from midnight to midnight in the parking's zone
	Rolling  Day = "rolling"  // 24 hours, the first from the beginning of the stay
)

// Tariff is one edition of a parking's prices. Its JSON form is the document
// that owners edit and that a quote freezes. Amounts are minor units.
type Tariff struct {
	Format   int            `json:"format"`            // the document's shape: 1
	Version  uint32         `json:"version"`           // the edition, from 1; a changed tariff gets a higher one
	Profile  string         `json:"profile,omitempty"` // the jurisdiction whose rules the tariff must keep, such as "GB"; empty: none
	Currency money.Currency `json:"currency"`          // of all amounts

	// The base rate holds whenever no band and no event does. Without it
	// (interval_minutes is 0) bands must cover every minute of every day.
	Rate            int64  `json:"rate"`
	IntervalMinutes int    `json:"interval_minutes"`
	Steps           []Step `json:"steps,omitempty"`
	Charge          Charge `json:"charge,omitempty"` // empty: started

	Bands    []Band  `json:"bands,omitempty"`
	Holidays []Date  `json:"holidays,omitempty"`
	Events   []Event `json:"events,omitempty"`

	FreeMinutes          int   `json:"free_minutes"`                    // a stay this long or shorter costs nothing; 0: none
	ConsiderationMinutes int   `json:"consideration_minutes,omitempty"` // time to read the terms and leave: the same, by another name on the bill
	Minimum              int64 `json:"minimum,omitempty"`               // least price of a stay that costs anything

	DailyMax int64     `json:"daily_max"`        // 0: no maximum
	Day      Day       `json:"day,omitempty"`    // what daily_max is counted over; needed with it
	Maxima   []Maximum `json:"maxima,omitempty"` // further ones, applied after it in this order

	Factors                 map[string]int `json:"factors,omitempty"`                    // by space type: its price in basis points of the others'
	ReEntryMinutes          int            `json:"re_entry_minutes,omitempty"`           // who comes back within it goes on with the stay before
	ExitAfterPaymentMinutes int            `json:"exit_after_payment_minutes,omitempty"` // time to reach the exit after paying at a machine
	TaxBasisPoints          int            `json:"tax_basis_points"`                     // tax included, in hundredths of a percent: 1900 is 19 %
}

// Step changes the rate once a stay has lasted so long.
type Step struct {
	AfterMinutes    int   `json:"after_minutes"`
	Rate            int64 `json:"rate"`
	IntervalMinutes int   `json:"interval_minutes"`
}

// Band is a rate for some hours of some days, in the parking's local time. To
// at or before From is on the day after; an instant belongs to the band of its
// own day before one that has run over from the day before.
type Band struct {
	ID              string    `json:"id"`
	Days            []DayKind `json:"days,omitempty"` // the days on which it begins; empty: every day
	From            Clock     `json:"from"`
	To              Clock     `json:"to"`
	Rate            int64     `json:"rate"`
	IntervalMinutes int       `json:"interval_minutes"`
	Steps           []Step    `json:"steps,omitempty"`
	Max             int64     `json:"max,omitempty"` // for one run of the band; 0: none
}

// Event is a rate between two instants, before all bands.
type Event struct {
	ID              string    `json:"id"`
	From            time.Time `json:"from"`
	To              time.Time `json:"to"`
	Rate            int64     `json:"rate"`
	IntervalMinutes int       `json:"interval_minutes"`
	Steps           []Step    `json:"steps,omitempty"`
	Max             int64     `json:"max,omitempty"` // for the whole event; 0: none
}

// Maximum bounds the price of every run of Hours hours, the first from the
// beginning of the stay.
type Maximum struct {
	Hours  int   `json:"hours"`
	Amount int64 `json:"amount"`
}

// From is what a listing shows as "from": the least that a first interval
// costs outside of events.
func (t Tariff) From() money.Amount {
	least := int64(-1)
	consider := func(rate, maximum int64) {
		if maximum > 0 {
			rate = min(rate, maximum)
		}
		if least < 0 || rate < least {
			least = rate
		}
	}
	if t.hasBase() {
		consider(t.Rate, 0)
	}
	for i := range t.Bands {
		consider(t.Bands[i].Rate, t.Bands[i].Max)
	}
	least = max(least, 0)
	if t.DailyMax > 0 {
		least = min(least, t.DailyMax)
	}
	for _, m := range t.Maxima {
		least = min(least, m.Amount)
	}
	return money.New(max(least, t.Minimum), t.Currency)
}

func (t Tariff) hasBase() bool { return t.IntervalMinutes != 0 || t.Rate != 0 || len(t.Bands) == 0 }

// free is how long a stay may last and cost nothing, and the rule that says so.
func (t Tariff) free() (time.Duration, string) {
	if t.ConsiderationMinutes > t.FreeMinutes {
		return time.Duration(t.ConsiderationMinutes) * time.Minute, RuleConsideration
	}
	return time.Duration(t.FreeMinutes) * time.Minute, RuleFree
}
