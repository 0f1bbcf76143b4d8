// Package checkup looks whether a machine can do what an edge's configuration
// asks of it. It changes nothing and opens no port: opening one can restart a
// board.
package checkup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openlot/openlot/edge/internal/config"
	"github.com/openlot/openlot/edge/internal/device/gpio"
	"github.com/openlot/openlot/edge/internal/device/reader"
)

// The codes of what only the machine shows.
const (
	CodePortMissing config.Code = "port_missing"       // no such serial port or input
	CodePortDenied  config.Code = "port_denied"        // not for this user
	CodeGPIO        config.Code = "gpio_unavailable"   // no chips, or not for this user
	CodeChip        config.Code = "gpio_chip"          // no chip has this label
	CodeLine        config.Code = "gpio_line"          // the chip has no such line, or somebody uses it
	CodeSecret      config.Code = "secret_unreadable"  // a password or token cannot be read, or is none
	CodeSecretOpen  config.Code = "secret_open"        // others can read it
	CodeDataDir     config.Code = "data_dir"           // not writable
	CodeClock       config.Code = "clock_unsynced"     // nobody keeps the clock right
	CodeBroker      config.Code = "broker_unreachable" // no connection
)

// dialWithin is how long the broker may take to answer.
const dialWithin = 3 * time.Second

// Machine is what is asked of the machine beyond its files.
type Machine struct {
	Chips  func() ([]gpio.Chip, error)
	Synced func() bool
}

// This is the machine that the program runs on.
func This() Machine { return Machine{Chips: gpio.Chips, Synced: synced} }

type visit struct {
	cfg      *config.Config
	problems config.Problems
}

func (v *visit) note(key string, severity config.Severity, code config.Code, fix, format string, args ...any) {
	v.problems = append(v.problems, v.cfg.Problem(key, severity, code, fmt.Sprintf(format, args...), fix))
}

// Look lists what is wrong. The configuration has no errors of its own.
func Look(ctx context.Context, cfg *config.Config, m Machine) config.Problems {
	v := &visit{cfg: cfg}
	v.secret("secret_file", cfg.SecretFile, 1)
	v.dataDir()
	v.broker(ctx)
	lines := false
	for _, d := range cfg.Devices {
		if d.Board != nil {
			v.port(d.Key, d.Board.Port, unix.R_OK|unix.W_OK)
		}
		lines = lines || d.GPIO != nil
	}
	for _, r := range cfg.Readers {
		switch {
		case r.Serial != nil:
			v.port(r.Key+".serial.port", r.Serial.Port, unix.R_OK|unix.W_OK)
		case r.Keyboard != nil:
			v.port(r.Key+".keyboard.input", r.Keyboard.Input, unix.R_OK)
		default:
			v.secret(r.Key+".http.token_file", r.TokenFile, reader.MinToken)
		}
	}
	for _, d := range cfg.Displays {
		v.port(d.Key+".serial.port", d.Port, unix.R_OK|unix.W_OK)
	}
	if lines {
		v.lines(m)
	}
	if !m.Synced() {
		v.note("", config.Warning, CodeClock, "Have systemd-timesyncd or chrony run.", "nobody keeps this machine's clock right; times of stays are uncertain.")
	}
	return v.problems
}

func (v *visit) secret(key, path string, least int) {
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		v.note(key, config.Error, CodeSecret, "Write the secret into it.", "there is no file %s.", path)
		return
	case err != nil:
		v.note(key, config.Error, CodeSecret, join(path), "%s cannot be read.", path)
		return
	case len(strings.TrimSpace(string(text))) < least:
		v.note(key, config.Error, CodeSecret, fmt.Sprintf("Write at least %d characters into it.", least), "the secret in %s is too short.", path)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o007 != 0 {
		v.note(key, config.Warning, CodeSecretOpen, "chmod o= "+path, "everybody on this machine can use the secret in %s.", path)
	}
}

// dataDir looks at the directory, or at what it would be created in.
func (v *visit) dataDir() {
	dir := v.cfg.DataDir
	for {
		err := unix.Access(dir, unix.W_OK|unix.X_OK)
		switch {
		case err == nil:
			return
		case errors.Is(err, unix.ENOENT) && filepath.Dir(dir) != dir:
			dir = filepath.Dir(dir)
			continue
		default:
			v.note("data_dir", config.Error, CodeDataDir, fmt.Sprintf("Give it to the agent's user: chown openlot %s, or choose another.", dir), "%s cannot be written: %v.", dir, err)
			return
		}
	}
}

func (v *visit) broker(ctx context.Context) {
	u, err := url.Parse(v.cfg.MQTT)
	if err != nil {
		return // said already
	}
	host := u.Host
	if u.Port() == "" {
		ports := map[string]string{"ssl": "8883", "tls": "8883", "mqtts": "8883", "ws": "80", "wss": "443"}
		host = net.JoinHostPort(u.Hostname(), "1883")
		if p := ports[u.Scheme]; p != "" {
			host = net.JoinHostPort(u.Hostname(), p)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "tcp", host)
	if err != nil {
		v.note("mqtt", config.Warning, CodeBroker, "The gates work without; the cloud hears nothing meanwhile.", "the broker %s cannot be reached: %v.", host, err)
		return
	}
	_ = c.Close() // it was only knocked at
}

func (v *visit) port(key, path string, mode uint32) {
	switch err := unix.Access(path, mode); {
	case err == nil:
	case errors.Is(err, unix.ENOENT):
		v.note(key, config.Error, CodePortMissing, "Is it plugged in? ls /dev/serial/by-id /dev/input/by-id", "there is no %s.", path)
	default:
		v.note(key, config.Error, CodePortDenied, join(path), "%s may not be used: %v.", path, err)
	}
}

// join says how to get at a file by joining its group.
func join(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return "Run this as the agent's user."
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok || info.Mode().Perm()&0o040 == 0 || s.Gid == 0 {
		return "It is for its owner only; give it to the agent's user or to a group of its own."
	}
	group := strconv.Itoa(int(s.Gid))
	if g, err := user.LookupGroupId(group); err == nil {
		group = g.Name
	}
	name := "openlot"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return fmt.Sprintf("Join its group: usermod -aG %s %s", group, name)
}

// lines looks for the configured lines on the machine's chips.
func (v *visit) lines(m Machine) {
	chips, err := m.Chips()
	if err != nil {
		fix := "Join its group: usermod -aG gpio openlot"
		if devices, _ := filepath.Glob("/dev/gpiochip*"); len(devices) > 0 {
			fix = join(devices[0])
		}
		for _, d := range v.cfg.Devices {
			if d.GPIO != nil {
				v.note(d.Key, config.Error, CodeGPIO, fix, "%v.", err)
			}
		}
		return
	}
	labels := make([]string, len(chips))
	for i, c := range chips {
		labels[i] = c.Label
	}
	for _, d := range v.cfg.Devices {
		if d.GPIO == nil {
			continue
		}
		for n, g := range d.GPIO.Gates {
			for role, l := range config.Roles(g) {
				key := fmt.Sprintf("%s.gpio.gates.%d.%s", d.Key, n, role)
				i := slices.IndexFunc(chips, func(c gpio.Chip) bool { return c.Label == l.Chip || c.Name == l.Chip })
				if i < 0 {
					v.note(key, config.Error, CodeChip, "This machine has "+strings.Join(labels, ", ")+".", "there is no GPIO chip %q.", l.Chip)
					continue
				}
				v.line(key, *l, chips[i])
			}
		}
	}
}

func (v *visit) line(key string, l gpio.Line, c gpio.Chip) {
	i := slices.IndexFunc(c.Lines, func(info gpio.LineInfo) bool {
		return l.Name != "" && info.Name == l.Name || l.Name == "" && info.Offset == l.Offset
	})
	switch {
	case i < 0:
		v.note(key, config.Error, CodeLine, "openlot-edge lines --chips lists them.", "the chip %q has no line %s.", c.Label, l)
	case c.Lines[i].Used && !strings.HasPrefix(c.Lines[i].Consumer, "openlot"):
		v.note(key, config.Error, CodeLine, "Free it, or take another.", "the line %s is used by %q.", l, c.Lines[i].Consumer)
	}
}
