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
	"slices"
	"strconv"
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

// Site is one live parking.
type Site struct {
	Parking string
	Dir     string // of the edge's store
	TwinURL string
	EdgeURL string

	twin program
	edge program
}

// maxBoardName is how long the name of a board may be.
const maxBoardName = 32

// startsAtOnce bounds how many live parkings start at the same time.
const startsAtOnce = 6

// The gates of every twin, in the order of their numbers on the board.
const gates = "entry-1:entry,exit-1:exit"

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
	return StartSite(ctx, SiteConfig{
		Bin: s.cfg.Bin, Dir: dir, Logs: s.logs(), Parking: parking, Timezone: about.Timezone, EdgeID: c.EdgeID, Broker: "tcp://" + broker,
		EdgeHTTP: s.cfg.EdgeHTTP(n), TwinHTTP: s.cfg.TwinHTTP(n), Speed: s.cfg.Speed, Kiosk: s.cfg.Kiosks,
	})
}

// SiteConfig says what one live parking is.
type SiteConfig struct {
	Bin      string // folder of openlot-edge and openlot-board
	Dir      string // of the edge's store; holds its secret in the file "secret"
	Logs     string // folder for output
	Parking  string
	Timezone string
	EdgeID   string
	Broker   string // URL
	EdgeHTTP string // addresses
	TwinHTTP string
	Speed    float64  // of the twin's physics; 1 is real
	Through  []string // before the arguments of both programs: what runs them elsewhere
	Kiosk    bool     // a machine that takes money, with simulated devices, at EdgeHTTP + "/kiosk/"
}

// kioskFile is what an edge with a machine is told beside its flags.
const kioskFile = "kiosk:\n  id: kiosk-1\n  label: \"1\"\n  help: 030 555 0100\n  devices: simulated\n  lane: entry-1\n  staff:\n    - {name: %s, pin: %q}\n"

// Staff of the machine, for demonstrations, and what stands for the PIN in the
// configuration (openlot-edge pin).
const (
	KioskStaff = "demo"
	KioskPIN   = "480915"
	kioskHash  = "pbkdf2-sha256$600000$DsC/k4EzWKLyfuJgq+5dzw$TCKkKZrvjWPHtLYyw7XiYcjssVq1NQpH+Q1RsnKl5Ns"
)

// StartSite starts the twin of a board and the edge agent that drives it, and
// returns when both answer. What it started is in the site also when it fails.
func StartSite(ctx context.Context, cfg SiteConfig) (*Site, error) {
	site := &Site{Parking: cfg.Parking, Dir: cfg.Dir, TwinURL: "http://" + cfg.TwinHTTP, EdgeURL: "http://" + cfg.EdgeHTTP}
	board := filepath.Join(cfg.Dir, "board")
	site.twin = program{
		name: "twin-" + cfg.Parking, logs: cfg.Logs, ready: answers(site.TwinURL+"/state", programStarts),
		argv: append(slices.Clone(cfg.Through),
			filepath.Join(cfg.Bin, "openlot-board"), "twin", "--pty", board, "--http", cfg.TwinHTTP,
			"--gates", gates, "--name", cfg.Parking[:min(len(cfg.Parking), maxBoardName)], "--speed", strconv.FormatFloat(cfg.Speed, 'g', -1, 64),
		),
	}
	site.edge = program{
		name: "edge-" + cfg.Parking, logs: cfg.Logs, ready: answers(site.EdgeURL+"/healthz", programStarts),
		argv: append(slices.Clone(cfg.Through),
			filepath.Join(cfg.Bin, "openlot-edge"), "run", "--parking", cfg.Parking, "--edge-id", cfg.EdgeID, "--secret-file", filepath.Join(cfg.Dir, "secret"),
			"--mqtt", cfg.Broker, "--data-dir", cfg.Dir, "--http", cfg.EdgeHTTP, "--board", board, "--lanes", "entry-1:entry:0,exit-1:exit:1",
			"--timezone", cfg.Timezone,
		),
	}
	if cfg.Kiosk {
		file := filepath.Join(cfg.Dir, "kiosk.yaml")
		if err := os.WriteFile(file, fmt.Appendf(nil, kioskFile, KioskStaff, kioskHash), 0o600); err != nil {
			return site, err
		}
		site.edge.argv = append(site.edge.argv, "--config", file)
	}
	if err := site.twin.Start(ctx); err != nil {
		return site, err
	}
	return site, site.StartEdge(ctx)
}

// Stop ends the edge, then its board.
func (x *Site) Stop() {
	for _, g := range []*program{&x.edge, &x.twin} {
		if p := g.Process(); p != nil {
			p.Stop()
		}
	}
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

// StartEdge starts the edge agent, again after it was stopped or killed, and
// returns when it answers.
func (x *Site) StartEdge(ctx context.Context) error { return x.edge.Start(ctx) }

// Edge is the agent's process.
func (x *Site) Edge() *Process { return x.edge.Process() }

// EdgeState is the part of an edge's /state that is asked for here.
type EdgeState struct {
	Epoch    uint32 `json:"epoch"`
	LastSeq  uint64 `json:"last_seq"`
	AckedSeq uint64 `json:"acked_seq"`
	Revision uint64 `json:"revision"`
	Link     string `json:"link"` // "online" when the cloud has welcomed it
	Board    bool   `json:"board"`
	Inside   int    `json:"inside"`

	Allotments []struct {
		Units   int    `json:"units"`
		Version uint64 `json:"version"`
		Adopted uint64 `json:"adopted"`
	} `json:"allotments"`
}

// State asks the edge.
func (x *Site) State(ctx context.Context) (s EdgeState, err error) {
	return s, get(ctx, x.EdgeURL+"/state", &s)
}

// AwaitRevision returns when the edge's cache is complete through a revision.
// The edge answers as soon as it is, or after some seconds as it stands.
func (x *Site) AwaitRevision(ctx context.Context, revision uint64) error {
	url := x.EdgeURL + "/state?wait_revision=" + strconv.FormatUint(revision, 10)
	pause := time.NewTicker(2 * time.Millisecond)
	defer pause.Stop()
	for {
		var s EdgeState
		if err := get(ctx, url, &s); err != nil || s.Revision >= revision {
			return err
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return fmt.Errorf("the edge is at revision %d of %d: %w", s.Revision, revision, ctx.Err())
		}
	}
}

// WaitLinked returns when the cloud has welcomed the edge, the edge has its
// first snapshot and its board, and it has taken up what it may lend to
// walk-ins.
func (x *Site) WaitLinked(ctx context.Context) error {
	return until(ctx, x.Edge(), 60*time.Second, func(ctx context.Context) error {
		s, err := x.State(ctx)
		if err != nil {
			return err
		}
		ready := s.Link == "online" && s.Revision > 0 && s.Board && len(s.Allotments) > 0
		for _, a := range s.Allotments {
			ready = ready && a.Units > 0 && a.Adopted == a.Version
		}
		if !ready {
			return fmt.Errorf("its state is %+v", s)
		}
		return nil
	})
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
