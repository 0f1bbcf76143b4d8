package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openlot/openlot/protocol/pass"
)

// passKeys reads the keys with which passes are verified.
func (r *run) passKeys(ctx context.Context) (*pass.Verifier, error) {
	r.mu.Lock()
	defer r.mu.Unlock() // the books are for one goroutine
	keys, err := r.books.PassKeys(ctx)
	if err != nil {
		return nil, err
	}
	return pass.NewVerifier(keys)
}

// report checks the books, matches the streams with the commits, and writes the
// table.
func (r *run) report(ctx context.Context) (f Figures, err error) {
	if err := r.check(ctx); err != nil {
		return f, err
	}
	commits, err := r.books.Stays(ctx, r.began)
	if err != nil {
		return f, err
	}
	// The tormented parking is load, and not measured.
	victim := r.Live[len(r.Live)-1]
	steady := commits[:0:0]
	for _, c := range commits {
		if c.Parking != victim {
			steady = append(steady, c)
		}
	}
	var lists, details samples
	missed := 0
	for i, o := range r.onlookers {
		into := &details
		if i < r.Lists {
			into = &lists
		}
		missed += o.match(steady, into)
		if o.ended != nil {
			return f, fmt.Errorf("a stream of counts ended: %w", o.ended)
		}
		if o.backs > 0 {
			return f, fmt.Errorf("a stream of counts: expected versions that go forward, saw %d go back", o.backs)
		}
	}
	if missed > 0 {
		return f, fmt.Errorf("streams of counts: expected each to be told of every stay, %d were not", missed)
	}
	both := samples{all: append(append([]time.Duration{}, lists.all...), details.all...)}
	rows := []row{
		{"credential to open command (with fsync)", r.open.summary()},
		{"reserve to edge (from sending the request)", r.known.summary()},
		{"  of which until the answer", r.answered.summary()},
		{"event to cloud (passage to driver's stream)", r.applied.summary()},
		{"count to SSE (commit to frame, all streams)", both.summary()},
		{"  /parking", details.summary()},
		{"  /parkings", lists.summary()},
	}
	r.say("")
	table(r.Out, rows)
	f = Figures{ms(rows[0].p99), ms(rows[1].p99), ms(rows[3].p99), ms(rows[4].p99), min(rows[0].count, rows[1].count, rows[3].count, len(steady))}
	if n := len(r.troubles); n > 0 {
		return f, fmt.Errorf("%d cars of the measured parkings had trouble, first: %w", n, r.troubles[0])
	}
	return f, nil
}

// check is the account of everything, the tormented parking included.
func (r *run) check(ctx context.Context) error {
	var failed []error
	events := uint64(0)
	for _, site := range r.stack.Sites {
		j, err := r.books.Journal(ctx, site.Parking)
		if err == nil {
			err = j.Check()
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("journal of %s: %w", site.Parking, err))
		}
		events += j.Seq
	}
	sums, err := r.books.Ledger(ctx)
	failed = append(failed, err)
	for _, l := range sums {
		if l.Sum != 0 {
			failed = append(failed, fmt.Errorf("ledger in %s: expected 0, saw %d", l.Currency, l.Sum))
		}
	}
	quarters, err := r.books.SettledInventory(ctx, 10*time.Second)
	failed = append(failed, err)
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("the books: %w", err)
	}
	r.say("the books are right: %d journal events applied once each, the ledger sums to zero, %d comparisons of free spaces with claims", events, quarters)
	return nil
}
