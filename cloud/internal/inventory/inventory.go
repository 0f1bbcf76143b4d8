// Package inventory is the arithmetic of capacity: how much of a space type is
// free in each quarter-hour, and what a claim or a release does to it. It is
// pure; the committer in package postgres checks the versions of what this
// package read and writes what it changed.
//
// For every quarter free − over = cap − claims. Free is what may still be
// sold. Over is what is physically there although nothing was left: a car that
// overstayed, or came in offline on a claim that had been given away. Nothing
// is sold while over is positive, and a release takes from over first.
//
// Capacity may change under what is claimed, and bays may be blocked: what is
// then missing is in over as well, and sales there have stopped by themselves.
package inventory

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// Errors of this package.
var (
	ErrSoldOut    = errors.New("not enough free capacity")
	ErrUnseeded   = errors.New("the day is outside the booking horizon")
	ErrOverReturn = errors.New("more was released than was claimed")
	ErrTooMany    = errors.New("more than there can be")
)

// Key names one day of one space type within a parking.
type Key struct {
	Type id.SpaceType
	Day  int32 // UTC days since the Unix epoch
}

// Day is one day of one space type.
type Day struct {
	Version int64 // of the stored row; a write names the version it read
	Cap     int16
	Free    [timerange.QuartersPerDay]int16
	Over    [timerange.QuartersPerDay]int16
}

// NewDay is a day of which nothing is claimed.
func NewDay(capacity int16) *Day {
	d := &Day{Cap: capacity}
	for i := range d.Free {
		d.Free[i] = capacity
	}
	return d
}

// Sheet is the set of days that one unit of work has read. The zero value is
// not usable; see NewSheet.
type Sheet struct {
	days    map[Key]*Day
	changed map[Key]struct{}
	claims  []Delta
	recap   bool // a capacity has changed since TakeDeltas
}

// Delta is one change of claims, as the feed tells it: N more (or, negative,
// fewer) units claimed in the quarters [From, To).
type Delta struct {
	Type id.SpaceType `json:"type"`
	From timerange.Q  `json:"from_q"`
	To   timerange.Q  `json:"to_q"`
	N    int16        `json:"n"`
}

// NewSheet makes a sheet of the days that were read.
func NewSheet(days map[Key]*Day) *Sheet {
	return &Sheet{days: days, changed: map[Key]struct{}{}}
}

// Keys lists the days that a run of quarters touches.
func Keys(t id.SpaceType, q timerange.Quarters) []Key {
	var keys []Key
	for _, s := range spans(q) {
		keys = append(keys, Key{t, s.day})
	}
	return keys
}

// Add adds a day that was read.
func (s *Sheet) Add(k Key, d *Day) {
	c := *d
	s.days[k] = &c
}

// Clone is a copy that can be changed and thrown away.
func (s *Sheet) Clone() *Sheet {
	c := &Sheet{days: make(map[Key]*Day, len(s.days)), changed: make(map[Key]struct{}, len(s.changed))}
	for k, d := range s.days {
		copied := *d
		c.days[k] = &copied
	}
	for k := range s.changed {
		c.changed[k] = struct{}{}
	}
	c.claims = append([]Delta(nil), s.claims...)
	c.recap = s.recap
	return c
}

// Available is the number of units that can be sold for all of the run: the
// least free over its quarters, and none where over is positive.
func (s *Sheet) Available(t id.SpaceType, q timerange.Quarters) (int16, error) {
	if q.Empty() {
		return 0, timerange.ErrEmpty
	}
	least := int16(1<<15 - 1)
	for _, run := range spans(q) {
		d, ok := s.days[Key{t, run.day}]
		if !ok {
			return 0, unseeded(t, run.day)
		}
		for i := run.first; i < run.end; i++ {
			if d.Over[i] > 0 {
				return 0, nil
			}
			least = min(least, d.Free[i])
		}
	}
	return least, nil
}

// Claim takes n units in all of the run, or changes nothing and returns
// ErrSoldOut or ErrUnseeded.
func (s *Sheet) Claim(t id.SpaceType, q timerange.Quarters, n int16) error {
	available, err := s.Available(t, q)
	if err != nil {
		return err
	}
	if available < n {
		return fmt.Errorf("%w: %d of %d", ErrSoldOut, available, n)
	}
	s.each(t, q, n, func(d *Day, i int) { d.Free[i] -= n })
	return nil
}

// ClaimPresence takes n units in all of the run whether or not they are free:
// they stand there. What is not free goes into over. It changes nothing and
// returns ErrTooMany when that is more than can be counted.
func (s *Sheet) ClaimPresence(t id.SpaceType, q timerange.Quarters, n int16) error {
	if err := s.seeded(t, q); err != nil {
		return err
	}
	for _, run := range spans(q) {
		d := s.days[Key{t, run.day}]
		for i := run.first; i < run.end; i++ {
			if int(d.Over[i])+int(n)-int(d.Free[i]) > math.MaxInt16 {
				return fmt.Errorf("%w: %s day %d quarter %d", ErrTooMany, t, run.day, i)
			}
		}
	}
	s.each(t, q, n, func(d *Day, i int) {
		take := min(max(d.Free[i], 0), n)
		d.Free[i] -= take
		d.Over[i] += n - take
	})
	return nil
}

// Block takes n units out of use in all of the run, as ClaimPresence does: what
// is sold stays sold, and shows up in over. It changes nothing and returns
// ErrTooMany where n is more than the capacity.
func (s *Sheet) Block(t id.SpaceType, q timerange.Quarters, n int16) error {
	if err := s.seeded(t, q); err != nil {
		return err
	}
	for _, run := range spans(q) {
		if d := s.days[Key{t, run.day}]; d.Cap < n {
			return fmt.Errorf("%w: %d of %d %s on day %d", ErrTooMany, n, d.Cap, t, run.day)
		}
	}
	return s.ClaimPresence(t, q, n)
}

// Unblock gives n units of a block back in all of the run.
func (s *Sheet) Unblock(t id.SpaceType, q timerange.Quarters, n int16) error {
	return s.Release(t, q, n)
}

// SetCapacity gives the days [from, to) of a type that were read another
// capacity and returns how many had a different one. What is claimed stays
// claimed: where it is more than the capacity, the rest is in over, which is
// the first to shrink when capacity returns. It changes nothing and returns
// ErrTooMany when that is more than can be counted.
func (s *Sheet) SetCapacity(t id.SpaceType, from, to int32, capacity int16) (changed int, err error) {
	for k := range s.days {
		if k.Type != t || k.Day < from || k.Day >= to || s.days[k].Cap == capacity {
			continue
		}
		d := *s.days[k]
		if err := d.recap(capacity); err != nil {
			return 0, fmt.Errorf("%w: %s day %d", err, t, k.Day)
		}
		changed++
	}
	if changed == 0 {
		return 0, nil
	}
	for k, d := range s.days {
		if k.Type != t || k.Day < from || k.Day >= to || d.Cap == capacity {
			continue
		}
		if err := d.recap(capacity); err != nil {
			return 0, err // it was possible a moment ago
		}
		s.changed[k] = struct{}{}
	}
	s.recap = true
	return changed, nil
}

// Capacity is that of a day, if it was read and exists.
func (s *Sheet) Capacity(t id.SpaceType, day int32) (capacity int16, ok bool) {
	d, ok := s.days[Key{t, day}]
	if !ok {
		return 0, false
	}
	return d.Cap, true
}

// recap keeps the claims, which are cap − free + over.
func (d *Day) recap(capacity int16) error {
	delta := int(capacity) - int(d.Cap)
	for i := range d.Free {
		left := int(d.Free[i]) - int(d.Over[i]) + delta
		if -left > math.MaxInt16 {
			return ErrTooMany
		}
		d.Free[i], d.Over[i] = int16(max(left, 0)), int16(max(-left, 0))
	}
	d.Cap = capacity
	return nil
}

// Unclaimed reports whether nothing of the day is claimed.
func (d *Day) Unclaimed() bool {
	for i := range d.Free {
		if d.Free[i] != d.Cap || d.Over[i] != 0 {
			return false
		}
	}
	return true
}

// Release gives n units back in all of the run, to over first. It changes
// nothing and returns ErrOverReturn when more would come back than the
// capacity.
func (s *Sheet) Release(t id.SpaceType, q timerange.Quarters, n int16) error {
	if err := s.seeded(t, q); err != nil {
		return err
	}
	for _, run := range spans(q) {
		d := s.days[Key{t, run.day}]
		for i := run.first; i < run.end; i++ {
			if int(d.Free[i])+int(n)-int(d.Over[i]) > int(d.Cap) {
				return fmt.Errorf("%w: %s day %d quarter %d", ErrOverReturn, t, run.day, i)
			}
		}
	}
	s.each(t, q, -n, func(d *Day, i int) {
		back := min(d.Over[i], n)
		d.Over[i] -= back
		d.Free[i] += n - back
	})
	return nil
}

// Changed calls yield for every day that differs from what was read.
func (s *Sheet) Changed(yield func(Key, *Day) bool) {
	for k := range s.changed {
		if !yield(k, s.days[k]) {
			return
		}
	}
}

// TakeDeltas returns the changes of claims since it was last called.
func (s *Sheet) TakeDeltas() []Delta {
	d := s.claims
	s.claims, s.recap = nil, false
	return d
}

// Untold reports whether claims or a capacity have changed since TakeDeltas.
func (s *Sheet) Untold() bool { return len(s.claims) > 0 || s.recap }

func (s *Sheet) each(t id.SpaceType, q timerange.Quarters, n int16, change func(*Day, int)) {
	if q.Empty() || n == 0 {
		return
	}
	for _, run := range spans(q) {
		k := Key{t, run.day}
		d := s.days[k]
		for i := run.first; i < run.end; i++ {
			change(d, i)
		}
		s.changed[k] = struct{}{}
	}
	s.claims = append(s.claims, Delta{t, q.From, q.To, n})
}

func (s *Sheet) seeded(t id.SpaceType, q timerange.Quarters) error {
	for _, run := range spans(q) {
		if _, ok := s.days[Key{t, run.day}]; !ok {
			return unseeded(t, run.day)
		}
	}
	return nil
}

// span is the part of a run that lies in one day: slots [first, end).
type span struct {
	day        int32
	first, end int
}

func spans(q timerange.Quarters) []span {
	var out []span
	q.Days(func(day int32, first, end int) bool {
		out = append(out, span{day, first, end})
		return true
	})
	return out
}

func unseeded(t id.SpaceType, day int32) error {
	return fmt.Errorf("%w: %s on %s", ErrUnseeded, t, time.Unix(int64(day)*86400, 0).UTC().Format(time.DateOnly))
}
