package admission

import (
	"slices"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// Ordered is an order that this edge has had, carried out or not.
type Ordered struct {
	ID id.Order `cbor:"1,keyasint"`
	At int64    `cbor:"2,keyasint"` // Unix milliseconds, trusted: it was surely this late then
}

// How long orders are remembered, in milliseconds, and how long after its end one is
// still answered at all. An order that comes again after it was forgotten is so far
// beyond its end that it is dropped.
const (
	orderKept   = 15 * 60_000
	orderStale  = 10 * 60_000
	mostOrdered = 512
)

// Why an order is not looked at, or refused for its time.
const (
	OrderLate      = "order_late"
	ClockUntrusted = "clock_untrusted"
)

// Had reports whether an order has been here before.
func (s *State) Had(o id.Order) bool {
	return slices.ContainsFunc(s.Orders, func(h Ordered) bool { return h.ID == o })
}

// OrderFull reports whether no further order can be remembered: then none may be
// carried out, as it could come twice.
func (s *State) OrderFull(now Time) bool {
	n := 0
	for _, h := range s.Orders {
		if h.At+orderKept >= now.Lo.UnixMilli() {
			n++
		}
	}
	return n >= mostOrdered
}

// Stale reports whether an order is so far from its time that it is dropped: long
// over, or good for longer than orders are.
func Stale(notAfter int64, now Time) bool {
	return notAfter+orderStale < now.Lo.UnixMilli() || !now.Hi.IsZero() && notAfter > now.Hi.UnixMilli()+wire.OrderLife
}

// InTime is empty when it is surely not after notAfter yet, else why that is not sure.
func InTime(notAfter int64, now Time) string {
	switch {
	case now.Lo.UnixMilli() > notAfter:
		return OrderLate
	case now.Hi.IsZero(), notAfter-now.Lo.UnixMilli() > 2*wire.OrderLife, now.Hi.Sub(now.Lo).Milliseconds() > wire.OrderLife:
		return ClockUntrusted
	case now.Hi.UnixMilli() > notAfter:
		return OrderLate
	}
	return ""
}

// ordered remembers the order that a command answers.
func (s *State) ordered(e *wire.Event, c *Changes) {
	if e.Order.IsZero() || s.Had(e.Order) {
		return
	}
	s.Orders = slices.DeleteFunc(slices.Clone(s.Orders), func(h Ordered) bool { return h.At+orderKept < e.TrustedLo })
	s.Orders = append(s.Orders, Ordered{e.Order, e.TrustedLo})
	c.Cache = true
}
