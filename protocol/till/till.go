// Package till says what a machine asks for a stay: what the cloud would find owed
// if the vehicle left now, from what an edge was told (wire.Prices, wire.Quote) and
// has seen itself. Cloud and edge share the rules with which a stay is priced
// through it; a test of the cloud compares the two.
package till

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

// ErrNoPrice says that a stay cannot be priced from what is here. Nobody is kept in
// by it: the exit opens, and the cloud, which has everything, settles the stay.
var ErrNoPrice = errors.New("the stay cannot be priced here")

// pricedBefore is how long before a payment was made the stay may have been priced
// for it.
const pricedBefore = time.Hour

// Book holds the editions of a parking's tariff, ready to price. It does not change.
type Book struct {
	zone     *time.Location
	grace    tariff.Grace
	editions []edition // the newest first
}

type edition struct {
	since  time.Time
	tariff tariff.Tariff
	plan   *tariff.Plan // nil: it cannot be read, and prices nothing
}

// Open reads what the cloud has sent; zone is that which it names, nil when this
// machine does not know it. The edition that is in force now must be readable. Any
// other that is not keeps its place and prices nothing: nobody pays by an older one
// instead.
func Open(p *wire.Prices, exitGrace time.Duration, zone *time.Location, now time.Time) (*Book, error) {
	b := &Book{zone: zone}
	var errs error
	for _, e := range p.Editions {
		read := edition{since: time.UnixMilli(e.Since).UTC()}
		t, err := tariff.Parse(e.Document)
		var plan *tariff.Plan
		if err == nil {
			plan, err = tariff.Compile(t, zone)
		}
		if err == nil {
			read.tariff, read.plan = t, plan
		}
		errs = errors.Join(errs, err)
		b.editions = append(b.editions, read)
	}
	present := b.at(now)
	if present == nil || present.plan == nil {
		return nil, errors.Join(ErrNoPrice, errs)
	}
	b.grace = tariff.Grace{EndOfStay: exitGrace, ExitAfterPayment: time.Duration(present.tariff.ExitAfterPaymentMinutes) * time.Minute}
	return b, nil
}

// Zone is the parking's; UTC when it is not known.
func (b *Book) Zone() *time.Location {
	if b.zone == nil {
		return time.UTC
	}
	return b.zone
}

// Present is the tariff of who comes in now; ok is false when there is none that can be
// read.
func (b *Book) Present(now time.Time) (t tariff.Tariff, ok bool) {
	if e := b.at(now); e != nil && e.plan != nil {
		return e.tariff, true
	}
	return tariff.Tariff{}, false
}

// Walk is how long one may take from the machine to the exit.
func (b *Book) Walk() time.Duration { return b.grace.ExitAfterPayment }

// at is the edition in force at an instant, nil before the first one that is known.
func (b *Book) at(t time.Time) *edition {
	for i := range b.editions {
		if !t.Before(b.editions[i].since) {
			return &b.editions[i]
		}
	}
	return nil
}

func (b *Book) version(v uint32) *edition {
	for i := range b.editions {
		if b.editions[i].plan != nil && b.editions[i].tariff.Version == v {
			return &b.editions[i]
		}
	}
	return nil
}

// Payment is one that machines have taken for a stay.
type Payment struct {
	At     time.Time
	Until  time.Time // up to when it was priced; zero: At
	Amount int64
	Shop   uint16 // that pays it with a code; 0: the driver has paid
	Slip   bool   // a slip was given for it: it pays nothing of this stay
}

// Ends is up to when the payment was for: Until, unless that cannot be true.
func (p Payment) Ends() time.Time {
	if p.Until.IsZero() || p.Until.After(p.At) || p.Until.Before(p.At.Add(-pricedBefore)) {
		return p.At
	}
	return p.Until
}

// Charged is when the time ends that is charged of a stay that ends at end, by who
// is outside at the instant out: end, or a payment from which the exit was reached
// within walk.
func Charged(entered, end, out time.Time, walk time.Duration, payments []Payment) time.Time {
	for _, p := range payments {
		if paid := p.Ends(); !p.At.Before(entered) && paid.Before(end) && !out.After(p.At.Add(walk)) {
			end = paid
		}
	}
	return end
}

// Stay is one that is to be paid.
type Stay struct {
	SpaceType id.SpaceType
	EnteredAt time.Time
	Payments  []Payment

	// Entry is the reservation that the vehicle came on, nil for a walk-in. Without a
	// quote it has no price here.
	Entry *wire.Entry
}

// Ask is what is to be paid, and why.
type Ask struct {
	Total   money.Amount // what the stay costs up to Until
	Tax     money.Amount // in it
	Covered int64        // of Total, by a hold or an earlier charge
	Paid    int64        // at machines, also by shops
	Pay     int64        // what is left of it, at least 0

	TaxBasisPoints int
	TariffVersion  uint32
	Lines          []tariff.Line // sum to Total
	Until          time.Time     // up to when it is priced
	Shops          []Taken       // of Paid, by shops
	ExitBy         time.Time     // nothing more is due until then; zero: it is due already, or not within a day
	// PaidBy is until when nothing more is due once Pay is paid: what an interval that is
	// paid for still covers. Zero: not within a day. What paying gives beyond it is Walk.
	PaidBy time.Time
}

// Ask is what the cloud would ask for at the exit if the vehicle left at the instant
// now, beyond what is covered and paid.
func (b *Book) Ask(s Stay, now time.Time) (Ask, error) {
	if now.Before(s.EnteredAt) {
		now = s.EnteredAt
	}
	end := Charged(s.EnteredAt, now, now, b.grace.ExitAfterPayment, s.Payments)
	a, err := b.due(s, end)
	if err != nil {
		return Ask{}, err
	}
	a.Until = end
	for _, p := range s.Payments {
		if !p.Slip {
			a.Paid += p.Amount
		}
	}
	a.Shops = byShop(s.Payments)
	if q := quote(s); q != nil && q.Currency == a.Total.Currency {
		a.Covered = min(a.Total.Minor, q.Covered)
	}
	a.Pay = max(a.Total.Minor-a.Covered-a.Paid, 0)
	if a.Pay == 0 {
		a.ExitBy = b.exitBy(s, now)
		return a, nil
	}
	s.Payments = append(slices.Clip(s.Payments), Payment{At: now, Until: end, Amount: a.Pay})
	a.PaidBy = b.covered(s, now)
	return a, nil
}

// mostAhead is how far ahead, in minutes, it is looked for when something more is due.
const mostAhead = 24 * 60

// covered is the last whole minute from now on at which nothing more is due than is paid:
// now, when something is due a minute later, and zero when nothing is for a day. What is
// due never falls, so that it is found by halving.
func (b *Book) covered(s Stay, now time.Time) time.Time {
	free := func(minutes int) bool {
		at := now.Add(time.Duration(minutes) * time.Minute)
		a, err := b.due(s, Charged(s.EnteredAt, at, at, b.grace.ExitAfterPayment, s.Payments))
		if err != nil {
			return false
		}
		has := int64(0)
		for _, p := range s.Payments {
			if !p.Slip {
				has += p.Amount
			}
		}
		if q := quote(s); q != nil && q.Currency == a.Total.Currency {
			has += min(a.Total.Minor, q.Covered)
		}
		return a.Total.Minor <= has
	}
	due := sort.Search(mostAhead, func(i int) bool { return !free(i + 1) }) // the first minute, less one
	if due == mostAhead {
		return time.Time{}
	}
	return now.Add(time.Duration(due) * time.Minute)
}

func quote(s Stay) *wire.Quote {
	if s.Entry == nil {
		return nil
	}
	return s.Entry.Quote
}

// exitBy is until when surely nothing more is due than is paid; zero when that is
// over.
func (b *Book) exitBy(s Stay, now time.Time) time.Time {
	var by time.Time
	later := func(t time.Time) {
		if t.After(now) && t.After(by) {
			by = t
		}
	}
	for _, p := range s.Payments {
		later(p.At.Add(b.grace.ExitAfterPayment))
	}
	if s.Entry != nil {
		_, to := s.Entry.Window()
		later(to.Add(b.grace.EndOfStay))
	} else if e := b.at(s.EnteredAt); e != nil {
		later(s.EnteredAt.Add(time.Duration(max(e.tariff.FreeMinutes, e.tariff.ConsiderationMinutes)) * time.Minute))
	}
	switch c := b.covered(s, now); {
	case c.IsZero() && by.Before(now.Add(mostAhead*time.Minute)), c.After(by) && c.After(now):
		return c
	}
	return by
}

// due is the price of a stay until end.
func (b *Book) due(s Stay, end time.Time) (Ask, error) {
	if s.Entry == nil {
		return b.used(b.at(s.EnteredAt), s.SpaceType, s.EnteredAt, end, 100)
	}
	if s.Entry.Quote == nil {
		return Ask{}, fmt.Errorf("%w: nothing is known of what was agreed", ErrNoPrice)
	}
	agreed, err := b.agreed(s.Entry, end)
	if err != nil || s.Entry.State != wire.EntryRevoked {
		return agreed, err
	}
	// It did not stand any more when the vehicle came: the lower of the two.
	walkIn, err := b.used(b.at(s.EnteredAt), s.SpaceType, s.EnteredAt, end, 100)
	if err == nil && walkIn.Total.Currency == agreed.Total.Currency && walkIn.Total.Minor < agreed.Total.Minor {
		return walkIn, nil
	}
	return agreed, err
}

// agreed is what is due on a reservation: the quote, less for who leaves early if it
// says so, and for who leaves later than the grace the tariff from its beginning on.
func (b *Book) agreed(e *wire.Entry, end time.Time) (Ask, error) {
	q := e.Quote
	edition := b.version(q.Tariff)
	if q.Tariff == 0 {
		edition = b.at(end)
	}
	quoted := Ask{Total: money.New(q.Total, q.Currency), Tax: money.New(q.Tax, q.Currency), TariffVersion: q.Tariff}
	from, to := e.Window()
	quoted.Lines = []tariff.Line{{Rule: RuleReserved, Label: "Reserved", From: from, To: to, Amount: quoted.Total}}
	if edition != nil {
		quoted.TaxBasisPoints = edition.tariff.TaxBasisPoints
	}
	until := b.grace.Billable(timerange.Range{From: from, To: to}, timerange.Range{From: from, To: end}).To
	if !until.After(to) {
		if q.Early == 0 || !end.Before(to) || q.Tariff == 0 {
			return quoted, nil
		}
		used, err := b.used(edition, e.SpaceType, from, end, int(q.Percent))
		if err != nil {
			return Ask{}, err
		}
		least := max(percent(q.Total, int64(q.Early)-1), min(edition.tariff.Minimum, q.Total))
		return shortened(quoted, used, least)
	}
	late, err := b.used(edition, e.SpaceType, from, until, int(q.Percent))
	if err != nil {
		return Ask{}, err
	}
	if late.Total.Currency != q.Currency || late.Total.Minor <= q.Total {
		return quoted, nil
	}
	return late, nil
}

// Rules of lines beyond those of a tariff.
const (
	RuleReserved = "reserved"    // what was agreed for the window
	RuleEarly    = "early_leave" // takes off for leaving early, or adds what is due all the same
)

// shortened is what a stay costs that ends early: what was used, at least least, and
// no more than was agreed.
func shortened(quoted, used Ask, least int64) (Ask, error) {
	due := min(quoted.Total.Minor, max(used.Total.Minor, least))
	if due == quoted.Total.Minor {
		return quoted, nil
	}
	if due == used.Total.Minor {
		return used, nil
	}
	shares, err := money.New(quoted.Tax.Minor, quoted.Tax.Currency).Split(due, quoted.Total.Minor-due)
	if err != nil {
		return Ask{}, err
	}
	last := quoted.Lines[0]
	used.Lines = append(used.Lines, tariff.Line{
		Rule: RuleEarly, Label: "Due at the least", From: last.From, To: last.To, Amount: money.New(due-used.Total.Minor, used.Total.Currency),
	})
	used.Total.Minor, used.Tax = due, shares[0]
	return used, nil
}

// percent drops a fraction of a minor unit, and divides first.
func percent(minor, p int64) int64 { return minor/100*p + minor%100*p/100 }

// used prices time by an edition.
func (b *Book) used(e *edition, t id.SpaceType, from, to time.Time, demand int) (Ask, error) {
	switch {
	case e == nil:
		return Ask{}, fmt.Errorf("%w: its edition of the tariff is not known", ErrNoPrice)
	case e.plan == nil:
		return Ask{}, fmt.Errorf("%w: its edition of the tariff cannot be read", ErrNoPrice)
	}
	if to.Before(from) {
		to = from
	}
	if longest := from.Add(tariff.MaxStay); to.After(longest) {
		to = longest
	}
	stay := timerange.Range{From: from, To: to}
	bill, err := e.plan.Price(stay, tariff.Facts{Zone: b.zone, SpaceType: string(t)})
	if err != nil {
		return Ask{}, errors.Join(ErrNoPrice, err)
	}
	e.plan.Explain(&bill)
	bill = bill.Demand(demand, stay)
	return Ask{Total: bill.Total, Tax: bill.Tax, TaxBasisPoints: bill.TaxBasisPoints, TariffVersion: bill.TariffVersion, Lines: bill.Lines}, nil
}
