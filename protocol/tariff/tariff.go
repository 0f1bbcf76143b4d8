package tariff

import (
	"maps"
	"slices"
	"strings"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/money"
)

// Format is the shape of the tariff documents that this package reads.
const Format = 1

// Limits of a tariff. They keep every price of a stay of at most MaxStay far
// below the range of an amount.
const (
	MaxRate            = 100_000_000 // minor units per interval
	MaxDailyMax        = 100_000_000 // minor units per day
	MaxIntervalMinutes = 24 * 60
	MaxFreeMinutes     = 24 * 60
	MaxTaxBasisPoints  = 10_000
)

// Day says what a daily maximum is counted over.
type Day string

// The kinds of day.
const (
	Calendar Day = "calendar" // from midnight to midnight in the parking's zone
	Rolling  Day = "rolling"  // 24 hours, the first from the beginning of the stay
)

// Tariff is one edition of a parking's prices. Its JSON form is the document
// that owners edit and that a quote freezes.
type Tariff struct {
	Format          int            `json:"format"`           // the document's shape: 1
	Version         uint32         `json:"version"`          // the edition, from 1; a changed tariff gets a higher one
	Currency        money.Currency `json:"currency"`         // of all amounts
	Rate            int64          `json:"rate"`             // minor units per started interval
	IntervalMinutes int            `json:"interval_minutes"` // length of an interval
	FreeMinutes     int            `json:"free_minutes"`     // a stay this long or shorter costs nothing; 0: none
	DailyMax        int64          `json:"daily_max"`        // minor units; 0: no maximum
	Day             Day            `json:"day,omitempty"`    // what daily_max is counted over; needed with it
	TaxBasisPoints  int            `json:"tax_basis_points"` // tax included, in hundredths of a percent: 1900 is 19 %
}

// From is what a listing shows as "from": the price of the first started
// interval.
func (t Tariff) From() money.Amount {
	return money.New(t.capped(t.Rate), t.Currency)
}

// capped is an amount of one day held to the daily maximum.
func (t Tariff) capped(minor int64) int64 {
	if t.DailyMax > 0 && minor > t.DailyMax {
		return t.DailyMax
	}
	return minor
}

// Validate reports everything that is wrong with the tariff at once: a fault
// with the code "invalid_tariff" that names each field, or nil.
func (t Tariff) Validate() error {
	p := problems{}
	p.unless(t.Format == Format, "format", "must be 1")
	p.unless(t.Version > 0, "version", "must be at least 1")
	if _, err := money.ParseCurrency(string(t.Currency)); err != nil {
		p["currency"] = "must be an accepted ISO 4217 code in capitals"
	}
	p.unless(t.Rate >= 0 && t.Rate <= MaxRate, "rate", "must be 0 to 100000000 minor units")
	p.unless(t.IntervalMinutes >= 1 && t.IntervalMinutes <= MaxIntervalMinutes, "interval_minutes", "must be 1 to 1440")
	p.unless(t.FreeMinutes >= 0 && t.FreeMinutes <= MaxFreeMinutes, "free_minutes", "must be 0 to 1440")
	p.unless(t.DailyMax >= 0 && t.DailyMax <= MaxDailyMax, "daily_max", "must be 0 (none) to 100000000 minor units")
	switch t.Day {
	case Calendar, Rolling:
	case "":
		p.unless(t.DailyMax == 0, "day", `must be "calendar" or "rolling" when there is a daily_max`)
	default:
		p["day"] = `must be "calendar" or "rolling"`
	}
	p.unless(t.TaxBasisPoints >= 0 && t.TaxBasisPoints <= MaxTaxBasisPoints, "tax_basis_points", "must be 0 to 10000")
	return p.fault()
}

// problems collects what is wrong by field.
type problems map[string]string

func (p problems) unless(ok bool, field, problem string) {
	if !ok {
		p[field] = problem
	}
}

func (p problems) fault() error {
	if len(p) == 0 {
		return nil
	}
	var said []string
	for _, field := range slices.Sorted(maps.Keys(p)) {
		said = append(said, field+" "+p[field])
	}
	f := fault.New(fault.Invalid, "invalid_tariff", "The tariff is not usable: "+strings.Join(said, "; ")+".")
	f.Fields = p
	return f
}
