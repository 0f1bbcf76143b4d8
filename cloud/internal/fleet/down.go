package fleet

import (
	"context"
	"time"

	"github.com/openlot/openlot/protocol/topic"
	"github.com/openlot/openlot/protocol/wire"
)

const (
	// confirmWithin is how long an edge may take to confirm what was sent, and
	// partWithin what each further part of a snapshot adds to it.
	confirmWithin = 5 * time.Second
	partWithin    = time.Second
	// snapshotKeeps is how long a reservation stays in snapshots after its end.
	snapshotKeeps = 24 * time.Hour
)

// down is how far an edge's cache is: what it has confirmed and what was sent.
// The zero value talks to nobody.
type down struct {
	active    bool
	minor     uint8 // of the protocol, that the edge speaks, too
	machine   wire.Machine
	fresh     bool // the next sync is the first since the hello
	confirmed uint64
	sent      uint64
	resendAt  time.Time // when what was sent counts as lost; zero: nothing is open
	retryAt   time.Time // when a read that failed is tried again
}

func (d *down) start(revision uint64, minor uint8, machine wire.Machine) {
	if minor >= wire.PricesSince && machine == wire.MachineNoPrice {
		revision = 0 // no delta would bring what it lacks
	}
	*d = down{active: true, minor: minor, machine: machine, fresh: true, confirmed: revision, sent: revision}
}

func (d *down) stop() { *d = down{} }

// due is when something is to be done; zero: never.
func (d *down) due() time.Time {
	if !d.active {
		return time.Time{}
	}
	if d.resendAt.IsZero() || (!d.retryAt.IsZero() && d.retryAt.Before(d.resendAt)) {
		return d.retryAt
	}
	return d.resendAt
}

// confirm notes what the edge says it has.
func (d *down) confirm(revision uint64, now time.Time) {
	if !d.active || revision < d.confirmed {
		return
	}
	d.confirmed = revision
	d.sent = max(d.sent, revision)
	if revision >= d.sent {
		d.resendAt = time.Time{}
		return
	}
	d.resendAt = now.Add(confirmWithin)
}

// mark notes what was sent, in messages of that many parts.
func (d *down) mark(through uint64, parts int, now time.Time) {
	d.sent, d.fresh, d.retryAt = through, false, time.Time{}
	if d.resendAt.IsZero() || parts > 1 {
		d.resendAt = now.Add(confirmWithin + time.Duration(parts-1)*partWithin)
	}
}

// resend goes back to what was confirmed when the rest seems lost.
func (w *worker) resend(ctx context.Context, now time.Time) {
	d := &w.down
	due := d.due()
	if due.IsZero() || now.Before(due) {
		return
	}
	if !d.resendAt.IsZero() && !now.Before(d.resendAt) {
		d.sent, d.resendAt = d.confirmed, time.Time{}
	}
	d.retryAt = time.Time{}
	w.bring(ctx)
}

// bring sends the edge what it does not have: deltas while it is not far
// behind, otherwise a snapshot.
func (w *worker) bring(ctx context.Context) {
	d := &w.down
	for d.active {
		c, err := w.s.o.Store.Changes(ctx, w.edge.Parking, d.sent, maxBehind, deltaEntries, d.priced())
		if err != nil {
			w.failed(err)
			return
		}
		// An edge that has nothing, or more than there is, starts anew.
		if d.sent == 0 || !c.Complete || c.Behind > maxBehind {
			w.snapshot(ctx)
			return
		}
		if c.Through == d.sent {
			return
		}
		m, err := c.message(d.sent, d.minor)
		if err != nil {
			w.failed(err)
			return
		}
		if bytesOf(m.Prices) > pricesInline {
			w.snapshot(ctx)
			return
		}
		if !w.publishTraced(ctx, m, c.Traces) {
			d.retryAt = w.s.o.Now().Add(again)
			return
		}
		w.s.o.Metrics.syncs.WithLabelValues("delta").Inc()
		d.mark(c.Through, 1, w.s.o.Now())
		if !c.More {
			return
		}
	}
}

func (w *worker) snapshot(ctx context.Context) {
	d := &w.down
	s, err := w.s.o.Store.Snapshot(ctx, w.edge.Parking, w.s.o.Now().Add(-snapshotKeeps), d.priced())
	if err != nil {
		w.failed(err)
		return
	}
	all, err := s.messages(w.down.minor)
	if err != nil {
		w.failed(err)
		return
	}
	for _, m := range all {
		if !w.publish(ctx, topic.Sync, m) {
			d.retryAt = w.s.o.Now().Add(again)
			return
		}
	}
	w.s.o.Metrics.syncs.WithLabelValues("snapshot").Inc()
	d.mark(s.Revision, len(all), w.s.o.Now())
}

func (w *worker) failed(err error) {
	w.down.retryAt = w.s.o.Now().Add(again)
	w.logFailure("read what the edge needs", err)
}
