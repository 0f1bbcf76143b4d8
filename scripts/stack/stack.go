package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
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
}

// Stack is what runs.
type Stack struct {
	cfg   Config
	Cloud *Process
	Sites []*Site
}

// Site is one live parking.
type Site struct {
	Parking string
	Twin    *Process
	Edge    *Process
	TwinURL string
	EdgeURL string

	edgeArgs []string
	logs     string
}

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
	argv := append([]string{s.bin("openlot"), "serve", "--data-dir", s.data(), "--http", cfg.HTTP, "--admin", cfg.Admin, "--mqtt", cfg.MQTT}, cfg.CloudArgs...)
	if s.Cloud, err = start("cloud", s.logs(), argv...); err != nil {
		return nil, err
	}
	// The first start may install Postgres.
	if err := until(ctx, s.Cloud, 5*time.Minute, func(ctx context.Context) error { return get(ctx, s.URL()+"/readyz", nil) }); err != nil {
		return nil, err
	}
	progress("importing " + cfg.CarParks)
	if _, err := output(ctx, s.bin("openlot"), "import", "--data-dir", s.data(), cfg.CarParks); err != nil {
		return nil, err
	}
	if len(cfg.Live) > 0 {
		progress(fmt.Sprintf("starting %d parkings, each with an edge agent and a twin of its board", len(cfg.Live)))
	}
	for n, parking := range cfg.Live {
		site, err := s.startSite(ctx, n, parking)
		if site != nil {
			s.Sites = append(s.Sites, site)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", parking, err)
		}
	}
	for _, site := range s.Sites {
		if err := site.WaitLinked(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
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
	broker := s.cfg.MQTT
	if s.cfg.BrokerFor != nil {
		broker = s.cfg.BrokerFor(n)
	}
	site := &Site{Parking: parking, TwinURL: "http://" + s.cfg.TwinHTTP(n), EdgeURL: "http://" + s.cfg.EdgeHTTP(n), logs: s.logs()}
	board := filepath.Join(dir, "board")
	if site.Twin, err = start("twin-"+parking, s.logs(), s.bin("openlot-board"), "twin", "--pty", board, "--http", s.cfg.TwinHTTP(n),
		"--gates", gates, "--name", parking, "--speed", strconv.FormatFloat(s.cfg.Speed, 'g', -1, 64)); err != nil {
		return site, err
	}
	if err := until(ctx, site.Twin, 20*time.Second, func(ctx context.Context) error { return get(ctx, site.TwinURL+"/state", nil) }); err != nil {
		return site, err
	}
	site.edgeArgs = []string{s.bin("openlot-edge"), "run", "--parking", parking, "--edge-id", c.EdgeID, "--secret-file", filepath.Join(dir, "secret"),
		"--mqtt", "tcp://" + broker, "--data-dir", dir, "--http", s.cfg.EdgeHTTP(n), "--board", board, "--lanes", "entry-1:entry:0,exit-1:exit:1"}
	return site, site.StartEdge(ctx)
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

// StartEdge starts the edge agent, again after it was stopped or killed, and
// returns when it answers.
func (x *Site) StartEdge(ctx context.Context) (err error) {
	if x.Edge, err = start("edge-"+x.Parking, x.logs, x.edgeArgs...); err != nil {
		return err
	}
	return until(ctx, x.Edge, 20*time.Second, func(ctx context.Context) error { return get(ctx, x.EdgeURL+"/healthz", nil) })
}

// EdgeState is the part of an edge's /state that is asked for here.
type EdgeState struct {
	Revision uint64 `json:"revision"`
	Journal  struct {
		Seq   uint64 `json:"seq"`
		Acked uint64 `json:"acked"`
	} `json:"journal"`
	Link struct {
		Connected bool `json:"connected"`
		Welcomed  bool `json:"welcomed"`
	} `json:"link"`
}

// State asks the edge.
func (x *Site) State(ctx context.Context) (s EdgeState, err error) {
	return s, get(ctx, x.EdgeURL+"/state", &s)
}

// WaitLinked returns when the cloud has welcomed the edge and the edge has its
// first snapshot.
func (x *Site) WaitLinked(ctx context.Context) error {
	return until(ctx, x.Edge, 30*time.Second, func(ctx context.Context) error {
		s, err := x.State(ctx)
		if err == nil && (!s.Link.Welcomed || s.Revision == 0) {
			err = fmt.Errorf("not welcomed yet: %+v", s)
		}
		return err
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

func (s *Stack) processes() []*Process {
	var out []*Process
	for _, x := range s.Sites {
		for _, p := range []*Process{x.Edge, x.Twin} {
			if p != nil {
				out = append(out, p)
			}
		}
	}
	if s.Cloud != nil {
		out = append(out, s.Cloud)
	}
	return out
}

// Stop ends everything, edges first.
func (s *Stack) Stop() {
	for _, p := range s.processes() {
		p.Stop()
	}
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
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, resp.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// FreePort finds an address on loopback that nobody listens on.
func FreePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
