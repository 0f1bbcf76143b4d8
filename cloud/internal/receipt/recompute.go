package receipt

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

type part = bill.Part

// bill recomputes the bill: each line by its edition of the tariff, each part
// from its lines, what is due from the parts, and which run of time each part
// must be about by the rule that the bill names.
func (v *verifier) bill() {
	b := &v.r.Bill
	for i := range b.Parts {
		v.part(fmt.Sprintf("bill.parts[%d]", i), &b.Parts[i])
	}
	due, tax, err := b.Sum()
	switch {
	case err != nil:
		v.find("bill", "does not add up: %v", err)
	default:
		v.unless(due == b.Due, "bill.due", "is %s, the parts make it %s", b.Due, due)
		v.unless(tax == b.Tax, "bill.tax", "is %s, the parts make it %s", b.Tax, tax)
	}
	by := taxes(b, v.r.Tariffs)
	same := len(by) == len(v.r.Taxes)
	for i := range by {
		same = same && by[i] == v.r.Taxes[i]
	}
	v.unless(same, "taxes", "are not the tax in what is due, by rate")
	v.rule()
}

// part recomputes one run of time.
func (v *verifier) part(where string, p *part) {
	if err := p.Check(); errors.Is(err, bill.ErrLines) {
		v.find(where+".total", "%v", err)
	} else if err != nil {
		v.find(where, "does not add up: %v", err)
	}
	plan := v.plans[p.TariffVersion]
	if plan == nil {
		v.find(where+".tariff_version", "version %d of the tariff is not on the receipt", p.TariffVersion)
		return
	}
	again, err := plan.Price(timerange.Range{From: p.From, To: p.To}, tariff.Facts{SpaceType: string(p.SpaceType)})
	if err != nil {
		v.find(where, "cannot be priced: %v", err)
		return
	}
	again = again.Demand(p.Demand, timerange.Range{From: p.From, To: p.To})
	plan.Explain(&again)
	for i := range max(len(p.Lines), len(again.Lines)) {
		line := fmt.Sprintf("%s.lines[%d]", where, i)
		switch {
		case i >= len(p.Lines):
			v.find(line, "is missing: %s, %s", again.Lines[i].Label, again.Lines[i].Amount)
		case i >= len(again.Lines):
			v.find(line, "is not by the tariff: %q, %s", p.Lines[i].Label, p.Lines[i].Amount)
		case p.Lines[i].Amount != again.Lines[i].Amount:
			v.find(line+".amount", "is %s, the tariff makes it %s: %s", p.Lines[i].Amount, again.Lines[i].Amount, again.Lines[i].Label)
		default:
			v.unless(sameLine(p.Lines[i], again.Lines[i]), line, "is not the tariff's: %s", again.Lines[i].Label)
		}
	}
	v.unless(p.Total == again.Total, where+".total", "is %s, the tariff makes it %s", p.Total, again.Total)
	v.unless(p.Tax == again.Tax, where+".tax", "is %s, the tariff makes it %s", p.Tax, again.Tax)
}

func sameLine(a, b tariff.Line) bool {
	from, to := a.From.Equal(b.From), a.To.Equal(b.To)
	a.From, a.To, b.From, b.To = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	return from && to && a == b
}

// ends are the states of the reservation in which a bill of a basis can be.
var ends = map[bill.Basis][]reservation.State{
	bill.Missed: {reservation.NoShow, reservation.Cancelled}, bill.Unwatched: {reservation.Completed},
	bill.Cancelled: {reservation.Cancelled}, bill.Walked: {reservation.Walked}, bill.Voided: {reservation.Voided},
}

// rule checks that each part is about the time that the bill's basis charges.
func (v *verifier) rule() {
	b, r, s := &v.r.Bill, v.r.Reservation, v.r.Stay
	parts := map[bill.Basis]int{bill.Quoted: 1, bill.Overstayed: 1, bill.QuotedAndNew: 2, bill.Shortened: 2, bill.Used: 1, bill.Missed: 1, bill.Unwatched: 1}
	want, charges := parts[b.Basis]
	if !charges && !slices.Contains([]bill.Basis{bill.Cancelled, bill.Walked, bill.Voided, bill.NotSeen}, b.Basis) {
		v.find("bill.basis", "%q is not known", b.Basis)
		return
	}
	if len(b.Parts) != want {
		v.find("bill.parts", "are %d; %q has %d", len(b.Parts), b.Basis, want)
		return
	}
	v.unless(b.Percent == 100 || b.Basis == bill.Missed, "bill.percent", "is %d; %q charges all", b.Percent, b.Basis)
	v.unless(b.Limit == nil || b.Basis == bill.Missed || b.Basis == bill.Unwatched, "bill.limit", "limits what %q charges", b.Basis)
	late := b.Basis == bill.Overstayed || b.Basis == bill.QuotedAndNew
	v.unless(b.Grace == 0 || late || b.Basis == bill.Quoted, "bill.grace_seconds", "is given; %q knows none", b.Basis)
	v.unless(b.Basis == bill.Shortened || b.Kept == 0 && b.Least == 0, "bill.least", "is given; %q knows none", b.Basis)
	v.unless(b.Grace >= 0 && b.Grace <= int(24*time.Hour/time.Second), "bill.grace_seconds", "is not from 0 to a day")
	if needs, end := ends[b.Basis]; end {
		v.unless(r != nil && s == nil && slices.Contains(needs, r.State), "bill.basis", "%q does not go with the reservation", b.Basis)
	} else {
		v.unless(s != nil, "bill.basis", "%q charges a stay, and there is none", b.Basis)
	}
	reserved := charges && b.Basis != bill.Used
	if reserved && r == nil {
		v.find("bill.basis", "%q charges a reservation, and there is none", b.Basis)
		return
	}
	left := time.Time{}
	if s != nil {
		if left = s.left(); b.Until != nil {
			v.unless(!b.Until.After(left) && !b.Until.Before(s.EnteredAt), "bill.until", "is not within the stay")
			left = *b.Until
		}
	}
	v.unless(b.Until == nil || s != nil, "bill.until", "ends a stay that is not on the receipt")
	switch {
	case b.Basis == bill.Used && s != nil:
		v.runs(0, s.EnteredAt, clip(s.EnteredAt, left))
		v.unless(b.Parts[0].SpaceType == s.SpaceType, "bill.parts[0].space_type", "is not that of the stay")
	case late && s != nil:
		until := left.Add(-time.Duration(b.Grace) * time.Second)
		v.unless(until.After(r.To), "bill.basis", "%q: the vehicle left before the end of the reservation and its grace", b.Basis)
		if b.Basis == bill.Overstayed {
			v.runs(0, r.From, clip(r.From, until))
		} else {
			v.runs(0, r.From, r.To)
			v.runs(1, r.To, clip(r.To, until))
			v.unless(b.Parts[1].TariffVersion > b.Parts[0].TariffVersion, "bill.parts[1].tariff_version", "is not a later edition than what was agreed")
		}
	case b.Basis == bill.Shortened && s != nil:
		v.runs(0, r.From, r.To)
		v.runs(1, r.From, clip(r.From, left))
		v.shortened(left)
	case reserved:
		v.runs(0, r.From, r.To)
		late := s != nil && left.Sub(r.To) > time.Duration(b.Grace)*time.Second
		v.unless(b.Grace == 0 || late, "bill.grace_seconds", "is given, and the vehicle left within it")
	}
	for i, p := range b.Parts {
		v.unless(p.Demand == 0 || b.Basis == bill.Shortened && p.Demand == b.Parts[0].Demand || reserved && i == 0 && p.Demand > 0 && p.Demand <= tariff.MaxDemand && p.Demand != 100,
			fmt.Sprintf("bill.parts[%d].demand_percent", i), "is %d, which no quote freezes", p.Demand)
		v.unless(!reserved || b.Parts[i].SpaceType == r.SpaceType, fmt.Sprintf("bill.parts[%d].space_type", i), "is not that of the reservation")
	}
	if b.Limit != nil {
		unlimited := *b
		unlimited.Limit = nil
		due, _, err := unlimited.Sum()
		v.unless(err == nil && *b.Limit >= 0 && *b.Limit < due.Minor, "bill.limit", "limits nothing")
		// What is due is no more than was held, and then all of that is taken.
		v.unless(money.New(*b.Limit, b.Due.Currency) == b.Due, "bill.limit", "is not what is due")
	}
}

// shortened checks what of the agreed price is due although the vehicle left
// early.
func (v *verifier) shortened(left time.Time) {
	b := &v.r.Bill
	agreed, used := b.Parts[0], b.Parts[1]
	v.unless(left.Before(v.r.Reservation.To), "bill.basis", "%q: the vehicle did not leave before the end of the reservation", b.Basis)
	v.unless(b.Kept >= 0 && b.Kept < 100, "bill.kept_percent", "is not below all")
	v.unless(used.TariffVersion == agreed.TariffVersion && used.Demand == agreed.Demand, "bill.parts[1]", "is not by what was agreed")
	for _, e := range v.r.Tariffs {
		if e.Version == agreed.TariffVersion {
			v.unless(b.Least == bill.Least(agreed.Total.Minor, b.Kept, e.Document.Minimum), "bill.least", "is not %d %% of what was agreed, nor the tariff's least price", b.Kept)
		}
	}
}

// clip is the end of what is priced: a reversed stay has no duration, and one
// longer than can be priced costs what the longest costs.
func clip(from, to time.Time) time.Time {
	if to.Before(from) {
		return from
	}
	if longest := from.Add(tariff.MaxStay); to.After(longest) {
		return longest
	}
	return to
}

func (v *verifier) runs(i int, from, to time.Time) {
	p := &v.r.Bill.Parts[i]
	v.unless(same(p.From, from), fmt.Sprintf("bill.parts[%d].from", i), "is %s; the rule charges from %s", clock(p.From), clock(from))
	v.unless(same(p.To, to), fmt.Sprintf("bill.parts[%d].to", i), "is %s; the rule charges to %s", clock(p.To), clock(to))
}
