// Package settings is how a parking is run, for whoever runs it: what is in force, what
// is to change by itself, what past stays would have paid by a draft, and who changed
// what. The rules are those of packages parking and capacity; this one puts them to use
// for the owner's pages, over a Store that it declares.
package settings

import (
	"context"
	"encoding/json"
	"time"

	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/whatif"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/tariff"
)

// Fault codes of this package.
const (
	CodeReplayBusy   = "replay_busy"
	CodeTooManyStays = "too_many_stays"
	CodeDaysInvalid  = "request_invalid"
)

// Config is how a parking is run, as of one instant.
type Config struct {
	Parking    parking.Parking
	Version    int64 // of the policy
	Capacities map[id.SpaceType][]CapacityFrom
	Allotments map[id.SpaceType]commit.Allotment
	Scheduled  []parking.Scheduled
	Blocks     []commit.Block
}

// CapacityFrom is what a type has from a day on.
type CapacityFrom struct {
	Day      int32 // UTC days since the epoch
	Capacity int16
}

// Edition is one edition of a tariff, and when it was in force.
type Edition struct {
	Version uint32
	Since   time.Time
	Until   *time.Time
	By      string
	Hash    [32]byte // of the document as it is published
}

// Change is a row of the history.
type Change struct {
	Number        int64
	At            time.Time
	By            string // an account's id, what a command calls itself, or empty
	What          string
	Before, After json.RawMessage
	Why           string
}

// TariffEdit is a tariff that a parking is to go over to.
type TariffEdit struct {
	At      id.Parking
	Tariff  tariff.Tariff
	From    time.Time // zero: now
	Now     time.Time
	By      parking.Author
	Preview bool // change nothing
}

// TariffEdited is what an edit did, or would.
type TariffEdited struct {
	Before tariff.Tariff // in force until then
	Kept   int           // reservations that are sold, have not begun, and keep their price
	Known  bool          // it was so already; nothing was changed
}

// Store keeps configurations.
type Store interface {
	// Operator is whose a parking is; zero: there is none.
	Operator(ctx context.Context, at id.Parking) (id.Operator, error)
	Config(ctx context.Context, at id.Parking, now time.Time) (Config, error)
	// Editions lists at most limit editions below a version (0: all), the newest first.
	Editions(ctx context.Context, at id.Parking, before uint32, limit int) ([]Edition, error)
	// Changes lists at most limit changes before one (0: all), the newest first.
	Changes(ctx context.Context, at id.Parking, before int64, limit int) ([]Change, error)
	// Kept counts the reservations that are sold and have not begun.
	Kept(ctx context.Context, at id.Parking) (int, error)
	Put(ctx context.Context, e TariffEdit) (TariffEdited, error)
	Withdraw(ctx context.Context, at id.Parking, version uint32, by parking.Author) error
	// Count is how many stays ended in a span, and Stays calls yield with them, some at
	// a time, until it returns an error.
	Count(ctx context.Context, at id.Parking, from, to time.Time, most int) (int, error)
	Stays(ctx context.Context, at id.Parking, from, to time.Time, yield func([]whatif.Stay) error) error
}

// People knows what accounts are called.
type People interface {
	// Emails are the addresses of accounts; those that are closed are not in it.
	Emails(ctx context.Context, of []id.Account) (map[id.Account]string, error)
}

// Service answers the owner's pages. Its methods are safe for concurrent use.
type Service struct {
	Store    Store
	Capacity *capacity.Service
	People   People
	Now      func() time.Time
	Replays  chan struct{} // how many replays run at a time
}

// Operator is whose a parking is; zero: there is none.
func (s *Service) Operator(ctx context.Context, at id.Parking) (id.Operator, error) {
	return s.Store.Operator(ctx, at)
}

// Config is how a parking is run now. The authors in it are named.
func (s *Service) Config(ctx context.Context, at id.Parking) (Config, error) {
	c, err := s.Store.Config(ctx, at, s.Now())
	if err != nil {
		return c, err
	}
	names := make([]*string, len(c.Scheduled))
	for i := range c.Scheduled {
		names[i] = &c.Scheduled[i].By
	}
	return c, s.name(ctx, names)
}

// Editions are a parking's, their authors named.
func (s *Service) Editions(ctx context.Context, at id.Parking, before uint32, limit int) ([]Edition, error) {
	all, err := s.Store.Editions(ctx, at, before, limit)
	if err != nil {
		return nil, err
	}
	names := make([]*string, len(all))
	for i := range all {
		names[i] = &all[i].By
	}
	return all, s.name(ctx, names)
}

// Changes are a parking's, their authors named.
func (s *Service) Changes(ctx context.Context, at id.Parking, before int64, limit int) ([]Change, error) {
	all, err := s.Store.Changes(ctx, at, before, limit)
	if err != nil {
		return nil, err
	}
	return all, s.NameAuthors(ctx, all)
}

// NameAuthors puts addresses in the place of accounts.
func (s *Service) NameAuthors(ctx context.Context, all []Change) error {
	names := make([]*string, len(all))
	for i := range all {
		names[i] = &all[i].By
	}
	return s.name(ctx, names)
}

// ClosedAccount stands for whoever has closed his account since.
const ClosedAccount = "a closed account"

func (s *Service) name(ctx context.Context, authors []*string) error {
	var of []id.Account
	for _, a := range authors {
		if i, err := id.Parse[id.Account](*a); err == nil {
			of = append(of, i)
		}
	}
	if len(of) == 0 {
		return nil
	}
	known, err := s.People.Emails(ctx, of)
	if err != nil {
		return err
	}
	for _, a := range authors {
		i, err := id.Parse[id.Account](*a)
		if err != nil {
			continue
		}
		if *a = known[i]; *a == "" {
			*a = ClosedAccount
		}
	}
	return nil
}

// ChangePolicy changes the members of a policy's document that are given.
func (s *Service) ChangePolicy(ctx context.Context, e capacity.PolicyEdit, parts map[string]json.RawMessage) (capacity.PolicyEdited, error) {
	e.Today = s.Now().UTC()
	return s.Capacity.Store.ChangePolicy(ctx, e, func(p parking.Policy) (parking.Policy, error) {
		p, err := p.With(parts)
		if err != nil {
			return p, err
		}
		if err := p.Validate(); err != nil {
			return p, err
		}
		return p.Clean(e.Today), nil
	})
}

// Adopt makes a parking go over to a tariff, now or at an instant to come.
func (s *Service) Adopt(ctx context.Context, e TariffEdit) (TariffEdited, error) {
	e.Now = s.Now().UTC()
	return s.Store.Put(ctx, e)
}

// Withdraw takes a scheduled tariff back.
func (s *Service) Withdraw(ctx context.Context, at id.Parking, version uint32, by parking.Author) error {
	return s.Store.Withdraw(ctx, at, version, by)
}

// Finding is one thing about a draft, and where.
type Finding struct {
	tariff.Problem
	Code string // of a problem
}

// Checked is what there is to say about a draft.
type Checked struct {
	Problems []Finding
	Remarks  []tariff.Problem
	Tariff   *tariff.Tariff // nil: it cannot be read
	Kept     int
}

// Check says what is wrong with a draft, as openlot tariff check does, and whether this
// parking could go over to it now.
func (s *Service) Check(ctx context.Context, at id.Parking, document []byte) (Checked, error) {
	c, err := s.Store.Config(ctx, at, s.Now())
	if err != nil {
		return Checked{}, err
	}
	out := Check(&c, document, s.Now())
	out.Kept, err = s.Store.Kept(ctx, at)
	return out, err
}

// Check is the rule of Service.Check.
func Check(c *Config, document []byte, now time.Time) Checked {
	var out Checked
	for _, p := range tariff.Problems(document) {
		out.Problems = append(out.Problems, Finding{p, parking.CodeTariffInvalid})
	}
	if len(out.Problems) > 0 {
		return out
	}
	t, err := tariff.Parse(document)
	if err != nil {
		out.Problems = append(out.Problems, Finding{tariff.Problem{Says: fault.From(err).Detail}, fault.Code(err)})
		return out
	}
	out.Tariff, out.Remarks = &t, tariff.Located(document, t.Remarks())
	if _, err := c.Parking.Plan(t, time.Time{}, now, c.Scheduled); err != nil {
		f := fault.From(err)
		if len(f.Fields) == 0 {
			out.Problems = append(out.Problems, Finding{tariff.Problem{Says: f.Detail}, f.Code})
		}
		var found []tariff.Problem
		for field, says := range f.Fields {
			found = append(found, tariff.Problem{Field: field, Says: says})
		}
		for _, p := range tariff.Located(document, found) {
			out.Problems = append(out.Problems, Finding{p, f.Code})
		}
	}
	return out
}

// ChangeCapacity changes a capacity, or says what that would do.
func (s *Service) ChangeCapacity(ctx context.Context, c *capacity.Change, preview bool) (capacity.Shortage, error) {
	if preview {
		return s.Capacity.Preview(ctx, c)
	}
	return s.Capacity.Change(ctx, c)
}

// Block takes bays out of use, or says what that would do.
func (s *Service) Block(ctx context.Context, b *capacity.Block, preview bool) (capacity.Shortage, error) {
	if preview {
		return s.Capacity.PreviewBlock(ctx, b)
	}
	return s.Capacity.Block(ctx, b)
}

// Unblock puts the bays of a block back into use and says what is still missing.
func (s *Service) Unblock(ctx context.Context, at id.Parking, i id.Block, by parking.Author) (commit.Block, capacity.Shortage, error) {
	b, err := s.Capacity.Unblock(ctx, at, i, by)
	if err != nil {
		return b, capacity.Shortage{}, err
	}
	short, err := s.Capacity.Shortage(ctx, at, b.SpaceType)
	return b, short, err
}
