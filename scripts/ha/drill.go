package ha

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// What the drill demands.
const (
	convergeWithin = 5 * time.Second
	sellsAgain     = 10 * time.Second // after another leads, although the old one still holds its connections
	settle         = 2 * time.Second  // load between two deaths
	catchUpWithin  = time.Minute      // what edges may lag at the end
	tellWithin     = 2 * time.Minute  // a mail whose job was handed to a connection that died waits for its rescue
	lists, details = 20, 40           // streams
)

// Outcome is what a drill or a soak found. It is printed as JSON.
type Outcome struct {
	HA            string  `json:"ha"`
	WriteGap      int64   `json:"write_gap_ms"` // the longest without a reservation because of a death of the primary
	Lost          int     `json:"lost"`         // reservations that drivers were told of and that are not in the books
	Converged     float64 `json:"sse_converged_s"`
	Failed        int     `json:"failed_requests"` // after what a client repeats
	Retried       int     `json:"retried"`
	Backwards     int     `json:"versions_back"`
	Doubled       int     `json:"doubled"`
	Reservations  int     `json:"reservations"`
	Unseen        int     `json:"own_writes_unseen"`
	Reads         int     `json:"reads"`
	Passages      int64   `json:"passages"`
	Shut          int     `json:"gates_shut"` // visits that ended in no passage while their edge was there
	Told          float64 `json:"told_s"`     // until the last driver had the mail, after the load
	Kills         int     `json:"kills"`
	Cuts          int     `json:"cuts"` // of them, how often the network was broken and nothing died
	Seconds       float64 `json:"seconds"`
	HandoverGap   int64   `json:"switchover_gap_ms"`
	RestartFailed int     `json:"failed_while_draining"`
	Reason        string  `json:"reason,omitempty"`
}

// kill is one death, from before it to when what died is there again.
type kill struct {
	name    string
	do      func(context.Context) error
	primary bool // a reason for the primary's write gap
	planned bool // a handover
	none    bool // no attempt may fail meanwhile, none at all
	loud    bool // the balancer itself: reads without a repetition fail
	gate    bool // an edge: its own cars wait
	cut     bool // nothing dies: the network breaks
}

// Drill kills each part once under load, or those whose names have certain words, and
// checks what nobody may notice.
func (c *Cluster) Drill(ctx context.Context, out io.Writer, only string) (Outcome, error) {
	return c.torment(ctx, out, func(yield func(kill) bool) {
		for _, k := range c.kills() {
			if strings.Contains(k.name, only) && !yield(k) {
				return
			}
		}
	})
}

// SoakFor fails Postgres over again and again, in different ways, for a time.
func (c *Cluster) SoakFor(ctx context.Context, out io.Writer, d time.Duration) (Outcome, error) {
	end := time.Now().Add(d)
	return c.torment(ctx, out, func(yield func(kill) bool) {
		for n := 0; time.Now().Before(end); n++ {
			over := c.losses()
			if !yield(over[n%len(over)]) {
				return
			}
		}
	})
}

// again kills a member and starts it.
func (c *Cluster) again(m *member) func(context.Context) error {
	return func(ctx context.Context) error {
		m.Kill()
		return m.Start(ctx)
	}
}

func (c *Cluster) kills() []kill {
	all := []kill{
		{name: "an instance is killed", do: c.again(c.Clouds[0])},
		{name: "an instance is asked to end", none: true, do: func(ctx context.Context) error {
			c.Clouds[1].Stop()
			return c.Clouds[1].Start(ctx)
		}},
		{name: "the balancer is killed", loud: true, do: c.again(c.Balancer)},
		{name: "a node of the broker is killed", do: c.again(c.NATS[0])},
		{name: "a node of etcd is killed", do: c.again(c.Etcd[0])},
		{name: "the read replica is killed", do: c.database(func(context.Context) (int, error) { return replica, nil })},
		{name: "the synchronous standby is killed", do: c.database(c.standby)},
		{name: "an edge is killed", gate: true, do: func(ctx context.Context) error {
			c.Sites[0].Edge().Kill()
			if err := c.Sites[0].StartEdge(ctx); err != nil {
				return err
			}
			return c.Sites[0].WaitLinked(ctx)
		}},
	}
	return append(append(all, c.failovers()...), c.cuts()...)
}

// failovers are the ways in which the primary goes.
func (c *Cluster) failovers() []kill {
	return []kill{
		{name: "the primary hangs", primary: true, do: c.hang},
		{name: "the primary's machine dies", primary: true, do: c.database(c.Primary)},
		{name: "the primary is handed over", planned: true, do: c.handOver},
		{name: "the primary's server dies", primary: true, do: c.crashServer},
	}
}

// losses are the ways in which the primary goes, those of a broken network among them.
func (c *Cluster) losses() []kill { return append(c.failovers(), c.primaryCuts(c.others)...) }

// database kills a Postgres with its Patroni, starts it again and waits until
// everybody follows.
func (c *Cluster) database(which func(context.Context) (int, error)) func(context.Context) error {
	return func(ctx context.Context) error {
		n, err := which(ctx)
		if err != nil {
			return err
		}
		primary := n
		if p, err := c.Primary(ctx); err == nil {
			primary = p
		}
		c.Databases[n].Kill()
		if n == primary {
			// The machine comes back when another has taken over.
			if err := await(ctx, startLimit, func(ctx context.Context) error {
				if p, err := c.Primary(ctx); err != nil || p == n {
					return fmt.Errorf("nobody took over from %s: %w", pgName(n), err)
				}
				return nil
			}); err != nil {
				return err
			}
		}
		if err := c.Databases[n].Start(ctx); err != nil {
			return err
		}
		return await(ctx, rejoinLimit, c.Synchronous)
	}
}

func (c *Cluster) standby(ctx context.Context) (int, error) {
	p, err := c.Primary(ctx)
	return 1 - p, err
}

// crashServer kills the primary's server and leaves its Patroni alone, which hands over.
func (c *Cluster) crashServer(ctx context.Context) error {
	n, err := c.Primary(ctx)
	if err != nil {
		return err
	}
	c.Databases[n].dies()
	if err := await(ctx, startLimit, func(ctx context.Context) error {
		_, err := c.heads(ctx)
		return err
	}); err != nil {
		return err
	}
	return await(ctx, rejoinLimit, c.Synchronous)
}

// handOver asks Patroni for a planned change of the primary.
func (c *Cluster) handOver(ctx context.Context) error {
	p, err := c.Primary(ctx)
	if err != nil {
		return err
	}
	body := fmt.Sprintf(`{"leader":%q,"candidate":%q}`, pgName(p), pgName(1-p))
	if err := post(ctx, "http://"+c.layout.patroni[p]+"/switchover", body); err != nil {
		return err
	}
	return await(ctx, startLimit, func(ctx context.Context) error {
		if n, err := c.Primary(ctx); err != nil || n == p {
			return fmt.Errorf("%s still leads: %w", pgName(p), err)
		}
		return c.Synchronous(ctx)
	})
}

// torment puts load on everything, kills, and checks.
func (c *Cluster) torment(ctx context.Context, out io.Writer, kills func(func(kill) bool)) (o Outcome, err error) {
	began := time.Now()
	l := &load{url: c.URL(), parkings: c.sold(), run: fmt.Sprint(began.Unix())}
	c.sales = func() int { return len(l.told()) }
	g := &gates{}
	watchers := c.watchers(l.parkings)
	watching, unwatch := context.WithCancel(ctx)
	loading, unload := context.WithCancel(ctx)
	var eyes, work sync.WaitGroup
	defer func() {
		unload()
		work.Wait()
		unwatch()
		eyes.Wait()
	}()
	for _, w := range watchers {
		eyes.Go(func() { w.run(watching) })
	}
	work.Go(func() { l.drive(loading) })
	work.Go(func() { g.drive(loading, c.Sites) })
	pause(ctx, settle)

	say := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) }
	kills(func(k kill) bool {
		from := time.Now()
		err = c.one(ctx, k, l, watchers, &o, say)
		if k.gate {
			g.excuse(from, time.Now())
		}
		pause(ctx, settle)
		return err == nil && ctx.Err() == nil
	})
	unload()
	work.Wait()
	err = errors.Join(err, ctx.Err(), c.settled(ctx, l, watchers, &o))
	o.Reservations, o.Reads, o.Passages, o.Seconds = len(l.acks), l.reads, g.passed.Load(), time.Since(began).Seconds()
	o.Failed = len(l.failed) + l.unplaced
	o.Retried = len(l.retried)
	for _, f := range l.failed[:min(len(l.failed), 5)] {
		say("failed: %s", f)
	}
	if len(l.failed) > 0 {
		err = errors.Join(err, fmt.Errorf("%d requests came to nothing", len(l.failed)))
	}
	if shut := g.shut(); len(shut) > 0 {
		o.Shut = len(shut)
		err = errors.Join(err, fmt.Errorf("%d visits did not end in a passage, the first: %s", len(shut), strings.Join(shut[:min(3, len(shut))], "; ")))
	}
	if o.Unseen = len(l.unseen); o.Unseen > 0 || l.positions == 0 {
		err = errors.Join(err, fmt.Errorf("%d of %d drivers did not see their own reservation", o.Unseen, l.positions))
	}
	if g.passed.Load() == 0 || len(l.acks) == 0 {
		err = errors.Join(err, errors.New("there was no load"))
	}
	o.HA = "ok"
	if err != nil {
		o.HA, o.Reason = "failed", err.Error()
	}
	return o, err
}

// one is one death with its checks.
func (c *Cluster) one(ctx context.Context, k kill, l *load, watchers []*watcher, o *Outcome, say func(string, ...any)) error {
	began, failedBefore := time.Now(), l.failures()
	if err := k.do(ctx); err != nil {
		return fmt.Errorf("%s: %w", k.name, err)
	}
	ended := time.Now()
	o.Kills++
	if k.cut {
		o.Cuts++
	}
	heads, err := c.heads(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", k.name, err)
	}
	var last string
	err = await(ctx, convergeWithin, func(context.Context) error {
		for _, w := range watchers {
			if last = w.behind(heads); last != "" {
				return errors.New(last)
			}
		}
		return nil
	})
	converged := time.Since(ended)
	o.Converged = max(o.Converged, converged.Seconds())
	gap := l.gap(began, time.Now())
	retried, failed := l.troubles(began, failedBefore)
	if k.primary {
		o.WriteGap = max(o.WriteGap, gap.Milliseconds())
	}
	if k.planned {
		o.HandoverGap = max(o.HandoverGap, gap.Milliseconds())
	}
	say("%-36s back after %5.1f s, streams %4.2f s later, longest without a sale %5d ms, %d asked again, %d failed",
		k.name, ended.Sub(began).Seconds(), converged.Seconds(), gap.Milliseconds(), retried, len(failed))
	for _, f := range failed[:min(3, len(failed))] {
		say("  %s", f)
	}
	if k.none && retried > 0 {
		o.RestartFailed += retried
		err = errors.Join(err, fmt.Errorf("%d requests failed: %s", retried, strings.Join(failed, "; ")))
	}
	if k.loud { // without a balancer nobody is answered; who repeats is, afterwards
		l.forgive(failedBefore)
	}
	if lost, lostErr := c.lost(ctx, l.told()); lostErr != nil || len(lost) > 0 {
		o.Lost = max(o.Lost, len(lost))
		err = errors.Join(err, lostErr, fmt.Errorf("lost %d: %v", len(lost), lost[:min(3, len(lost))]))
	}
	for _, w := range watchers {
		w.mu.Lock()
		if len(w.back) > 0 {
			o.Backwards += len(w.back)
			err = errors.Join(err, errors.New(w.back[0]))
			w.back = nil
		}
		w.mu.Unlock()
	}
	if err != nil {
		say("  %v", err)
		err = fmt.Errorf("%s: %w", k.name, err)
	}
	return err
}

// settled checks the books when everything is quiet again.
func (c *Cluster) settled(ctx context.Context, l *load, watchers []*watcher, o *Outcome) error {
	quiet := await(ctx, catchUpWithin, c.books)
	began := time.Now()
	mails := await(ctx, tellWithin, func(ctx context.Context) error { return c.mailed(ctx, l.told()) })
	o.Told = time.Since(began).Seconds()
	shown := await(ctx, convergeWithin, func(ctx context.Context) error { return c.agree(ctx, watchers) })
	lost, lostErr := c.lost(ctx, l.told())
	doubled, doubledErr := c.doubled(ctx)
	o.Lost, o.Doubled = len(lost), len(doubled)
	err := errors.Join(quiet, mails, shown, lostErr, doubledErr, l.sameAgain(ctx))
	for _, what := range slices.Concat(lost, doubled) {
		err = errors.Join(err, errors.New(what))
	}
	return err
}

// watchers are the lists and the details that somebody looks at.
func (c *Cluster) watchers(parkings []string) (out []*watcher) {
	for n := range lists {
		out = append(out, newWatcher(fmt.Sprintf("list %d", n), c.URL()+"/parkings?limit=50"))
	}
	for n := range details {
		p := parkings[n%len(parkings)]
		out = append(out, newWatcher(fmt.Sprintf("detail %d", n), c.URL()+"/parking?id="+p))
	}
	return out
}

// sold are parkings that are reserved at: those that are live.
func (c *Cluster) sold() []string { return c.cfg.Live }

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
