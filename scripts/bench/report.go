package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
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
		{"  of those during which the disk moved", r.disk.undisturbed(r.opened).summary()},
		{"a page alone on the same disk (reference)", r.disk.syncs.summary()},
		{"reserve to edge (from sending the request)", r.known.summary()},
		{"  of which until the answer", r.answered.summary()},
		{"event to cloud (passage to driver's stream)", r.applied.summary()},
		{"count to SSE (commit to frame, all streams)", both.summary()},
		{"  /parking", details.summary()},
		{"  /parkings", lists.summary()},
	}
	r.say("")
	table(r.Out, rows)
	r.say("the disk stood still (the reference took %s or longer) for %.2f %% of the time", stallAfter, 100*r.disk.stalled(r.loaded))
	f = Figures{
		CredentialToOpen: ms(rows[0].p99), ReserveToEdge: ms(rows[3].p99), EventToCloud: ms(rows[5].p99), CountToSSE: ms(rows[6].p99),
		Samples:  min(rows[0].count, rows[3].count, rows[5].count, len(steady)),
		LoneSync: ms(rows[2].p99), Stalled: math.Round(1e4*r.disk.stalled(r.loaded)) / 1e4, Undisturbed: ms(rows[1].p99),
	}
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
