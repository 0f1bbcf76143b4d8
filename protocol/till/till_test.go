package till_test

import (
	"errors"
	"testing"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/till"
	"github.com/openlot/openlot/protocol/wire"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

const document = `{"format":1,"version":2,"currency":"EUR","rate":200,"interval_minutes":60,"free_minutes":10,"daily_max":1400,"day":"calendar","exit_after_payment_minutes":15,"tax_basis_points":1900}`

func book(t *testing.T) *till.Book {
	t.Helper()
	b, err := till.Open(&wire.Prices{Zone: "Europe/Berlin", Editions: []wire.Edition{
		{Since: noon.Add(-24 * time.Hour).UnixMilli(), Document: []byte(document)},
	}}, 10*time.Minute, time.UTC, noon)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What was paid is taken off, the way to the exit is free, and who does not make it
// pays what has been added since, no more.
func TestAStayIsPaidOnceAndTheWayToTheExitIsFree(t *testing.T) {
	b := book(t)
	s := till.Stay{SpaceType: id.Standard, EnteredAt: noon.Add(-90 * time.Minute)}
	ask := func(at time.Time) till.Ask {
		t.Helper()
		a, err := b.Ask(s, at)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := ask(noon); a.Pay != 400 || a.Total.Minor != 400 || !a.ExitBy.IsZero() {
		t.Fatalf("%+v", a)
	}
	if a := ask(s.EnteredAt.Add(9 * time.Minute)); a.Pay != 0 || !a.ExitBy.Equal(s.EnteredAt.Add(10*time.Minute)) {
		t.Fatalf("within the free minutes: %+v", a)
	}
	// Priced at noon, paid when the next hour had begun.
	s.Payments = []till.Payment{{At: noon.Add(31 * time.Minute), Until: noon, Amount: 400}}
	if a := ask(noon.Add(46 * time.Minute)); a.Pay != 0 || !a.Until.Equal(noon) || !ask(noon.Add(45*time.Minute)).ExitBy.Equal(noon.Add(46*time.Minute)) {
		t.Fatalf("on the way: %+v", a)
	}
	if a := ask(noon.Add(47 * time.Minute)); a.Pay != 200 || a.Paid != 400 {
		t.Fatalf("too late: %+v", a)
	}
}

// An Until that cannot be true is not believed.
func TestAPaymentIsForNoLaterOrMuchEarlierTime(t *testing.T) {
	for until, want := range map[time.Time]time.Time{
		{}: noon, noon.Add(time.Second): noon, noon.Add(-time.Minute): noon.Add(-time.Minute), noon.Add(-61 * time.Minute): noon,
	} {
		if got := (till.Payment{At: noon, Until: until}).Ends(); !got.Equal(want) {
			t.Errorf("priced until %s: for %s", until, got)
		}
	}
}

// What is not known is not guessed.
func TestWhatCannotBePricedIsSaid(t *testing.T) {
	b := book(t)
	for name, s := range map[string]till.Stay{
		"from before the oldest edition": {SpaceType: id.Standard, EnteredAt: noon.Add(-25 * time.Hour)},
		"a reservation without a quote":  {SpaceType: id.Standard, EnteredAt: noon, Entry: &wire.Entry{From: noon.Unix(), To: noon.Unix() + 3600}},
		"a quote by an edition that is not here": {SpaceType: id.Standard, EnteredAt: noon, Entry: &wire.Entry{
			From: noon.Add(-2 * time.Hour).Unix(), To: noon.Add(-time.Hour).Unix(), Quote: &wire.Quote{Tariff: 9, Total: 100, Currency: "EUR"},
		}},
	} {
		if a, err := b.Ask(s, noon.Add(time.Minute)); !errors.Is(err, till.ErrNoPrice) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
	if _, err := till.Open(&wire.Prices{Editions: []wire.Edition{{Document: []byte("{}")}}}, 0, nil, noon); !errors.Is(err, till.ErrNoPrice) {
		t.Error(err)
	}
}

// An edition that cannot be read prices nothing: nobody pays by an older one instead.
func TestAnEditionThatCannotBeReadPricesNothing(t *testing.T) {
	newer := []byte(`{"format":99,"version":3}`)
	prices := func(since time.Time) *wire.Prices {
		return &wire.Prices{Zone: "Europe/Berlin", Editions: []wire.Edition{
			{Since: since.UnixMilli(), Document: newer},
			{Since: noon.Add(-24 * time.Hour).UnixMilli(), Document: []byte(document)},
		}}
	}
	if _, err := till.Open(prices(noon.Add(-time.Hour)), 0, time.UTC, noon); !errors.Is(err, till.ErrNoPrice) {
		t.Errorf("the edition in force cannot be read: %v", err)
	}
	b, err := till.Open(prices(noon.Add(time.Hour)), 0, time.UTC, noon)
	if err != nil {
		t.Fatalf("one that lies ahead stops what is priced now: %v", err)
	}
	if a, err := b.Ask(till.Stay{SpaceType: id.Standard, EnteredAt: noon.Add(30 * time.Minute)}, noon.Add(90*time.Minute)); err != nil || a.Pay != 200 {
		t.Errorf("who came in before: %+v, %v", a, err)
	}
	if a, err := b.Ask(till.Stay{SpaceType: id.Standard, EnteredAt: noon.Add(time.Hour)}, noon.Add(2*time.Hour)); !errors.Is(err, till.ErrNoPrice) {
		t.Errorf("who came in after: %+v, %v", a, err)
	}
	quote := &wire.Quote{Tariff: 3, Total: 100, Currency: "EUR"}
	late := till.Stay{SpaceType: id.Standard, Entry: &wire.Entry{SpaceType: id.Standard, From: noon.Unix(), To: noon.Unix() + 3600, Quote: quote}, EnteredAt: noon}
	if a, err := b.Ask(late, noon.Add(3*time.Hour)); !errors.Is(err, till.ErrNoPrice) {
		t.Errorf("who stayed over a booking by it: %+v, %v", a, err)
	}
	for _, at := range []time.Time{noon.Add(-48 * time.Hour), noon.Add(2 * time.Hour)} {
		if _, ok := b.Present(at); ok {
			t.Errorf("there is a tariff at %s", at)
		}
	}
	if now, ok := b.Present(noon); !ok || now.Version != 2 {
		t.Errorf("%+v, %v", now, ok)
	}
}
