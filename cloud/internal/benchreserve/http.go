package benchreserve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/benchref"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/timerange"
)

// HTTPOptions say what to measure of selling through the whole stack.
type HTTPOptions struct {
	Program  string        // openlot, built
	Only     []string      // parts; empty: all
	Rounds   int           // alternations
	Each     time.Duration // of one run
	Lots     int           // parkings of the uniform load
	Profiles string        // a folder for CPU profiles of the cloud, one for each part; empty: none
}

// HTTPParts are the names of the parts, in their order.
func HTTPParts() []string { return []string{"single", "uniform", "quoted", "hot", "soldout"} }

// Check finds what cannot be measured.
func (o HTTPOptions) Check() error {
	for _, p := range o.Only {
		if !slices.Contains(HTTPParts(), p) {
			return fault.Newf(fault.Invalid, "part_unknown", "There is no part %q; there are %s.", p, strings.Join(HTTPParts(), ", "))
		}
	}
	if o.Program == "" || o.Rounds < 1 || o.Each <= 0 || o.Lots < 128 {
		return fault.New(fault.Invalid, "options_invalid", "The program, at least one round, a time for each run, and 128 parkings.")
	}
	return nil
}

// httpBench is one run.
type httpBench struct {
	bench
	o     HTTPOptions
	dsn   string // the cloud's database, on the same server as the references'
	cloud *cloud

	phases map[string]*phases // by part
	untold int                // jobs that were thrown away between the runs
}

const (
	cloudDatabase = "cloud"
	// soldDays is how far ahead the cloud sells; a parking's policy says 90.
	soldDays = 85
	// singleLonger makes one client alone give enough samples for a p99.
	singleLonger = 10
)

// RunHTTP measures selling through the whole stack: POST /reserve over connections
// that are kept, from this process, to openlot serve in another, on a private
// Postgres with fsync on, with the embedded broker and the sandbox provider, whose
// hold is a commit of its own. It writes the tables and the line of JSON to w.
// Afterwards it compares the counters with the reservations that were made.
//
// The references alternate with it on the same server, in a database that the cloud
// does not follow: one commit of a reservation by the committer in this process,
// and by pgbench with the committer's statement. A reservation over HTTP is three.
//
//   - single: one client.
//   - uniform: 256 clients over a thousand parkings.
//   - quoted: the same, with POST /quotes before each, whose time is in HTTP; against
//     without.
//   - hot: 256 clients want the same window of one parking, then the next.
//   - soldout: 256 clients and nearly nothing to sell; answers are counted.
//
// Where an accepted reservation's time went is told by the cloud in Server-Timing;
// what its client saw beyond that is HTTP. The cloud mails meanwhile, as it does
// otherwise, and the same two processors run everything.
func RunHTTP(ctx context.Context, o HTTPOptions, w io.Writer, log *slog.Logger) (err error) {
	if err := o.Check(); err != nil {
		return err
	}
	s, err := startServer(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	b := &httpBench{bench: bench{o: Options{Rounds: o.Rounds, Each: o.Each}, log: log, server: s}, o: o, phases: map[string]*phases{}}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	if b.cloud, err = startCloud(ctx, o.Program, b.dsn, s.dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.cloud.stop()) }()
	return b.run(ctx, w)
}

// prepare makes the data: the cloud's, and the references' in a database of their
// own, whose events the cloud does not follow.
func (b *httpBench) prepare(ctx context.Context) error {
	path, err := tool(b.server.bin, "pgbench")
	if err != nil {
		return err
	}
	if b.pgbench, err = newPgbench(path, b.server.dsn, b.server.dir); err != nil {
		return err
	}
	first := timerange.Floor(time.Now()).Day() + 2
	b.uniform = benchref.Lots{Prefix: "uniform-", N: b.o.Lots, Capacity: 500, FirstDay: first, Days: 1}
	b.scripts = b.uniform
	b.scripts.Prefix = "scripts-"
	b.hot = benchref.Lots{Prefix: "hot-", N: 1, Capacity: 500, FirstDay: first, Days: soldDays}
	b.small = benchref.Lots{Prefix: "small-", N: smallLots, Capacity: 3, FirstDay: first, Days: soldDays}
	if err := b.server.cluster.EnsureDatabase(ctx, cloudDatabase); err != nil {
		return err
	}
	b.dsn = b.server.cluster.DSN(cloudDatabase)
	if err := postgres.Migrate(ctx, b.dsn, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	far := b.hot
	far.Days = 400 // the committer alone sells faster, and asks no policy
	db, err := postgres.Open(ctx, b.server.dsn, b.log, postgres.Options{MaxConns: 1})
	if err != nil {
		return err
	}
	defer db.Close()
	return errors.Join(db.PartitionEvents(ctx, 2),
		benchref.Seed(ctx, b.server.dsn, b.uniform, b.scripts, far, b.small),
		benchref.Seed(ctx, b.dsn, b.uniform, b.hot, b.small))
}

func (b *httpBench) run(ctx context.Context, w io.Writer) error {
	parts := map[string]func(context.Context, *instance) error{
		"single": b.httpSingle, "uniform": b.httpUniform, "quoted": b.httpQuoted, "hot": b.httpHot, "soldout": b.httpSoldOut,
	}
	if _, err := fmt.Fprintf(w, "Postgres %s, fsync and synchronous_commit on; the cloud is a process of its own, with its broker and the sandbox provider; %d runs of %s each\n\n",
		b.server.cluster.Version(), b.o.Rounds, b.o.Each); err != nil {
		return err
	}
	i, err := newInstance(ctx, b.server.dsn, b.log)
	if err != nil {
		return err
	}
	defer i.close()
	for _, name := range HTTPParts() {
		if len(b.o.Only) > 0 && !slices.Contains(b.o.Only, name) {
			continue
		}
		began := time.Now()
		if err := parts[name](ctx, i); err != nil {
			return err
		}
		b.log.Info("measured", "part", name, "took", time.Since(began).Round(time.Millisecond))
	}
	for _, l := range []benchref.Lots{b.uniform, b.hot, b.small} {
		wrong, err := benchref.Wrong(ctx, b.dsn, l.Prefix)
		if err != nil {
			return err
		}
		if wrong != "0" {
			return fmt.Errorf("%s: %s quarters in which the counters and the reservations differ", l.Prefix, wrong)
		}
	}
	return b.report(w)
}

// The names of what is measured.
const (
	overHTTP  = "HTTP"
	alone     = "committer alone"
	statement = "pgbench"
	withQuote = "HTTP, a quote first"
)

// over is a step through the cloud, which has nothing left to tell when it begins.
// Its first run warms up and counts for no phase.
func (b *httpBench) over(part, name string, run func(context.Context, time.Duration, *phases) (result, error)) step {
	cold := true
	if b.phases[part] == nil {
		b.phases[part] = &phases{}
	}
	return step{name, func(ctx context.Context, d time.Duration) (result, error) {
		if err := b.settle(ctx); err != nil {
			return result{}, err
		}
		if cold {
			cold = false
			var profiled sync.WaitGroup
			var failed error
			if b.o.Profiles != "" {
				profiled.Go(func() { failed = b.cloud.profile(ctx, b.o.Profiles, part, d) })
			}
			r, err := run(ctx, d, &phases{})
			profiled.Wait()
			return r, errors.Join(err, failed)
		}
		p := b.phases[part]
		before, err := b.cloud.cpu(ctx)
		if err != nil {
			return result{}, err
		}
		r, err := run(ctx, d, p)
		if err != nil {
			return result{}, err
		}
		after, err := b.cloud.cpu(ctx)
		p.spent(after-before, r.answers)
		return r, err
	}}
}

// apart is a step on the references' database, while the cloud has nothing to do.
func (b *httpBench) apart(name string, run func(context.Context, time.Duration) (result, error)) step {
	return step{name, func(ctx context.Context, d time.Duration) (result, error) {
		if err := b.settle(ctx); err != nil {
			return result{}, err
		}
		return run(ctx, d)
	}}
}

func (b *httpBench) asked(n int, quoted bool, want wish) func(context.Context, time.Duration, *phases) (result, error) {
	return func(ctx context.Context, d time.Duration, p *phases) (result, error) {
		return drive(ctx, n, d, asking(b.cloud.reserving(quoted, p), want))
	}
}

func (b *httpBench) httpSingle(ctx context.Context, i *instance) error {
	one := b.asked(1, false, anywhere(b.uniform))
	return b.alternate(ctx, "single",
		b.over("single", overHTTP, func(ctx context.Context, d time.Duration, p *phases) (result, error) {
			return one(ctx, singleLonger*d, p)
		}),
		b.apart(alone, b.driven(1, asking(committing(i.committer), anywhere(b.uniform)))),
		b.apart(statement, b.scripted("one", benchref.One(b.scripts, 1), 1, 1)))
}

func (b *httpBench) httpUniform(ctx context.Context, i *instance) error {
	return b.alternate(ctx, "uniform",
		b.over("uniform", overHTTP, b.asked(clients, false, anywhere(b.uniform))),
		b.apart(alone, b.driven(clients, asking(committing(i.committer), anywhere(b.uniform)))),
		b.apart(statement, b.scripted("many", benchref.One(b.scripts, pgbenchMany), pgbenchMany, 1)))
}

func (b *httpBench) httpQuoted(ctx context.Context, _ *instance) error {
	return b.alternate(ctx, "quoted",
		b.over("quoted", withQuote, b.asked(clients, true, anywhere(b.uniform))),
		b.over("unquoted", overHTTP, b.asked(clients, false, anywhere(b.uniform))))
}

func (b *httpBench) httpHot(ctx context.Context, i *instance) error {
	return b.alternate(ctx, "hot",
		b.over("hot", overHTTP, b.asked(clients, false, onSale(b.hot, 0, &b.sale[0]))),
		b.apart(alone, b.driven(clients, asking(committing(i.committer), onSale(b.hot, 0, &b.sale[1])))))
}

func (b *httpBench) httpSoldOut(ctx context.Context, i *instance) error {
	theirs, ours := newTrickle(b.small, 0, smallLots), newTrickle(b.small, 0, smallLots)
	trickling := func(ctx context.Context, t *trickle, do func() (result, error)) (result, error) {
		ctx, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		wg.Go(func() { t.run(ctx) })
		defer wg.Wait()
		defer cancel()
		r, err := do()
		return perSecondOfAnswers(r), err
	}
	return b.alternate(ctx, "soldout",
		b.over("soldout", overHTTP, func(ctx context.Context, d time.Duration, p *phases) (result, error) {
			return trickling(ctx, theirs, func() (result, error) {
				return drive(ctx, clients, d, asking(b.cloud.reserving(false, p), theirs.want))
			})
		}),
		b.apart(alone, func(ctx context.Context, d time.Duration) (result, error) {
			return trickling(ctx, ours, func() (result, error) {
				return drive(ctx, clients, d, asking(committing(i.committer), ours.want))
			})
		}))
}

// settle ends what the cloud has still to tell. Sales do not wait for that, and mail
// is drawn and stored much slower than reservations are sold. While the cloud is
// asked it does as much of it as it gets to; what is left then is thrown away, so
// that the next run measures nothing else.
func (b *httpBench) settle(ctx context.Context) error {
	const limit, step, calm = time.Minute, 100 * time.Millisecond, 5
	for began, quiet := time.Now(), 0; quiet < calm; {
		dropped, left, err := benchref.DropJobs(ctx, b.dsn)
		if err != nil {
			return err
		}
		b.untold += dropped
		if quiet++; dropped+left > 0 {
			quiet = 0
		}
		if time.Since(began) > limit {
			return fmt.Errorf("the cloud has %d things to tell, %s after it was last asked for anything", left, limit)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(step):
		}
	}
	return nil
}

// report writes the tables and, last, the line of JSON.
func (b *httpBench) report(w io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%-8s %-40s %10s %23s %9s %9s %8s %8s\n", "part", "what", "median/s", "lowest to highest", "accepted", "answers", "p50 ms", "p99 ms")
	for i := range b.rows {
		if err := b.rows[i].write(&text); err != nil {
			return err
		}
	}
	summary := map[string]any{"bench": "reserve-http", "jobs_dropped": b.untold}
	fmt.Fprintf(&text, "\nwhere an accepted reservation's time went, milliseconds (share), as its client saw it\n%-8s", "part")
	for _, name := range phaseNames() {
		fmt.Fprintf(&text, " %15s", name)
	}
	fmt.Fprintf(&text, " %8s %12s\n", "all", "cloud CPU ms")
	for _, part := range HTTPParts() {
		p := b.phases[part]
		if p == nil {
			continue
		}
		out := b.compare(part)
		p.write(&text, part, out)
		summary[part] = out
	}
	fmt.Fprintf(&text, "\nSales wait for nothing that is told about them: %d jobs, mostly mail, were left between the runs and thrown away.\n", b.untold)
	line, err := json.Marshal(summary)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n%s\n", text.String(), line)
	return err
}

// compare sets what was measured over HTTP beside its references.
func (b *httpBench) compare(part string) map[string]any {
	out := map[string]any{}
	name := overHTTP
	if part == "quoted" {
		name = withQuote
	}
	r := b.find(part, name)
	rate := median(r.rates())
	out["per_second"] = round(rate)
	for key, base := range map[string]string{"vs_committer": alone, "vs_pgbench": statement, "vs_unquoted": overHTTP} {
		if x := b.find(part, base); x != nil && base != name {
			out[key] = round(rate / median(x.rates()))
		}
	}
	l := r.latencies()
	out["p50_ms"], out["samples"] = round(percentile(l, 0.5)), len(l)
	if len(l) >= 10_000 {
		out["p99_ms"] = round(percentile(l, 0.99))
	}
	return out
}
