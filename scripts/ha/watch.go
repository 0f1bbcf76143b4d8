package ha

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/openlot/openlot/scripts/client"
)

// watcher is somebody who looks at a live stream and comes back when it ends, as a
// browser does.
type watcher struct {
	name string
	url  string

	mu    sync.Mutex
	seen  map[string]uint64 // the version of each parking
	free  map[string]string // available_now, as JSON
	back  []string          // versions that went back
	ended int               // streams that ended
}

func newWatcher(name, url string) *watcher {
	return &watcher{name: name, url: url, seen: map[string]uint64{}, free: map[string]string{}}
}

func (w *watcher) run(ctx context.Context) {
	c, last := client.NewHTTP(), ""
	for ctx.Err() == nil {
		_ = client.FollowFrom(ctx, c, w.url, "", last, func(f client.Frame) bool { // however it ended, it is opened again
			if f.ID != "" {
				last = f.ID
			}
			w.take(f)
			return true
		})
		w.mu.Lock()
		w.ended++
		w.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(100*time.Millisecond + rand.N(300*time.Millisecond)): //nolint:gosec // only spreads them
		}
	}
}

func (w *watcher) take(f client.Frame) {
	told, err := client.Parkings(f)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.back = append(w.back, err.Error())
		return
	}
	for _, raw := range told {
		var p struct {
			ID      string          `json:"id"`
			Version uint64          `json:"version"`
			Free    json.RawMessage `json:"available_now"`
		}
		if err := json.Unmarshal(raw, &p); err != nil {
			w.back = append(w.back, err.Error())
			continue
		}
		if p.Free != nil {
			w.free[p.ID] = string(p.Free)
		}
		if p.Version == 0 {
			continue
		}
		if p.Version < w.seen[p.ID] {
			w.back = append(w.back, fmt.Sprintf("%s: %s went back from %d to %d at %s", w.name, p.ID, w.seen[p.ID], p.Version, f.At.Format("15:04:05.000")))
		}
		w.seen[p.ID] = p.Version
	}
}

// behind names a parking that the watcher has not seen up to its version, or "".
func (w *watcher) behind(heads map[string]uint64) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.seen) == 0 {
		return w.name + " has seen nothing"
	}
	for p, version := range w.seen {
		if version < heads[p] {
			return fmt.Sprintf("%s shows %d of %s, which is at %d", w.name, version, p, heads[p])
		}
	}
	return ""
}
