package tariff

import (
	"math"
	"slices"
	"time"

	"github.com/openlot/openlot/protocol/fault"
)

// Plan is a tariff made ready to price stays in one zone: what every instant
// costs is looked up, not searched. It is immutable and safe for concurrent
// use.
type Plan struct {
	tariff Tariff
	zone   *time.Location
	rules  []rule // the base if there is one, the bands, the events

	// days holds, for each kind of day after each kind of day, what applies from
	// when. It is nil when the base holds at all times.
	days     *[kinds][kinds][]span
	holidays []Date
	events   []eventSpan

	caps     []limit // in the order in which they apply
	byDate   bool    // days on the wall matter: bands, or a maximum per calendar day
	blockLen time.Duration
}

// rule is a rate with its steps; the first step is the rate itself.
type rule struct {
	name  string // RuleRate's id: empty for the base
	steps []step
	max   int64
}

type step struct {
	after    time.Duration
	rate     int64
	interval time.Duration
}

// span says which rule holds up to a second of the day.
type span struct {
	until   int32 // second of the day, exclusive
	rule    int16
	earlier bool // the band began the day before
}

const noRule = -1

type eventSpan struct {
	from, to int64 // Unix seconds
	rule     int16
}

// limit is a maximum over windows of the stay.
type limit struct {
	amount   int64
	window   time.Duration // 0: calendar days
	lineRule string
}

// Compile checks a tariff and makes it ready. Its errors are faults:
// "invalid_tariff", and "zone_missing" when calendar days or bands matter and
// zone is nil.
func Compile(t Tariff, zone *time.Location) (*Plan, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	p := compile(t, zone)
	if zone == nil {
		if p.byDate {
			return nil, fault.New(fault.Invalid, "zone_missing", "A tariff with bands or a maximum per calendar day needs the parking's time zone.")
		}
		p.zone = time.UTC
	}
	return p, nil
}

func compile(t Tariff, zone *time.Location) *Plan {
	p := &Plan{tariff: t, zone: zone, holidays: slices.Sorted(slices.Values(t.Holidays))}
	base := int16(noRule)
	if t.hasBase() {
		base = p.rule("", t.Rate, t.IntervalMinutes, t.Steps, 0)
	}
	first := int16(len(p.rules))
	for i := range t.Bands {
		b := &t.Bands[i]
		p.rule(b.ID, b.Rate, b.IntervalMinutes, b.Steps, b.Max)
	}
	if len(t.Bands) > 0 {
		p.byDate = true
		p.days = dayTable(t.Bands, base, first)
	}
	for i := range t.Events {
		e := &t.Events[i]
		r := p.rule(e.ID, e.Rate, e.IntervalMinutes, e.Steps, e.Max)
		p.events = append(p.events, eventSpan{e.From.Unix(), e.To.Unix(), r})
	}
	slices.SortFunc(p.events, func(a, b eventSpan) int { return int(a.from - b.from) })
	if t.DailyMax > 0 {
		daily := limit{t.DailyMax, 0, RuleDailyMax}
		if t.Day == Rolling {
			daily.window = 24 * time.Hour
			p.blockLen = daily.window
		} else {
			p.byDate = true
		}
		p.caps = append(p.caps, daily)
	}
	for _, m := range t.Maxima {
		p.caps = append(p.caps, limit{m.Amount, time.Duration(m.Hours) * time.Hour, RuleMaximum})
	}
	return p
}

func (p *Plan) rule(name string, rate int64, minutes int, steps []Step, maximum int64) int16 {
	r := rule{name: name, max: maximum, steps: []step{{0, rate, time.Duration(minutes) * time.Minute}}}
	for _, s := range steps {
		r.steps = append(r.steps, step{time.Duration(s.AfterMinutes) * time.Minute, s.Rate, time.Duration(s.IntervalMinutes) * time.Minute})
	}
	p.rules = append(p.rules, r)
	return int16(len(p.rules) - 1)
}

// at is the step that holds after so much of a stay, and when the next begins.
func (r *rule) at(elapsed time.Duration) (step int, next time.Duration) {
	for step+1 < len(r.steps) && r.steps[step+1].after <= elapsed {
		step++
	}
	if step+1 < len(r.steps) {
		return step, r.steps[step+1].after
	}
	return step, math.MaxInt64
}

// dayTable works out every day after every day. base is the rule where no band
// is, first the rule of the first band.
func dayTable(bands []Band, base, first int16) *[kinds][kinds][]span {
	// Between two neighbours of these minutes nothing changes.
	cuts := []Clock{0, dayMinutes}
	for i := range bands {
		cuts = append(cuts, bands[i].From, bands[i].To)
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	var table [kinds][kinds][]span
	for before := range kinds {
		for today := range kinds {
			spans := make([]span, 0, len(cuts)-1)
			for i, from := range cuts[:len(cuts)-1] {
				s := bandAt(bands, before, today, from, base, first)
				s.until = int32(cuts[i+1]) * 60
				if n := len(spans); n > 0 && spans[n-1].rule == s.rule && spans[n-1].earlier == s.earlier {
					spans[n-1].until = s.until
				} else {
					spans = append(spans, s)
				}
			}
			table[before][today] = spans
		}
	}
	return &table
}

// bandAt is the rule at a minute of a day of one kind after a day of another.
func bandAt(bands []Band, before, today int, at Clock, base, first int16) span {
	for i := range bands {
		if b := &bands[i]; b.begins(today) && b.From <= at && at < b.end() {
			return span{rule: first + int16(i)}
		}
	}
	for i := range bands { // has run over
		if b := &bands[i]; b.overnight() && b.begins(before) && at < b.To {
			return span{rule: first + int16(i), earlier: true}
		}
	}
	return span{rule: base}
}

// begins says whether the band begins on days of a kind.
func (b *Band) begins(kind int) bool {
	return len(b.Days) == 0 || slices.Contains(b.Days, dayKinds()[kind])
}

func (b *Band) overnight() bool { return b.To <= b.From }
