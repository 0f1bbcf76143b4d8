package benchreserve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/benchref"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/timerange"
)

// Options say what to measure.
type Options struct {
	Only   []string      // parts; empty: all
	Rounds int           // alternations
	Each   time.Duration // of one run
	Lots   int           // parkings of the uniform load
}

// Parts are the names of the parts, in their order.
func Parts() []string { return []string{"single", "uniform", "hot", "soldout", "fanout", "standby"} }

// Check finds what cannot be measured.
func (o Options) Check() error {
	for _, p := range o.Only {
		if !slices.Contains(Parts(), p) {
			return fault.Newf(fault.Invalid, "part_unknown", "There is no part %q; there are %s.", p, strings.Join(Parts(), ", "))
		}
	}
	if o.Rounds < 1 || o.Each <= 0 || o.Lots < 128 {
		return fault.New(fault.Invalid, "options_invalid", "At least one round, a time for each run, and 128 parkings.")
	}
	return nil
}

// Run measures and writes the table and the line of JSON to w. Afterwards it
// compares the counters with the reservations that were made.
func Run(ctx context.Context, o Options, w io.Writer, log *slog.Logger) error {
	if err := o.Check(); err != nil {
		return err
	}
	s, err := startServer(ctx, log)
	if err != nil {
		return err
	}
	b := &bench{o: o, log: log, server: s}
	return errors.Join(b.run(ctx, w), s.stop())
}

func (b *bench) run(ctx context.Context, w io.Writer) error {
	if err := b.prepare(ctx); err != nil {
		return err
	}
	parts := map[string]func(context.Context) error{
		"single": b.partSingle, "uniform": b.partUniform, "hot": b.partHot,
		"soldout": b.partSoldOut, "fanout": b.partFanout, "standby": b.partStandby,
	}
	if _, err := fmt.Fprintf(w, "Postgres %s, fsync and synchronous_commit on, shared_buffers %s; %d runs of %s each\n\n",
		b.server.cluster.Version(), settings()["shared_buffers"], b.o.Rounds, b.o.Each); err != nil {
		return err
	}
	for _, name := range Parts() {
		if len(b.o.Only) > 0 && !slices.Contains(b.o.Only, name) {
			continue
		}
		began := time.Now()
		if err := parts[name](ctx); err != nil {
			return err
		}
		b.log.Info("measured", "part", name, "took", time.Since(began).Round(time.Millisecond))
	}
	// The lots of the scripts are left out: pgbench's ceiling changes no counts.
	for _, l := range []benchref.Lots{b.uniform, b.hot, b.small} {
		wrong, err := benchref.Wrong(ctx, b.server.dsn, l.Prefix)
		if err != nil {
			return err
		}
		if wrong != "0" {
			return fmt.Errorf("%s: %s quarters in which the counters and the reservations differ", l.Prefix, wrong)
		}
	}
	return b.report(w)
}

// prepare makes the data.
func (b *bench) prepare(ctx context.Context) error {
	path, err := tool(b.server.bin, "pgbench")
	if err != nil {
		return err
	}
	if b.pgbench, err = newPgbench(path, b.server.dsn, b.server.dir); err != nil {
		return err
	}
	first := timerange.Floor(time.Now()).Day() + 2
	b.uniform = benchref.Lots{Prefix: "uniform-", N: b.o.Lots, Capacity: 500, FirstDay: first, Days: 1}
	b.scripts = benchref.Lots{Prefix: "scripts-", N: b.o.Lots, Capacity: 500, FirstDay: first, Days: 1}
	b.hot = benchref.Lots{Prefix: "hot-", N: len(b.sale), Capacity: 500, FirstDay: first, Days: 400}
	b.small = benchref.Lots{Prefix: "small-", N: smallLots * len(b.trickle), Capacity: 3, FirstDay: first, Days: 90}
	for i := range b.trickle {
		b.trickle[i] = newTrickle(b.small, i*smallLots, smallLots)
	}
	db, err := postgres.Open(ctx, b.server.dsn, b.log, postgres.Options{MaxConns: 1})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.PartitionEvents(ctx, 2); err != nil {
		return err
	}
	return benchref.Seed(ctx, b.server.dsn, b.uniform, b.scripts, b.hot, b.small)
}
