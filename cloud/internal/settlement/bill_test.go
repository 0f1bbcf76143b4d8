package settlement_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// What is put on record explains what is due to the cent: the lines of each part
// sum to it, the parts to what is due with the tax in it, and each part is what
// its edition of the tariff says of its run of time.
func TestABillExplainsWhatIsDue(t *testing.T) {
	bases := map[bill.Basis]int{}
	all := []bill.Basis{bill.Quoted, bill.Overstayed, bill.QuotedAndNew, bill.Used, bill.Missed, bill.Unwatched}
	unseen := func(b bill.Basis) bool { return bases[b] == 0 }
	for range 10 { // some are rare
		explains(t, bases)
		if !slices.ContainsFunc(all, unseen) {
			break
		}
	}
	for _, b := range all {
		if unseen(b) {
			t.Errorf("none was %s: %v", b, bases)
		}
	}
}

func explains(t *testing.T, bases map[bill.Basis]int) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		lot := altmarkt()
		editions := map[uint32]tariff.Tariff{1: lot.Tariff}
		minute := func(name string, most int) time.Duration {
			return time.Duration(rapid.IntRange(0, most).Draw(t, name)) * time.Minute
		}
		r, p := reserved()
		r.SpaceType = id.Standard
		r.Window.To = eight.Add(15*time.Minute + minute("reserved", 3000))
		quoted, err := lot.Tariff.Price(r.Window, tariff.Facts{})
		if err != nil {
			t.Fatal(err)
		}
		r.Quote = reservation.Quote{TariffVersion: quoted.TariffVersion}
		if percent := rapid.SampledFrom([]int{100, 100, 1, 83, 137, 500}).Draw(t, "demand"); percent != 100 {
			r.Quote.Demand = &reservation.Demand{Percent: percent}
		}
		quoted = quoted.Demand(r.Quote.DemandPercent(), r.Window)
		r.Quote.Total, r.Quote.Tax, r.Quote.Lines = quoted.Total, quoted.Tax, quoted.Lines
		p.Amount, p.Authorized = quoted.Total, quoted.Total.Minor
		if rapid.Bool().Draw(t, "held less") {
			p.Authorized = rapid.Int64Range(0, quoted.Total.Minor).Draw(t, "held")
		}
		if rapid.Bool().Draw(t, "changed since") {
			lot.Tariff.Version, lot.Tariff.Rate = 2, rapid.SampledFrom([]int64{100, 350, 900}).Draw(t, "rate")
			editions[2] = lot.Tariff
		}
		lot.Policy.NoShowCharge = rapid.IntRange(0, 100).Draw(t, "percent")
		in := settlement.ExitInput{
			Parking: lot, Reservation: r, Payment: p, SpaceType: id.Standard, EnteredAt: eight.Add(minute("entered", 300)), ExitDoubt: minute("doubt", 20),
		}
		in.ExitedAt = in.EnteredAt.Add(minute("inside", 6000))
		var s settlement.Settlement
		switch rapid.IntRange(0, 4).Draw(t, "way") {
		case 0:
			s = settlement.AtNoShow(lot, r, p)
		case 1:
			s = settlement.AtElapse(r, p)
		case 2:
			in.Reservation, in.Payment = nil, nil
			s = settlement.AtExit(in)
		default:
			s = settlement.AtExit(in)
		}
		b := s.Bill(r.ID, id.Session{})
		bases[b.Basis]++
		if due, tax, err := b.Sum(); err != nil || due != s.Due || tax != s.Tax || b.Due != s.Due || b.Tax != s.Tax {
			t.Fatalf("%s: %s with %s tax instead of %s with %s: %v", b.Basis, due, tax, s.Due, s.Tax, err)
		}
		for i := range b.Parts {
			part := &b.Parts[i]
			if err := part.Check(); err != nil {
				t.Fatal(err)
			}
			run := timerange.Range{From: part.From, To: part.To}
			again, err := editions[part.TariffVersion].Price(run, tariff.Facts{SpaceType: string(part.SpaceType)})
			again = again.Demand(part.Demand, run)
			if agreed := bill.Frozen(r.Quote.DemandPercent()); i == 0 && b.Basis != bill.Used && part.Demand != agreed || (i > 0 || b.Basis == bill.Used) && part.Demand != 0 {
				t.Fatalf("%s: part %d is at %d %%, %d were agreed", b.Basis, i, part.Demand, agreed)
			}
			if err != nil || again.Total != part.Total || again.Tax != part.Tax {
				t.Fatalf("%s: edition %d makes it %s, not %s: %v", b.Basis, part.TariffVersion, again.Total, part.Total, err)
			}
		}
	})
}

func TestTheShareOfAMissedReservationIsDroppedToTheMinorUnit(t *testing.T) {
	r, p := reserved()
	lot := altmarkt()
	lot.Policy.NoShowCharge = 33
	r.Quote.Total.Minor, p.Authorized = 1001, 2000
	p.State = payment.Authorized
	if b := settlement.AtNoShow(lot, r, p).Bill(r.ID, id.Session{}); b.Due != money.New(330, "EUR") || b.Percent != 33 || b.Limit != nil {
		t.Errorf("%+v", b)
	}
	p.Authorized = 100
	if b := settlement.AtNoShow(lot, r, p).Bill(r.ID, id.Session{}); b.Due != money.New(100, "EUR") || b.Limit == nil || *b.Limit != 100 {
		t.Errorf("%+v", b)
	}
}
