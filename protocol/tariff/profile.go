package tariff

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Profile is what a jurisdiction, or its trade's code, asks of a tariff. It is
// data; a tariff that names a profile and breaks it is invalid. Profiles hold
// what can be read off a tariff, and are no legal advice.
type Profile struct {
	Name   string
	Source string

	Exact             bool          // only what was used may be charged: no started intervals, no least price
	LongestInterval   time.Duration // of a rate within the first IntervalsFor of a stay; 0: any
	IntervalsFor      time.Duration
	LeastConsider     time.Duration // time to read the terms and leave without paying
	LeastEndOfStay    time.Duration // time after the end of what was paid for: a parking's policy, see Grace
	LeastAfterPayment time.Duration // time to reach the exit after paying; 0: any
}

// Profiles are the known ones by name.
func Profiles() map[string]Profile {
	return map[string]Profile{
		"ES": {
			Name: "Spain", Source: "Ley 40/2002 reguladora del contrato de aparcamiento, art. 3.1 a, as amended by Ley 44/2006",
			Exact: true,
		},
		"FR": {
			Name: "France", Source: "Code de la consommation L224-68: steps of at most 15 minutes in the first 12 hours",
			LongestInterval: 15 * time.Minute, IntervalsFor: 12 * time.Hour,
		},
		"GB": {
			Name: "United Kingdom", Source: "Private Parking Sector Single Code of Practice, annex B: 5 minutes to consider, 10 minutes of grace at the end",
			LeastConsider: 5 * time.Minute, LeastEndOfStay: 10 * time.Minute,
		},
		"PT": {
			Name: "Portugal", Source: "Decreto-Lei 81/2006, art. 5: fractions of at most 15 minutes",
			LongestInterval: 15 * time.Minute, IntervalsFor: MaxStay,
		},
	}
}

// profile checks the tariff against the profile that it names.
func (p problems) profile(t Tariff) {
	if t.Profile == "" {
		return
	}
	known, ok := Profiles()[t.Profile]
	if !ok {
		p["profile"] = "must be one of " + strings.Join(slices.Sorted(maps.Keys(Profiles())), ", ") + ", or absent"
		return
	}
	because := fmt.Sprintf(" in %s (%s)", known.Name, known.Source)
	if known.Exact {
		p.unless(t.Charge == Exact, "charge", `must be "exact"`+because)
		p.unless(t.Minimum == 0, "minimum", "must be absent"+because)
	}
	if least := int(known.LeastConsider / time.Minute); max(t.ConsiderationMinutes, t.FreeMinutes) < least {
		p.unless(false, "consideration_minutes", fmt.Sprintf("must be at least %d", least)+because)
	}
	if known.LongestInterval > 0 && t.Charge != Exact {
		p.intervals(t, known, because)
	}
}

// intervals checks the length of every interval that can start early enough in
// a stay.
func (p problems) intervals(t Tariff, known Profile, because string) {
	longest, within := int(known.LongestInterval/time.Minute), int(known.IntervalsFor/time.Minute)
	says := fmt.Sprintf("must be at most %d", longest) + because
	check := func(prefix string, minutes int, steps []Step) {
		p.unless(minutes <= longest, prefix+"interval_minutes", says)
		for i, s := range steps {
			p.unless(s.IntervalMinutes <= longest || s.AfterMinutes >= within, fmt.Sprintf("%ssteps[%d].interval_minutes", prefix, i), says)
		}
	}
	if t.hasBase() {
		check("", t.IntervalMinutes, t.Steps)
	}
	for i := range t.Bands {
		check(fmt.Sprintf("bands[%d].", i), t.Bands[i].IntervalMinutes, t.Bands[i].Steps)
	}
	for i := range t.Events {
		check(fmt.Sprintf("events[%d].", i), t.Events[i].IntervalMinutes, t.Events[i].Steps)
	}
}
