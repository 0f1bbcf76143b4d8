package stack

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

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

// The gates of every twin, in the order of their numbers on the board.
const gates = "entry-1:entry,exit-1:exit"

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
	Camera   string   // address at which the edge takes what a camera at the entry reads; empty: there is none
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
			"--mqtt", cfg.Broker, "--data-dir", cfg.Dir, "--http", cfg.EdgeHTTP, "--timezone", cfg.Timezone,
		),
	}
	more, err := cfg.further(board)
	if err != nil {
		return site, err
	}
	site.edge.argv = append(site.edge.argv, more...)
	if err := site.twin.Start(ctx); err != nil {
		return site, err
	}
	return site, site.StartEdge(ctx)
}

// CameraToken is the file, in the directory of a site with a camera, with what the camera
// shows to the edge.
const CameraToken = "camera.token"

// cameraFile is what an edge with a camera is told of its lanes.
const cameraFile = `lanes:
  - {id: entry-1, direction: entry, gate: {device: main, number: 0}, readers: [entry-camera]}
  - {id: exit-1, direction: exit, gate: {device: main, number: 1}}
devices:
  - {id: main, board: {port: %q}}
readers:
  - {id: entry-camera, reads: plate, http: {token_file: %q}}
readers_http: %s
`

// further are the arguments that say what the edge drives, with what stands in a file.
func (cfg *SiteConfig) further(board string) ([]string, error) {
	var text []byte
	short := []string{"--board", board, "--lanes", "entry-1:entry:0,exit-1:exit:1"}
	if cfg.Camera != "" {
		token := filepath.Join(cfg.Dir, CameraToken)
		if err := os.WriteFile(token, []byte(rand.Text()), 0o600); err != nil {
			return nil, err
		}
		short, text = nil, fmt.Appendf(text, cameraFile, board, token, cfg.Camera)
	}
	if cfg.Kiosk {
		text = fmt.Appendf(text, kioskFile, KioskStaff, kioskHash)
	}
	if text == nil {
		return short, nil
	}
	file := filepath.Join(cfg.Dir, "edge.yaml")
	return append(short, "--config", file), os.WriteFile(file, text, 0o600)
}

// Stop ends the edge, then its board.
func (x *Site) Stop() {
	for _, g := range []*program{&x.edge, &x.twin} {
		if p := g.Process(); p != nil {
			p.Stop()
		}
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
