package ha

import (
	"context"
	"fmt"
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
	passed, refused atomic.Int64
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
	in, err := twin.Visit(ctx, "entry-1", "", plate, 5*time.Second)
	if err != nil || in.Outcome != client.Passed {
		g.refused.Add(1)
		return
	}
	g.passed.Add(1)
	if out, err := twin.Visit(ctx, "exit-1", in.Ticket, plate, 5*time.Second); err != nil || out.Outcome != client.Passed {
		g.refused.Add(1)
		return
	}
	g.passed.Add(1)
}
