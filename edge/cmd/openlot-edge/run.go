package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/openlot/openlot/edge/internal/app"
	"github.com/openlot/openlot/edge/internal/config"
	"github.com/openlot/openlot/edge/internal/notify"
	"github.com/openlot/openlot/edge/internal/store"
	"github.com/openlot/openlot/edge/internal/trace"
	"github.com/openlot/openlot/edge/internal/update"
	"github.com/openlot/openlot/edge/internal/uplink"
)

type runCmd struct{ settings }

// gcPercent is how much rubbish may lie beside what is in use. An agent makes little,
// so that collecting it often costs next to nothing.
const gcPercent = 25

// Run runs the agent until ctx ends.
func (c *runCmd) Run(ctx context.Context, log *slog.Logger, level *logLevel) error {
	cfg, problems := c.load()
	for _, p := range problems {
		if p.Severity == config.Warning {
			log.Warn("configuration", "problem", p.String())
		}
	}
	if wrong := problems.Errors(); len(wrong) > 0 {
		return usage("%v", wrong)
	}
	if !level.given {
		level.set(cfg.LogLevel)
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
		Store: []store.Option{
			store.WithCheck(checkStore(log.With("component", "store"))), store.WithLimit(cfg.StoreLimit), store.WithReserved(storeReserved),
		},
		Uplink: uplink.Config{Broker: cfg.MQTT, Edge: cfg.Edge, Secret: password, Timing: uplink.DefaultTiming()},
	}
	if told.Uplink.Trace, err = trace.FromEnv(os.Getenv, trace.Attr{Key: "service.version", Text: told.Software},
		trace.Attr{Key: "openlot.parking_id", Text: string(cfg.Parking)}); err != nil {
		return usage("%v", err)
	}
	release, err := connect(&told, cfg, log)
	if err != nil {
		return err
	}
	defer release()
	if told.Supervisor, err = notify.FromEnv(os.Getenv, os.Getpid()); err != nil {
		return err
	}
	if versions, err := update.Adopt(told.DataDir); err != nil {
		// A gate does not stand still for that. A version on trial is not kept then.
		log.Error("updates cannot be handled", "err", err)
	} else {
		defer versions.Close()
		told.Versions, told.ConfirmAfter = versions, cfg.UpdateConfirmAfter
	}
	debug.SetGCPercent(gcPercent)
	agent, err := app.Open(told, log)
	if err != nil {
		return err
	}
	// What was read to check the store is rubbish now, and the machine is small.
	debug.FreeOSMemory()
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

// storeReserved is what the store's file takes of the disk from the start: the
// cache and a week of passages, so that others cannot fill the disk before it.
const storeReserved = 16 << 20
