package tariff

import (
	"time"
)

// walker goes through stays from one change of the rate to the next. Instants
// are durations since the origin, the beginning of the first stay. It lives on
// the stack of whoever prices.
//
// An interval belongs to the rate, the step, the day and the windows of maxima
// in which it starts, and runs to its end whatever changes meanwhile.
type walker struct {
	plan   *Plan
	origin time.Time // in UTC
	second int64     // of the origin, since 1970
	nano   time.Duration
	wall   wall

	cursor  time.Duration // up to which has been charged for
	skipped time.Duration // of that, spent outside
	begun   bool
	end     time.Duration // of the stay that was walked last

	sum    int64
	ran    [maxRules]run
	capped [1 + MaxMaxima]window

	block   block // the day that is being walked
	group   block // days before it that cost the same as each other
	days    int   // how many
	lines   *[]Line
	written int
}

const maxRules = 1 + MaxBands + MaxEvents

// run is what one run of a band, or an event, has cost so far.
type run struct {
	day int64 // on which it began, plus one: zero is none
	sum int64
}

// window is what one window of a maximum has cost so far.
type window struct {
	number int64
	sum    int64
	begun  bool
}

// start makes the walker ready for stays that begin at origin.
func (w *walker) start(p *Plan, origin time.Time, lines *[]Line) {
	*w = walker{plan: p, origin: origin.UTC().Round(0), wall: newWall(p.zone), lines: lines}
	w.second, w.nano = w.origin.Unix(), time.Duration(w.origin.Nanosecond())
	w.block.number = noBlock
}

// stay walks one stay. A later stay goes on where the one before ended: an
// interval that was begun is good until its end, and the time outside counts
// for no step. The clock of maxima runs on.
func (w *walker) stay(from, to time.Time) {
	begin, end := from.Sub(w.origin), to.Sub(w.origin)
	if w.plan.tariff.Charge == Exact {
		// What is left of a minute that was not completed is completed later.
		if w.begun {
			gap := begin - w.end
			w.cursor += gap
			w.skipped += gap
		}
	} else if begin > w.cursor {
		w.skipped += begin - w.cursor
		w.cursor = begin
	}
	w.begun, w.end = true, end
	if w.plan.tariff.Charge == Exact {
		end -= (end - w.cursor) % time.Minute
	}
	for w.cursor < end {
		w.segment(end)
	}
}

// segment charges up to the next change of anything, or the end of the stay.
func (w *walker) segment(end time.Duration) {
	p := w.plan
	index, occurrence, date, until := w.rate()
	r := &p.rules[index]
	elapsed := w.cursor - w.skipped
	stepIndex, next := r.at(elapsed)
	if left := next - elapsed; left < until-w.cursor {
		until = w.cursor + left
	}
	for i := range p.caps {
		if l := p.caps[i].window; l > 0 {
			until = min(until, nextMultiple(w.cursor, l))
		}
	}
	if p.blockLen > 0 {
		until = min(until, nextMultiple(w.cursor, p.blockLen))
	}
	s := &r.steps[stepIndex]
	stop := min(until, end)
	length := s.interval
	if p.tariff.Charge == Exact {
		length = time.Minute
	}
	n := int64((stop - w.cursor + length - 1) / length)
	amount := n * s.rate
	if p.tariff.Charge == Exact {
		amount = amount / int64(s.interval/time.Minute)
	}

	number := int64(0)
	switch {
	case p.byDate:
		number = date
	case p.blockLen > 0:
		number = int64(w.cursor / p.blockLen)
	}
	w.inBlock(number)
	w.block.rate(entry{index, int16(stepIndex), n, amount, w.cursor, min(w.cursor+time.Duration(n)*length, w.end)})
	if r.max > 0 {
		amount = w.underRun(index, occurrence, r.max, amount)
	}
	for i := range p.caps {
		amount = w.underCap(i, date, amount)
	}
	w.sum += amount
	w.cursor += time.Duration(n) * length
}

// nextMultiple is the first multiple of a length after an instant.
func nextMultiple(at, length time.Duration) time.Duration { return at - at%length + length }

// rate is the rule that holds at the cursor, the day on which its run began,
// today, and until when that is so at most.
func (w *walker) rate() (rule int16, occurrence, date int64, until time.Duration) {
	p := w.plan
	until = 1<<63 - 1
	unix := w.unix(w.cursor)
	if p.byDate {
		local := w.wall.at(unix)
		var second int64
		date, second = day(local)
		change := unix - second + daySeconds
		occurrence = date
		if p.days != nil {
			spans := p.days[kind(date-1, p.holidays)][kind(date, p.holidays)]
			i := 0
			for int64(spans[i].until) <= second {
				i++
			}
			rule = spans[i].rule
			change = unix - second + int64(spans[i].until)
			if spans[i].earlier {
				occurrence--
			}
		}
		until = w.since(min(change, w.wall.end))
	}
	for _, e := range p.events { // few, and sorted
		if unix < e.from {
			return rule, occurrence, date, min(until, w.since(e.from))
		}
		if unix < e.to {
			return e.rule, e.from, date, min(until, w.since(e.to))
		}
	}
	return rule, occurrence, date, until
}

// unix is the second in which an instant falls.
func (w *walker) unix(at time.Duration) int64 {
	return w.second + int64((w.nano+at)/time.Second)
}

// since is the instant at which a second begins. Far seconds stay in range.
func (w *walker) since(unix int64) time.Duration {
	const far = int64(2 * MaxStay / time.Second)
	if unix-w.second > far || unix > w.second && unix-w.second < 0 {
		return 2 * MaxStay
	}
	return time.Duration(unix-w.second)*time.Second - w.nano
}

// underRun holds an amount under the maximum of a run of a band.
func (w *walker) underRun(index int16, occurrence, maximum, amount int64) int64 {
	r := &w.ran[index]
	if r.day != occurrence+1 {
		*r = run{day: occurrence + 1}
	}
	allowed := min(amount, max(maximum-r.sum, 0))
	r.sum += allowed
	w.block.underRun(index, amount-allowed)
	return allowed
}

// underCap holds an amount under a maximum.
func (w *walker) underCap(i int, date, amount int64) int64 {
	l, c := &w.plan.caps[i], &w.capped[i]
	number := date
	if l.window > 0 {
		number = int64(w.cursor / l.window)
	}
	// A date that comes back, where clocks go back over midnight, is not a new day.
	if !c.begun || number > c.number {
		*c = window{number: number, begun: true}
	}
	allowed := min(amount, max(l.amount-c.sum, 0))
	c.sum += allowed
	w.block.caps[i] += amount - allowed
	return allowed
}

// write puts a line on the bill, or counts it.
func (w *walker) write(l Line) {
	w.written++
	if w.lines != nil {
		*w.lines = append(*w.lines, l)
	}
}

func (w *walker) instant(d time.Duration) time.Time { return w.origin.Add(d) }
