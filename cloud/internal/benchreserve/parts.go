package benchreserve

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/feed/follow"
	"github.com/openlot/openlot/cloud/internal/listing"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/benchref"
	"github.com/openlot/openlot/protocol/id"
)

const (
	clients       = 256
	pgbenchMany   = 32 // more of them are not faster on two cores
	pgbenchBulk   = 4
	bulkSize      = 64
	conditionally = 32 // connections of the conditional update
	competitors   = 4

	warmUp = 2 * time.Second
)

// bench is one run.
type bench struct {
	o       Options
	log     *slog.Logger
	server  *server
	pgbench *pgbench

	uniform, hot, small benchref.Lots
	scripts             benchref.Lots // of pgbench: like uniform, and nobody else's
	// Who sells a lot in turn with others finds his memory of it wrong each time.
	// So each of those that are compared has lots of his own.
	sale    [3]atomic.Int64 // the window of each hot lot that is on sale
	trickle [2]*trickle     // of small

	rows []row
}

// row is one line of the table: one measurement and all its runs.
type row struct {
	part, name string
	runs       []result
}

func (b *bench) note(part, name string, r result) {
	for i := range b.rows {
		if b.rows[i].part == part && b.rows[i].name == name {
			b.rows[i].runs = append(b.rows[i].runs, r)
			return
		}
	}
	b.rows = append(b.rows, row{part, name, []result{r}})
}

// step is one of the measurements that alternate in a part.
type step struct {
	name string
	run  func(ctx context.Context, d time.Duration) (result, error)
}

// alternate runs the steps one after the other, again and again; before that
// each once, for the plans and memories of a server that has run for a while.
func (b *bench) alternate(ctx context.Context, part string, steps ...step) error {
	for round := -1; round < b.o.Rounds; round++ {
		d := b.o.Each
		if round < 0 {
			d = max(d, warmUp)
		}
		for i := range steps {
			// Who goes first changes, so that nothing always follows the same.
			s := steps[(i+max(round, 0))%len(steps)]
			r, err := s.run(ctx, d)
			if err != nil {
				return errors.Join(errors.New(part+", "+s.name), err)
			}
			if round >= 0 {
				b.note(part, s.name, r)
			}
		}
	}
	return nil
}

func (b *bench) driven(n int, ask client) func(context.Context, time.Duration) (result, error) {
	return func(ctx context.Context, d time.Duration) (result, error) { return drive(ctx, n, d, ask) }
}

func (b *bench) scripted(name, script string, n, each int) func(context.Context, time.Duration) (result, error) {
	return func(ctx context.Context, d time.Duration) (result, error) {
		return b.pgbench.run(ctx, name, script, n, d, each)
	}
}

func (b *bench) partSingle(ctx context.Context) error {
	i, err := newInstance(ctx, b.server.dsn, b.log)
	if err != nil {
		return err
	}
	defer i.close()
	// One client alone would need a minute to make the committer remember.
	if _, err := drive(ctx, clients, warmUp, asking(committing(i.committer), anywhere(b.uniform))); err != nil {
		return err
	}
	return b.alternate(ctx, "single",
		step{"pgbench, 1 client", b.scripted("one", benchref.One(b.scripts, 1), 1, 1)},
		step{"committer, 1 client", b.driven(1, asking(committing(i.committer), anywhere(b.uniform)))})
}

func (b *bench) partUniform(ctx context.Context) error {
	i, err := newInstance(ctx, b.server.dsn, b.log)
	if err != nil {
		return err
	}
	defer i.close()
	return b.alternate(ctx, "uniform",
		step{"pgbench, 32 clients", b.scripted("one", benchref.One(b.scripts, pgbenchMany), pgbenchMany, 1)},
		step{"pgbench, 64 in a statement, 4 clients", b.scripted("bulk", benchref.Bulk(b.scripts), pgbenchBulk, bulkSize)},
		step{"committer, 256 clients", b.driven(clients, asking(committing(i.committer), anywhere(b.uniform)))})
}

func (b *bench) partHot(ctx context.Context) error {
	c, err := benchref.NewConditional(ctx, b.server.dsn, conditionally)
	if err != nil {
		return err
	}
	defer c.Close()
	var all []*instance
	defer func() {
		for _, i := range all {
			i.close()
		}
	}()
	sellers := make([]seller, 1+competitors)
	for n := range sellers {
		i, err := newInstance(ctx, b.server.dsn, b.log)
		if err != nil {
			return err
		}
		all = append(all, i)
		sellers[n] = committing(i.committer)
	}
	want := func(lot int) wish { return onSale(b.hot, lot, &b.sale[lot]) }
	contested := want(2)
	any := func(ctx context.Context, rnd *rand.Rand) (bool, time.Duration, error) {
		return asking(sellers[1+rnd.IntN(competitors)], contested)(ctx, rnd)
	}
	return b.alternate(ctx, "hot",
		step{"conditional update, 256 clients", b.driven(clients, asking(conditional(c), want(0)))},
		step{"committer, 256 clients", b.driven(clients, asking(sellers[0], want(1)))},
		step{"four committers, 256 clients", b.driven(clients, any)})
}

func (b *bench) partSoldOut(ctx context.Context) error {
	c, err := benchref.NewConditional(ctx, b.server.dsn, conditionally)
	if err != nil {
		return err
	}
	defer c.Close()
	i, err := newInstance(ctx, b.server.dsn, b.log)
	if err != nil {
		return err
	}
	defer i.close()
	trickling := func(sell seller, t *trickle) func(context.Context, time.Duration) (result, error) {
		return func(ctx context.Context, d time.Duration) (result, error) {
			ctx, cancel := context.WithCancel(ctx)
			var wg sync.WaitGroup
			wg.Go(func() { t.run(ctx) })
			defer wg.Wait()
			defer cancel()
			r, err := drive(ctx, clients, d, asking(sell, t.want))
			return perSecondOfAnswers(r), err
		}
	}
	return b.alternate(ctx, "soldout",
		step{"conditional update, answers", trickling(conditional(c), b.trickle[0])},
		step{"committer, answers", trickling(committing(i.committer), b.trickle[1])})
}

// partFanout measures the same instance with and without what tells others.
func (b *bench) partFanout(ctx context.Context) error {
	var hint atomic.Pointer[postgres.Notifier]
	var tell atomic.Pointer[follow.Follower]
	hinting := func(p id.Parking, r uint64) {
		if n := hint.Load(); n != nil {
			n.Hint(p, r)
		}
	}
	telling := func(events []feed.Event) {
		if f := tell.Load(); f != nil {
			f.Committed(events)
		}
	}
	i, err := newTellingInstance(ctx, b.server.dsn, b.log, hinting, telling)
	if err != nil {
		return err
	}
	defer i.close()
	notifier := postgres.NewNotifier(i.db, b.log)
	on := func(ctx context.Context, d time.Duration) (result, error) {
		follower := follow.New(postgres.NewFeed(i.db), b.log)
		list := listing.New(postgres.NewListing(i.db), follower.CurrentAt, time.Now, b.log, listing.Options{})
		follower.Subscribe("listing", list.Handle)
		inner, cancel := context.WithCancel(ctx)
		g, inner := errgroup.WithContext(inner)
		g.Go(func() error { return notifier.Run(inner) })
		g.Go(func() error { return follower.Run(inner) })
		g.Go(func() error { return list.Run(inner, follower.Ready()) })
		select {
		case <-list.Loaded():
		case <-inner.Done():
			cancel()
			return result{}, g.Wait()
		}
		hint.Store(notifier)
		tell.Store(follower)
		r, err := drive(ctx, clients, d, asking(committing(i.committer), anywhere(b.uniform)))
		hint.Store(nil)
		tell.Store(nil)
		cancel()
		return r, errors.Join(err, g.Wait())
	}
	return b.alternate(ctx, "fanout",
		step{"nobody told", b.driven(clients, asking(committing(i.committer), anywhere(b.uniform)))},
		step{"notifier and listing", on})
}

func (b *bench) partStandby(ctx context.Context) error {
	copied, err := b.server.standby(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = copied.Stop() }() // its folder is thrown away
	i, err := newInstance(ctx, b.server.dsn, b.log)
	if err != nil {
		return err
	}
	defer i.close()
	waiting := func(names string) func(context.Context, time.Duration) (result, error) {
		return func(ctx context.Context, d time.Duration) (result, error) {
			if err := b.waitFor(ctx, names); err != nil {
				return result{}, err
			}
			return drive(ctx, clients, d, asking(committing(i.committer), anywhere(b.uniform)))
		}
	}
	err = b.alternate(ctx, "standby", step{"standby not waited for", waiting("")}, step{"synchronous standby", waiting("*")})
	return errors.Join(err, b.waitFor(ctx, ""))
}

// waitFor makes commits wait for standbys of that name, and returns when the
// server does.
func (b *bench) waitFor(ctx context.Context, names string) error {
	if err := benchref.Exec(ctx, b.server.dsn, "alter system set synchronous_standby_names = '"+names+"'", "select pg_reload_conf()"); err != nil {
		return err
	}
	want := "async"
	if names != "" {
		want = "sync"
	}
	for range 500 {
		got, err := benchref.Text(ctx, b.server.dsn, "select coalesce(max(sync_state), 'none') from pg_stat_replication")
		if err != nil || got == want {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return errors.New("the standby does not become " + want)
}
