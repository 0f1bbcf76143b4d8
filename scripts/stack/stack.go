package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Config says what to start and where.
type Config struct {
	Bin      string   // folder of openlot, openlot-edge and openlot-board
	Dir      string   // everything is kept below it
	HTTP     string   // address of the cloud's API and pages
	Admin    string   // address of metrics and profiles
	MQTT     string   // address of the embedded broker
	CarParks string   // GeoJSON to import
	Live     []string // parkings that get an edge and a twin
	Speed    float64  // of the twins' physics; 1 is real

	// EdgeHTTP and TwinHTTP give the addresses of the n-th parking's edge and
	// twin.
	EdgeHTTP, TwinHTTP func(n int) string
	// Cameras gives the address at which the n-th edge takes plates that a camera at its
	// entry reads (CameraToken in the site's Dir opens it). Nil: there are none.
	Cameras func(n int) string
	// BrokerFor is the broker's address as the n-th edge sees it. Nil: MQTT.
	BrokerFor func(n int) string
	// CloudArgs are further arguments of openlot serve.
	CloudArgs []string
	// Kiosks gives each live parking a machine that takes money, with simulated devices.
	Kiosks bool
}

// Stack is what runs.
type Stack struct {
	cfg   Config
	cloud program
	Sites []*Site
}

// startsAtOnce bounds how many live parkings start at the same time.
const startsAtOnce = 6

// Start starts everything and returns when the cloud is ready and every edge
// has been welcomed by it. On failure what was started is stopped.
func Start(ctx context.Context, cfg Config, progress func(string)) (_ *Stack, err error) {
	s := &Stack{cfg: cfg}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, err
	}
	progress("starting the cloud (Postgres, broker, API)")
	s.cloud = program{
		name: "cloud", logs: s.logs(), ready: answers(s.URL()+"/readyz", cloudStarts),
		argv: append([]string{s.bin("openlot"), "serve", "--data-dir", s.data(), "--http", cfg.HTTP, "--admin", cfg.Admin, "--mqtt", cfg.MQTT}, cfg.CloudArgs...),
	}
	if err := s.cloud.Start(ctx); err != nil {
		return nil, err
	}
	progress("importing " + cfg.CarParks)
	if _, err := output(ctx, s.bin("openlot"), "import", "--data-dir", s.data(), cfg.CarParks); err != nil {
		return nil, err
	}
	if len(cfg.Live) > 0 {
		progress(fmt.Sprintf("starting %d live parkings, each with an edge agent and a twin of its board", len(cfg.Live)))
	}
	if err := s.startSites(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// startSites starts the live parkings, a few at a time, in the order of the
// configuration.
func (s *Stack) startSites(ctx context.Context) error {
	sites := make([]*Site, len(s.cfg.Live))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(startsAtOnce)
	for n, parking := range s.cfg.Live {
		group.Go(func() error {
			if groupCtx.Err() != nil {
				return groupCtx.Err()
			}
			site, err := s.startSite(groupCtx, n, parking)
			sites[n] = site
			if err != nil {
				return fmt.Errorf("%s: %w", parking, err)
			}
			return site.WaitLinked(groupCtx)
		})
	}
	err := group.Wait()
	for _, site := range sites {
		if site != nil {
			s.Sites = append(s.Sites, site)
		}
	}
	return err
}

// Openlot runs a command of openlot on the cloud's data, such as admin.
func (s *Stack) Openlot(ctx context.Context, args ...string) error {
	_, err := output(ctx, append(append([]string{s.bin("openlot")}, args...), "--data-dir", s.data())...)
	return err
}

// URL is the cloud's base address.
func (s *Stack) URL() string { return "http://" + s.cfg.HTTP }

// Binary is the path of one of the programs.
func (s *Stack) bin(name string) string { return filepath.Join(s.cfg.Bin, name) }
func (s *Stack) data() string           { return filepath.Join(s.cfg.Dir, "cloud") }
func (s *Stack) logs() string           { return filepath.Join(s.cfg.Dir, "log") }

// credentials are what openlot enroll prints.
type credentials struct {
	EdgeID string `json:"edge_id"`
	Secret string `json:"secret"`
}

func (s *Stack) startSite(ctx context.Context, n int, parking string) (*Site, error) {
	dir := filepath.Join(s.cfg.Dir, "edges", parking)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	c, err := s.enroll(ctx, dir, parking)
	if err != nil {
		return nil, err
	}
	var about struct {
		Timezone string `json:"timezone"` // gates tell times by the parking's clock
	}
	// The listing follows the feed, so a parking imported a moment ago may not be in it yet.
	if err := until(ctx, s.cloud.Process(), programStarts, func(ctx context.Context) error {
		return get(ctx, s.URL()+"/parking?id="+url.QueryEscape(parking), &about)
	}); err != nil {
		return nil, fmt.Errorf("look the parking up: %w", err)
	}
	broker := s.cfg.MQTT
	if s.cfg.BrokerFor != nil {
		broker = s.cfg.BrokerFor(n)
	}
	cfg := SiteConfig{
		Bin: s.cfg.Bin, Dir: dir, Logs: s.logs(), Parking: parking, Timezone: about.Timezone, EdgeID: c.EdgeID, Broker: "tcp://" + broker,
		EdgeHTTP: s.cfg.EdgeHTTP(n), TwinHTTP: s.cfg.TwinHTTP(n), Speed: s.cfg.Speed, Kiosk: s.cfg.Kiosks,
	}
	if s.cfg.Cameras != nil {
		cfg.Camera = s.cfg.Cameras(n)
	}
	return StartSite(ctx, cfg)
}

// enroll gives the parking's edge its credentials, once.
func (s *Stack) enroll(ctx context.Context, dir, parking string) (c credentials, err error) {
	file := filepath.Join(dir, "credentials.json")
	if b, err := os.ReadFile(file); err == nil {
		return c, json.Unmarshal(b, &c)
	}
	b, err := output(ctx, s.bin("openlot"), "enroll", "--data-dir", s.data(), parking)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return c, fmt.Errorf("openlot enroll printed %q: %w", b, err)
	}
	return c, errors.Join(os.WriteFile(filepath.Join(dir, "secret"), []byte(c.Secret), 0o600), os.WriteFile(file, b, 0o600))
}

// How long programs may take until they answer. The cloud's first start may
// install Postgres.
const (
	cloudStarts   = 5 * time.Minute
	programStarts = 20 * time.Second
)

// answers waits until an address answers.
func answers(url string, limit time.Duration) func(context.Context, *Process) error {
	return func(ctx context.Context, p *Process) error {
		return until(ctx, p, limit, func(ctx context.Context) error { return get(ctx, url, nil) })
	}
}

// Failure is the first process that ended by itself, or nil.
func (s *Stack) Failure() error {
	for _, p := range s.processes() {
		if err := p.Failure(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stack) edges() (out []*Process) {
	for _, x := range s.Sites {
		if p := x.edge.Process(); p != nil {
			out = append(out, p)
		}
	}
	return out
}

func (s *Stack) twins() (out []*Process) {
	for _, x := range s.Sites {
		if p := x.twin.Process(); p != nil {
			out = append(out, p)
		}
	}
	return out
}

func (s *Stack) processes() []*Process {
	out := append(s.edges(), s.twins()...)
	if p := s.cloud.Process(); p != nil {
		out = append(out, p)
	}
	return out
}

// programs are those that were started.
func (s *Stack) programs() (out []*program) {
	all := []*program{&s.cloud}
	for _, x := range s.Sites {
		all = append(all, &x.twin, &x.edge)
	}
	for _, g := range all {
		if g.Process() != nil {
			out = append(out, g)
		}
	}
	return out
}

// Stop ends everything: the edges first, then their boards, then the cloud.
func (s *Stack) Stop() {
	stopAll(s.edges())
	stopAll(s.twins())
	if p := s.cloud.Process(); p != nil {
		p.Stop()
	}
}

func stopAll(all []*Process) {
	var wg sync.WaitGroup
	for _, p := range all {
		wg.Go(p.Stop)
	}
	wg.Wait()
}

// DatabaseURL is where the running cloud keeps its data.
func (s *Stack) DatabaseURL() (string, error) {
	b, err := os.ReadFile(filepath.Join(s.data(), "runtime.json"))
	if err != nil {
		return "", err
	}
	var r struct {
		DatabaseURL string `json:"database_url"`
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return "", fmt.Errorf("runtime.json: %w", err)
	}
	return r.DatabaseURL, nil
}

func get(ctx context.Context, url string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // what was read is what counts
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, resp.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(into)
}
