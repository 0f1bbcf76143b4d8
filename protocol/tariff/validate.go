package tariff

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// Validate reports everything that is wrong with the tariff at once: a fault
// with the code "invalid_tariff" that names each field, or nil.
func (t Tariff) Validate() error {
	p := problems{}
	p.unless(t.Format == Format, "format", "must be 1")
	p.unless(t.Version > 0, "version", "must be at least 1")
	if _, err := money.ParseCurrency(string(t.Currency)); err != nil {
		p["currency"] = "must be an accepted ISO 4217 code in capitals"
	}
	if t.hasBase() {
		p.rate("", t.Rate, t.IntervalMinutes, t.Steps)
	} else {
		p.unless(len(t.Steps) == 0, "steps", "need a base rate")
	}
	p.unless(t.Charge == "" || t.Charge == Started || t.Charge == Exact, "charge", `must be "started" or "exact"`)
	p.unless(t.FreeMinutes >= 0 && t.FreeMinutes <= MaxFreeMinutes, "free_minutes", "must be 0 to 1440")
	p.unless(t.ConsiderationMinutes >= 0 && t.ConsiderationMinutes <= MaxFreeMinutes, "consideration_minutes", "must be 0 to 1440")
	p.unless(t.ReEntryMinutes >= 0 && t.ReEntryMinutes <= dayMinutes, "re_entry_minutes", "must be 0 to 1440")
	p.unless(t.ExitAfterPaymentMinutes >= 0 && t.ExitAfterPaymentMinutes <= dayMinutes, "exit_after_payment_minutes", "must be 0 to 1440")
	p.unless(t.Minimum >= 0 && t.Minimum <= MaxMaximum, "minimum", "must be 0 (none) to 100000000 minor units")
	p.unless(t.DailyMax >= 0 && t.DailyMax <= MaxMaximum, "daily_max", "must be 0 (none) to 100000000 minor units")
	switch t.Day {
	case Calendar, Rolling:
	case "":
		p.unless(t.DailyMax == 0, "day", `must be "calendar" or "rolling" when there is a daily_max`)
	default:
		p["day"] = `must be "calendar" or "rolling"`
	}
	p.unless(t.TaxBasisPoints >= 0 && t.TaxBasisPoints <= MaxTaxBasisPoints, "tax_basis_points", "must be 0 to 10000")
	p.maxima(t.Maxima)
	p.factors(t.Factors)
	p.holidays(t.Holidays)
	names := map[string]string{}
	p.bands(t, names)
	p.events(t.Events, names)
	p.profile(t)
	return p.fault()
}

// problems collects what is wrong by field; a field's path is that of the
// document, such as "bands[1].from".
type problems map[string]string

func (p problems) unless(ok bool, field, problem string) {
	if _, said := p[field]; !ok && !said {
		p[field] = problem
	}
}

func (p problems) rate(prefix string, rate int64, minutes int, steps []Step) {
	one := func(prefix string, rate int64, minutes int) {
		p.unless(rate >= 0 && rate <= MaxRate, prefix+"rate", "must be 0 to 100000000 minor units")
		p.unless(minutes >= 1 && minutes <= MaxIntervalMinutes, prefix+"interval_minutes", "must be 1 to 1440")
	}
	one(prefix, rate, minutes)
	p.unless(len(steps) <= MaxSteps, prefix+"steps", fmt.Sprintf("are at most %d", MaxSteps))
	longest, after := int(MaxStay/time.Minute), 0
	for i, s := range steps {
		at := fmt.Sprintf("%ssteps[%d].", prefix, i)
		one(at, s.Rate, s.IntervalMinutes)
		p.unless(s.AfterMinutes > after && s.AfterMinutes < longest, at+"after_minutes",
			fmt.Sprintf("must be above %d, where the step before begins, and below %d", after, longest))
		after = max(after, s.AfterMinutes)
	}
}

func (p problems) maxima(all []Maximum) {
	p.unless(len(all) <= MaxMaxima, "maxima", fmt.Sprintf("are at most %d", MaxMaxima))
	for i, m := range all {
		at := fmt.Sprintf("maxima[%d].", i)
		p.unless(m.Hours >= 1 && m.Hours <= int(MaxStay/time.Hour), at+"hours", "must be 1 to 9600")
		p.unless(m.Amount >= 1 && m.Amount <= MaxMaximum, at+"amount", "must be 1 to 100000000 minor units")
	}
}

func (p problems) factors(all map[string]int) {
	p.unless(len(all) <= MaxFactors, "factors", fmt.Sprintf("are at most %d", MaxFactors))
	for name, f := range all {
		if _, err := id.ParseSpaceType(name); err != nil {
			p["factors."+name] = "is not the name of a space type"
		}
		p.unless(f >= 0 && f <= MaxFactor, "factors."+name, "must be 0 to 100000 basis points: 10000 is the price itself")
	}
}

func (p problems) holidays(all []Date) {
	p.unless(len(all) <= MaxHolidays, "holidays", fmt.Sprintf("are at most %d", MaxHolidays))
	seen := map[Date]bool{}
	for i, d := range all {
		p.unless(!seen[d], fmt.Sprintf("holidays[%d]", i), "is given twice")
		seen[d] = true
	}
}

// name checks the id of a band or event. Ids go on bills.
func (p problems) name(at, name string, names map[string]string) {
	ok := len(name) >= 1 && len(name) <= 40
	for _, c := range name {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_')
	}
	p.unless(ok, at+"id", "must be 1 to 40 of a-z, 0-9, - and _")
	if other, taken := names[name]; ok && taken {
		p.unless(false, at+"id", "is that of "+other+", too")
	}
	names[name] = strings.TrimSuffix(at, ".")
}

func (p problems) bands(t Tariff, names map[string]string) {
	p.unless(len(t.Bands) <= MaxBands, "bands", fmt.Sprintf("are at most %d", MaxBands))
	sound := len(t.Bands) <= MaxBands
	for i := range t.Bands {
		b, at := &t.Bands[i], fmt.Sprintf("bands[%d].", i)
		p.name(at, b.ID, names)
		p.rate(at, b.Rate, b.IntervalMinutes, b.Steps)
		p.unless(b.Max >= 0 && b.Max <= MaxMaximum, at+"max", "must be 0 (none) to 100000000 minor units")
		clocks := b.From >= 0 && b.From < dayMinutes && b.To > 0 && b.To <= dayMinutes
		p.unless(b.From >= 0 && b.From < dayMinutes, at+"from", "must be 00:00 to 23:59")
		p.unless(b.To > 0 && b.To <= dayMinutes, at+"to", "must be 00:01 to 24:00")
		seen := map[DayKind]bool{}
		for j, d := range b.Days {
			day := fmt.Sprintf("%sdays[%d]", at, j)
			p.unless(d.index() >= 0, day, `must be one of sun, mon, tue, wed, thu, fri, sat, holiday`)
			p.unless(!seen[d], day, "is given twice")
			seen[d] = true
		}
		sound = sound && clocks
	}
	if !sound {
		return
	}
	for i := range t.Bands {
		for j := range i {
			if when := overlap(&t.Bands[j], &t.Bands[i]); when != "" {
				p.unless(false, fmt.Sprintf("bands[%d].from", i), fmt.Sprintf("overlaps band %q %s", t.Bands[j].ID, when))
			}
		}
	}
	if !t.hasBase() {
		p.gaps(t.Bands)
	}
}

// overlap says when two bands hold at once: on one day, or where one has run
// over into the next weekday. A band that has run over gives way to those of a
// holiday, and a holiday's to those of the day after, so that the nights need
// not be cut around each holiday.
func overlap(a, b *Band) string {
	for k := range kinds {
		if !a.begins(k) {
			continue
		}
		if b.begins(k) {
			from, to := max(a.From, b.From), min(a.end(), b.end())
			if from < to {
				return fmt.Sprintf("on %s from %s", dayKinds()[k], clock(from))
			}
		}
	}
	for today := range holidayKind {
		before := (today + 6) % 7
		for _, pair := range [2][2]*Band{{a, b}, {b, a}} {
			over, own := pair[0], pair[1]
			if over.begins(before) && over.overnight() && own.begins(today) && own.From < over.To {
				return fmt.Sprintf("on %s from %s", dayKinds()[today], clock(own.From))
			}
		}
	}
	return ""
}

// end is when the band ends on the day on which it begins.
func (b *Band) end() Clock {
	if b.overnight() {
		return dayMinutes
	}
	return b.To
}

func clock(c Clock) string {
	return fmt.Sprintf("%02d:%02d", int(c)/60, int(c)%60)
}

// gaps finds the first minute of a day that no band covers, when there is no
// base rate to do so.
func (p problems) gaps(bands []Band) {
	table := dayTable(bands, noRule, 0)
	for today := range kinds {
		for before := range kinds {
			if today != holidayKind && before != holidayKind && before != (today+6)%7 {
				continue // no such neighbours
			}
			from := int32(0)
			for _, s := range table[before][today] {
				if s.rule == noRule {
					p.unless(false, "bands", fmt.Sprintf("leave %s from %s to %s without a rate, and there is no base rate",
						dayKinds()[today], clock(Clock(from/60)), clock(Clock(s.until/60))))
					return
				}
				from = s.until
			}
		}
	}
}

func (p problems) events(all []Event, names map[string]string) {
	p.unless(len(all) <= MaxEvents, "events", fmt.Sprintf("are at most %d", MaxEvents))
	for i := range all {
		e, at := &all[i], fmt.Sprintf("events[%d].", i)
		p.name(at, e.ID, names)
		p.rate(at, e.Rate, e.IntervalMinutes, e.Steps)
		p.unless(e.Max >= 0 && e.Max <= MaxMaximum, at+"max", "must be 0 (none) to 100000000 minor units")
		sane := true
		for field, v := range map[string]time.Time{"from": e.From, "to": e.To} {
			ok := v.Year() >= 1970 && v.Year() <= 9999
			p.unless(ok, at+field, "must be in the years 1970 to 9999")
			p.unless(v.Nanosecond() == 0, at+field, "must be a whole second")
			sane = sane && ok
		}
		if !sane {
			continue
		}
		length := e.To.Sub(e.From)
		p.unless(length > 0 && length <= MaxEventLength, at+"to", "must be after from, by at most 31 days")
		for j := range i {
			if o := &all[j]; e.From.Before(o.To) && o.From.Before(e.To) {
				p.unless(false, at+"from", fmt.Sprintf("overlaps event %q", o.ID))
			}
		}
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
