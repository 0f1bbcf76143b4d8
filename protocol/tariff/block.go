package tariff

import (
	"math"
	"time"

	"github.com/openlot/openlot/protocol/money"
)

// block is what one day of a stay costs, before it is written. A day is what
// maxima and bands count by; a stay under a tariff without either is one block.
// Everything has its place in it, so that days are compared and copied, and
// nothing is searched or allocated.
type block struct {
	number   int64
	part     bool // of a day with more entries than there is room for
	nRates   int
	nRuns    int
	from, to time.Duration
	rates    [blockRates]entry
	runs     [blockRuns]taken     // what maxima of bands and events take off
	caps     [1 + MaxMaxima]int64 // what the tariff's maxima take off
}

const (
	blockRates = 40
	blockRuns  = 8
	noBlock    = math.MinInt64
)

// entry are intervals at one rate.
type entry struct {
	rule     int16
	step     int16
	quantity int64
	amount   int64
	from, to time.Duration
}

type taken struct {
	rule int16
	off  int64
}

// inBlock begins a new block unless the walker is in it and it has room. A day
// that comes back, where clocks go back over midnight, is not a new one.
func (w *walker) inBlock(number int64) {
	b := &w.block
	switch {
	case b.number == noBlock:
		b.number = number
	case number > b.number:
		w.close()
		b.number, b.part = number, false
	case b.nRates == blockRates || b.nRuns == blockRuns:
		b.part = true
		w.close()
	}
}

// rate notes intervals at one rate; those that go on with the ones before share
// an entry.
func (b *block) rate(e entry) {
	if b.nRates == 0 {
		b.from = e.from
	} else if last := &b.rates[b.nRates-1]; last.rule == e.rule && last.step == e.step && last.to == e.from {
		last.quantity += e.quantity
		last.amount += e.amount
		last.to, b.to = e.to, e.to
		return
	}
	b.rates[b.nRates] = e
	b.nRates++
	b.to = e.to
}

// underRun notes what the maximum of a run of a band takes off.
func (b *block) underRun(rule int16, off int64) {
	if off == 0 {
		return
	}
	for i := range b.nRuns {
		if b.runs[i].rule == rule {
			b.runs[i].off += off
			return
		}
	}
	b.runs[b.nRuns] = taken{rule, off}
	b.nRuns++
}

// same says whether two days may share their lines.
func (b *block) same(o *block) bool {
	if b.part || o.part || b.nRates != o.nRates || b.nRuns != o.nRuns || b.caps != o.caps {
		return false
	}
	for i := range b.nRates {
		x, y := &b.rates[i], &o.rates[i]
		if x.rule != y.rule || x.step != y.step || x.quantity != y.quantity || x.amount != y.amount {
			return false
		}
	}
	for i := range b.nRuns {
		if b.runs[i] != o.runs[i] {
			return false
		}
	}
	return true
}

// close ends the block: it joins the days before if it costs the same, and
// takes their place otherwise.
func (w *walker) close() {
	b, g := &w.block, &w.group
	if b.nRates == 0 {
		return
	}
	if w.days > 0 && g.same(b) {
		for i := range b.nRates {
			g.rates[i].to = b.rates[i].to
		}
		g.to = b.to
		w.days++
	} else {
		w.writeGroup()
		copy(g.rates[:b.nRates], b.rates[:b.nRates])
		copy(g.runs[:b.nRuns], b.runs[:b.nRuns])
		g.nRates, g.nRuns, g.caps, g.from, g.to, g.part = b.nRates, b.nRuns, b.caps, b.from, b.to, b.part
		w.days = 1
	}
	b.nRates, b.nRuns, b.caps = 0, 0, [1 + MaxMaxima]int64{}
}

// flush writes whatever is not written yet.
func (w *walker) flush() {
	w.close()
	w.writeGroup()
}

// writeGroup writes the lines of the days before: the rates, then what maxima
// take off, in the order in which they apply.
func (w *walker) writeGroup() {
	g, p := &w.group, w.plan
	if w.days == 0 {
		return
	}
	if w.lines == nil {
		w.written += g.nRates + g.nRuns
		for _, off := range g.caps {
			if off != 0 {
				w.written++
			}
		}
		w.days = 0
		return
	}
	for i := range g.nRates {
		e := &g.rates[i]
		r := &p.rules[e.rule]
		l := w.line(e.from, e.to, e.amount)
		l.Rule, l.ID, l.Rate = RuleRate, r.name, r.steps[e.step].rate
		if p.tariff.Charge == Exact {
			l.Rule = RulePerMinute
		}
		l.Quantity, l.Minutes = int(e.quantity)*w.days, int(r.steps[e.step].interval/time.Minute)
	}
	for i := range g.nRuns {
		t := &g.runs[i]
		from, to := g.extent(t.rule)
		l := w.line(from, to, -t.off)
		l.Rule, l.ID, l.Rate = RuleBandMax, p.rules[t.rule].name, p.rules[t.rule].max
	}
	for i, off := range g.caps {
		if off != 0 {
			l, c := w.line(g.from, g.to, -off), &p.caps[i]
			l.Rule, l.Rate, l.Minutes = c.lineRule, c.amount, int(c.window/time.Minute)
		}
	}
	w.days = 0
}

// extent is the part of the block in which a rule held.
func (b *block) extent(rule int16) (from, to time.Duration) {
	from = -1
	for i := range b.nRates {
		if e := &b.rates[i]; e.rule == rule {
			if from < 0 {
				from = e.from
			}
			to = e.to
		}
	}
	return from, to
}

// line adds a line about some days in a row, amount for each.
func (w *walker) line(from, to time.Duration, amount int64) *Line {
	l := Line{From: w.instant(from), To: w.instant(to), Amount: money.New(amount*int64(w.days), w.plan.tariff.Currency)}
	if w.days > 1 {
		l.Days = w.days
	}
	w.write(l)
	return &(*w.lines)[len(*w.lines)-1]
}
