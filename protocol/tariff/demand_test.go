package tariff_test

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// Whatever the tariff and the stay, a demanded bill is the percentage of the
// price to half a minor unit, its lines sum to it, its tax is what is in it, it
// never falls when the percentage grows, and the bill it is made of stays as it
// was.
func TestADemandedBillIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tt := drawRich(t)
		tt.TaxBasisPoints = rapid.SampledFrom([]int{0, 700, 1900, 2500}).Draw(t, "tax")
		from := time.Unix(1767225600+rapid.Int64Range(0, 365*24*60).Draw(t, "from")*60, 0)
		stay := timerange.Range{From: from, To: from.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "minutes")) * time.Minute)}
		b, err := tt.Price(stay, tariff.Facts{Zone: time.UTC})
		if err != nil {
			t.Fatal(err)
		}
		before := b
		before.Lines = append([]tariff.Line{}, b.Lines...)
		percent := rapid.IntRange(1, tariff.MaxDemand).Draw(t, "percent")
		d := b.Demand(percent, stay)
		if !reflect.DeepEqual(b, before) {
			t.Fatal("the bill was written to")
		}
		if percent == 100 {
			if !reflect.DeepEqual(d, b) {
				t.Fatalf("%+v", d)
			}
			return
		}
		if off := 2 * (d.Total.Minor*100 - b.Total.Minor*int64(percent)); off > 100 || off <= -100 {
			t.Fatalf("%d %% of %s is %s", percent, b.Total, d.Total)
		}
		var sum int64
		for _, l := range d.Lines {
			sum += l.Amount.Minor
		}
		if last := d.Lines[len(d.Lines)-1]; sum != d.Total.Minor || last.Rule != tariff.RuleDemand || last.Label == "" {
			t.Fatalf("the lines sum to %d, the total is %s: %+v", sum, d.Total, last)
		}
		if n := int64(10_000 + tt.TaxBasisPoints); d.Tax.Minor < 0 || 2*(d.Tax.Minor*n-d.Total.Minor*int64(tt.TaxBasisPoints)) > n || 2*(d.Total.Minor*int64(tt.TaxBasisPoints)-d.Tax.Minor*n) > n {
			t.Fatalf("%s tax in %s at %d", d.Tax, d.Total, tt.TaxBasisPoints)
		}
		if more := b.Demand(percent+1, stay); more.Total.Minor < d.Total.Minor && percent < tariff.MaxDemand {
			t.Fatalf("%d %% is %s, one more %s", percent, d.Total, more.Total)
		}
	})
}

// What no policy asks for is the nearest that there is, and what is dearest fits.
func TestDemandAtTheEnds(t *testing.T) {
	from := time.Unix(1767225600, 0)
	stay := timerange.Range{From: from, To: from.Add(tariff.MaxStay)}
	dear := tariff.Tariff{Format: 1, Version: 1, Currency: "EUR", IntervalMinutes: 1, Rate: tariff.MaxRate, TaxBasisPoints: 1900}
	b, err := dear.Price(stay, tariff.Facts{Zone: time.UTC})
	if err != nil {
		t.Fatal(err)
	}
	for asked, is := range map[int]int64{-5: 1, 1: 1, 0: 100, 100: 100, 500: 500, 501: 500, 1 << 40: 500} {
		if d := b.Demand(asked, stay); d.Total.Minor != b.Total.Minor/100*is || d.Total.Minor <= 0 {
			t.Errorf("%d %% of %s is %s", asked, b.Total, d.Total)
		}
	}
}
