package till_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/till"
	"github.com/openlot/openlot/protocol/wire"
)

func bookOf(t *testing.T, document string) *till.Book {
	t.Helper()
	b, err := till.Open(&wire.Prices{Name: "Altmarkt", Zone: "UTC", Editions: []wire.Edition{{Since: 0, Document: []byte(document)}}}, 10*time.Minute, time.UTC, noon)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Until when one may drive out is what was paid for, whether or not the tariff gives
// minutes for the way: at no minute up to it anything more is due, and a minute later
// something is.
func TestWhatIsPaidCoversTheRestOfItsInterval(t *testing.T) {
	for name, c := range map[string]struct {
		tariff string
		stayed time.Duration
		until  time.Duration // from the payment on; below zero: not within a day
	}{
		"by the hour, a quarter into the second": {`{"format":1,"version":1,"currency":"EUR","rate":200,"interval_minutes":60,"free_minutes":0,"daily_max":0,"tax_basis_points":1900}`, 75 * time.Minute, 45 * time.Minute},
		"by the minute":                          {`{"format":1,"version":1,"currency":"EUR","rate":5,"interval_minutes":1,"free_minutes":0,"daily_max":0,"tax_basis_points":1900}`, 75 * time.Minute, 0},
		"at the day's most":                      {`{"format":1,"version":1,"currency":"EUR","rate":200,"interval_minutes":60,"free_minutes":0,"daily_max":400,"day":"calendar","tax_basis_points":1900}`, 5 * time.Hour, 12 * time.Hour},
		"by the day":                             {`{"format":1,"version":1,"currency":"EUR","rate":200,"interval_minutes":1440,"free_minutes":0,"daily_max":0,"tax_basis_points":1900}`, time.Hour, 23 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			b, s := bookOf(t, c.tariff), till.Stay{SpaceType: id.Standard, EnteredAt: noon.Add(-c.stayed)}
			first, err := b.Ask(s, noon)
			if err != nil || first.Pay == 0 {
				t.Fatal(first, err)
			}
			if got := first.PaidBy.Sub(noon); got != c.until {
				t.Fatalf("covered for %s", got)
			}
			s.Payments = []till.Payment{{At: noon, Until: noon, Amount: first.Pay}}
			for at := noon; !at.After(first.PaidBy); at = at.Add(5 * time.Minute) {
				a, err := b.Ask(s, at)
				if err != nil || a.Pay != 0 || !a.ExitBy.Equal(first.PaidBy) && at.Before(first.PaidBy) {
					t.Fatalf("%s after it was paid: %+v, %v", at.Sub(noon), a, err)
				}
			}
			if a, err := b.Ask(s, first.PaidBy.Add(time.Minute)); err != nil || a.Pay == 0 {
				t.Fatalf("a minute later nothing is due: %+v, %v", a, err)
			}
		})
	}
}

// Who is not charged for a day is told no time.
func TestWhatIsFreeHasNoEnd(t *testing.T) {
	b := bookOf(t, `{"format":1,"version":1,"currency":"EUR","rate":0,"interval_minutes":60,"free_minutes":0,"daily_max":0,"tax_basis_points":1900}`)
	if a, err := b.Ask(till.Stay{SpaceType: id.Standard, EnteredAt: noon.Add(-time.Hour)}, noon); err != nil || a.Pay != 0 || !a.ExitBy.IsZero() {
		t.Fatalf("%+v, %v", a, err)
	}
}

// Money for which a slip was given pays nothing of its own stay, and covers none of it.
func TestASlipCoversNothingOfItsOwnStay(t *testing.T) {
	b := bookOf(t, `{"format":1,"version":1,"currency":"EUR","rate":200,"interval_minutes":60,"free_minutes":0,"daily_max":0,"tax_basis_points":1900}`)
	s := till.Stay{SpaceType: id.Standard, EnteredAt: noon.Add(-75 * time.Minute)}
	without, err := b.Ask(s, noon)
	if err != nil {
		t.Fatal(err)
	}
	s.Payments = []till.Payment{{At: noon, Until: noon, Amount: 600, Slip: true}}
	if with, err := b.Ask(s, noon); err != nil || with.Pay != without.Pay || !with.PaidBy.Equal(without.PaidBy) {
		t.Fatalf("%d until %s without a slip, %d until %s with one: %v", without.Pay, without.PaidBy, with.Pay, with.PaidBy, err)
	}
}
