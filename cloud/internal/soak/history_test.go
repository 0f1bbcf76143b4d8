package soak

import (
	"context"
	"crypto/sha256"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
	"golang.org/x/sync/errgroup"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
)

const (
	quarters = 4 // that are fought for
	spaces   = 2 // in the beginning
	clients  = 6
	calls    = 25
	maxCalls = clients * calls
)

// doing is what a call does.
type doing string

const (
	reserves  doing = "reserve"
	cancels   doing = "cancel"
	changes   doing = "change" // the window of a reservation, now or once it is paid
	pays      doing = "pay"    // the hold of a change stands
	withdraws doing = "withdraw"
	resizes   doing = "resize"
	looks     doing = "look"
)

// stretch is quarters; an empty one is none.
type stretch struct{ from, to int8 }

func (r stretch) has(q int8) bool { return r.from <= q && q < r.to }

// call is one call of a history.
type call struct {
	do     doing
	n      int     // its number; of a reservation or a change, that which made it
	of     int     // the reservation that a change, or what comes after it, is about
	window stretch // to reserve, to change to, to look at
	spaces int     // to resize to
}

// seen is its answer.
type seen struct {
	ok   bool // it was not refused
	now  bool // a change, or a hold of one, made the change take place
	free int  // of a look
}

// counts is the sequential truth.
type counts struct {
	spaces  int
	held    [maxCalls]stretch // what a reservation is for; none once it is cancelled
	wanted  [maxCalls]stretch // what its change is for that is not paid yet
	waiting [maxCalls]int     // which change that is, counted from 1
	paid    [maxCalls]int     // the change whose hold stands for the reservation
}

// claimed counts the units of a quarter: a reservation and its change hold it once.
func (c *counts) claimed(q int8) (n int) {
	for i := range c.held {
		if c.held[i].has(q) || c.wanted[i].has(q) {
			n++
		}
	}
	return n
}

func (c *counts) free(r stretch) int {
	least := maxCalls
	for q := r.from; q < r.to; q++ {
		least = min(least, max(0, c.spaces-c.claimed(q)))
	}
	return least
}

// room reports whether a reservation can have another window beside its own.
func (c *counts) room(i int, r stretch) bool {
	for q := r.from; q < r.to; q++ {
		if !c.held[i].has(q) && c.claimed(q) >= c.spaces {
			return false
		}
	}
	return true
}

// step says whether the answer can have been given now, and what is so after it. A
// refusal is no read: that of a reservation may be founded on what was so up to a
// second ago (package postgres, TestARefusalIsNeverOlderThanASecond). Everything
// else counts.
func (c counts) step(x call, got seen) (bool, counts) {
	i := x.of
	switch x.do {
	case reserves:
		if !got.ok {
			return true, c
		}
		possible := c.free(x.window) > 0
		c.held[x.n] = x.window
		return possible, c
	case cancels:
		c.held[i], c.wanted[i], c.waiting[i] = stretch{}, stretch{}, 0
		return got.ok, c
	case changes:
		if !got.ok {
			return true, c
		}
		possible := c.held[i] != stretch{} && c.waiting[i] == 0 && c.room(i, x.window)
		if got.now {
			c.held[i] = x.window
		} else {
			c.wanted[i], c.waiting[i] = x.window, x.n+1
		}
		return possible, c
	case pays:
		waits := c.waiting[i] == x.n+1
		if waits {
			c.held[i], c.paid[i] = c.wanted[i], x.n+1
			c.wanted[i], c.waiting[i] = stretch{}, 0
		}
		return got.ok && got.now == waits, c
	case withdraws:
		possible := got.ok == (c.paid[i] != x.n+1)
		if c.waiting[i] == x.n+1 {
			c.wanted[i], c.waiting[i] = stretch{}, 0
		}
		return possible, c
	case resizes:
		c.spaces = x.spaces
		return got.ok, c
	default:
		return got.free == c.free(x.window), c
	}
}

// model is the parking as if one thing happened after the other.
func model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return counts{spaces: spaces} },
		Step: func(state, input, output any) (bool, any) {
			return state.(counts).step(input.(call), output.(seen))
		},
	}
}

// player plays the calls of a history at one parking.
type player struct {
	at         id.Parking
	first      timerange.Q
	committers []commit.Committer
	plain      bool

	mu       sync.Mutex
	made     []int // reservations that were made
	waiting  []call
	ids      [maxCalls]id.Reservation
	payments [maxCalls]id.Payment // of changes
}

// history lets clients reserve, cancel, change, pay for changes and withdraw them,
// resize and look at one parking through several committers, and returns what they
// saw when; plain ones reserve, cancel and look only. An answer that nobody must
// ever get is an error.
func history(ctx context.Context, at id.Parking, committers []commit.Committer, plain bool) ([]porcupine.Operation, error) {
	began := time.Now()
	p := &player{at: at, plain: plain, committers: committers, first: timerange.DayStart(timerange.Floor(began).Day()+1) + 40}
	var out []porcupine.Operation
	var g errgroup.Group
	for client := range clients {
		g.Go(func() error {
			rnd := rand.New(rand.NewPCG(uint64(client), 3))
			for n := range calls {
				x := p.choose(client*calls+n, rnd)
				c := committers[rnd.IntN(len(committers))]
				start := time.Since(began)
				got, err := p.play(ctx, c, x)
				end := time.Since(began)
				if err != nil {
					return err
				}
				p.mu.Lock()
				out = append(out, porcupine.Operation{ClientId: client, Input: x, Output: got, Call: start.Nanoseconds(), Return: end.Nanoseconds()})
				p.mu.Unlock()
			}
			return nil
		})
	}
	return out, g.Wait()
}

// choose is the next call.
func (p *player) choose(n int, rnd *rand.Rand) call {
	from := rnd.IntN(quarters)
	x := call{do: reserves, n: n, window: stretch{int8(from), int8(from + 1 + rnd.IntN(quarters-from))}}
	p.mu.Lock()
	defer p.mu.Unlock()
	d := rnd.IntN(20)
	if p.plain && d > 11 {
		d = []int{10, 19}[d%2]
	}
	switch {
	case d < 6: // reserve
	case d < 10 && len(p.waiting) > 0:
		k := rnd.IntN(len(p.waiting))
		x = p.waiting[k]
		x.do = pays
		if d > 7 {
			x.do = withdraws // and may be paid all the same
			return x
		}
		p.waiting = append(p.waiting[:k], p.waiting[k+1:]...)
	case d > 9 && d < 16 && len(p.made) > 0:
		k := rnd.IntN(len(p.made))
		x.do, x.of = changes, p.made[k]
		if d < 12 {
			x.do = cancels
			if rnd.IntN(4) > 0 { // the others are cancelled, or changed, in vain
				p.made = append(p.made[:k], p.made[k+1:]...)
			}
		}
	case d == 16:
		x.do, x.spaces = resizes, spaces-1+rnd.IntN(3)
	default:
		x.do = looks
	}
	return x
}

// play does a call. What is refused is an answer, too.
func (p *player) play(ctx context.Context, c commit.Committer, x call) (got seen, err error) {
	run := timerange.Quarters{From: p.first + timerange.Q(x.window.from), To: p.first + timerange.Q(x.window.to)}
	p.mu.Lock()
	t := booking.Target{In: p.at, ID: p.ids[x.of]}
	p.mu.Unlock()
	switch x.do {
	case reserves:
		err = p.reserve(ctx, c, x, run)
	case cancels:
		_, err = c.Commit(ctx, &booking.Cancel{Target: t})
	case changes:
		got.now, err = p.change(ctx, c, x, t, run)
	case pays:
		o := &booking.RecordHold{Target: t, Payment: p.payment(x.n), Outcome: payment.Outcome{
			Ref: p.payment(x.n).String(), State: payment.Authorized, Authorized: dear(x.n),
		}}
		_, err = c.Commit(ctx, o)
		got.now = o.After.Reservation.Payment == o.Payment
	case withdraws:
		_, err = c.Commit(ctx, &booking.Withdraw{Target: t, Change: p.payment(x.n)})
	case resizes:
		_, err = c.Commit(ctx, &capacity.Change{In: p.at, SpaceType: id.Standard, Capacity: int16(x.spaces), From: p.first.Day()})
	default:
		o := &available{at: p.at, run: run}
		_, err = c.Commit(ctx, o)
		got.free = int(o.free)
	}
	got.ok = err == nil
	// A cancellation is never refused; the model says so.
	if f := fault.From(err); f != nil && f.Kind != fault.Unavailable && (f.Kind != fault.Internal || x.do == cancels) {
		err = nil
	}
	return got, err
}

func (p *player) payment(change int) id.Payment {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.payments[change]
}

// reserve reserves and has the hold booked.
func (p *player) reserve(ctx context.Context, c commit.Committer, x call, run timerange.Quarters) error {
	r := reserveOf(p.at, run.Range())
	if _, err := c.Commit(ctx, r); err != nil {
		return err
	}
	if _, err := c.Commit(ctx, &booking.RecordHold{Target: booking.TargetOf(r.After), Outcome: payment.Outcome{
		Ref: r.PaymentID.String(), State: payment.Authorized, Authorized: r.Quote.Total,
	}}); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ids[x.n], p.made = r.ID, append(p.made, x.n)
	return nil
}

// dear is the price of two changes in three.
func dear(n int) money.Amount { return money.New(int64(1000+n), "EUR") }

// change changes and reports whether that took place at once.
func (p *player) change(ctx context.Context, c commit.Committer, x call, t booking.Target, run timerange.Quarters) (bool, error) {
	now := time.Now().UTC()
	key := id.New[id.Quote](now).String()
	o := &booking.Modify{
		Target: t, Key: commit.Key{Principal: booking.Guest, Key: key}, RequestHash: sha256.Sum256([]byte(key)),
		PaymentID: id.New[id.Payment](now), Window: run.Range(), SpaceType: id.Standard,
		Quote: reservation.Quote{Total: money.New(480, "EUR"), Tax: money.New(77, "EUR"), TariffVersion: 1},
	}
	if x.n%3 > 0 {
		o.Quote.Total = dear(x.n)
	}
	if _, err := c.Commit(ctx, o); err != nil {
		return false, err
	}
	if o.About == nil {
		return true, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.payments[x.n], p.waiting = o.PaymentID, append(p.waiting, x)
	return false, nil
}
