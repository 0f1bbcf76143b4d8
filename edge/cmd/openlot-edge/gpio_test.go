package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openlot/openlot/edge/internal/device"
)

func TestTheWiringIsReadStrictly(t *testing.T) {
	dir := t.TempDir()
	try := func(c runCmd, text string) (device.Connect, string) {
		if text != "" {
			c.GPIO = filepath.Join(dir, "gpio.yaml")
			if err := os.WriteFile(c.GPIO, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		connect, problems := c.device(slog.New(slog.DiscardHandler), nil)
		if err := errors.Join(problems...); err != nil {
			return connect, err.Error()
		}
		return connect, ""
	}
	const good = `
gates:
  0:
    open_pulse: 400ms
    safety: {chip: pinctrl-rp1, name: GPIO17, pull: up, debounce: 100ms}
    button: {chip: pinctrl-rp1, offset: 27, pull: up, active_low: true}
    open: {chip: pinctrl-rp1, offset: 22}
`
	if connect, wrong := try(runCmd{}, good); wrong != "" || connect == nil {
		t.Errorf("a good wiring: %s", wrong)
	}
	for name, c := range map[string]struct {
		cmd  runCmd
		text string
		want string
	}{
		"neither":         {want: "--board or --gpio"},
		"both":            {cmd: runCmd{Board: "/dev/ttyACM0"}, text: good, want: "--board and --gpio"},
		"no file":         {cmd: runCmd{GPIO: filepath.Join(dir, "nothing")}, want: "--gpio"},
		"no gate":         {text: "driver: periph\n", want: "no gate"},
		"an unknown key":  {text: strings.Replace(good, "pull:", "pul:", 1), want: "pul"},
		"a cut wire":      {text: strings.Replace(good, "debounce: 100ms", "active_low: true", 1), want: "gate 0: safety"},
		"another driver":  {text: "driver: sysfs" + good, want: `"sysfs"`},
		"a pulse too far": {text: strings.Replace(good, "400ms", "4s", 1), want: "open_pulse"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, wrong := try(c.cmd, c.text); !strings.Contains(wrong, c.want) {
				t.Errorf("%q does not name %q", wrong, c.want)
			}
		})
	}
}
