package trends_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openlot/openlot/cloud/internal/trends"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

type kept struct {
	asked atomic.Int64
	taken int
	fails error
	spans []timerange.Range
}

func (k *kept) Zone(_ context.Context, p id.Parking) (string, error) {
	if p == "nowhere" {
		return "", nil
	}
	return "Europe/Berlin", nil
}

func (k *kept) Hours(_ context.Context, _ id.Parking, span timerange.Range, _ id.SpaceType) (trends.Kept, error) {
	k.asked.Add(1)
	time.Sleep(time.Second) // of the bubble
	k.spans = append(k.spans, span)
	var rows []trends.Row
	for at := span.From; at.Before(span.To); at = at.Add(time.Hour) {
		rows = append(rows, row(at, k.taken))
	}
	return trends.Kept{Rows: rows}, k.fails
}

// A thousand who look make one count, and it is made again after an hour; when it cannot be
// read, what was known last stands.
func TestWhatIsUsualIsCountedOnceAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &kept{taken: 40}
		u := trends.NewUsuals(k, time.Now)
		look := func(want int, asked int64) {
			t.Helper()
			var all sync.WaitGroup
			for range 1000 {
				all.Go(func() {
					got, err := u.Of(t.Context(), "dresden-altmarkt")
					if err != nil || got.Usual[0][8] == nil || *got.Usual[0][8] != want || got.Zone != "Europe/Berlin" {
						t.Errorf("%+v, %v", got.Usual[0][8], err)
					}
				})
			}
			all.Wait()
			if n := k.asked.Load(); n != asked {
				t.Fatalf("counted %d times, not %d", n, asked)
			}
		}
		look(40, 1)
		k.taken = 60
		time.Sleep(59 * time.Minute)
		look(40, 1)
		time.Sleep(2 * time.Minute)
		look(60, 2)
		k.fails = errors.New("no database")
		time.Sleep(61 * time.Minute)
		look(60, 3)
		look(60, 3)
		if _, err := u.Of(t.Context(), "leipzig"); err == nil {
			t.Error("nothing was read, and something is told")
		}
		k.fails = nil
		if got, err := u.Of(t.Context(), "nowhere"); err != nil || got.Zone != "" {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// crowded is a database that counts how many read at a time.
type crowded struct {
	kept
	now, most atomic.Int64
}

func (c *crowded) Hours(context.Context, id.Parking, timerange.Range, id.SpaceType) (trends.Kept, error) {
	if n := c.now.Add(1); n > c.most.Load() {
		c.most.Store(n)
	}
	time.Sleep(time.Second) // of the bubble
	c.now.Add(-1)
	return trends.Kept{}, nil
}

// Who looks at many parkings at once leaves the connections to those who book, and is told
// to come again.
func TestFewParkingsAreCountedAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crowded{}
		u := trends.NewUsuals(c, time.Now)
		var all sync.WaitGroup
		var told, busy atomic.Int64
		for n := range 100 {
			all.Go(func() {
				switch _, err := u.Of(t.Context(), id.Parking(fmt.Sprintf("lot-%d", n))); {
				case err == nil:
					told.Add(1)
				case fault.From(err).Kind == fault.Unavailable:
					busy.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if c.most.Load() > 2 || told.Load() == 0 || busy.Load() == 0 {
			t.Errorf("%d at a time, %d told, %d to come again", c.most.Load(), told.Load(), busy.Load())
		}
	})
}
