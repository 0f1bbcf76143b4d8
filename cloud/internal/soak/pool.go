package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// target is a reservation, as far as an operation has to know it.
type target struct {
	in      id.Parking
	id      id.Reservation
	payment id.Payment // its own; of a change that waits for its payment, that
	amount  int64      // minor units; what the payment is to hold, or to take
	state   string     // of the payment
	kind    id.SpaceType
	window  timerange.Range
	known   *booking.Snapshot
}

func (t target) target() booking.Target { return booking.Target{In: t.in, ID: t.id, Known: t.known} }

// pool is what a worker knows of that something can be done to. Other workers
// know the same, and are about to do something else to it.
type pool struct {
	mu        sync.Mutex
	held      []target
	confirmed []target
	inside    []target                // whose vehicle is in
	changes   []target                // that wait for their payment
	due       map[id.Parking][]target // confirmed, and about to begin
	open      []target                // with a payment to take or to give back
	ended     []target                // that nobody should come for any more
	late      []target                // confirmed, and past the deadline for coming
	blocks    []*capacity.Block       // that this worker has made
	recent    []*booking.Reserve      // what was reserved with which key
}

// maxPool bounds each list; what is too much comes with the next look.
const maxPool = 500

func add[T any](list *[]T, x T) {
	if len(*list) < maxPool {
		*list = append(*list, x)
	}
}

func take[T any](list *[]T, rnd *rand.Rand) (x T, ok bool) {
	n := len(*list)
	if n == 0 {
		return x, false
	}
	i := rnd.IntN(n)
	x = (*list)[i]
	(*list)[i] = (*list)[n-1]
	*list = (*list)[:n-1]
	return x, true
}

// take takes a target out of the first of the lists that has one.
func (p *pool) take(rnd *rand.Rand, lists ...*[]target) (target, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range lists {
		if t, ok := take(l, rnd); ok {
			return t, nil
		}
	}
	return target{}, errIdle
}

// put files a reservation as an operation left it.
func (p *pool) put(s booking.Snapshot) {
	r := &s.Reservation
	of := func(y *payment.Payment) target {
		return target{r.Parking, r.ID, y.ID, y.Amount.Minor, string(y.State), r.SpaceType, r.Window, &s}
	}
	t := of(&s.Payment)
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.Change != nil {
		add(&p.changes, of(s.Change))
	}
	switch r.State {
	case "held":
		add(&p.held, t)
	case "confirmed":
		add(&p.confirmed, t)
	case "active":
		add(&p.inside, t)
	default:
		if s.Payment.State == "void_requested" {
			add(&p.open, t)
		}
	}
}

func (p *pool) remember(o *booking.Reserve) {
	p.mu.Lock()
	defer p.mu.Unlock()
	add(&p.recent, o)
}

const (
	targetColumns   = `select r.parking, r.id, p.id, p.amount, p.state, r.space_type, r.from_at, r.to_at from reservation r join payment p on p.parking = r.parking and `
	selectTargets   = targetColumns + `p.id = r.payment where `
	selectHeld      = selectTargets + `r.state = 'held' order by r.hold_until limit 400`
	selectConfirmed = selectTargets + `r.state = 'confirmed' order by random() limit 400`
	selectInside    = selectTargets + `r.state = 'active' order by random() limit 200`
	selectChanges   = targetColumns + `p.reservation = r.id and p.id <> r.payment
		where r.pending is not null and p.state in ('requested', 'requires_action', 'unknown') limit 400`
	selectDue  = selectTargets + `r.state = 'confirmed' and r.parking = any ($1) and r.from_at < $2 order by random() limit 400`
	selectLate = selectTargets + `r.state = 'confirmed' and r.no_show_at < $1 order by random() limit 400`
	selectOpen = `select p.parking, p.reservation, p.id, p.capture_amount, p.state, r.space_type, r.from_at, r.to_at
		from payment p join reservation r on r.parking = p.parking and r.id = p.reservation
		where p.state in ('capture_requested', 'void_requested') order by p.updated_at limit 400`
)

// look reads anew what there is, from all workers.
func (w *worker) look(ctx context.Context) error {
	var mine []string
	for _, e := range w.edges {
		mine = append(mine, string(e.place.ID))
	}
	read := func(sql string, args ...any) ([]target, error) {
		rows, err := w.db.Pool().Query(ctx, sql, args...)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, func(row pgx.CollectableRow) (t target, err error) {
			return t, row.Scan(&t.in, &t.id, &t.payment, &t.amount, &t.state, &t.kind, &t.window.From, &t.window.To)
		})
	}
	now := w.Clock.now()
	var held, confirmed, inside, changes, due, late, open []target
	for _, l := range []struct {
		into *[]target
		sql  string
		args []any
	}{
		{&held, selectHeld, nil},
		{&confirmed, selectConfirmed, nil},
		{&inside, selectInside, nil},
		{&changes, selectChanges, nil},
		{&due, selectDue, []any{mine, now.Add(arriveAhead)}},
		{&late, selectLate, []any{now}},
		{&open, selectOpen, nil},
	} {
		list, err := read(l.sql, l.args...)
		if err != nil {
			return fmt.Errorf("look for work: %w", err)
		}
		*l.into = list
	}
	byParking := map[id.Parking][]target{}
	for _, t := range due {
		byParking[t.in] = append(byParking[t.in], t)
	}
	w.pool.mu.Lock()
	defer w.pool.mu.Unlock()
	w.pool.held, w.pool.confirmed, w.pool.inside, w.pool.changes = held, confirmed, inside, changes
	w.pool.due, w.pool.open, w.pool.late = byParking, open, late
	if len(w.pool.recent) == maxPool {
		w.pool.recent = w.pool.recent[:0]
	}
	return nil
}

// allotments are what an edge has been lent, as it would be told.
func (w *worker) allotments(ctx context.Context, p id.Parking) ([]commit.Allotment, error) {
	rows, err := w.db.Pool().Query(ctx, `select space_type, version, granted from allotment where parking = $1`, string(p))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (a commit.Allotment, err error) {
		return a, row.Scan(&a.SpaceType, &a.Version, &a.Granted)
	})
}
