package locale_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/locale"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

var en, de = locale.Reader{}, locale.Reader{Language: locale.German}

func TestAmountsAreInTheirOwnCurrency(t *testing.T) {
	for _, c := range []struct {
		a      money.Amount
		en, de string
	}{
		{money.New(1400, "EUR"), "€14.00", "14,00\u00a0€"},
		{money.New(-450, "EUR"), "−€4.50", "−4,50\u00a0€"},
		{money.New(500, "JPY"), "¥500", "500\u00a0¥"},
		{money.New(1234, "KWD"), "1.234 KWD", "1,234\u00a0KWD"},
		{money.New(-5, "CHF"), "−0.05 CHF", "−0,05\u00a0CHF"},
		{money.New(0, "PLN"), "0.00 PLN", "0,00\u00a0PLN"},
	} {
		if a, b := en.Money(c.a), de.Money(c.a); a != c.en || b != c.de {
			t.Errorf("%s: %q and %q", c.a, a, b)
		}
	}
}

func TestTimes(t *testing.T) {
	at := time.Date(2026, 3, 5, 17, 4, 0, 0, time.UTC)
	for got, want := range map[string]string{
		en.Day(at): "Thu 5 March", de.Day(at): "Do 5. März", en.Date(at): "5 March 2026", de.Date(at): "5. März 2026",
		en.WholeWeekday(at): "Thursday", de.WholeWeekday(at): "Donnerstag", de.Hour(at): "17:04",
		locale.Reader{TwelveHour: true}.Hour(at): "5:04 PM",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestTheLanguageThatIsLikedBest(t *testing.T) {
	for header, want := range map[string]string{
		"": "", "fr-FR, fr": "", "de": "de", "de-AT,de;q=0.9,en;q=0.8": "de", "fr;q=1, en-GB;q=0.7, de;q=0.4": "en",
		"en;q=0, de;q=0.1": "de", "de;q=x, en;q=0.2": "en", "*": "", ";;,,": "", "DE-de": "de",
	} {
		if got := locale.Accepted(header); got != want {
			t.Errorf("%q: %q, want %q", header, got, want)
		}
	}
}

// Every rule of a tariff has words of each language, and none says an amount that the
// other does not.
func TestEveryRuleCanBeSaid(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 6, 11, 22, 30, 0, 0, time.UTC) // the 12th in Berlin
	eur := money.New(100, "EUR")
	for want, l := range map[string]tariff.Line{
		"3 × 20 min zu 1,50\u00a0€":                 {Rule: tariff.RuleRate, Quantity: 3, Minutes: 20, Rate: 150},
		"night: 3 × 20 min zu 1,50\u00a0€":          {Rule: tariff.RuleRate, ID: "night", Quantity: 3, Minutes: 20, Rate: 150},
		"17 min zu 1,50\u00a0€ je 60 min":           {Rule: tariff.RulePerMinute, Quantity: 17, Minutes: 60, Rate: 150},
		"Bis 15 min frei":                           {Rule: tariff.RuleFree, Minutes: 15},
		"Nach höchstens 10 min wieder hinaus":       {Rule: tariff.RuleConsideration, Minutes: 10},
		"night: Höchstens 5,00\u00a0€":              {Rule: tariff.RuleBandMax, ID: "night", Rate: 500},
		"Höchstens 14,00\u00a0€ am 12.6.2026":       {Rule: tariff.RuleDailyMax, Rate: 1400},
		"Höchstens 14,00\u00a0€ in 24 Stunden":      {Rule: tariff.RuleDailyMax, Rate: 1400, Minutes: 1440},
		"Höchstens 14,00\u00a0€ am Tag, 3 Tage":     {Rule: tariff.RuleDailyMax, Rate: 1400, Days: 3},
		"Höchstens 40,00\u00a0€ in 72 Stunden":      {Rule: tariff.RuleMaximum, Rate: 4000, Minutes: 72 * 60},
		"Mindestens 2,00\u00a0€":                    {Rule: tariff.RuleMinimum, Rate: 200},
		"ev: 112,5 % des Preises":                   {Rule: tariff.RuleFactor, ID: "ev", Rate: 11250},
		"Nachfrage: 120 % des Preises":              {Rule: tariff.RuleDemand, Rate: 12000},
		"Schon berechnet, für den Aufenthalt davor": {Rule: tariff.RuleBefore},
		"a rule of a later version":                 {Rule: "later", Label: "a rule of a later version"},
	} {
		l.From, l.Amount = at, eur
		if got := de.Line(l, zone); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	// Whatever the engine explains in English has German words.
	lot := tariff.Tariff{
		Format: 1, Version: 3, Currency: "EUR", Rate: 150, IntervalMinutes: 20, DailyMax: 1800, Day: tariff.Calendar, FreeMinutes: 10, Minimum: 100,
		Bands:   []tariff.Band{{ID: "night", From: 20 * 60, To: 6 * 60, Rate: 100, IntervalMinutes: 60, Max: 300}},
		Factors: map[string]int{"ev": 12000},
	}
	b, err := lot.Price(timerange.Range{From: at, To: at.Add(50 * time.Hour)}, tariff.Facts{Zone: zone, SpaceType: "ev"})
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Lines) < 4 {
		t.Fatalf("%+v", b.Lines)
	}
	for _, l := range b.Lines {
		if got := de.Line(l, zone); got == l.Label {
			t.Errorf("%q is not said in German", got)
		}
		if got := en.Line(l, zone); got != l.Label {
			t.Errorf("%q, want %q", got, l.Label)
		}
	}
}
