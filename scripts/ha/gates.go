package ha

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openlot/openlot/scripts/client"
	"github.com/openlot/openlot/scripts/stack"
)

// carEvery is how often a car comes to each live parking.
const carEvery = 1500 * time.Millisecond

// gates let cars in and out at the live parkings until ctx ends, whatever is killed
// meanwhile: what happens at a gate needs nothing but its edge.
type gates struct {
	passed atomic.Int64

	mu      sync.Mutex
	refused []visit
	excused [][2]time.Time // while an edge was dead
}

// visit is one that did not end in a passage.
type visit struct {
	from, to time.Time
	what     string
}

func (g *gates) drive(ctx context.Context, sites []*stack.Site) {
	var all sync.WaitGroup
	for _, s := range sites {
		all.Go(func() {
			twin := &client.Twin{URL: s.TwinURL, HTTP: client.NewHTTP()}
			tick := time.NewTicker(carEvery)
			defer tick.Stop()
			for n := 0; ; n++ {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				g.visit(ctx, twin, fmt.Sprintf("HA-%s %d", s.Parking[:2], n))
			}
		})
	}
	all.Wait()
}

// visit is a car that comes in and leaves at once. What has begun is brought to its end.
func (g *gates) visit(ctx context.Context, twin *client.Twin, plate string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	began := time.Now()
	in, err := twin.Visit(ctx, "entry-1", "", plate, 5*time.Second)
	if !g.took(began, "in", plate, in, err) {
		return
	}
	out, err := twin.Visit(ctx, "exit-1", in.Ticket, plate, 5*time.Second)
	for err == nil && toldToWait(out) && ctx.Err() == nil {
		pause(ctx, time.Second)
		out, err = twin.Visit(ctx, "exit-1", in.Ticket, plate, 5*time.Second)
	}
	g.took(began, "out", plate, out, err)
}

// toldToWait reports whether a driver stands at the exit while the edge still writes down
// that he came in: the twin's cars are there a second later, which no other is, and a busy
// disk is slower than that.
func toldToWait(v client.Vehicle) bool {
	return v.Outcome != client.Passed && strings.HasPrefix(v.Display, "This ticket is being used at another lane right now.")
}

// took counts what became of a car at a gate.
func (g *gates) took(began time.Time, way, plate string, v client.Vehicle, err error) bool {
	if err == nil && v.Outcome == client.Passed {
		g.passed.Add(1)
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refused = append(g.refused, visit{began, time.Now(), fmt.Sprintf("%s %s: %s, %s %v", plate, way, v.Outcome, v.Display, err)})
	return false
}

// excuse forgives the visits that met an edge while it was dead.
func (g *gates) excuse(from, to time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.excused = append(g.excused, [2]time.Time{from, to})
}

// shut are the visits that did not end in a passage although the edge was there.
func (g *gates) shut() (out []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, v := range g.refused {
		if !slices.ContainsFunc(g.excused, func(e [2]time.Time) bool { return v.from.Before(e[1]) && v.to.After(e[0]) }) {
			out = append(out, v.what)
		}
	}
	return out
}
