package main

import (
	"bytes"
	"log/slog"
	"os"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/edge/internal/device/gpio"
)

// wiringFile is the file of --gpio.
type wiringFile struct {
	Driver gpio.Driver        `yaml:"driver"`
	Gates  map[int]wiringGate `yaml:"gates"`
}

type wiringGate struct {
	Arming     *wiringLine   `yaml:"arming"`
	Safety     *wiringLine   `yaml:"safety"`
	ArmOpen    *wiringLine   `yaml:"arm_open"`
	ArmClosed  *wiringLine   `yaml:"arm_closed"`
	Fire       *wiringLine   `yaml:"fire"`
	Stop       *wiringLine   `yaml:"stop"`
	Button     *wiringLine   `yaml:"button"`
	Open       *wiringLine   `yaml:"open"`
	Close      *wiringLine   `yaml:"close"`
	Green      *wiringLine   `yaml:"green"`
	Red        *wiringLine   `yaml:"red"`
	OpenPulse  time.Duration `yaml:"open_pulse"`
	ClosePulse time.Duration `yaml:"close_pulse"`
}

type wiringLine struct {
	Chip      string        `yaml:"chip"`
	Name      string        `yaml:"name"`
	Offset    int           `yaml:"offset"`
	ActiveLow bool          `yaml:"active_low"`
	Pull      gpio.Pull     `yaml:"pull"`
	Debounce  time.Duration `yaml:"debounce"`
}

// connectGPIO reads and checks the wiring.
func connectGPIO(path string, log *slog.Logger) (device.Connect, []error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, []error{usage("--gpio: %v", err)}
	}
	file := wiringFile{Driver: gpio.Cdev}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		return nil, []error{usage("--gpio %s: %v", path, err)}
	}
	gates := map[int]gpio.Gate{}
	for n, g := range file.Gates {
		gates[n] = gpio.Gate{
			Arming: (*gpio.Line)(g.Arming), Safety: (*gpio.Line)(g.Safety), ArmOpen: (*gpio.Line)(g.ArmOpen), ArmClosed: (*gpio.Line)(g.ArmClosed),
			Fire: (*gpio.Line)(g.Fire), Stop: (*gpio.Line)(g.Stop), Button: (*gpio.Line)(g.Button), Open: (*gpio.Line)(g.Open), Close: (*gpio.Line)(g.Close),
			Green: (*gpio.Line)(g.Green), Red: (*gpio.Line)(g.Red), OpenPulse: g.OpenPulse, ClosePulse: g.ClosePulse,
		}
	}
	var problems []error
	for _, p := range gpio.Check(file.Driver, gates) {
		problems = append(problems, usage("--gpio %s: %s", path, p))
	}
	if len(gates) == 0 {
		problems = append(problems, usage("--gpio %s: there is no gate in it", path))
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return gpio.Connect(file.Driver, gates, log.With("component", "gpio")), nil
}

// device is the board or the GPIO lines.
func (c *runCmd) device(log *slog.Logger, connectBoard device.Connect) (device.Connect, []error) {
	switch {
	case c.GPIO != "" && c.Board != "":
		return nil, []error{usage("--board and --gpio: a gate is on a board or on GPIO lines")}
	case c.GPIO != "":
		return connectGPIO(c.GPIO, log)
	case c.Board == "":
		return nil, []error{usage("--board or --gpio is needed: what carries the gates")}
	default:
		return connectBoard, nil
	}
}
