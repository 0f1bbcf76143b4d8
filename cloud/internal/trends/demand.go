package trends

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/openlot/openlot/protocol/id"
)

const (
	flushEvery = time.Minute
	// maxAsked bounds what is remembered until it is kept. What is beyond it is not
	// counted: whoever asks for that many windows in a minute wants none of them.
	maxAsked = 10_000
	lastWord = 5 * time.Second
)

type window struct {
	parking id.Parking
	t       id.SpaceType
	hour    int64
}

// Demand counts who wanted to book and found nothing. It costs the answer a look into a
// map: the counts are added to what is stored every minute and when the process stops.
// A process that is killed loses what it counted since; a count whose storing was not
// acknowledged may be stored twice.
type Demand struct {
	Store interface {
		SoldOut(ctx context.Context, asked []Asked, now time.Time) error
	}
	Now func() time.Time
	Log *slog.Logger

	mu    sync.Mutex
	asked map[window]int32
	keys  map[string]struct{} // of the requests since: one that is sent again counts once
}

// Refused counts a request, by its idempotency key, for a space from a time on.
func (d *Demand) Refused(p id.Parking, t id.SpaceType, from time.Time, key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.asked == nil {
		d.asked, d.keys = map[window]int32{}, map[string]struct{}{}
	}
	if _, again := d.keys[key]; again || len(d.keys) >= maxAsked {
		return
	}
	d.keys[key] = struct{}{}
	d.asked[window{p, t, from.Unix() / 3600}]++
}

// Run keeps what was counted until the context ends, and then what is left.
func (d *Demand) Run(ctx context.Context) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
			d.Flush(last)
			cancel()
			return nil
		case <-tick.C:
			d.Flush(ctx)
		}
	}
}

// Flush keeps what was counted. What cannot be kept now is kept later.
func (d *Demand) Flush(ctx context.Context) {
	d.mu.Lock()
	asked := d.asked
	d.asked, d.keys = nil, nil
	d.mu.Unlock()
	if len(asked) == 0 {
		return
	}
	list := make([]Asked, 0, len(asked))
	for w, n := range asked {
		list = append(list, Asked{Parking: w.parking, Type: w.t, Hour: time.Unix(w.hour*3600, 0).UTC(), N: n})
	}
	if err := d.Store.SoldOut(ctx, list, d.Now()); err == nil {
		return
	} else if ctx.Err() == nil {
		d.Log.Warn("who found nothing could not be counted yet", "component", "trends", "err", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.asked == nil {
		d.asked, d.keys = map[window]int32{}, map[string]struct{}{}
	}
	for w, n := range asked {
		if _, there := d.asked[w]; there || len(d.asked) < maxAsked {
			d.asked[w] += n
		}
	}
}
