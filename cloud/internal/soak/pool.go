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
	"github.com/openlot/openlot/protocol/id"
)

// target is a reservation, as far as an operation has to know it.
type target struct {
	in      id.Parking
	id      id.Reservation
	payment id.Payment
	amount  int64 // minor units; what its payment is to hold, or to take
	state   string
	known   *booking.Snapshot
}

func (t target) target() booking.Target { return booking.Target{In: t.in, ID: t.id, Known: t.known} }

// pool is what a worker knows of that something can be done to. Other workers
// know the same, and are about to do something else to it.
type pool struct {
	mu        sync.Mutex
	held      []target
	confirmed []target
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
	t := target{in: s.Reservation.Parking, id: s.Reservation.ID, payment: s.Payment.ID, amount: s.Payment.Amount.Minor, state: string(s.Payment.State), known: &s}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch s.Reservation.State {
	case "held":
		add(&p.held, t)
	case "confirmed":
		add(&p.confirmed, t)
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
	selectTargets = `select r.parking, r.id, r.payment, p.amount, p.state
		from reservation r join payment p on p.parking = r.parking and p.id = r.payment where `
	selectHeld      = selectTargets + `r.state = 'held' order by r.hold_until limit 400`
	selectConfirmed = selectTargets + `r.state = 'confirmed' order by random() limit 400`
	selectDue       = selectTargets + `r.state = 'confirmed' and r.parking = any ($1) and r.from_at < $2 order by random() limit 400`
	selectLate      = selectTargets + `r.state = 'confirmed' and r.no_show_at < $1 order by random() limit 400`
	selectOpen      = `select parking, reservation, id, capture_amount, state from payment
		where state in ('capture_requested', 'void_requested') order by updated_at limit 400`
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
			return t, row.Scan(&t.in, &t.id, &t.payment, &t.amount, &t.state)
		})
	}
	held, err := read(selectHeld)
	if err != nil {
		return fmt.Errorf("look for work: %w", err)
	}
	confirmed, err := read(selectConfirmed)
	if err != nil {
		return fmt.Errorf("look for work: %w", err)
	}
	due, err := read(selectDue, mine, w.Clock.now().Add(arriveAhead))
	if err != nil {
		return fmt.Errorf("look for work: %w", err)
	}
	late, err := read(selectLate, w.Clock.now())
	if err != nil {
		return fmt.Errorf("look for work: %w", err)
	}
	open, err := read(selectOpen)
	if err != nil {
		return fmt.Errorf("look for work: %w", err)
	}
	byParking := map[id.Parking][]target{}
	for _, t := range due {
		byParking[t.in] = append(byParking[t.in], t)
	}
	w.pool.mu.Lock()
	defer w.pool.mu.Unlock()
	w.pool.held, w.pool.confirmed, w.pool.due, w.pool.open, w.pool.late = held, confirmed, byParking, open, late
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
