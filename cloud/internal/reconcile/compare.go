package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// Limits of what is on its way.
const (
	Patience = 24 * time.Hour  // what is waited for is a difference after that
	Moving   = 5 * time.Minute // what has changed less than this before the reading may have been read in between
)

// Payment is what our books say about a payment.
type Payment struct {
	Parking     id.Parking
	Reservation id.Reservation
	ID          id.Payment
	Ref         string
	State       payment.State
	Currency    money.Currency
	Asked       int64 // minor units that are to be taken, with CaptureRequested
	Held        int64 // minor units, by the ledger; released ones included
	Captured    int64 // minor units, by the ledger
	Refunds     []Refunded
	UpdatedAt   time.Time
	Due         bool // something about it was booked in the time, or is waited for
}

// Refunded is a refund that is booked.
type Refunded struct {
	At     time.Time `json:"at"`
	Amount int64     `json:"amount"` // minor units; below zero: one of that amount came back to us
}

// Books are the two sides, both read a while beyond [From, To).
type Books struct {
	Provider string
	From, To time.Time
	ReadAt   time.Time // when the reading began
	Theirs   []payment.Entry
	Ours     []Payment
}

func (b *Books) within(t time.Time) bool { return !t.Before(b.From) && t.Before(b.To) }

// PaymentOf is the payment that a key was made for, and which of its calls:
// payment.Payment.Key. It is zero for a key that is not ours.
func PaymentOf(key string) (p id.Payment, call string) {
	name, call, ok := strings.Cut(key, "-")
	if !ok {
		return id.Payment{}, ""
	}
	p, err := id.Parse[id.Payment](name)
	if err != nil {
		return id.Payment{}, ""
	}
	return p, call
}

// group is all lines about one payment.
type group struct {
	ours    *Payment
	holds   []payment.Entry
	refunds []payment.Entry
}

// isRefund tells a line about a refund from one about a hold.
func isRefund(e payment.Entry) bool { return e.Hold.Ref == "" && e.Refund.Ref != "" }

// groups sorts the lines by payment; what is about none of ours is left over.
func (b *Books) groups() (known []*group, foreign []payment.Entry) {
	byID, byRef := map[id.Payment]*group{}, map[string]*group{}
	for i := range b.Ours {
		g := &group{ours: &b.Ours[i]}
		known = append(known, g)
		byID[g.ours.ID] = g
		if g.ours.Ref != "" {
			byRef[g.ours.Ref] = g
		}
	}
	seen := map[string]bool{}
	// Holds first: refunds may be known by them alone.
	for _, refunds := range []bool{false, true} {
		for _, e := range b.Theirs {
			name, of := "hold "+e.Hold.Ref, e.Hold.Ref
			if isRefund(e) {
				name, of = "refund "+e.Refund.Ref, e.Refund.Hold
			}
			if isRefund(e) != refunds || seen[name] {
				continue
			}
			seen[name] = refunds || of != ""
			p, _ := PaymentOf(e.Key)
			g := byID[p]
			if g == nil {
				g = byRef[of]
			}
			switch {
			case g == nil:
				foreign = append(foreign, e)
			case refunds:
				g.refunds = append(g.refunds, e)
			default:
				g.holds = append(g.holds, e)
				if of != "" {
					byRef[of] = g
				}
			}
		}
	}
	return known, foreign
}

// Unlisted are the payments whose hold is not among the provider's lines, and
// has to be asked for before anything can be said about them.
func (b *Books) Unlisted() []Payment {
	var out []Payment
	known, _ := b.groups()
	for _, g := range known {
		if g.due(b) && !slices.ContainsFunc(g.holds, func(e payment.Entry) bool { return e.Hold.Ref == g.ours.Ref && e.Hold.Ref != "" }) {
			out = append(out, *g.ours)
		}
	}
	return out
}

// due reports whether the payment is to be compared: something about it is in
// the time, on either side.
func (g *group) due(b *Books) bool {
	in := func(e payment.Entry) bool { return b.within(e.At) }
	return g.ours.Due || slices.ContainsFunc(g.holds, in) || slices.ContainsFunc(g.refunds, in)
}

// Compare compares the books.
func Compare(b Books) Report {
	c := &comparison{books: &b, Report: Report{
		Format: Format, Provider: b.Provider, From: b.From.UTC(), To: b.To.UTC(), MadeAt: b.ReadAt.UTC(),
		Differences: []Difference{}, OnTheWay: []Difference{},
	}}
	for _, e := range b.Theirs {
		if b.within(e.At) {
			c.Lines++
		}
	}
	known, foreign := b.groups()
	for _, g := range known {
		if g.due(&b) {
			c.Payments++
			c.hold(g)
			c.refunds(g)
		}
	}
	for _, e := range foreign {
		if b.within(e.At) {
			c.foreign(e)
		}
	}
	sorted(c.Differences)
	sorted(c.OnTheWay)
	return c.Report
}

type comparison struct {
	books *Books
	Report
}

// differ puts a difference on record, or says that it is on its way.
func (c *comparison) differ(o *Payment, d Difference, onTheWay bool) {
	if o != nil {
		d.Parking, d.Reservation, d.Payment = o.Parking, o.Reservation, o.ID
		// The two were not read at the same instant.
		onTheWay = onTheWay || o.UpdatedAt.After(c.books.ReadAt.Add(-Moving))
	}
	if onTheWay {
		d.Class = ""
		c.OnTheWay = append(c.OnTheWay, d)
		return
	}
	c.Differences = append(c.Differences, d)
}

// foreign reports a line that is about no payment of ours.
func (c *comparison) foreign(e payment.Entry) {
	p, _ := PaymentOf(e.Key)
	d := Difference{Class: MissingHere, What: what(e), Parking: e.Parking, Payment: p, Ref: e.Hold.Ref, Key: e.Key, Says: "it is about no payment of ours"}
	if isRefund(e) {
		d.Ref, d.Theirs = e.Refund.Ref, refundSide(e.Refund)
	} else {
		if e.Hold.State == payment.Declined {
			return // nothing came of it
		}
		d.Theirs = holdSide(e.Hold)
	}
	c.differ(nil, d, false)
}

// what a line is about.
func what(e payment.Entry) What {
	if isRefund(e) {
		return Refund
	}
	return Hold
}

func holdSide(o payment.Outcome) *Side {
	amount := o.Authorized
	if o.State == payment.Captured {
		amount = o.Captured
	}
	return &Side{string(o.State), amount}
}

func refundSide(r payment.Refund) *Side { return &Side{string(r.State), r.Amount} }

// side is what our books say of the hold, or what was taken from it.
func (o *Payment) side() *Side {
	minor := o.Held
	if o.Captured != 0 {
		minor = o.Captured
	}
	return &Side{string(o.State), money.New(minor, o.Currency)}
}

// stands reports whether money is held, or taken.
func stands(e payment.Entry) bool {
	return e.Hold.State == payment.Authorized || e.Hold.State == payment.Captured
}

// hold compares a payment with its line. Of several lines the one counts whose
// name we know, and any other one must have come to nothing.
func (c *comparison) hold(g *group) {
	o := g.ours
	at := slices.IndexFunc(g.holds, func(e payment.Entry) bool { return e.Hold.Ref == o.Ref && o.Ref != "" })
	if at < 0 {
		at = slices.IndexFunc(g.holds, stands)
	}
	if at < 0 {
		at = len(g.holds) - 1
	}
	for i, e := range g.holds {
		if i != at && stands(e) {
			c.differ(o, Difference{Class: Twice, What: what(e), Ref: e.Hold.Ref, Key: e.Key, Ours: o.side(), Theirs: holdSide(e.Hold), Says: "the payment has another hold beside its own"}, false)
		}
	}
	if at < 0 {
		c.none(o)
		return
	}
	e := g.holds[at]
	d := Difference{What: what(e), Ref: e.Hold.Ref, Key: e.Key, Ours: o.side(), Theirs: holdSide(e.Hold)}
	switch v := judge(o, e.Hold); {
	case v == underway && c.books.ReadAt.Sub(o.UpdatedAt) < Patience:
		d.Says = "it is being settled"
		c.differ(o, d, true)
	case v == underway:
		d.Class, d.Says = OtherState, fmt.Sprintf("it has waited since %s", o.UpdatedAt.UTC().Format(time.RFC3339))
		c.differ(o, d, false)
	case v == other:
		d.Class, d.Says = OtherState, "the states do not go together"
		c.differ(o, d, false)
	default:
		c.amounts(o, e.Hold, d)
	}
}

// amounts compares what is held, or was taken, where the states agree.
func (c *comparison) amounts(o *Payment, t payment.Outcome, d Difference) {
	d.Class = OtherAmount
	same := func(ours int64, theirs money.Amount) bool {
		return ours == theirs.Minor && (ours == 0 || theirs.Currency == o.Currency)
	}
	taken := money.Amount{}
	if t.State == payment.Captured {
		taken = t.Captured
	}
	switch {
	case !same(o.Captured, taken):
		if d.What == Hold {
			d.What = Capture
		}
		d.Says = "something else was taken than is booked"
		d.Ours = &Side{string(o.State), money.New(o.Captured, o.Currency)}
		c.differ(o, d, false)
	case o.State == payment.Authorized && !same(o.Held, t.Authorized):
		d.Says = "something else is held than is booked"
		c.differ(o, d, false)
	}
}

// none judges a payment that the provider does not know.
func (c *comparison) none(o *Payment) {
	d := Difference{Class: MissingThere, What: Hold, Ref: o.Ref, Ours: o.side(), Says: "the provider knows no such hold"}
	if o.Captured != 0 {
		d.What = Capture
	}
	// What waits for its driver may be the saving of a method, which no books list.
	waits := o.State == payment.Requested || o.State == payment.Unknown || o.State == payment.RequiresAction || o.State == payment.VoidRequested && o.Held == 0
	placed := o.State == payment.Authorized || o.State == payment.CaptureRequested || o.State == payment.Captured
	switch {
	case waits && c.books.ReadAt.Sub(o.UpdatedAt) < Patience:
		d.Says = "whether it was placed is being found out"
		c.differ(o, d, true)
	case waits || placed || o.Held != 0 || o.Captured != 0:
		c.differ(o, d, false)
	}
}

type verdict int

const (
	agreed verdict = iota
	underway
	other
)

// judge says whether the state of a payment and that of its hold go together.
func judge(o *Payment, t payment.Outcome) verdict {
	goes, known := together[o.State]
	switch {
	case !known && t.State != payment.Authorized && t.State != payment.Captured: // it holds nothing on either side
		return agreed
	case slices.Contains(goes.same, t.State):
		return agreed
	}
	if slices.Contains(goes.soon, t.State) && (t.State != payment.Captured || o.State != payment.CaptureRequested || t.Captured == money.New(o.Asked, o.Currency)) {
		return underway
	}
	return other
}

// together lists the provider's states that go with each of ours, and those of
// which we are about to hear, or which we are about to change. A state that is not
// here has no hold.
var together = map[payment.State]struct{ same, soon []payment.State }{
	payment.Requested:        {soon: theirStates()},
	payment.Unknown:          {soon: theirStates()},
	payment.RequiresAction:   {same: []payment.State{payment.RequiresAction}, soon: []payment.State{payment.Authorized, payment.Declined, payment.Voided}},
	payment.Authorized:       {same: []payment.State{payment.Authorized}},
	payment.CaptureRequested: {soon: []payment.State{payment.Authorized, payment.Captured, payment.Voided, payment.Declined}}, // voided: it is about to be owed
	payment.Captured:         {same: []payment.State{payment.Captured}},
	payment.VoidRequested:    {soon: []payment.State{payment.Authorized, payment.RequiresAction, payment.Voided, payment.Declined, payment.Captured}},
	payment.Voided:           {same: []payment.State{payment.Voided, payment.Declined}},
	payment.Declined:         {same: []payment.State{payment.Declined, payment.Voided}},
}

func theirStates() []payment.State {
	return []payment.State{payment.RequiresAction, payment.Authorized, payment.Declined, payment.Captured, payment.Voided}
}

// refunds compares what was given back. A refund that is booked goes with one of
// the same amount; of what is left on both sides, one goes with one of another
// amount. One that is booked alone may have come back there.
func (c *comparison) refunds(g *group) {
	o := g.ours
	ours, theirs, back, keys := kept(o.Refunds), []payment.Entry{}, []payment.Entry{}, map[string]bool{}
	for _, e := range g.refunds {
		if e.Refund.State == payment.RefundFailed {
			back = append(back, e) // the money is
			continue
		}
		if e.Key != "" && keys[e.Key] {
			c.refund(o, Twice, nil, &e, "the same refund was made before")
			continue
		}
		keys[e.Key] = true
		theirs = append(theirs, e)
	}
	pair := func(together func(Refunded, payment.Entry) bool, each func(Refunded, payment.Entry)) {
		theirs = slices.DeleteFunc(theirs, func(e payment.Entry) bool {
			at := slices.IndexFunc(ours, func(r Refunded) bool { return together(r, e) })
			if at >= 0 {
				each(ours[at], e)
				ours = slices.Delete(ours, at, at+1)
			}
			return at >= 0
		})
	}
	pair(func(r Refunded, e payment.Entry) bool { return money.New(r.Amount, o.Currency) == e.Refund.Amount }, func(Refunded, payment.Entry) {})
	pair(func(r Refunded, e payment.Entry) bool { return c.books.within(r.At) && c.books.within(e.At) }, func(r Refunded, e payment.Entry) {
		c.refund(o, OtherAmount, &r, &e, "something else was given back than is booked")
	})
	for _, e := range theirs {
		if c.books.within(e.At) {
			c.refund(o, MissingHere, nil, &e, "it is not booked")
		}
	}
	cameBack := func(minor int64) (e payment.Entry, found bool) {
		at := slices.IndexFunc(back, func(e payment.Entry) bool { return e.Refund.Amount == money.New(minor, o.Currency) })
		if at < 0 {
			return e, false
		}
		e = back[at]
		back = slices.Delete(back, at, at+1)
		return e, true
	}
	equals := map[money.Amount][]string{}
	for _, e := range back {
		equals[e.Refund.Amount] = append(equals[e.Refund.Amount], e.Key)
	}
	for _, r := range o.Refunds {
		if r.Amount < 0 {
			cameBack(-r.Amount) // which is booked
		}
	}
	for _, r := range ours {
		e, back := cameBack(r.Amount)
		switch {
		case back && (c.books.within(r.At) || c.books.within(e.At)):
			c.refund(o, OtherState, &r, &e, "it came back", equals[e.Refund.Amount]...)
		case c.books.within(r.At):
			c.refund(o, MissingThere, &r, nil, "the provider has given nothing back")
		}
	}
}

// kept are the refunds that did not come back.
func kept(all []Refunded) []Refunded {
	out := []Refunded{}
	back := map[int64]int{}
	for _, r := range all {
		if r.Amount < 0 {
			back[-r.Amount]++
		}
	}
	for _, r := range all {
		switch {
		case r.Amount < 0:
		case back[r.Amount] > 0:
			back[r.Amount]--
		default:
			out = append(out, r)
		}
	}
	return out
}

func (c *comparison) refund(o *Payment, class Class, r *Refunded, e *payment.Entry, says string, equals ...string) {
	d := Difference{Class: class, What: Refund, Says: says, equals: equals}
	moved := time.Time{}
	if r != nil {
		d.Ours, moved = &Side{"booked", money.New(r.Amount, o.Currency)}, r.At
	}
	if e != nil {
		d.Ref, d.Key, d.Theirs = e.Refund.Ref, e.Key, refundSide(e.Refund)
		if e.At.After(moved) {
			moved = e.At
		}
	}
	c.differ(o, d, moved.After(c.books.ReadAt.Add(-Moving)))
}
