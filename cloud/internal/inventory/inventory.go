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
	"iter"
	"math"
	"slices"
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
	days    map[Key]*Day // nil: unseeded
	changed []Key
	claims  []Delta
	buffer  int  // percent of each day's capacity that is not for sale
	recap   bool // a capacity has changed since TakeDeltas
	mark    *mark
}

// mark is what Restore goes back to.
type mark struct {
	was     []kept // days as they were, in the order of their first change
	changed int
	claims  []Delta
	recap   bool
}

type kept struct {
	key Key
	day *Day
}

// Delta is one change of claims, as the feed tells it: N more (or, negative,
// fewer) units claimed in the quarters [From, To).
type Delta struct {
	Type id.SpaceType `json:"type"`
	From timerange.Q  `json:"from_q"`
	To   timerange.Q  `json:"to_q"`
	N    int16        `json:"n"`
}

// NewSheet makes a sheet of the days that were read, which are the sheet's from
// now on.
func NewSheet(days map[Key]*Day) *Sheet { return &Sheet{days: days} }

// KeepBack keeps a share of each day's capacity, in percent and rounded down,
// from being sold: only ClaimPresence takes it.
func (s *Sheet) KeepBack(percent int) { s.buffer = min(max(percent, 0), 100) }

// Buffer is how many units of a capacity a share of it keeps from being sold.
func Buffer(capacity int16, percent int) int16 {
	return int16(int(max(capacity, 0)) * min(max(percent, 0), 100) / 100)
}

// Keys lists the days that a run of quarters touches.
func Keys(t id.SpaceType, q timerange.Quarters) []Key {
	keys := make([]Key, 0, 2)
	for k := range Touched(t, q) {
		keys = append(keys, k)
	}
	return keys
}

// Touched goes through the days that a run of quarters touches.
func Touched(t id.SpaceType, q timerange.Quarters) iter.Seq[Key] {
	return func(yield func(Key) bool) {
		q.Days(func(day int32, _, _ int) bool { return yield(Key{t, day}) })
	}
}

// Add adds a day that was read, nil for one that does not exist. The day is not
// changed once Save was called: what changes is a copy.
func (s *Sheet) Add(k Key, d *Day) { s.days[k] = d }

// Has reports whether the day was added, be it as one that does not exist.
func (s *Sheet) Has(k Key) bool {
	_, ok := s.days[k]
	return ok
}

// Save makes the present state the one to which Restore returns.
func (s *Sheet) Save() {
	if s.mark == nil {
		s.mark = &mark{}
	}
	*s.mark = mark{s.mark.was[:0], len(s.changed), s.claims, s.recap}
}

// Restore undoes what was done since Save.
func (s *Sheet) Restore() {
	for _, k := range s.mark.was {
		s.days[k.key] = k.day
	}
	s.changed = s.changed[:s.mark.changed]
	s.claims, s.recap = s.mark.claims, s.mark.recap
	s.Save()
}

// change is the day to be changed.
func (s *Sheet) change(k Key) *Day {
	d := s.days[k]
	if s.mark != nil && !slices.ContainsFunc(s.mark.was, func(x kept) bool { return x.key == k }) {
		s.mark.was = append(s.mark.was, kept{k, d})
		c := *d
		d = &c
		s.days[k] = d
	}
	if !slices.Contains(s.changed, k) {
		s.changed = append(s.changed, k)
	}
	return d
}

// Available is the number of units that can be sold for all of the run: the
// least free over its quarters beyond what is kept back, and none where over is
// positive.
func (s *Sheet) Available(t id.SpaceType, q timerange.Quarters) (int16, error) {
	if q.Empty() {
		return 0, timerange.ErrEmpty
	}
	least := int16(1<<15 - 1)
	for run := range spans(q) {
		d := s.days[Key{t, run.day}]
		if d == nil {
			return 0, unseeded(t, run.day)
		}
		kept := Buffer(d.Cap, s.buffer)
		for i := run.first; i < run.end; i++ {
			if d.Over[i] > 0 {
				return 0, nil
			}
			least = min(least, max(d.Free[i]-kept, 0))
		}
	}
	return least, nil
}

// Occupancy is how many percent of the spaces of a type are claimed, or out of
// use, in the fullest quarter of a run, from 0 to 100. A day that is not there has
// the capacity, and nothing of it is claimed.
func Occupancy(days map[Key]*Day, t id.SpaceType, capacity int16, q timerange.Quarters) int {
	fullest := 0
	if capacity <= 0 {
		fullest = 100
	}
	for run := range spans(q) {
		d := days[Key{t, run.day}]
		if d == nil {
			continue
		}
		for i := run.first; i < run.end; i++ {
			if d.Cap <= 0 || d.Over[i] > 0 {
				return 100
			}
			fullest = max(fullest, int(d.Cap-d.Free[i])*100/int(d.Cap))
		}
	}
	return fullest
}

// Over is the most that is claimed beyond the capacity in a quarter of the run.
func (s *Sheet) Over(t id.SpaceType, q timerange.Quarters) (int16, error) {
	if err := s.seeded(t, q); err != nil {
		return 0, err
	}
	most := int16(0)
	for run := range spans(q) {
		d := s.days[Key{t, run.day}]
		for i := run.first; i < run.end; i++ {
			most = max(most, d.Over[i])
		}
	}
	return most, nil
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
	for run := range spans(q) {
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
	for run := range spans(q) {
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
	for k, stored := range s.days {
		if k.Type != t || k.Day < from || k.Day >= to || stored == nil || stored.Cap == capacity {
			continue
		}
		d := *stored
		if err := d.recap(capacity); err != nil {
			return 0, fmt.Errorf("%w: %s day %d", err, t, k.Day)
		}
		changed++
	}
	if changed == 0 {
		return 0, nil
	}
	for k, d := range s.days {
		if k.Type != t || k.Day < from || k.Day >= to || d == nil || d.Cap == capacity {
			continue
		}
		if err := s.change(k).recap(capacity); err != nil {
			return 0, err // it was possible a moment ago
		}
	}
	s.recap = true
	return changed, nil
}

// Capacity is that of a day, if it was read and exists.
func (s *Sheet) Capacity(t id.SpaceType, day int32) (capacity int16, ok bool) {
	d := s.days[Key{t, day}]
	if d == nil {
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

// Lacks reports whether fewer than n units can be sold in one of the slots
// [first, end), when a share of the capacity, in percent, is kept back.
func (d *Day) Lacks(first, end int, n int16, percent int) bool {
	need := n + Buffer(d.Cap, percent)
	for i := first; i < end; i++ {
		if d.Free[i] < need || d.Over[i] > 0 {
			return true
		}
	}
	return false
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
	for run := range spans(q) {
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
	for _, k := range s.changed {
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
	for run := range spans(q) {
		d := s.change(Key{t, run.day})
		for i := run.first; i < run.end; i++ {
			change(d, i)
		}
	}
	s.claims = append(s.claims, Delta{t, q.From, q.To, n})
}

func (s *Sheet) seeded(t id.SpaceType, q timerange.Quarters) error {
	for run := range spans(q) {
		if s.days[Key{t, run.day}] == nil {
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

func spans(q timerange.Quarters) iter.Seq[span] {
	return func(yield func(span) bool) {
		q.Days(func(day int32, first, end int) bool { return yield(span{day, first, end}) })
	}
}

func unseeded(t id.SpaceType, day int32) error {
	return fmt.Errorf("%w: %s on %s", ErrUnseeded, t, time.Unix(int64(day)*86400, 0).UTC().Format(time.DateOnly))
}
