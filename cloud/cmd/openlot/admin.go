package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/openlot/openlot/cloud/internal/app"
	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

type adminCmd struct {
	Capacity capacityCmd `cmd:"" help:"Change how many spaces of a type a parking sells, from a day on. What is sold stays sold; the answer lists what no longer fits."`
	Block    blockCmd    `cmd:"" help:"Take bays out of use for a while. What is sold stays sold; the answer lists what no longer fits."`
	Unblock  unblockCmd  `cmd:"" help:"Put the bays of a block back into use, from now on."`
	Blocks   blocksCmd   `cmd:"" help:"List the blocks that are not over."`
	Policy   policyCmd   `cmd:"" help:"Show or change what a parking sells: how far ahead, how long, how soon."`

	Walk   walkCmd   `cmd:"" help:"End a reservation that the parking has no space for. Its hold is given back in full, and its driver is told."`
	Void   voidCmd   `cmd:"" help:"Take a reservation back as if it had never been. Its hold is given back in full, and its driver is told."`
	Refund refundCmd `cmd:"" help:"Give back what was taken for a reservation, or some of it. Who and why stays on record, and its driver is told."`

	Neutral neutralCmd `cmd:"" help:"Say that it is not known whether a reservation's pass is inside. The gate lets its next use through. Who and why stays on record."`
	Card    cardCmd    `cmd:"" help:"Make a card stand for a reservation at the gate, or no longer. Only a keyed hash of it is kept."`

	Incidents incidentsCmd `cmd:"" help:"List what went wrong at a parking and how it was settled: conflicts with what an edge told, tailgates, barriers that do not move, alarms, counts by hand."`
	Commands  commandsCmd  `cmd:"" help:"List what the staff asked the lanes to do, with who and why. It is written down before it is done; what the lane then refused stands behind it once more, and says so."`

	User userCmd `cmd:"" help:"Make an account staff or owner of an operator, or an administrator of the platform. Owners and administrators need a second factor (an authenticator or a passkey) to do anything."`

	Tariff adoptCmd `cmd:"" help:"Show a parking's tariff, or go over to the one in a file. What was quoted keeps its price."`

	Closing  closingCmd  `cmd:"" help:"Close days and cash shifts of the books, and look at those that are closed."`
	Ledger   ledgerCmd   `cmd:"" help:"Read the books."`
	WriteOff writeOffCmd `cmd:"" help:"Give up what a driver owes for a stay, or some of it. Who and why stays on record."`

	ReplayOccupancy replayCmd `cmd:"" help:"Fill a parking without an edge with a week that a real display showed, as the journal of an edge that tells it late. Only in a private cluster, for demonstrations and tests."`

	RetireEdge retireEdgeCmd `cmd:"" help:"Say that a parking's edge is dead: what it was lent for walk-ins is sold again. One that works must not be retired."`
}

// commons are those of its commands, for the log level.
func (c *adminCmd) commons() []common {
	return []common{
		c.Closing.List.common, c.Closing.Make.common, c.Closing.Show.common, c.Closing.Check.common, c.Closing.Shift.common, c.Ledger.Export.common, c.WriteOff.common, c.User.common,
		c.Capacity.common, c.Block.common, c.Unblock.common, c.Blocks.common, c.Policy.common, c.Walk.common, c.Void.common, c.Refund.common, c.Neutral.common, c.Card.common, c.Tariff.common, c.RetireEdge.common, c.Incidents.common, c.Commands.common, c.ReplayOccupancy.common,
	}
}

// one is what every command about one parking understands.
type one struct {
	common
	Parking string `arg:"" help:"The parking's id, such as dresden-altmarkt."`
}

// on runs do on the capacities of the parking.
func (c *one) on(ctx context.Context, log *slog.Logger, do func(*capacity.Service, id.Parking) error) error {
	return c.in(ctx, log, func(a app.Administration, p id.Parking) error { return do(a.Capacity, p) })
}

// in runs do on the parking.
func (c *one) in(ctx context.Context, log *slog.Logger, do func(app.Administration, id.Parking) error) error {
	p, err := id.ParseParking(c.Parking)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "invalid_parking_id", "That is not a parking's id.")
	}
	return c.with(ctx, log, func(db *postgres.DB) error {
		return app.Administer(ctx, db, log, app.Stripe{}, func(a app.Administration) error { return do(a, p) })
	})
}

func spaceType(text string) (id.SpaceType, error) {
	t, err := id.ParseSpaceType(text)
	if err != nil {
		return t, fault.Wrap(err, fault.Invalid, capacity.CodeSpaceTypeUnknown, "This parking has no such space type.")
	}
	return t, nil
}

type capacityCmd struct {
	one
	Type     string `arg:"" help:"The space type, such as standard."`
	Capacity int16  `arg:"" help:"How many spaces there are from then on; 0: none is sold."`
	From     string `help:"The first day, in UTC. Default: today. Days before it keep their capacity." placeholder:"YYYY-MM-DD"`
}

// Run implements kong's command.
func (c *capacityCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	t, err := spaceType(c.Type)
	if err != nil {
		return err
	}
	from := int32(0)
	if c.From != "" {
		day, err := time.Parse(time.DateOnly, c.From)
		if err != nil {
			return fault.Wrap(err, fault.Invalid, "date_invalid", "A date looks like 2027-03-28.").WithField("--from", "is no date")
		}
		from = timerange.Floor(day).Day()
		if from <= 0 {
			return fault.New(fault.Invalid, capacity.CodeDateInPast, "A capacity can be changed from today on. Days are counted in UTC.").WithField("--from", "is past")
		}
	}
	return c.on(ctx, log, func(s *capacity.Service, p id.Parking) error {
		op := &capacity.Change{In: p, SpaceType: t, Capacity: c.Capacity, From: from, By: parking.Author{Name: parking.Commands}}
		short, err := s.Change(ctx, op)
		if err != nil {
			return err
		}
		var text strings.Builder
		if op.Days == 0 {
			fmt.Fprintf(&text, "%s has %d spaces of type %s already; nothing was changed\n", p, c.Capacity, t)
		} else {
			fmt.Fprintf(&text, "%s: %s had %d spaces, has %d; %d days were changed\n", p, t, op.Was, c.Capacity, op.Days)
		}
		tell(&text, short)
		return write(out, &text)
	})
}

type blockCmd struct {
	one
	Type   string `arg:"" help:"The space type, such as standard."`
	N      int16  `arg:"" help:"How many bays."`
	From   string `required:"" help:"From when, with its offset; rounded down to a quarter-hour. In the past: from now." placeholder:"2027-03-28T08:00:00+02:00"`
	To     string `required:"" help:"Until when; rounded up." placeholder:"2027-03-28T18:00:00+02:00"`
	Reason string `required:"" help:"Why, for colleagues; nothing personal."`
}

// Run implements kong's command.
func (c *blockCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	t, err := spaceType(c.Type)
	if err != nil {
		return err
	}
	var ends [2]time.Time
	for i, f := range []struct{ flag, text string }{{"--from", c.From}, {"--to", c.To}} {
		if ends[i], err = time.Parse(time.RFC3339, f.text); err != nil {
			return fault.Wrap(err, fault.Invalid, "time_invalid", "A time looks like 2027-03-28T08:00:00+02:00.").WithField(f.flag, "is no time with its offset")
		}
	}
	window, err := timerange.New(ends[0].UTC(), ends[1].UTC())
	if err != nil {
		return fault.Wrap(err, fault.Invalid, capacity.CodeBlockInvalid, "The block ends before it begins.").WithField("--to", "is not after --from")
	}
	return c.on(ctx, log, func(s *capacity.Service, p id.Parking) error {
		op := &capacity.Block{In: p, SpaceType: t, N: c.N, Claim: window.Claim(), Reason: c.Reason, By: parking.Author{Name: parking.Commands}}
		short, err := s.Block(ctx, op)
		if err != nil {
			return err
		}
		var text strings.Builder
		fmt.Fprintf(&text, "%s: %d bays of type %s are blocked from %s\n  the block's id is %s\n", p, op.N, t, span(op.After.Claim.Range()), op.ID)
		tell(&text, short)
		return write(out, &text)
	})
}

type unblockCmd struct {
	one
	Block string `arg:"" help:"The block's id, such as blk_01jd3k…; openlot admin blocks lists them."`
}

// Run implements kong's command.
func (c *unblockCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	i, err := id.Parse[id.Block](c.Block)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "invalid_block_id", "That is not a block's id.")
	}
	return c.on(ctx, log, func(s *capacity.Service, p id.Parking) error {
		b, err := s.Unblock(ctx, p, i, parking.Author{Name: parking.Commands})
		if err != nil {
			return err
		}
		var text strings.Builder
		if b.Claim.Empty() {
			fmt.Fprintf(&text, "%s: %d bays of type %s are not blocked after all\n", p, b.N, b.SpaceType)
		} else {
			fmt.Fprintf(&text, "%s: %d bays of type %s were blocked from %s\n", p, b.N, b.SpaceType, span(b.Claim.Range()))
		}
		short, err := s.Shortage(ctx, p, b.SpaceType)
		if err != nil {
			return err
		}
		tell(&text, short)
		return write(out, &text)
	})
}

type blocksCmd struct{ one }

// Run implements kong's command.
func (c *blocksCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	return c.on(ctx, log, func(s *capacity.Service, p id.Parking) error {
		found, err := s.Store.Blocks(ctx, p, timerange.Floor(s.Now()))
		if err != nil {
			return err
		}
		var text strings.Builder
		for _, b := range found {
			fmt.Fprintf(&text, "%s  %d %s  %s  %s\n", b.ID, b.N, b.SpaceType, span(b.Claim.Range()), strconv.Quote(b.Reason))
		}
		if len(found) == 0 {
			fmt.Fprintf(&text, "nothing is blocked in %s\n", p)
		}
		return write(out, &text)
	})
}

type retireEdgeCmd struct {
	one
	Reason string `required:"" help:"Why, for the record; nothing personal."`
}

// Run implements kong's command.
func (c *retireEdgeCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	return c.in(ctx, log, func(a app.Administration, p id.Parking) error {
		done, err := a.Edges.Retire(ctx, p, c.Reason)
		if err != nil {
			return err
		}
		var text strings.Builder
		fmt.Fprintf(&text, "%s: its edge is retired; %d spaces lent to it are sold again, %d walk-ins inside keep theirs until they are seen leaving\n", p, done.Released, done.Moved)
		text.WriteString("the next edge that says hello takes its place; openlot enroll makes its credentials\n")
		return write(out, &text)
	})
}

// tell says what a change left without a place.
func tell(text *strings.Builder, short capacity.Shortage) {
	if len(short.Runs) == 0 {
		text.WriteString("everything that is sold fits\n")
		return
	}
	text.WriteString("more is claimed than there is; nothing is sold in these times until it fits again:\n")
	for _, r := range short.Runs {
		fmt.Fprintf(text, "  %s  %d too many\n", span(r.Range()), r.Over)
	}
	if len(short.Affected) > 0 {
		text.WriteString("nothing was cancelled; without these reservations it would fit, least harm first:\n")
	}
	for _, r := range short.Affected {
		fmt.Fprintf(text, "  %s  %s  %s  %d.%02d %s\n", r.ID, r.State, span(r.Window), r.Total.Minor/100, r.Total.Minor%100, r.Total.Currency)
	}
	if short.Unsolved > 0 {
		fmt.Fprintf(text, "up to %d more are vehicles that are inside, walk-ins or other blocks\n", short.Unsolved)
	}
}

func span(r timerange.Range) string {
	return r.From.UTC().Format(time.RFC3339) + " to " + r.To.UTC().Format(time.RFC3339)
}

func write(out io.Writer, text *strings.Builder) error {
	_, err := io.WriteString(out, text.String())
	return err
}

// duration is a length of time as an owner writes it: 30d, 36h, 15m.
type duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *duration) UnmarshalText(text []byte) error {
	if days, ok := strings.CutSuffix(string(text), "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		*d = duration(n) * duration(24*time.Hour)
		if err != nil {
			return errors.New("is no length of time such as 30d, 36h or 15m")
		}
		return nil
	}
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return errors.New("is no length of time such as 30d, 36h or 15m")
	}
	*d = duration(parsed)
	return nil
}

func (d duration) String() string {
	const day = duration(24 * time.Hour)
	if d != 0 && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return time.Duration(d).String()
}

// table lines columns up.
func table(text *strings.Builder, rows [][3]string) error {
	w := tabwriter.NewWriter(text, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		if _, err := fmt.Fprintln(w, strings.TrimRight(strings.Join(r[:], "\t"), "\t ")); err != nil {
			return err
		}
	}
	return w.Flush()
}
