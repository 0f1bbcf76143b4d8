package tariff

import "fmt"

// Remarks are what is allowed and hardly meant, or opens a way around the
// tariff, by the field that it is about. Field paths are those of the document.
func (t Tariff) Remarks() []Problem {
	var all []Problem
	say := func(field, format string, args ...any) {
		all = append(all, Problem{Field: field, Says: fmt.Sprintf(format, args...)})
	}
	dearer := func(prefix string, rate int64, minutes int, steps []Step) {
		for i, s := range steps {
			if t.ReEntryMinutes == 0 && s.Rate*int64(minutes) > rate*int64(s.IntervalMinutes) {
				say(fmt.Sprintf("%ssteps[%d].rate", prefix, i), "is dearer than before: without re_entry_minutes it pays to drive out and in again")
			}
			rate, minutes = s.Rate, s.IntervalMinutes
		}
	}
	most := int64(0)
	if t.hasBase() {
		dearer("", t.Rate, t.IntervalMinutes, t.Steps)
		most = mostOf(t.Rate, t.IntervalMinutes, t.Steps)
	}
	for i := range t.Bands {
		b, at := &t.Bands[i], fmt.Sprintf("bands[%d].", i)
		dearer(at, b.Rate, b.IntervalMinutes, b.Steps)
		most = max(most, mostOf(b.Rate, b.IntervalMinutes, b.Steps))
		length := int(b.To - b.From)
		if b.overnight() {
			length += dayMinutes
		}
		switch {
		case b.Max > 0 && b.Max < b.Rate:
			say(at+"max", "is below one interval's rate, which is therefore never charged")
		case b.Max > 0 && len(b.Steps) == 0 && b.Max >= (int64(length)+int64(b.IntervalMinutes)-1)/int64(b.IntervalMinutes)*b.Rate:
			say(at+"max", "is never reached")
		}
	}
	for i := range t.Events {
		e, at := &t.Events[i], fmt.Sprintf("events[%d].", i)
		dearer(at, e.Rate, e.IntervalMinutes, e.Steps)
		most = max(most, mostOf(e.Rate, e.IntervalMinutes, e.Steps))
		if e.Max > 0 && e.Max < e.Rate {
			say(at+"max", "is below one interval's rate, which is therefore never charged")
		}
	}
	if t.DailyMax > 0 && t.DailyMax > most {
		say("daily_max", "is never reached: the dearest rate comes to less in 24 hours")
	}
	if t.Minimum > 0 && t.DailyMax > 0 && t.Minimum > t.DailyMax {
		say("minimum", "is above daily_max: a short day costs more than a day")
	}
	if free, _ := t.free(); free > 0 && t.ReEntryMinutes == 0 {
		say("re_entry_minutes", "is absent: who drives out and in again every %d minutes never pays", int(free.Minutes()))
	}
	return all
}

// mostOf is the most that a day of 25 hours at a rate, or one of its steps, can
// cost.
func mostOf(rate int64, minutes int, steps []Step) int64 {
	const longest = 25 * 60
	day := func(rate int64, minutes int) int64 {
		return (longest + int64(minutes) - 1) / int64(minutes) * rate
	}
	most := day(rate, minutes)
	for _, s := range steps {
		most = max(most, day(s.Rate, s.IntervalMinutes))
	}
	return most
}

// Located gives problems that were found in a read tariff their lines in its
// document.
func Located(document []byte, all []Problem) []Problem {
	_, lines, _ := read(document) // of a sound document: it was read before
	for i := range all {
		all[i].Line = line(lines, all[i].Field)
	}
	return all
}
