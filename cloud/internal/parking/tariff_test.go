package parking_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/tariff"
)

func TestAdoptingATariff(t *testing.T) {
	lot := func() *parking.Parking {
		return &parking.Parking{
			Timezone: "Europe/London", Policy: parking.DefaultPolicy(), SpaceTypes: []parking.SpaceType{{ID: "standard"}, {ID: "ev"}},
			Tariff: tariff.Tariff{Format: 1, Version: 3, Currency: "GBP", Rate: 200, IntervalMinutes: 60, FreeMinutes: 5},
		}
	}
	for name, c := range map[string]struct {
		change func(p *parking.Parking, n *tariff.Tariff)
		code   string
	}{
		"a dearer one":               {func(_ *parking.Parking, n *tariff.Tariff) { n.Rate = 300 }, ""},
		"the same again":             {func(p *parking.Parking, n *tariff.Tariff) { *n = p.Tariff }, ""},
		"another of the same number": {func(_ *parking.Parking, n *tariff.Tariff) { n.Version, n.Rate = 3, 300 }, "tariff_version"},
		"an older one":               {func(_ *parking.Parking, n *tariff.Tariff) { n.Version = 2 }, "tariff_version"},
		"other money":                {func(_ *parking.Parking, n *tariff.Tariff) { n.Currency = "EUR" }, "tariff_currency"},
		"a factor":                   {func(_ *parking.Parking, n *tariff.Tariff) { n.Factors = map[string]int{"ev": 12_000} }, ""},
		"a factor for nothing":       {func(_ *parking.Parking, n *tariff.Tariff) { n.Factors = map[string]int{"boat": 12_000} }, "invalid_tariff"},
		"a wrong one":                {func(_ *parking.Parking, n *tariff.Tariff) { n.Rate = -1 }, "invalid_tariff"},
		"days of no zone": {func(p *parking.Parking, n *tariff.Tariff) {
			p.Timezone, n.DailyMax, n.Day = "Europe/Atlantis", 1000, tariff.Calendar
		}, "zone_missing"},
		"a lawful one":            {func(_ *parking.Parking, n *tariff.Tariff) { n.Profile = "GB" }, ""},
		"an unlawful one":         {func(_ *parking.Parking, n *tariff.Tariff) { n.Profile, n.FreeMinutes = "GB", 4 }, "invalid_tariff"},
		"with an unlawful policy": {func(p *parking.Parking, n *tariff.Tariff) { n.Profile, p.Policy.ExitGrace = "GB", 10*time.Minute-1 }, "policy_invalid"},
	} {
		p := lot()
		n := p.Tariff
		n.Version++
		c.change(p, &n)
		if err := p.Adopt(n); fault.Code(err) != c.code {
			t.Errorf("%s: %v, want %q", name, err, c.code)
		}
	}
}
