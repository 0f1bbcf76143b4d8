package capacity

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/openlot/openlot/cloud/internal/bay"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// Fault codes of this package.
const (
	CodeParkingNotFound  = "parking_not_found"
	CodeSpaceTypeUnknown = "space_type_unknown"
	CodeCapacityInvalid  = "capacity_invalid"
	CodeBaysMissing      = "bays_missing"
	CodeDateInPast       = "date_in_past"
	CodeBeyondHorizon    = "beyond_horizon"
	CodeBlockInvalid     = "block_invalid"
	CodeBlockTooLarge    = "block_exceeds_capacity"
	CodeBlockNotFound    = "block_not_found"
	CodeBlockRemoved     = "block_removed"
	CodeVersionConflict  = "version_conflict"
)

// Change gives a space type another capacity on a day and all days after it,
// those that are seeded later too. What is claimed stays claimed. Doing it again
// changes nothing.
type Change struct {
	In        id.Parking
	SpaceType id.SpaceType
	Capacity  int16
	From      int32 // UTC days since the epoch; 0: today
	By        parking.Author

	// Set by Apply.
	Was  int16 // on the first day
	Days int   // how many had another capacity
}

var _ commit.Op = (*Change)(nil)

// Parking implements commit.Op.
func (c *Change) Parking() id.Parking { return c.In }

// Prefetch implements commit.Op. The days are named by Apply, which knows what
// day it is.
func (c *Change) Prefetch(*commit.Rows) {}

// Apply implements commit.Op. Its faults are CodeSpaceTypeUnknown,
// CodeCapacityInvalid, CodeBaysMissing, CodeDateInPast and CodeBeyondHorizon.
func (c *Change) Apply(w *commit.Work, now time.Time) error {
	if err := known(w.Parking, c.SpaceType); err != nil {
		return err
	}
	if c.Capacity < 0 || c.Capacity > parking.MaxCapacity {
		return fault.Newf(fault.Invalid, CodeCapacityInvalid, "A capacity is a whole number from 0 to %d.", parking.MaxCapacity).
			WithField("capacity", "is out of range")
	}
	today := timerange.Floor(now).Day()
	from := c.From
	switch {
	case from == 0:
		from = today
	case from < today:
		return fault.New(fault.Invalid, CodeDateInPast, "A capacity can be changed from today on. Days are counted in UTC.").
			WithField("from", "is past")
	case from > lastDay(today):
		return errBeyond()
	}
	if t, _ := w.Parking.SpaceType(c.SpaceType); len(t.Bays) > 0 && int(c.Capacity) > len(t.Bays) {
		return fault.New(fault.Conflict, CodeBaysMissing, "The spaces of this type are numbered, and there are not that many. Import the parking with more bays first.").
			WithField("capacity", "is more than there are bays")
	}
	was, seeded, days, err := w.SetCapacity(c.SpaceType, from, lastDay(today)+1, c.Capacity, c.By)
	switch {
	case errors.Is(err, inventory.ErrTooMany):
		return fault.Wrap(err, fault.Conflict, CodeCapacityInvalid, "So much is claimed that the capacity cannot be this low.")
	case err != nil:
		return err
	case !seeded:
		return errBeyond()
	}
	if err := bay.Rebind(w, c.SpaceType, nil, now); err != nil {
		return err
	}
	if days > 0 || c.Days == 0 { // an answer that was lost is told as it was
		c.Was, c.Days = was, days
	}
	return nil
}

// lastDay is the last day that any parking can have.
func lastDay(today int32) int32 { return today + parking.MaxHorizonDays + 2 }

func errBeyond() error {
	return fault.New(fault.Invalid, CodeBeyondHorizon, "The parking is not sold as far ahead as that.").
		WithField("from", "is too far ahead")
}

func known(p *parking.Parking, t id.SpaceType) error {
	if _, ok := p.SpaceType(t); !ok {
		return fault.New(fault.Invalid, CodeSpaceTypeUnknown, "This parking has no such space type.").
			WithField("space_type", "is not one of the parking's")
	}
	return nil
}

// MaxReason is the longest reason of a block, in bytes.
const MaxReason = 200

// Block takes bays out of use for a run of quarters. Doing it again with the
// same id changes nothing.
type Block struct {
	In        id.Parking
	ID        id.Block // minted by the caller
	SpaceType id.SpaceType
	N         int16
	Claim     timerange.Quarters
	Reason    string // for people; no personal data
	By        parking.Author

	// Set by Apply.
	After commit.Block
}

var _ commit.Op = (*Block)(nil)

// Parking implements commit.Op.
func (b *Block) Parking() id.Parking { return b.In }

// Prefetch implements commit.Op.
func (b *Block) Prefetch(r *commit.Rows) {
	r.Blocks = append(r.Blocks, b.ID)
	if b.Claim.Len() <= (parking.MaxHorizonDays+3)*timerange.QuartersPerDay {
		r.Quarters(b.SpaceType, b.Claim)
	}
}

// Apply implements commit.Op. Its faults are CodeSpaceTypeUnknown,
// CodeBlockInvalid, CodeBlockTooLarge and CodeBeyondHorizon. A block that began
// in the past begins now.
func (b *Block) Apply(w *commit.Work, now time.Time) error {
	before, err := w.Block(b.ID)
	if err != nil {
		return err
	}
	if before != nil {
		b.After = *before
		return nil
	}
	if err := known(w.Parking, b.SpaceType); err != nil {
		return err
	}
	claim := b.Claim
	claim.From = max(claim.From, timerange.Floor(now))
	problem := func(field, what string) error {
		return fault.New(fault.Invalid, CodeBlockInvalid, "The block cannot be made as it is; fields says why.").WithField(field, what)
	}
	switch {
	case b.N < 1:
		return problem("n", "is not at least 1")
	case claim.Empty():
		return problem("to", "is not after from, or past")
	case claim.To > timerange.DayStart(lastDay(timerange.Floor(now).Day())+1):
		return errBeyond()
	// What cannot be stored would take the whole batch with it.
	case b.Reason == "" || len(b.Reason) > MaxReason || !utf8.ValidString(b.Reason) || strings.ContainsFunc(b.Reason, unicode.IsControl):
		return problem("reason", fmt.Sprintf("has 1 to %d bytes, without control characters", MaxReason))
	}
	x := commit.Block{ID: b.ID, SpaceType: b.SpaceType, Claim: claim, N: b.N, Reason: b.Reason, CreatedAt: now}
	switch err := w.AddBlock(&x, b.By); {
	case errors.Is(err, inventory.ErrUnseeded):
		return errBeyond()
	case errors.Is(err, inventory.ErrTooMany):
		return fault.Wrap(err, fault.Conflict, CodeBlockTooLarge, "The parking does not have that many bays of this type.").
			WithField("n", "is more than the capacity")
	case err != nil:
		return err
	}
	b.After = x
	return bay.Rebind(w, b.SpaceType, nil, now)
}

// Unblock puts the bays of a block back into use from now on. Removing a block
// that is removed changes nothing.
type Unblock struct {
	In    id.Parking
	ID    id.Block
	Known *commit.Block // what the caller has read, if anything: it only says what to load
	By    parking.Author

	// Set by Apply.
	After   commit.Block
	Already bool // somebody had removed it before
	done    bool
}

var _ commit.Op = (*Unblock)(nil)

// Parking implements commit.Op.
func (u *Unblock) Parking() id.Parking { return u.In }

// Prefetch implements commit.Op.
func (u *Unblock) Prefetch(r *commit.Rows) {
	r.Blocks = append(r.Blocks, u.ID)
	if u.Known != nil {
		r.Quarters(u.Known.SpaceType, u.Known.Claim)
	}
}

// Apply implements commit.Op. Its fault is CodeBlockNotFound. The quarters that
// have passed stay on record as blocked, those of the running one included when
// it is about to end: nothing can be sold in them any more.
func (u *Unblock) Apply(w *commit.Work, now time.Time) error {
	b, err := w.Block(u.ID)
	if err != nil {
		return err
	}
	if b == nil {
		return fault.New(fault.NotFound, CodeBlockNotFound, "There is no such block in this parking.")
	}
	if !b.RemovedAt.IsZero() {
		u.After, u.Already = *b, !u.done
		return nil
	}
	if err := w.RemoveBlock(b, timerange.Floor(now), now, u.By); err != nil {
		return fmt.Errorf("remove %s: %w", u.ID, err)
	}
	u.After, u.done = *b, true
	return bay.Rebind(w, b.SpaceType, nil, now)
}
