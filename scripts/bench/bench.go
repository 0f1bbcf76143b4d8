package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openlot/openlot/scripts/audit"
	"github.com/openlot/openlot/scripts/client"
	"github.com/openlot/openlot/scripts/stack"
)

// Config is the load.
type Config struct {
	Bin       string
	CarParks  string
	Live      []string      // parkings with gates; the last one's edge is killed again and again
	Speed     float64       // of the twins
	Rate      float64       // reservations a second, over all parkings but the last
	Driving   float64       // share of them that drive in and out at once; the others are for some other day
	Walkins   float64       // walk-ins a second that drive in and out, over all parkings but the last
	Lists     int           // onlookers of /parkings
	Details   int           // onlookers of /parking
	KillEvery time.Duration // the last parking's edge
	Target    int           // samples of each kind
	Limit     time.Duration // of the load
	Out       io.Writer
}

// Figures are the 99th percentiles in milliseconds, and the number of samples
// behind the one with the fewest.
type Figures struct {
	CredentialToOpen float64 `json:"credential_to_open_p99_ms"`
	ReserveToEdge    float64 `json:"reserve_to_edge_p99_ms"`
	EventToCloud     float64 `json:"event_to_cloud_p99_ms"`
	CountToSSE       float64 `json:"count_to_sse_p99_ms"`
	Samples          int     `json:"samples"`

	// What a page alone takes on the disk meanwhile; the share of the time in
	// which that was stallAfter or longer; and the first figure for the cars that
	// met no such moment.
	LoneSync    float64 `json:"lone_sync_p99_ms"`
	Stalled     float64 `json:"disk_stalled_share"`
	Undisturbed float64 `json:"credential_to_open_disk_moving_p99_ms"`
}

// run is a benchmark under way.
type run struct {
	Config
	stack     *stack.Stack
	cloud     *client.Cloud
	books     *audit.Books
	began     time.Time
	onlookers []*onlooker
	disk      *disk
	loaded    time.Duration

	open, known, answered, applied samples // of the steady parkings
	booked, passages, kills        atomic.Int64

	mu       sync.Mutex
	opened   []span // what open measures
	troubles []error
}

// Run starts everything, loads it, and measures. It writes what it does and a
// table to Out.
func Run(ctx context.Context, cfg Config) (f Figures, err error) {
	dir, err := os.MkdirTemp("", "openlot-bench-")
	if err != nil {
		return f, err
	}
	r := &run{Config: cfg}
	defer func() {
		if r.books != nil {
			_ = r.books.Close(context.WithoutCancel(ctx)) // read only
		}
		if r.stack != nil {
			r.stack.Stop()
		}
		if err == nil {
			err = os.RemoveAll(dir)
		} else {
			r.say("the logs stay in %s", filepath.Join(dir, "log"))
		}
	}()
	if err := r.start(ctx, dir); err != nil {
		return f, err
	}
	if r.disk, err = openDisk(dir); err != nil {
		return f, err
	}
	r.say("load: %.1f reservations/s, of which %.0f %% drive in and out at once and the rest are for another day, and %.1f walk-ins/s, over %d parkings with an edge each; "+
		"twins at %g times real speed; %d streams of /parkings, %d of /parking; the edge of one more parking with the same load is killed every %s",
		cfg.Rate, 100*cfg.Driving, cfg.Walkins, len(cfg.Live)-1, cfg.Speed, cfg.Lists, cfg.Details, cfg.KillEvery)

	streamCtx, endStreams := context.WithCancel(ctx)
	defer endStreams()
	streams, err := r.watch(streamCtx)
	if err != nil {
		return f, err
	}
	before := r.stack.Spent()
	r.began = time.Now()
	err = r.load(ctx)
	spent := r.stack.Spent()
	r.loaded = time.Since(r.began)
	if err == nil {
		err = r.drain(ctx)
	}
	if err == nil {
		err = r.tell(ctx)
	}
	endStreams()
	streams.Wait()
	if err != nil {
		return f, errors.Join(err, r.stack.Failure())
	}
	r.say("%d reservations and %d passages in %.0f s, %d kills", r.booked.Load(), r.passages.Load(), r.loaded.Seconds(), r.kills.Load())
	var parts strings.Builder
	for _, part := range []string{"cloud", "database", "edges", "twins", "self"} {
		_, _ = fmt.Fprintf(&parts, " %s %.2f (%d MB)", part, (spent[part].CPU-before[part].CPU).Seconds()/r.loaded.Seconds(), spent[part].RSS>>20)
	}
	r.say("processors used (and memory at the end):%s", parts.String())
	return r.report(ctx)
}

func (r *run) say(format string, args ...any) {
	_, _ = fmt.Fprintf(r.Out, format+"\n", args...) // nobody to tell if nobody reads
}

func (r *run) start(ctx context.Context, dir string) error {
	n := len(r.Live)
	ports, err := stack.FreePorts(ctx, 3+2*n)
	if err != nil {
		return err
	}
	r.stack, err = stack.Start(ctx, stack.Config{
		Bin: r.Bin, Dir: dir, HTTP: ports[0], Admin: ports[1], MQTT: ports[2], CarParks: r.CarParks, Live: r.Live, Speed: r.Speed,
		TwinHTTP: func(i int) string { return ports[3+i] }, EdgeHTTP: func(i int) string { return ports[3+n+i] },
	}, func(s string) { r.say("%s", s) })
	if err != nil {
		return err
	}
	r.cloud = &client.Cloud{URL: r.stack.URL(), HTTP: client.NewHTTP()}
	url, err := r.stack.DatabaseURL()
	if err != nil {
		return err
	}
	r.books, err = audit.Open(ctx, url)
	return err
}

// watch opens the streams and waits until each has told something.
func (r *run) watch(ctx context.Context) (*sync.WaitGroup, error) {
	var streams sync.WaitGroup
	start := func(follow func(*onlooker) error) {
		o := newOnlooker()
		r.onlookers = append(r.onlookers, o)
		streams.Go(func() {
			err := follow(o)
			if ctx.Err() == nil {
				o.mu.Lock()
				o.ended = err
				o.mu.Unlock()
			}
		})
	}
	for range r.Lists {
		start(func(o *onlooker) error { return r.cloud.FollowParkings(ctx, url.Values{"limit": {"200"}}, o.tell) })
	}
	for i := range r.Details {
		parking := r.Live[i%(len(r.Live)-1)]
		start(func(o *onlooker) error { return r.cloud.FollowParking(ctx, parking, o.tell) })
	}
	limit := time.NewTimer(10 * time.Second)
	defer limit.Stop()
	for _, o := range r.onlookers {
		select {
		case <-o.started:
		case <-limit.C:
			return &streams, fmt.Errorf("a stream tells nothing: %w", o.ended)
		case <-ctx.Done():
			return &streams, ctx.Err()
		}
	}
	return &streams, nil
}

// enough reports whether each kind has its samples. Every passage that is in
// applied is one that all onlookers are told of.
func (r *run) enough() bool {
	return min(r.open.count(), r.known.count(), r.applied.count()) >= r.Target
}

// load drives cars until there are enough samples.
func (r *run) load(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	load, stop := context.WithTimeout(ctx, r.Limit)
	defer stop()
	steady := r.stack.Sites[:len(r.Live)-1]
	victim := r.stack.Sites[len(r.Live)-1]
	share := 1 / float64(len(steady))
	for i, site := range r.stack.Sites {
		s := &lane{run: r, site: site, twin: &client.Twin{URL: site.TwinURL, HTTP: client.NewHTTP()}, measured: site != victim, seed: uint64(i)}
		group.Go(func() error { return s.drive(ctx, load, r.Rate*share, r.Walkins*share) })
	}
	group.Go(func() error { return r.torment(load, victim) })
	group.Go(func() error { return r.disk.watch(load) })
	group.Go(func() error {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for n := 1; ; n++ {
			select {
			case <-load.Done():
				return nil
			case <-tick.C:
			}
			if r.enough() {
				stop()
			}
			if n%30 == 0 {
				r.say("%4d s: %d reservations known at their edge, %d gates opened, %d passages seen by their drivers, %d kills",
					n, r.known.count(), r.open.count(), r.applied.count(), r.kills.Load())
			}
		}
	})
	return group.Wait()
}

// torment kills the edge without warning and starts it again.
func (r *run) torment(ctx context.Context, site *stack.Site) error {
	tick := time.NewTicker(r.KillEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		site.Edge().Kill()
		r.kills.Add(1)
		// It is to run when the load has ended.
		if err := site.StartEdge(context.WithoutCancel(ctx)); err != nil {
			return fmt.Errorf("start the killed edge: %w", err)
		}
	}
}

// trouble notes what went wrong with a car of a steady parking.
func (r *run) trouble(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.troubles = append(r.troubles, err)
}

// drain waits until every edge's journal is applied.
func (r *run) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for _, site := range r.stack.Sites {
		for {
			s, err := site.State(ctx)
			if err == nil && s.AckedSeq == s.LastSeq && s.Link == "online" {
				break
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return fmt.Errorf("%s: expected its journal to drain, saw %+v (%w)", site.Parking, s, errors.Join(err, ctx.Err()))
			}
		}
	}
	return nil
}

// tell waits until the streams have had time to tell of everything: a list
// folds what happens within a moment.
func (r *run) tell(ctx context.Context) error {
	commits, err := r.books.Stays(ctx, r.began)
	if err != nil {
		return err
	}
	limit := time.NewTimer(5 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for _, o := range r.onlookers {
		for !o.toldOf(commits) {
			select {
			case <-tick.C:
			case <-limit.C:
				return nil // the report says what was missed
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}
