package tariff

import (
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
)

// RuleDemand is the rule of the line that moves a bill to a percentage of
// itself, because of how much was asked for when it was booked.
const RuleDemand = "demand"

// MaxDemand is the highest percentage of Demand.
const MaxDemand = 500

// Demand is the bill of a stay at a whole percentage of its price, rounded half
// up to the minor unit, with the tax that is in it then. What is above or below
// the price is a line of its own, so that the lines sum to the total. 100 and 0
// are the bill itself. A percentage below 1 or above MaxDemand is taken for
// the nearest that there is.
func (b Bill) Demand(percent int, stay timerange.Range) Bill {
	if percent == 0 || percent == 100 {
		return b
	}
	percent = min(max(percent, 1), MaxDemand)
	total := scaled(b.Total.Minor, int64(percent)*100)
	l := Line{
		Rule: RuleDemand, From: stay.From.UTC(), To: stay.To.UTC(), Rate: int64(percent) * 100,
		Amount: money.New(total-b.Total.Minor, b.Total.Currency),
	}
	l.Label = demandLabel(&l)
	b.Lines = append(append(make([]Line, 0, len(b.Lines)+1), b.Lines...), l)
	b.Total.Minor, b.Tax.Minor = total, includedTax(total, int64(b.TaxBasisPoints))
	return b
}

func demandLabel(l *Line) string { return "Demand: " + Percent(int(l.Rate)) + " of the price" }
