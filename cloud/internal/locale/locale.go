// Package locale writes times, amounts and the lines of a price as somebody reads
// them. It knows English and German.
package locale

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
)

// The languages, by their BCP 47 tags.
const (
	English = "en"
	German  = "de"
)

// Languages are all that there are, the one of those who said nothing first.
func Languages() []string { return []string{English, German} }

// Known reports whether a tag is one of the languages.
func Known(tag string) bool { return slices.Contains(Languages(), tag) }

// Accepted is the language of an Accept-Language header that its sender likes best of
// those that there are; empty: none of them. A tag's region does not matter.
func Accepted(header string) string {
	best, weight := "", 0.0
	for item := range strings.SplitSeq(header, ",") {
		tag, params, _ := strings.Cut(strings.TrimSpace(item), ";")
		tag, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		q := 1.0
		if text, is := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q="); is {
			if _, err := fmt.Sscanf(text, "%g", &q); err != nil {
				continue
			}
		}
		if Known(tag) && q > weight {
			best, weight = tag, q
		}
	}
	return best
}

// Reader is how somebody reads. The zero value reads English and counts 24 hours.
type Reader struct {
	Language   string // German's tag; else English
	TwelveHour bool   // the hours are counted twice
}

// German reports whether the reader reads German.
func (r Reader) German() bool { return r.Language == German }

// Either is the text of the reader's language.
func (r Reader) Either(english, german string) string {
	if r.German() {
		return german
	}
	return english
}

// Hour is the time of the day.
func (r Reader) Hour(t time.Time) string {
	if r.TwelveHour {
		return t.Format("3:04 PM")
	}
	return t.Format("15:04")
}

// days, shortDays and months begin where time's do.
var (
	days      = strings.Fields("Sonntag Montag Dienstag Mittwoch Donnerstag Freitag Samstag")
	shortDays = strings.Fields("So Mo Di Mi Do Fr Sa")
	months    = strings.Fields("Januar Februar März April Mai Juni Juli August September Oktober November Dezember")
)

// Weekday is "Mon" or "Mo".
func (r Reader) Weekday(t time.Time) string {
	return r.Either(t.Format("Mon"), shortDays[t.Weekday()])
}

// WholeWeekday is "Monday" or "Montag".
func (r Reader) WholeWeekday(t time.Time) string {
	return r.Either(t.Format("Monday"), days[t.Weekday()])
}

// Day is "Mon 2 January" or "Mo 2. Januar".
func (r Reader) Day(t time.Time) string {
	return r.Weekday(t) + " " + r.Either(t.Format("2 January"), fmt.Sprintf("%d. %s", t.Day(), months[t.Month()-1]))
}

// Date is "2 January 2006" or "2. Januar 2006".
func (r Reader) Date(t time.Time) string {
	return r.Either(t.Format("2 January 2006"), fmt.Sprintf("%d. %s %d", t.Day(), months[t.Month()-1], t.Year()))
}

// Money is "€14.00" or "14,00 €": in its own currency, with the decimals that it has.
func (r Reader) Money(a money.Amount) string {
	if !r.German() {
		return a.Written()
	}
	minus := ""
	if a.Minor < 0 {
		a, minus = a.Neg(), "−"
	}
	sign := strings.Trim(strings.Replace(a.Written(), a.Decimal(), "", 1), " ")
	return minus + strings.Replace(a.Decimal(), ".", ",", 1) + "\u00a0" + sign
}

// Percent writes basis points: "7.75 %" or "7,75 %".
func (r Reader) Percent(basisPoints int) string {
	text := tariff.Percent(basisPoints)
	return r.Either(text, strings.Replace(text, ".", ",", 1))
}

// Line is what a line of a price says. A line whose rule is not known says what it
// brought with it.
func (r Reader) Line(l tariff.Line, zone *time.Location) string { //nolint:gocritic // a copy, so that nobody can change it
	text := r.rule(&l, zone)
	if !r.German() || text == "" {
		return l.Label
	}
	if l.ID != "" && l.Rule != tariff.RuleFactor {
		text = l.ID + ": " + text
	}
	if l.Days > 1 {
		text += fmt.Sprintf(", %d Tage", l.Days)
	}
	return text
}

func (r Reader) rule(l *tariff.Line, zone *time.Location) string {
	rate := r.Money(money.New(l.Rate, l.Amount.Currency))
	switch l.Rule {
	case tariff.RuleRate:
		return fmt.Sprintf("%d × %d min zu %s", l.Quantity, l.Minutes, rate)
	case tariff.RulePerMinute:
		return fmt.Sprintf("%d min zu %s je %d min", l.Quantity, rate, l.Minutes)
	case tariff.RuleFree:
		return fmt.Sprintf("Bis %d min frei", l.Minutes)
	case tariff.RuleConsideration:
		return fmt.Sprintf("Nach höchstens %d min wieder hinaus", l.Minutes)
	case tariff.RuleBandMax:
		return "Höchstens " + rate
	case tariff.RuleDailyMax:
		switch {
		case l.Minutes > 0:
			return "Höchstens " + rate + " in 24 Stunden"
		case l.Days > 1:
			return "Höchstens " + rate + " am Tag"
		default:
			return "Höchstens " + rate + " am " + l.From.In(zone).Format("2.1.2006")
		}
	case tariff.RuleMaximum:
		return fmt.Sprintf("Höchstens %s in %d Stunden", rate, l.Minutes/60)
	case tariff.RuleMinimum:
		return "Mindestens " + rate
	case tariff.RuleFactor:
		return l.ID + ": " + r.Percent(int(l.Rate)) + " des Preises"
	case tariff.RuleDemand:
		return "Nachfrage: " + r.Percent(int(l.Rate)) + " des Preises"
	case tariff.RuleBefore:
		return "Schon berechnet, für den Aufenthalt davor"
	}
	return ""
}
