// Package position is a place in the order of everything that the database has written
// down. Who has changed something is told how far that order had come; who reads with
// that place sees what he has changed, whichever server answers.
package position

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/openlot/openlot/protocol/fault"
)

// Header carries a position: on the answer to a request that may have changed
// something, and from then on on what the same client asks for.
const Header = "Openlot-Position"

// CodeInvalid is the fault code of a position that cannot be read.
const CodeInvalid = "position_invalid"

// Position counts bytes of the database's log. Zero is before everything.
type Position uint64

// Unknown is after everything: who cannot be told where his change is, reads where it
// was made.
const Unknown = ^Position(0)

// String is the form in which Postgres writes it.
func (p Position) String() string { return fmt.Sprintf("%X/%X", uint32(p>>32), uint32(p)) }

// Parse reads what String writes. Nothing is zero; anything else is a fault with
// CodeInvalid.
func Parse(s string) (Position, error) {
	if s == "" {
		return 0, nil
	}
	high, low, ok := strings.Cut(s, "/")
	h, err1 := strconv.ParseUint(high, 16, 32)
	l, err2 := strconv.ParseUint(low, 16, 32)
	if !ok || err1 != nil || err2 != nil {
		return 0, fault.New(fault.Invalid, CodeInvalid, "The header "+Header+" is to be as an earlier answer had it, such as 0/3000148.")
	}
	return Position(h<<32 | l), nil
}

type key struct{}

// With tells those who read in ctx what they are to see at least.
func With(ctx context.Context, p Position) context.Context { return context.WithValue(ctx, key{}, p) }

// From is what a reading in ctx is to see at least.
func From(ctx context.Context) Position {
	p, _ := ctx.Value(key{}).(Position) // zero when nobody said
	return p
}
