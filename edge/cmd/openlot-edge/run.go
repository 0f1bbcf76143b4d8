package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"

	"github.com/openlot/openlot/edge/internal/app"
	"github.com/openlot/openlot/edge/internal/config"
	"github.com/openlot/openlot/edge/internal/uplink"
)

type runCmd struct {
	settings
}

// Run runs the agent until ctx ends.
func (c *runCmd) Run(ctx context.Context, log *slog.Logger) error {
	cfg, problems := c.load()
	for _, p := range problems {
		if p.Severity == config.Warning {
			log.Warn("configuration", "problem", p.String())
		}
	}
	if wrong := problems.Errors(); len(wrong) > 0 {
		return usage("%v", wrong)
	}
	password, err := startable(cfg)
	if err != nil {
		return err
	}
	lock, err := lockAgent(cfg.DataDir)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	told := app.Config{
		Parking: cfg.Parking, DataDir: cfg.DataDir, HTTP: cfg.HTTP, Zone: cfg.Zone, Built: built(), Software: software(),
		Uplink: uplink.Config{Broker: cfg.MQTT, Edge: cfg.Edge, Secret: password, Timing: uplink.DefaultTiming()},
	}
	release, err := connect(&told, cfg, log)
	if err != nil {
		return err
	}
	defer release()
	agent, err := app.Open(told, log)
	if err != nil {
		return err
	}
	log.Info("agent started", "parking_id", string(cfg.Parking), "http", agent.Addr(), "lanes", len(cfg.Lanes), "software", told.Software)
	err = agent.Run(ctx)
	log.Info("agent stopped")
	return err
}

// startable reads what must be there before anything starts: the password, and the
// port if there is only one board.
func startable(cfg *config.Config) (password string, err error) {
	var problems config.Problems
	bad := func(key string, code config.Code, text, fix string) {
		problems = append(problems, cfg.Problem(key, config.Error, code, text, fix))
	}
	if password, err = readSecret(cfg.SecretFile); err != nil {
		bad("secret_file", "secret_unreadable", err.Error()+".", "Name the file with the edge's password.")
	} else if password == "" {
		bad("secret_file", "secret_empty", cfg.SecretFile+" is empty.", "Write the edge's password into it.")
	}
	if len(cfg.Devices) == 1 && cfg.Devices[0].Board != nil {
		d := cfg.Devices[0]
		if _, err := os.Stat(d.Board.Port); errors.Is(err, fs.ErrNotExist) {
			bad(d.Key, "port_missing", "there is no port "+d.Board.Port+".", "Is the board plugged in?")
		}
	}
	if len(problems) > 0 {
		return "", usage("%v", problems)
	}
	return password, nil
}
