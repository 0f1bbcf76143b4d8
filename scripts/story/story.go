package story

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/scripts/audit"
	"github.com/openlot/openlot/scripts/client"
	"github.com/openlot/openlot/scripts/stack"
)

// Config says where the programs are and how to tell the story.
type Config struct {
	Bin      string   // folder of the programs
	CarParks string   // GeoJSON to import
	Live     []string // parkings with gates; the story is about the first
	Capacity int      // of the first
	Speed    float64  // of the twins
	Out      io.Writer
}

// Figures are the times of the story in milliseconds.
type Figures struct {
	Demo             string  `json:"demo"` // ok or failed
	Failed           string  `json:"failed,omitempty"`
	Reserve          float64 `json:"reserve_ms"`            // POST /reserve, from sending to the whole answer
	Hold             float64 `json:"hold_ms"`               // of which the payment provider took
	ReserveToEdge    float64 `json:"reserve_to_edge_ms"`    // from sending POST /reserve until the edge's cache has it
	CredentialToOpen float64 `json:"credential_to_open_ms"` // at the board, with the journal's fsync; the slowest of the story
	EventToCloud     float64 `json:"event_to_cloud_ms"`     // from the passage until the driver's stream says so
	CountToSSE       float64 `json:"count_to_sse_ms"`       // from the commit until the slower of both streams says so
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Tell starts everything in a temporary folder, tells the story and ends it.
// The error says which check failed.
func Tell(ctx context.Context, cfg Config) (f Figures, err error) {
	dir, err := os.MkdirTemp("", "openlot-demo-")
	if err != nil {
		return f, err
	}
	t := &teller{cfg: cfg, dir: dir, began: time.Now()}
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		t.watching.Wait()
		t.stop(context.WithoutCancel(ctx))
		if err == nil {
			err = os.RemoveAll(dir)
		} else {
			t.say("the logs stay in %s", filepath.Join(dir, "log"))
		}
	}()
	err = t.tell(ctx)
	return t.figures, err
}

// teller is a story under way.
type teller struct {
	cfg     Config
	dir     string
	began   time.Time
	figures Figures

	stack    *stack.Stack
	lines    []*network // to the broker, by parking
	site     *stack.Site
	cloud    *client.Cloud
	twin     *client.Twin
	clock    client.Clock
	books    *audit.Books
	keys     *pass.Verifier
	watching sync.WaitGroup

	detail, list *watcher
	counts       []int // that both streams must have told

	first, second *stay
	ticket        string
	cutAt         time.Time
}

func (t *teller) tell(ctx context.Context) error {
	for _, chapter := range []struct {
		title string
		tell  func(context.Context) error
	}{
		{"Everything starts", t.start},
		{"A reservation", t.reserve},
		{"Through the gate", t.driveIn},
		{"Without a reservation", t.walkIn},
		{"The network is cut", t.cut},
		{"The network is back", t.heal},
		{"Everybody leaves", t.leave},
		{"The account", t.account},
	} {
		t.say("")
		t.say("%s", chapter.title)
		if err := chapter.tell(ctx); err != nil {
			err = fmt.Errorf("%s: %w", chapter.title, err)
			if t.stack != nil {
				err = errors.Join(err, t.stack.Failure())
			}
			return err
		}
	}
	return nil
}

func (t *teller) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if text != "" {
		text = fmt.Sprintf("%6.2f s  %s", time.Since(t.began).Seconds(), text)
	}
	_, _ = fmt.Fprintln(t.cfg.Out, text) // nobody to tell if nobody reads
}

// took says what a step took.
func (t *teller) took(d time.Duration, format string, args ...any) {
	t.say("  %-78s %9.1f ms", fmt.Sprintf(format, args...), ms(d))
}

func (t *teller) stop(ctx context.Context) {
	if t.books != nil {
		_ = t.books.Close(ctx) // read only
	}
	if t.stack != nil {
		t.stack.Stop()
	}
	for _, l := range t.lines {
		l.close()
	}
}

func (t *teller) start(ctx context.Context) error {
	n := len(t.cfg.Live)
	ports, err := stack.FreePorts(ctx, 3+2*n)
	if err != nil {
		return err
	}
	broker := ports[2]
	for _, parking := range t.cfg.Live {
		l, err := newNetwork(parking, broker)
		if err != nil {
			return err
		}
		t.lines = append(t.lines, l)
	}
	t.stack, err = stack.Start(ctx, stack.Config{
		Bin: t.cfg.Bin, Dir: t.dir, HTTP: ports[0], Admin: ports[1], MQTT: broker, CarParks: t.cfg.CarParks, Live: t.cfg.Live, Speed: t.cfg.Speed,
		TwinHTTP: func(i int) string { return ports[3+i] }, EdgeHTTP: func(i int) string { return ports[3+n+i] },
		BrokerFor: func(i int) string { return t.lines[i].addr() },
	}, func(s string) { t.say("  %s", s) })
	if err != nil {
		return err
	}
	t.site = t.stack.Sites[0]
	t.cloud = &client.Cloud{URL: t.stack.URL(), HTTP: client.NewHTTP()}
	t.twin = &client.Twin{URL: t.site.TwinURL, HTTP: client.NewHTTP()}
	if t.clock, err = t.twin.Clock(ctx); err != nil {
		return err
	}
	if err := t.openBooks(ctx); err != nil {
		return err
	}
	t.took(time.Since(t.began), "the cloud is ready and %d edges are online; twins run at %g times real speed", n, t.cfg.Speed)
	return t.watch(ctx)
}

func (t *teller) openBooks(ctx context.Context) error {
	url, err := t.stack.DatabaseURL()
	if err != nil {
		return err
	}
	if t.books, err = audit.Open(ctx, url); err != nil {
		return err
	}
	keys, err := t.books.PassKeys(ctx)
	if err != nil {
		return err
	}
	t.keys, err = pass.NewVerifier(keys)
	return err
}

// watch opens both streams of counts.
func (t *teller) watch(ctx context.Context) error {
	t.detail, t.list = newWatcher("/parking"), newWatcher("/parkings")
	t.watching.Go(func() { t.detail.end(t.cloud.FollowParking(ctx, t.site.Parking, t.detail.tell)) })
	t.watching.Go(func() {
		t.list.end(t.cloud.FollowParkings(ctx, url.Values{"q": {"dresden"}}, func(s client.Seen) {
			if s.Parking == t.site.Parking {
				t.list.tell(s)
			}
		}))
	})
	if _, err := t.expectCount(ctx, t.cfg.Capacity); err != nil {
		return err
	}
	t.say("  two onlookers stream %s and see %d spaces free, all there are", t.site.Parking, t.cfg.Capacity)
	return nil
}

// expectCount waits until both streams tell a new count, and returns what each
// saw.
func (t *teller) expectCount(ctx context.Context, free int) (seen [2]client.Seen, err error) {
	if n := len(t.counts); n == 0 || t.counts[n-1] != free {
		t.counts = append(t.counts, free)
	}
	for i, w := range []*watcher{t.detail, t.list} {
		if seen[i], err = w.count(ctx, free); err != nil {
			return seen, err
		}
	}
	return seen, nil
}

// last is the count that the streams told last.
func (t *teller) last() int { return t.counts[len(t.counts)-1] }

// expect is a check of one thing.
func expect[T comparable](what string, expected, saw T) error {
	if expected == saw {
		return nil
	}
	return fmt.Errorf("%s: expected %v, saw %v", what, expected, saw)
}

// within runs a step that must not take longer.
func within(ctx context.Context, limit time.Duration, step func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return step(ctx)
}
