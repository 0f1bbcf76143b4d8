package receipt_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/receipt"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

var eight = time.Date(2026, 6, 11, 8, 0, 0, 0, time.UTC)

func eur(minor int64) money.Amount { return money.New(minor, "EUR") }

// scene is a stay, or a reservation without one, as it may happen.
type scene struct {
	inside     time.Duration // how long the vehicle stood; 0: nobody came
	after      time.Duration // it came this long after eight
	reserved   bool
	entryDoubt uint32 // ms
	exitDoubt  uint32
	raised     bool // the tariff was raised after the reservation was made
	end        reservation.State
	percent    int
	writeOff   int64
	back       []int64       // given back by the operator, in turn
	early      *int          // percent of the quote that is due at the least who leaves early
	failed     bool          // the first of back came back to us
	demand     int           // percent of the tariff's price, frozen with the quote; 0: all of it
	paid       time.Duration // after the entry, at a machine, in time for the exit
}

var scenes = map[string]scene{
	"in time":                  {inside: 2 * time.Hour, reserved: true},
	"left early":               {inside: 30 * time.Minute, reserved: true},
	"left early, less due":     {inside: 30 * time.Minute, reserved: true, early: new(20)},
	"left early, least due":    {inside: 10 * time.Minute, reserved: true, early: new(60)},
	"left early at a demand":   {inside: 50 * time.Minute, reserved: true, early: new(0), demand: 137},
	"stayed too long":          {inside: 200 * time.Minute, reserved: true},
	"a day too long":           {inside: 29 * time.Hour, reserved: true},
	"too long, a doubt":        {inside: 200 * time.Minute, reserved: true, exitDoubt: 90_000},
	"too long at a new tariff": {inside: 200 * time.Minute, reserved: true, raised: true},
	"at a demand":              {inside: 2 * time.Hour, reserved: true, demand: 137},
	"too long at a demand":     {inside: 200 * time.Minute, reserved: true, demand: 83},
	"missed at a demand":       {reserved: true, end: reservation.NoShow, percent: 50, demand: 121},
	"given up in part":         {inside: 200 * time.Minute, reserved: true, writeOff: 120},
	"some of it given back":    {inside: 2 * time.Hour, reserved: true, back: []int64{100, 130}},
	"all of it given back":     {inside: 2 * time.Hour, reserved: true, back: []int64{480}},
	"given back in vain":       {inside: 2 * time.Hour, reserved: true, back: []int64{100, 30}, failed: true},
	"a walk-in":                {inside: 77 * time.Minute},
	"a walk-in for nothing":    {inside: 4 * time.Minute},
	"a walk-in, doubts":        {inside: 77 * time.Minute, entryDoubt: 240_000, exitDoubt: 700},
	"a clock that was not set": {inside: 77 * time.Minute, exitDoubt: wire.Uncertain},
	"paid at a machine":        {inside: 77 * time.Minute, paid: 70 * time.Minute},
	"nobody came":              {reserved: true, end: reservation.NoShow, percent: 50},
	"nobody came, no charge":   {reserved: true, end: reservation.NoShow},
	"nobody could see":         {reserved: true, end: reservation.Completed},
	"cancelled":                {reserved: true, end: reservation.Cancelled},
	"no space after all":       {reserved: true, end: reservation.Walked},
}

func lot() *parking.Parking {
	return &parking.Parking{
		ID: "altmarkt", Name: "Altmarkt – Süd", Address: "Gänsemarkt 1", City: "Zürich", Timezone: "Europe/Berlin", Policy: parking.DefaultPolicy(),
		Tariff: tariff.Tariff{
			Format: 1, Version: 3, Currency: "EUR", Rate: 120, IntervalMinutes: 30, FreeMinutes: 5, DailyMax: 1500, Day: tariff.Calendar, TaxBasisPoints: 1900,
		},
	}
}

// facts plays a scene through the rules that decide it.
func (s scene) facts(t testing.TB) receipt.Facts {
	t.Helper()
	p := lot()
	zone, err := p.Location()
	if err != nil {
		t.Fatal(err)
	}
	editions := []tariff.Tariff{p.Tariff}
	f := receipt.Facts{Parking: p, Operator: "Parkhaus & Söhne", Number: 17, Decided: eight.Add(40 * time.Hour)}
	var pay *payment.Payment
	move := func(at time.Time, e ledger.Entry) {
		if err := e.Check(); err != nil {
			t.Fatal(err)
		}
		f.Movements = append(f.Movements, receipt.Movement{At: at, Kind: e.Kind, Payment: e.Payment, Postings: e.Postings})
	}
	var stay id.Session
	if s.reserved {
		r := &reservation.Reservation{
			ID: id.New[id.Reservation](eight), Parking: p.ID, State: reservation.Active, SpaceType: id.Standard,
			Window: timerange.Range{From: eight, To: eight.Add(2 * time.Hour)}, Email: "driver@example.org", Plate: "DDAB123", Phone: "+4915112345",
		}
		quoted, err := p.Tariff.Price(r.Window, tariff.Facts{Zone: zone, SpaceType: string(r.SpaceType)})
		if err != nil {
			t.Fatal(err)
		}
		r.Quote = reservation.Quote{TariffVersion: quoted.TariffVersion}
		r.Quote.EarlyCharge = s.early
		if s.demand != 0 {
			r.Quote.Demand = &reservation.Demand{Percent: s.demand}
		}
		quoted = quoted.Demand(s.demand, r.Window)
		r.Quote.Total, r.Quote.Tax, r.Quote.Lines = quoted.Total, quoted.Tax, quoted.Lines
		pay = &payment.Payment{
			ID: id.New[id.Payment](eight), Reservation: r.ID, State: payment.Authorized, Provider: "sandbox", Method: "pm_sandbox_ok",
			Amount: quoted.Total, Authorized: quoted.Total.Minor, UpdatedAt: eight,
		}
		f.Reservation, r.Payment = r, pay.ID
		move(eight.Add(-time.Hour), ledger.HoldPlaced(r.ID, pay.ID, pay.Amount))
	}
	if s.raised {
		p.Tariff.Version, p.Tariff.Rate, p.Tariff.TaxBasisPoints = 4, 200, 2000
		editions = append(editions, p.Tariff)
	}
	var due settlement.Settlement
	if s.inside > 0 {
		due, stay = s.stand(t, &f, pay)
	} else {
		f.Reservation.State = s.end
		p.Policy.NoShowCharge = s.percent
		switch s.end {
		case reservation.NoShow:
			due = settlement.AtNoShow(p, f.Reservation, pay)
		case reservation.Completed:
			due = settlement.AtElapse(f.Reservation, pay)
		default:
			basis := map[reservation.State]bill.Basis{reservation.Cancelled: bill.Cancelled, reservation.Walked: bill.Walked}[s.end]
			due = settlement.Settlement{Basis: basis, Due: eur(0), Tax: eur(0), Void: true, Capture: eur(0), Owed: eur(0)}
		}
	}
	var of id.Reservation
	if f.Reservation != nil {
		of = f.Reservation.ID
	}
	f.Bill = due.Bill(of, stay)
	s.pay(&f, due, pay, stay, move)
	for _, e := range editions {
		for _, part := range f.Bill.Parts {
			if part.TariffVersion == e.Version {
				f.Tariffs = append(f.Tariffs, e)
				break
			}
		}
	}
	return f
}

// stand lets a vehicle in and out.
func (s scene) stand(t testing.TB, f *receipt.Facts, pay *payment.Payment) (settlement.Settlement, id.Session) {
	t.Helper()
	in, boot := eight.Add(s.after), id.New[id.Boot](eight)
	out := in.Add(s.inside)
	stay := &session.Session{ID: id.New[id.Session](in), SpaceType: id.Standard, State: session.Left, EnteredAt: in, ExitedAt: out}
	if s.entryDoubt >= 60_000 {
		stay.EnteredAt = in.Add(time.Duration(s.entryDoubt) * time.Millisecond)
	}
	doubt := time.Duration(s.exitDoubt) * time.Millisecond
	wall := out
	if s.exitDoubt == wire.Uncertain {
		doubt, wall = 10*365*24*time.Hour, time.Unix(1000, 0)
	}
	for i, e := range []wire.Event{
		{Kind: wire.Admitted, Wall: in.UnixMilli(), Uncertainty: s.entryDoubt, Reason: wire.AdmitWalkin, SpaceType: id.Standard},
		{Kind: wire.Entered, Wall: in.UnixMilli(), Uncertainty: s.entryDoubt},
		{Kind: wire.Released, Wall: wall.UnixMilli(), Uncertainty: s.exitDoubt, Reason: wire.AdmitWalkin},
		{Kind: wire.Exited, Wall: wall.UnixMilli(), Uncertainty: s.exitDoubt},
	} {
		e.Seq, e.Boot, e.Mono, e.Lane, e.Session = uint64(40+10*i), boot, uint64(1000*i), "lane-1", stay.ID
		raw, err := wire.Marshal(&e)
		if err != nil {
			t.Fatal(err)
		}
		f.Observations = append(f.Observations, commit.Observation{Epoch: 2, Seq: e.Seq, Kind: e.Kind, Raw: raw})
	}
	f.Session = stay
	if f.Reservation != nil {
		stay.Reservation, f.Reservation.Session = f.Reservation.ID, stay.ID
	}
	input := settlement.ExitInput{
		Parking: f.Parking, Reservation: f.Reservation, Payment: pay, SpaceType: stay.SpaceType,
		EnteredAt: stay.EnteredAt, ExitedAt: stay.ExitedAt, ExitDoubt: doubt,
	}
	if s.paid > 0 {
		input.ExitedAt = stay.EnteredAt.Add(s.paid)
	}
	due := settlement.AtExit(input)
	if s.paid > 0 {
		due.Until = &input.ExitedAt
	}
	if f.Reservation != nil {
		f.Reservation.State = reservation.Completed
	}
	return due, stay.ID
}

// pay books what the settlement asks for.
func (s scene) pay(f *receipt.Facts, due settlement.Settlement, pay *payment.Payment, stay id.Session, move func(time.Time, ledger.Entry)) {
	at := f.Decided
	var of id.Reservation
	if pay != nil {
		of = pay.Reservation
		if due.Capture.Minor > 0 {
			pay.State, pay.Captured = payment.Captured, due.Capture.Minor
			move(at.Add(time.Second), ledger.Captured(of, stay, pay.ID, due.Capture, due.CaptureTax))
		} else {
			pay.State = payment.Voided
		}
		if rest := pay.Authorized - pay.Captured; rest > 0 {
			move(at.Add(time.Second), ledger.HoldReleased(of, pay.ID, eur(rest)))
		}
		s.giveBack(pay, due, stay, at, move)
		f.Payments = append(f.Payments, *pay)
	}
	if due.Owed.Minor > 0 {
		move(at.Add(2*time.Second), ledger.StayOwed(of, stay, due.Owed, due.OwedTax))
	}
	if s.writeOff > 0 {
		move(at.Add(time.Hour), ledger.WrittenOff(of, stay, eur(s.writeOff)))
	}
}

// giveBack is what the operator gives back.
func (s scene) giveBack(pay *payment.Payment, due settlement.Settlement, stay id.Session, at time.Time, move func(time.Time, ledger.Entry)) {
	left, tax := pay.Captured, due.CaptureTax.Minor
	for i, n := range s.back {
		share := bill.Share(tax, n, left)
		r := payment.Refunding{Reason: payment.ByOperator + string(rune('a'+i)), State: payment.RefundSucceeded, Amount: n, Tax: share}
		move(at.Add(time.Minute), ledger.Refunded(pay.Reservation, stay, pay.ID, eur(n), eur(share)))
		if s.failed && i == 0 {
			move(at.Add(2*time.Minute), ledger.RefundReturned(pay.Reservation, stay, pay.ID, eur(n), eur(share)))
			r.State = payment.RefundFailed
		} else {
			left, tax, pay.Refunded = left-n, tax-share, pay.Refunded+n
		}
		pay.Refunds = append(pay.Refunds, r)
		at = at.Add(time.Hour)
	}
}

func newKey(t testing.TB) pass.SigningKey {
	t.Helper()
	key, err := pass.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue is the receipt of a scene, signed and spelled.
func (s scene) issue(t testing.TB, key pass.SigningKey) []byte {
	t.Helper()
	r, err := receipt.Build(s.facts(t))
	if err != nil {
		t.Fatal(err)
	}
	return sign(t, r, key)
}

func sign(t testing.TB, r receipt.Receipt, key pass.SigningKey) []byte {
	t.Helper()
	d, err := receipt.Sign(r, key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := d.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}
