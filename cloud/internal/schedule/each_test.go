package schedule_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/relay"
	"github.com/openlot/openlot/cloud/internal/schedule"
	"github.com/openlot/openlot/protocol/id"
)

// everything is a store in which the same reservations are due for everything.
type everything []schedule.Due

func (e everything) DueHolds(context.Context, time.Time, int) ([]schedule.Due, error) { return e, nil }

func (e everything) Missed(context.Context, time.Time, int) ([]schedule.Due, error) { return e, nil }

func (e everything) Unwatched(context.Context, time.Time, int) ([]schedule.Due, error) { return e, nil }

func (e everything) EndingSoon(context.Context, time.Time, int) ([]schedule.Due, error) {
	return e, nil
}

func (e everything) Lapsing(context.Context, time.Time, int) ([]schedule.Due, error) { return e, nil }

func (everything) Lapsed(context.Context, time.Time, int) ([]relay.Job, error) { return nil, nil }

func (everything) SecondSteps(context.Context, time.Time, int) ([]relay.Job, error) {
	return nil, nil
}

func (everything) Unsettled(context.Context, time.Time, time.Time, int) ([]relay.Job, error) {
	return nil, nil
}

// moody fails for some reservations and counts the others.
type moody struct {
	fails map[id.Reservation]bool
	mu    sync.Mutex
	done  map[id.Reservation]int
}

func (m *moody) note(r id.Reservation) error {
	if m.fails[r] {
		return errors.New("contended")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done[r]++
	return nil
}

func (m *moody) Expire(_ context.Context, _ id.Parking, r id.Reservation) (time.Time, error) {
	return time.Time{}, m.note(r)
}
func (*moody) Resolve(context.Context, id.Parking, id.Payment) error           { return nil }
func (*moody) Review(context.Context, id.Parking, id.Payment) error            { return nil }
func (m *moody) Renew(_ context.Context, _ id.Parking, r id.Reservation) error { return m.note(r) }
func (m *moody) Miss(_ context.Context, _ id.Parking, r id.Reservation) error  { return m.note(r) }
func (m *moody) Elapse(_ context.Context, _ id.Parking, r id.Reservation, _ time.Time) error {
	return m.note(r)
}
func (m *moody) Remind(_ context.Context, _ id.Parking, r id.Reservation) error { return m.note(r) }

// However many fail, all others are done, and the tick says which failed.
func TestFailuresHoldUpNobody(t *testing.T) {
	m := &moody{fails: map[id.Reservation]bool{}}
	var all everything
	for n := range 200 {
		d := schedule.Due{Parking: "altmarkt", Reservation: id.New[id.Reservation](time.Now())}
		all = append(all, d)
		m.fails[d.Reservation] = n < 100
	}
	ran := 0
	for _, task := range append(schedule.Payments(all, m, m, nil, quiet), schedule.Lifecycle(all, m, quiet)...) {
		if task.Name == "settle_payments" {
			continue
		}
		ran++
		m.done = map[id.Reservation]int{}
		err := task.Run(t.Context(), time.Now())
		if err == nil {
			t.Errorf("%s: said nothing", task.Name)
			continue
		}
		for _, d := range all {
			if fails := m.fails[d.Reservation]; strings.Contains(err.Error(), d.Reservation.String()) != fails || m.done[d.Reservation] != 0 == fails {
				t.Fatalf("%s: %s failed: %v, done %d times; the tick says %v", task.Name, d.Reservation, fails, m.done[d.Reservation], err)
			}
		}
	}
	if ran != 5 {
		t.Errorf("%d tasks", ran)
	}
	// A clock that is told to stop does.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m.done = map[id.Reservation]int{}
	if err := schedule.Lifecycle(all, m, quiet)[0].Run(ctx, time.Now()); !errors.Is(err, context.Canceled) || len(m.done) != 0 {
		t.Errorf("%v, done %d", err, len(m.done))
	}
}
