package main

import (
	"log/slog"
	"path/filepath"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/app"
	"github.com/openlot/openlot/edge/internal/config"
	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/edge/internal/device/board"
	"github.com/openlot/openlot/edge/internal/device/display"
	"github.com/openlot/openlot/edge/internal/device/gpio"
	"github.com/openlot/openlot/edge/internal/device/reader"
	"github.com/openlot/openlot/edge/internal/kiosk/escpos"
	"github.com/openlot/openlot/edge/internal/kiosk/sim"
)

// connect gives the agent its lanes and what belongs to them. release gives up
// what is held for an agent that did not run.
func connect(to *app.Config, cfg *config.Config, log *slog.Logger) (release func(), err error) {
	to.Devices = map[string]device.Connect{}
	for _, d := range cfg.Devices {
		to.Devices[d.ID] = carrier(d, log)
	}
	release = func() {}
	var server *reader.Server
	if cfg.ReadersHTTP != "" {
		if server, err = reader.Listen(cfg.ReadersHTTP, log.With("component", "readers")); err != nil {
			return nil, err
		}
		release = func() { _ = server.Close() } // closed already once it ran
		to.Services = append(to.Services, server.Run)
	}
	readers := map[string]device.Reader{}
	for _, r := range cfg.Readers {
		screen := reader.Screen{Medium: r.Reads, RepeatAfter: r.RepeatAfter, Confidence: r.Confidence}
		log := log.With("component", "reader", "reader", r.ID)
		switch {
		case r.Serial != nil:
			readers[r.ID] = reader.Serial(r.Serial.Port, r.Serial.Baud, reader.Framer{Prefix: r.Serial.Prefix, Suffix: r.Serial.Suffix}, r.Serial.FlushAfter, screen, log)
		case r.Keyboard != nil:
			readers[r.ID] = reader.Keyboard(r.Keyboard.Input, r.Keyboard.Layout, screen, log)
		default:
			token, err := readSecret(r.TokenFile)
			if err == nil && len(token) < reader.MinToken {
				err = usage("%s: the token has fewer than %d characters", r.TokenFile, reader.MinToken)
			}
			if err != nil {
				release()
				p := cfg.Problem(r.Key+".http.token_file", config.Error, "token_unreadable", err.Error()+".", "Write a long random token into it, such as openssl rand -hex 24 gives.")
				return nil, usage("%v", p)
			}
			readers[r.ID] = server.Reader(r.ID, token, screen, log)
		}
	}
	displays := map[string]*display.Display{}
	for _, d := range cfg.Displays {
		one := display.New(display.Config{
			Port: d.Port, Baud: d.Baud, Columns: d.Columns, Rows: d.Rows, Charset: d.Charset, Clear: d.Clear, Idle: d.Idle, HoldFor: d.HoldFor,
		}, log.With("component", "display", "display", d.ID))
		displays[d.ID] = one
		to.Services = append(to.Services, one.Run)
	}
	for _, l := range cfg.Lanes {
		one := app.LaneConfig{
			Lane:       admission.Lane{ID: l.ID, Direction: l.Direction, SpaceType: l.SpaceType, Only: l.Only, Language: l.Language},
			Reversible: l.Reversible, Mode: l.Mode, Device: l.Device, Gate: l.Gate,
		}
		for _, name := range l.Readers {
			one.Readers = append(one.Readers, readers[name])
		}
		if l.Display != "" {
			one.Display = displays[l.Display]
		}
		to.Lanes = append(to.Lanes, one)
	}
	if err := takeMoney(to, cfg); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// takeMoney gives the agent its kiosk.
func takeMoney(to *app.Config, cfg *config.Config) error {
	k := cfg.Kiosk
	if k == nil {
		return nil
	}
	d, err := sim.Open(filepath.Join(cfg.DataDir, "kiosk-devices"), escpos.Head{Parking: string(cfg.Parking), Kiosk: string(k.ID), Zone: cfg.Zone}, k.Coins, k.Notes, k.Filled)
	if err != nil {
		return err
	}
	to.Services = append(to.Services, d.Run)
	to.Kiosk = &app.KioskConfig{
		ID: k.ID, Label: k.Label, Languages: k.Languages, Help: k.Help, Allow: k.Allow, Cash: d.Cash, Card: d.Terminal, Printer: d.Printer, World: d,
		Shifts: k.Shifts, Lane: k.Lane,
	}
	for _, s := range k.Staff {
		to.Kiosk.Staff = append(to.Kiosk.Staff, app.KioskStaff(s))
	}
	return nil
}

// carrier connects a device.
func carrier(d config.Device, log *slog.Logger) device.Connect {
	if d.GPIO != nil {
		return gpio.Connect(d.GPIO.Driver, d.GPIO.Gates, log.With("component", "gpio", "device", d.ID))
	}
	return board.Connect(d.Board.Port, d.Board.Baud, log.With("component", "board", "device", d.ID))
}
