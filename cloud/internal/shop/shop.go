// Package shop is the shops of a parking: they give their customers codes that take
// something off what a stay costs, and owe it. The codes are made here, from the gate key
// of the parking, which its edge has, too; they are verified and used up there.
package shop

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/till"
	"github.com/openlot/openlot/protocol/wire"
)

// Fault codes of this package.
const (
	CodeNotFound = "shop_not_found"
	CodeInvalid  = "shop_invalid"
	CodeExists   = "shop_exists"    // under this name, with other terms
	CodeFull     = "shops_full"     // the parking has as many as it may
	CodeUsedUp   = "codes_used_up"  // the shop has had as many codes as there are
	CodeMoved    = "codes_moved_on" // somebody else has made codes since
)

// Limits of shops, beyond those of the protocol.
const (
	MaxIssued = 10_000 // codes of one shop: an edge keeps a bit for each
	MaxBatch  = 1_000  // codes that are made at a time
	maxAhead  = 5 * 366 * 24 * time.Hour
)

// Gives says what a code takes off, in the words of the API.
type Gives string

// What a code may take off.
const (
	Minutes Gives = "minutes"
	Percent Gives = "percent"
	Amount  Gives = "amount"
)

// wireGives are the same on the way to an edge.
var wireGives = map[Gives]wire.Gives{Minutes: wire.GivesMinutes, Percent: wire.GivesPercent, Amount: wire.GivesAmount}

// Shop is one of a parking.
type Shop struct {
	Number    int
	Name      string
	Gives     Gives
	Value     int64 // minutes, percent or minor units
	Most      int64 // minor units for one stay; 0: one code for each
	GoodUntil time.Time
	Issued    int // codes that were made
}

// Used is a shop with what its codes took off so far.
type Used struct {
	Shop
	Uses int
	Owed money.Amount // what they took off
	Paid money.Amount // what it has paid of that
}

// Wire is what an edge is told; ok is false when the shop's codes are good no more.
func (s Shop) Wire(now time.Time) (out wire.Shop, ok bool) {
	return wire.Shop{
		Number: uint16(s.Number), Name: s.Name, Gives: wireGives[s.Gives], Value: uint32(s.Value), Most: s.Most, Until: s.GoodUntil.Unix(),
	}, s.GoodUntil.After(now)
}

// check says what is wrong with a shop.
func (s Shop) check(now time.Time) error {
	wrong := map[string]string{}
	if s.Name != strings.TrimSpace(s.Name) || s.Name == "" || len(s.Name) > wire.MaxShopName || !utf8.ValidString(s.Name) || strings.ContainsFunc(s.Name, unicode.IsControl) {
		wrong["name"] = fmt.Sprintf("has 1 to %d bytes, and no blanks around it", wire.MaxShopName)
	}
	most := map[Gives]int64{Minutes: wire.MaxShopMinutes, Percent: 100, Amount: wire.MaxAmount}[s.Gives]
	switch {
	case most == 0:
		wrong["gives"] = "is minutes, percent or amount"
	case s.Value < 1 || s.Value > most:
		wrong["value"] = fmt.Sprintf("is 1 to %d", most)
	}
	if s.Most < 0 || s.Most > wire.MaxAmount {
		wrong["most"] = fmt.Sprintf("is 0 to %d minor units", wire.MaxAmount)
	}
	if s.GoodUntil.Before(time.Unix(0, 0)) || s.GoodUntil.After(now.Add(maxAhead)) {
		wrong["good_until"] = "is at most five years ahead"
	}
	if len(wrong) == 0 {
		return nil
	}
	f := fault.New(fault.Invalid, CodeInvalid, "The shop cannot be as it is written; fields says why.")
	for name, says := range wrong {
		f = f.WithField(name, says)
	}
	return f
}

// Same reports whether two shops have the same terms.
func (s Shop) Same(o Shop) bool {
	return s.Name == o.Name && s.Gives == o.Gives && s.Value == o.Value && s.Most == o.Most && s.GoodUntil.Equal(o.GoodUntil)
}

// Change is what is to be changed of a shop; what is nil stays. What a code gives stays:
// codes are out with it.
type Change struct {
	Name      *string
	Most      *int64
	GoodUntil *time.Time
}

// Store keeps shops. Each change is in one commit with its place in the parking's history
// and the event by which the edge is told.
type Store interface {
	List(ctx context.Context, at id.Parking) ([]Used, error)
	// Add stores a shop under the next free number; one with the same name is returned
	// instead, as it is.
	Add(ctx context.Context, at id.Parking, s Shop, by parking.Author) (Shop, error)
	Change(ctx context.Context, at id.Parking, number int, change func(Shop) (Shop, error), by parking.Author) (Shop, error)
	// Issue adds so many serials after one, and returns the gate key. The last batch is
	// returned again.
	Issue(ctx context.Context, at id.Parking, number, after, count int, by parking.Author) (Shop, credential.Key, error)
	// Shop is one of them; CodeNotFound: there is none of that number.
	Shop(ctx context.Context, at id.Parking, number int) (Shop, error)
	// Statement sums up the days of the parking's zone, as of one instant, and Lines adds
	// every movement.
	Statement(ctx context.Context, at id.Parking, number int, d Days) (Statement, error)
	Lines(ctx context.Context, at id.Parking, number int, d Days) (Statement, []Line, error)
}

// Committer applies ops.
type Committer interface {
	Commit(ctx context.Context, op commit.Op) (commit.Receipt, error)
}

// Service answers the owner's pages. Its methods are safe for concurrent use.
type Service struct {
	Store   Store
	Commits Committer
	Now     func() time.Time
}

// List is every shop of a parking, by its number.
func (s *Service) List(ctx context.Context, at id.Parking) ([]Used, error) {
	return s.Store.List(ctx, at)
}

// Add makes a shop. The same again is the same shop.
func (s *Service) Add(ctx context.Context, at id.Parking, one Shop, by parking.Author) (Shop, error) {
	one.GoodUntil = one.GoodUntil.Truncate(time.Second)
	if err := one.check(s.Now()); err != nil {
		return Shop{}, err
	}
	got, err := s.Store.Add(ctx, at, one, by)
	if err == nil && !got.Same(one) {
		return got, fault.New(fault.Conflict, CodeExists, "There is a shop of this name, with other terms. Give it another name, or change that one.").WithField("name", "is another shop's")
	}
	return got, err
}

// Change changes a shop.
func (s *Service) Change(ctx context.Context, at id.Parking, number int, c Change, by parking.Author) (Shop, error) {
	return s.Store.Change(ctx, at, number, func(one Shop) (Shop, error) {
		if c.Name != nil {
			one.Name = *c.Name
		}
		if c.Most != nil {
			one.Most = *c.Most
		}
		if c.GoodUntil != nil {
			one.GoodUntil = c.GoodUntil.Truncate(time.Second)
		}
		return one, one.check(s.Now())
	}, by)
}

// Codes makes so many codes after a serial, which is how many were made so far: so that a
// lost answer can be asked for again, and two who ask at once do not get each other's.
func (s *Service) Codes(ctx context.Context, at id.Parking, number, after, count int, by parking.Author) (Shop, []string, error) {
	if count < 1 || count > MaxBatch || after < 0 {
		return Shop{}, nil, fault.Newf(fault.Invalid, CodeInvalid, "A batch has 1 to %d codes.", MaxBatch).WithField("count", fmt.Sprintf("is 1 to %d", MaxBatch))
	}
	one, key, err := s.Store.Issue(ctx, at, number, after, count, by)
	if err != nil {
		return one, nil, err
	}
	out := make([]string, count)
	for i := range out {
		out[i] = till.ShopCode(key, uint16(number), uint32(after+i+1))
	}
	return one, out, nil
}

// Issues says how many codes a shop has had when count more are made after a serial.
func (s Shop) Issues(after, count int) (issued int, err error) {
	switch {
	case after+count == s.Issued:
		return s.Issued, nil // the last batch again
	case after != s.Issued:
		return 0, fault.Newf(fault.Conflict, CodeMoved, "%d codes were made by now. Nothing was made: look again.", s.Issued).WithField("after", "is not how many were made")
	case after+count > MaxIssued:
		return 0, fault.Newf(fault.Conflict, CodeUsedUp, "A shop has at most %d codes, and this one has had %d. Make another shop.", MaxIssued, s.Issued)
	}
	return after + count, nil
}
