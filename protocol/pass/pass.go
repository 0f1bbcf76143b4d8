package pass

import (
	"errors"
	"fmt"
	"time"

	"github.com/openlot/openlot/protocol/id"
)

// Prefix starts the text of every pass.
const Prefix = "PK1:"

// MaxText is the most characters a pass has.
const MaxText = 600

// Why a text is not a good pass.
var (
	ErrNotAPass     = errors.New("not a pass of ours")               // no PK1: in front: some other code
	ErrMalformed    = errors.New("malformed pass")                   // ours by its looks, but not one that Sign writes
	ErrUnknownKey   = errors.New("the pass's key is not known")      // signed by a key that the verifier was not given
	ErrBadSignature = errors.New("the pass's signature is not good") // forged or altered
)

// ErrInvalid is wrapped by what Sign says about a pass that makes no sense.
var ErrInvalid = errors.New("the pass cannot be signed")

// Pass is the claim that a driver carries.
type Pass struct {
	Parking     id.Parking
	Reservation id.Reservation
	Generation  uint16 // counts the reservation's passes from 1; a newer one supersedes it
	SpaceType   id.SpaceType
	From, To    time.Time // the window [From, To), in whole seconds, UTC
	NoShowAt    time.Time // past it, a late arrival; never before From
	Revision    uint64    // the parking's revision of the commit that confirmed it
}

// latest bounds the instants of a pass: 2^33 seconds are in the year 2242.
const latest = 1 << 33

// validate checks what a pass must be to make sense at any gate.
func (p Pass) validate() error {
	if _, err := id.ParseParking(string(p.Parking)); err != nil {
		return err
	}
	if _, err := id.ParseSpaceType(string(p.SpaceType)); err != nil {
		return err
	}
	inRange := func(t time.Time) bool { return t.Unix() >= 0 && t.Unix() < latest }
	switch {
	case p.Reservation.IsZero():
		return errors.New("it names no reservation")
	case p.Generation == 0:
		return errors.New("its generation is 0")
	case p.Revision == 0:
		return errors.New("its revision is 0")
	case !inRange(p.From) || !inRange(p.To) || !inRange(p.NoShowAt):
		return errors.New("an instant is out of range")
	case !p.From.Before(p.To):
		return errors.New("its window is empty or reversed")
	case p.NoShowAt.Before(p.From):
		return errors.New("its no-show deadline is before its window")
	}
	return nil
}

// wholeSeconds rounds the instants outward, in the driver's favour.
func (p Pass) wholeSeconds() Pass {
	up := func(t time.Time) time.Time { return time.Unix(t.Add(time.Second-1).Unix(), 0).UTC() }
	p.From, p.To, p.NoShowAt = time.Unix(p.From.Unix(), 0).UTC(), up(p.To), up(p.NoShowAt)
	return p
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}
