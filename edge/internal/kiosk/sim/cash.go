// Package sim is a cash device, a card terminal and a receipt printer that are not
// there, for tests, demonstrations and whoever has no machine yet. They keep what
// the real ones keep in memory that outlasts the power, and nothing else.
package sim

import (
	"errors"
	"slices"
	"sync"

	"github.com/openlot/openlot/edge/internal/kiosk"
)

// ErrRejected says that the slot gave back what was put in.
var ErrRejected = errors.New("the slot gives it back")

// Memory is what a cash device keeps without power.
type Memory struct {
	Seq     uint64         `json:"seq"`
	Totals  kiosk.Totals   `json:"totals"`
	Escrow  []kiosk.Pieces `json:"escrow"`
	Box     []kiosk.Pieces `json:"box"`
	Hoppers []kiosk.Hopper `json:"hoppers"`
	Full    bool           `json:"full"`
	Stuck   bool           `json:"stuck"`
	Off     bool           `json:"off"` // it does not answer
}

// Cash is a cash device with an escrow, a box and hoppers.
type Cash struct {
	mu      sync.Mutex
	m       Memory
	takes   []kiosk.Pieces
	room    int                // coins of a hopper
	keep    func(Memory) error // makes a memory durable
	open    bool               // the slots are
	todo    *kiosk.Order
	ordered chan struct{} // closed at the next order
	failed  error
}

// NewCash makes a device with a memory; keep writes it down, before anything moves on.
func NewCash(m Memory, takes []kiosk.Pieces, keep func(Memory) error) *Cash {
	return &Cash{m: m, takes: takes, room: 500, keep: keep, ordered: make(chan struct{})}
}

// Ordered is closed at the next order that changes something.
func (c *Cash) Ordered() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ordered
}

// Insert puts a coin or note into the slot.
func (c *Cash) Insert(value int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.takes, func(p kiosk.Pieces) bool { return p.Value == value })
	if !c.open || c.todo != nil || c.m.Off || c.m.Full || c.m.Stuck || i < 0 {
		return ErrRejected
	}
	c.m.Escrow = add(c.m.Escrow, kiosk.Pieces{Value: value, Count: 1, Note: c.takes[i].Note})
	c.m.Totals.Inserted += value
	return c.save()
}

func (c *Cash) save() error {
	if c.failed == nil {
		c.failed = c.keep(clone(c.m))
	}
	return c.failed
}

// Order takes an order. One with a number that the device has had does nothing.
func (c *Cash) Order(o kiosk.Order) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	open, seq := c.open, c.m.Seq
	defer func() {
		if c.open != open || c.m.Seq != seq {
			close(c.ordered)
			c.ordered = make(chan struct{})
		}
	}()
	switch o.Kind {
	case kiosk.OrderAccept:
		c.open = true
	case kiosk.OrderShut:
		c.open = false
	case kiosk.OrderKeep, kiosk.OrderReturn, kiosk.OrderGive, kiosk.OrderEmpty, kiosk.OrderFill:
		if o.Seq <= c.m.Seq || c.m.Off {
			return nil
		}
		c.open = false
		o.Coins = slices.Clone(o.Coins)
		c.m.Seq, c.todo = o.Seq, &o
		return c.save()
	case kiosk.OrderCharge, kiosk.OrderCancel, kiosk.OrderPrint, kiosk.OrderTicket:
	}
	return nil
}

// Advance moves one piece; false: there was nothing to do.
func (c *Cash) Advance() (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.todo == nil || c.m.Off || c.m.Stuck {
		return false, nil
	}
	switch c.todo.Kind {
	case kiosk.OrderKeep:
		if p, ok := take(&c.m.Escrow); ok {
			c.m.Totals.Kept += p.Value
			c.stack(p)
			return true, c.save()
		}
	case kiosk.OrderReturn:
		if p, ok := take(&c.m.Escrow); ok {
			c.m.Totals.Returned += p.Value
			return true, c.save()
		}
	case kiosk.OrderEmpty, kiosk.OrderFill:
		if did, err := c.serve(); did || err != nil {
			return did, err
		}
	default:
		for p, ok := take(&c.todo.Coins); ok; p, ok = take(&c.todo.Coins) {
			i := slices.IndexFunc(c.m.Hoppers, func(h kiosk.Hopper) bool { return h.Value == p.Value && h.Count > 0 && !h.Jammed })
			if i < 0 {
				continue // it does not come out
			}
			c.m.Hoppers[i].Count--
			c.m.Totals.Given += p.Value
			return true, c.save()
		}
	}
	c.todo = nil
	return true, nil
}

// stack puts a kept piece into its hopper, or into the box.
func (c *Cash) stack(p kiosk.Pieces) {
	i := slices.IndexFunc(c.m.Hoppers, func(h kiosk.Hopper) bool { return !p.Note && h.Value == p.Value && h.Count < c.room })
	if i < 0 {
		c.m.Box = add(c.m.Box, p)
		return
	}
	c.m.Hoppers[i].Count++
}

// PowerCut is what it says: the order under way is over, and the escrow may spring
// open.
func (c *Cash) PowerCut(springs bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open, c.todo = false, nil
	if springs {
		for p, ok := take(&c.m.Escrow); ok; p, ok = take(&c.m.Escrow) {
			c.m.Totals.Returned += p.Value
		}
	}
	return c.save()
}

// Change does something to the device by hand: coins are filled in, a hopper jams.
func (c *Cash) Change(f func(*Memory)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := worth(c.m)
	f(&c.m)
	c.m.Totals.Filled += worth(c.m) - before
	return c.save()
}

func worth(m Memory) (n int64) {
	for _, h := range m.Hoppers {
		n += h.Value * int64(h.Count)
	}
	return n + kiosk.Sum(m.Box)
}

// Report is what the device says now.
func (c *Cash) Report() kiosk.Cash {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := clone(c.m)
	for i := range m.Hoppers {
		m.Hoppers[i].Low = m.Hoppers[i].Count < lowHopper
	}
	return kiosk.Cash{
		Answers: !m.Off, Seq: m.Seq, Busy: c.todo != nil, Totals: m.Totals, Escrow: m.Escrow, Box: m.Box, Hoppers: m.Hoppers,
		Takes: c.takes, Full: m.Full, Stuck: m.Stuck,
	}
}

// lowHopper is how few coins are nearly none.
const lowHopper = 10

func clone(m Memory) Memory {
	m.Escrow, m.Box, m.Hoppers = slices.Clone(m.Escrow), slices.Clone(m.Box), slices.Clone(m.Hoppers)
	return m
}

func add(all []kiosk.Pieces, p kiosk.Pieces) []kiosk.Pieces {
	i := slices.IndexFunc(all, func(q kiosk.Pieces) bool { return q.Value == p.Value && q.Note == p.Note })
	if i < 0 {
		return append(all, p)
	}
	all[i].Count += p.Count
	return all
}

// take takes one piece out.
func take(all *[]kiosk.Pieces) (kiosk.Pieces, bool) {
	if len(*all) == 0 {
		return kiosk.Pieces{}, false
	}
	p := (*all)[0]
	p.Count = 1
	if (*all)[0].Count--; (*all)[0].Count == 0 {
		*all = (*all)[1:]
	}
	return p, true
}
