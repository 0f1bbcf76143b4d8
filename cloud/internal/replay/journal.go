package replay

import (
	"cmp"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/wire"
)

// Plan is how readings become a journal.
type Plan struct {
	Seed     uint64
	Capacity int
	Type     id.SpaceType
	// Price is what somebody pays at a machine who went in and pays at these times; nil:
	// nobody pays there.
	Price func(in, paid time.Time) (money.Amount, error)
}

// vehicle is somebody inside.
type vehicle struct {
	session id.Session
	in      time.Time
}

// source draws from the seed.
type source struct{ *rand.Rand }

func (s source) bytes() (b [16]byte) {
	binary.BigEndian.PutUint64(b[:8], s.Uint64())
	binary.BigEndian.PutUint64(b[8:], s.Uint64())
	return b
}

// minted is an identifier as one that was made at a time.
func minted[I id.ID[K], K id.Kind](s source, at time.Time) (I, error) {
	b := s.bytes()
	ms := uint64(at.UnixMilli())
	binary.BigEndian.PutUint32(b[0:4], uint32(ms>>16))
	binary.BigEndian.PutUint16(b[4:6], uint16(ms))
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	return id.FromBytes[I, K](b[:])
}

// Journal is the journal of a week: its name, and its events from the first on, with
// their numbers.
type Journal struct {
	ID     id.Journal
	Boot   id.Boot
	Events []wire.Event
}

// Make makes the journal.
func (p Plan) Make(all []Reading) (Journal, error) {
	draw := source{rand.New(rand.NewPCG(p.Seed, 17))} //nolint:gosec // it is to be drawn again
	start := all[0].At.Add(-15 * time.Minute)
	var j Journal
	var err error
	if j.ID, err = minted[id.Journal](draw, start); err != nil {
		return j, err
	}
	if j.Boot, err = minted[id.Boot](draw, start); err != nil {
		return j, err
	}
	var inside []vehicle
	tell := func(at time.Time, e wire.Event) {
		e.Boot, e.Wall, e.TrustedLo = j.Boot, at.UnixMilli(), at.UnixMilli()
		j.Events = append(j.Events, e)
	}
	tell(start, wire.Event{Kind: wire.Started})
	before := start
	for _, r := range all {
		taken := min(max(p.Capacity-r.Free, 0), p.Capacity)
		n := taken - len(inside)
		for _, at := range draw.moments(before, r.At, max(n, -n)) {
			if n > 0 {
				v := vehicle{in: at}
				if v.session, err = minted[id.Session](draw, at); err != nil {
					return j, err
				}
				tell(at.Add(-5*time.Second), wire.Event{Kind: wire.Admitted, Lane: "entry-1", Session: v.session, SpaceType: p.Type, Reason: wire.AdmitWalkin})
				tell(at, wire.Event{Kind: wire.Entered, Lane: "entry-1", Session: v.session, SpaceType: p.Type, Reason: wire.AdmitWalkin})
				inside = append(inside, v)
				continue
			}
			// Who came first goes a little sooner than others.
			who := min(draw.IntN(len(inside)), draw.IntN(len(inside)))
			v := inside[who]
			inside = slices.Delete(inside, who, who+1)
			if err := p.pay(draw, &v, at, tell); err != nil {
				return j, err
			}
			tell(at.Add(-4*time.Second), wire.Event{Kind: wire.Released, Lane: "exit-1", Session: v.session, Reason: wire.AdmitWalkin})
			tell(at, wire.Event{Kind: wire.Exited, Lane: "exit-1", Session: v.session, Reason: wire.AdmitWalkin})
		}
		if taken == p.Capacity { // who comes now is turned away
			tell(r.At, wire.Event{Kind: wire.Refused, Lane: "entry-1", SpaceType: p.Type, Reason: wire.RefuseFull})
		}
		tell(r.At, wire.Event{Kind: wire.TimeMark})
		before = r.At
	}
	slices.SortStableFunc(j.Events, func(a, b wire.Event) int { return cmp.Compare(a.Wall, b.Wall) })
	for i := range j.Events {
		j.Events[i].Seq = uint64(i) + 1
	}
	return j, nil
}

// pay has two of three pay at a machine before they leave, one of those with a card.
func (p Plan) pay(draw source, v *vehicle, out time.Time, tell func(time.Time, wire.Event)) error {
	how := draw.IntN(3)
	paid := out.Add(-2 * time.Minute)
	if p.Price == nil || how == 0 || !paid.After(v.in) {
		return nil
	}
	price, err := p.Price(v.in, paid)
	if err != nil || price.Minor == 0 {
		return err
	}
	method := wire.Cash
	if how == 2 {
		method = wire.Card
	}
	payment, err := minted[id.Payment](draw, paid)
	if err != nil {
		return err
	}
	tell(paid, wire.Event{Kind: wire.Paid, Lane: "kiosk-1", Session: v.session, Payment: payment, Amount: price.Minor, Currency: price.Currency, Method: method})
	return nil
}

// moments are n times after one and not after another, in order, in whole milliseconds.
func (s source) moments(after, until time.Time, n int) []time.Time {
	span := until.Sub(after).Milliseconds()
	if span <= 0 {
		span = 1
	}
	out := make([]time.Time, n)
	for i := range out {
		out[i] = after.Add(time.Duration(1+s.Int64N(span)) * time.Millisecond)
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}
