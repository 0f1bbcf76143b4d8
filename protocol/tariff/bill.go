package tariff

import (
	"fmt"
	"math/bits"
	"strings"
	"time"

	"github.com/openlot/openlot/protocol/money"
)

// Rules of a bill's lines.
const (
	RuleRate          = "rate"           // started intervals at one rate
	RulePerMinute     = "per_minute"     // completed minutes at one rate
	RuleFree          = "free_minutes"   // the stay was short enough to cost nothing
	RuleConsideration = "consideration"  // who turned round in time pays nothing
	RuleBandMax       = "band_max"       // takes off what a run of a band, or an event, costs above its maximum
	RuleDailyMax      = "daily_max"      // takes off what a day costs above its maximum
	RuleMaximum       = "maximum"        // takes off what a run of hours costs above its maximum
	RuleMinimum       = "minimum"        // adds what is missing to the least price
	RuleFactor        = "factor"         // the space type's part
	RuleBefore        = "charged_before" // takes off the price of the earlier stays that this one goes on with
)

// Line is one step of a bill. The lines sum to the total; what a maximum takes
// off is a negative line. Days that cost the same one after the other share
// their lines.
type Line struct {
	Rule     string       `json:"rule"`
	ID       string       `json:"id,omitempty"`       // the band, event or space type
	Label    string       `json:"label"`              // English, for a person; see Explain
	From     time.Time    `json:"from"`               // the part of the stay that the line is about, in UTC
	To       time.Time    `json:"to"`                 //
	Quantity int          `json:"quantity,omitempty"` // started intervals, or completed minutes
	Minutes  int          `json:"minutes,omitempty"`  // of an interval, or of a maximum's window
	Rate     int64        `json:"rate,omitempty"`     // minor units per interval, the maximum, the minimum; basis points of a factor
	Days     int          `json:"days,omitempty"`     // above 1: on how many days in a row
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

// Explain gives each line of a bill that the plan has made its label.
func (p *Plan) Explain(b *Bill) {
	for i := range b.Lines {
		b.Lines[i].Label = p.label(&b.Lines[i])
	}
}

func (p *Plan) label(l *Line) string {
	var s strings.Builder
	if l.ID != "" && l.Rule != RuleFactor {
		s.WriteString(l.ID + ": ")
	}
	rate := money.New(l.Rate, l.Amount.Currency)
	switch l.Rule {
	case RuleRate:
		fmt.Fprintf(&s, "%d × %d min at %s", l.Quantity, l.Minutes, rate)
	case RulePerMinute:
		fmt.Fprintf(&s, "%d min at %s per %d min", l.Quantity, rate, l.Minutes)
	case RuleFree:
		fmt.Fprintf(&s, "Up to %d min are free", l.Minutes)
	case RuleConsideration:
		fmt.Fprintf(&s, "Left again within %d min", l.Minutes)
	case RuleBandMax:
		fmt.Fprintf(&s, "At most %s", rate)
	case RuleDailyMax:
		switch {
		case l.Minutes > 0:
			fmt.Fprintf(&s, "At most %s in 24 hours", rate)
		case l.Days > 1:
			fmt.Fprintf(&s, "At most %s a day", rate)
		default:
			fmt.Fprintf(&s, "At most %s on %s", rate, l.From.In(p.zone).Format(time.DateOnly))
		}
	case RuleMaximum:
		fmt.Fprintf(&s, "At most %s in %d hours", rate, l.Minutes/60)
	case RuleMinimum:
		fmt.Fprintf(&s, "At least %s", rate)
	case RuleFactor:
		fmt.Fprintf(&s, "%s: %s of the price", l.ID, Percent(int(l.Rate)))
	case RuleDemand:
		s.WriteString(demandLabel(l))
	case RuleBefore:
		s.WriteString("Charged before, for the stay that this one goes on with")
	}
	if l.Days > 1 {
		fmt.Fprintf(&s, ", %d days", l.Days)
	}
	return s.String()
}

// Percent writes basis points as a percentage, such as "19 %" or "7.75 %".
func Percent(basisPoints int) string {
	text := fmt.Sprintf("%d.%02d", basisPoints/100, basisPoints%100)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".") + " %"
}

// scaled is minor × basisPoints / 10000, rounded half up. The limits of a
// tariff keep the result in range.
func scaled(minor, basisPoints int64) int64 {
	return divide(minor, basisPoints, 10_000)
}

// includedTax is the tax contained in a total, rounded half up to the minor
// unit.
func includedTax(total, basisPoints int64) int64 {
	return divide(total, basisPoints, 10_000+basisPoints)
}

// divide is a × b / c rounded half up, for a, b at least 0 and c above b or
// the result in range.
func divide(a, b, c int64) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	lo, carry := bits.Add64(lo, uint64(c)/2, 0)
	q, _ := bits.Div64(hi+carry, lo, uint64(c))
	return int64(q)
}
