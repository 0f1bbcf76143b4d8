package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/app"
	"github.com/openlot/openlot/edge/internal/device/board"
	"github.com/openlot/openlot/edge/internal/uplink"
	"github.com/openlot/openlot/protocol/id"
)

// runCmd is configured by flags over environment over --config over defaults.
type runCmd struct {
	Config configFile `help:"YAML file with any of these settings, named as the flags." env:"OPENLOT_EDGE_CONFIG" placeholder:"FILE"`

	Parking    string   `help:"The parking's id." required:"" env:"OPENLOT_EDGE_PARKING" placeholder:"ID"`
	EdgeID     string   `help:"This edge's id from its enrolment, edg_…; also its user name on the broker." required:"" env:"OPENLOT_EDGE_EDGE_ID" placeholder:"ID"`
	SecretFile string   `help:"File with this edge's password on the broker." required:"" env:"OPENLOT_EDGE_SECRET_FILE" placeholder:"FILE"`
	MQTT       string   `name:"mqtt" help:"Broker." default:"tcp://127.0.0.1:1883" env:"OPENLOT_EDGE_MQTT" placeholder:"URL"`
	DataDir    string   `help:"Directory of the journal and cache." required:"" env:"OPENLOT_EDGE_DATA_DIR" placeholder:"DIR"`
	HTTP       string   `name:"http" help:"Local address of /healthz and /state." default:"127.0.0.1:8090" env:"OPENLOT_EDGE_HTTP" placeholder:"ADDR"`
	Board      string   `help:"Serial port of the board that carries the gates." env:"OPENLOT_EDGE_BOARD" placeholder:"PATH"`
	GPIO       string   `name:"gpio" help:"YAML file with the gates on this machine's own GPIO lines, instead of a board." env:"OPENLOT_EDGE_GPIO" placeholder:"FILE"`
	Baud       int      `help:"Speed of the serial port." default:"115200" env:"OPENLOT_EDGE_BAUD"`
	Lanes      []string `help:"Lanes as name:direction:gate[:space-type], such as entry-1:entry:0." default:"entry-1:entry:0,exit-1:exit:1" env:"OPENLOT_EDGE_LANES" placeholder:"LANE,…"`
	Timezone   string   `help:"IANA zone of the times that the driver reads. The machine's unless set." env:"OPENLOT_EDGE_TIMEZONE" placeholder:"ZONE"`
}

// Run runs the agent until ctx ends.
func (c *runCmd) Run(ctx context.Context, log *slog.Logger) error {
	cfg, err := c.config(log)
	if err != nil {
		return err
	}
	agent, err := app.Open(cfg, log)
	if err != nil {
		return err
	}
	log.Info("agent started", "parking_id", string(cfg.Parking), "http", agent.Addr(), "lanes", len(cfg.Lanes), "software", cfg.Software)
	err = agent.Run(ctx)
	log.Info("agent stopped")
	return err
}

// config checks everything and reports all problems at once.
func (c *runCmd) config(log *slog.Logger) (app.Config, error) {
	var problems []error
	bad := func(format string, args ...any) { problems = append(problems, usage(format, args...)) }
	parking, err := id.ParseParking(c.Parking)
	if err != nil {
		bad("--parking %q: %v", c.Parking, err)
	}
	edge, err := id.Parse[id.Edge](c.EdgeID)
	if err != nil {
		bad("--edge-id %q: %v", c.EdgeID, err)
	}
	secret, err := os.ReadFile(c.SecretFile)
	if err != nil {
		bad("--secret-file: %v", err)
	} else if strings.TrimSpace(string(secret)) == "" {
		bad("--secret-file %s is empty", c.SecretFile)
	}
	if u, err := url.Parse(c.MQTT); err != nil || u.Host == "" || !knownScheme(u.Scheme) {
		bad("--mqtt %q: want tcp://host:port, ssl://host:port or ws://host:port", c.MQTT)
	}
	connect, wrong := c.device(log, board.Connect(c.Board, c.Baud, log.With("component", "board")))
	problems = append(problems, wrong...)
	if _, err := os.Stat(c.Board); c.Board != "" && errors.Is(err, fs.ErrNotExist) {
		bad("--board %s: there is no such port; is the board plugged in?", c.Board)
	}
	lanes, err := parseLanes(c.Lanes)
	if err != nil {
		problems = append(problems, err)
	}
	zone := time.Local
	if c.Timezone != "" {
		if zone, err = time.LoadLocation(c.Timezone); err != nil {
			bad("--timezone %q: %v", c.Timezone, err)
		}
	}
	if len(problems) > 0 {
		return app.Config{}, errors.Join(problems...)
	}
	return app.Config{
		Parking: parking, Lanes: lanes, DataDir: c.DataDir, HTTP: c.HTTP, Zone: zone, Built: built(), Software: software(),
		Connect: connect,
		Uplink: uplink.Config{
			Broker: c.MQTT, Edge: edge, Secret: strings.TrimSpace(string(secret)), Timing: uplink.DefaultTiming(),
		},
	}, nil
}

func knownScheme(s string) bool {
	switch s {
	case "tcp", "mqtt", "ssl", "tls", "mqtts", "ws", "wss":
		return true
	default:
		return false
	}
}

// parseLanes reads name:direction:gate[:space-type].
func parseLanes(specs []string) ([]app.LaneConfig, error) {
	var out []app.LaneConfig
	var problems []error
	names, gates := map[id.Lane]bool{}, map[int]bool{}
	for _, spec := range specs {
		l, err := parseLane(spec)
		switch {
		case err != nil:
			problems = append(problems, err)
			continue
		case names[l.Lane.ID]:
			problems = append(problems, usage("--lanes: %q is there twice", l.Lane.ID))
		case gates[l.Gate]:
			problems = append(problems, usage("--lanes: gate %d is there twice", l.Gate))
		}
		names[l.Lane.ID], gates[l.Gate] = true, true
		out = append(out, l)
	}
	if len(specs) == 0 {
		problems = append(problems, usage("--lanes: an agent needs at least one lane"))
	}
	return out, errors.Join(problems...)
}

func parseLane(spec string) (l app.LaneConfig, err error) {
	parts := strings.Split(spec, ":")
	if len(parts) < 3 || len(parts) > 4 {
		return l, usage("--lanes %q: want name:direction:gate, such as entry-1:entry:0", spec)
	}
	if l.Lane.ID, err = id.ParseLane(parts[0]); err != nil {
		return l, usage("--lanes %q: %v", spec, err)
	}
	switch l.Lane.Direction = admission.Direction(parts[1]); l.Lane.Direction {
	case admission.Entry, admission.Exit:
	default:
		return l, usage("--lanes %q: the direction is entry or exit, not %q", spec, parts[1])
	}
	if l.Gate, err = strconv.Atoi(parts[2]); err != nil || l.Gate < 0 || l.Gate > 15 {
		return l, usage("--lanes %q: the gate is a number from 0 to 15, not %q", spec, parts[2])
	}
	l.Lane.SpaceType = id.Standard
	if len(parts) == 4 {
		if l.Lane.SpaceType, err = id.ParseSpaceType(parts[3]); err != nil {
			return l, usage("--lanes %q: %v", spec, err)
		}
	}
	return l, nil
}
