package checkup

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/config"
	"github.com/openlot/openlot/edge/internal/device/gpio"
	"github.com/openlot/openlot/protocol/id"
)

// site is a machine on which everything is right.
type site struct {
	dir, broker string
	machine     Machine
}

func newSite(t *testing.T) *site {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s := &site{dir: t.TempDir(), broker: l.Addr().String()}
	for name, text := range map[string]string{"secret": "s3cret\n", "token": strings.Repeat("t", 32), "ttyACM0": "", "event0": ""} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.machine = Machine{
		Synced: func() bool { return true },
		Chips: func() ([]gpio.Chip, error) {
			return []gpio.Chip{{Name: "gpiochip4", Label: "pinctrl-rp1", Lines: []gpio.LineInfo{
				{Offset: 0, Name: "A"}, {Offset: 1, Name: "B"}, {Offset: 2, Name: "C", Used: true, Consumer: "spi0"}, {Offset: 3, Name: "D"}, {Offset: 4},
			}}}, nil
		},
	}
	return s
}

func (s *site) look(t *testing.T, old, fresh string) config.Problems {
	t.Helper()
	text := `parking: dresden-altmarkt
edge_id: ` + id.New[id.Edge](time.Now()).String() + `
secret_file: DIR/secret
data_dir: DIR/data/deeper
mqtt: tcp://` + s.broker + `
lanes:
  - id: entry-1
    direction: entry
    gate: {device: main}
    readers: [keys, camera]
  - id: exit-1
    direction: exit
    gate: {device: pi}
devices:
  - id: main
    board: {port: DIR/ttyACM0}
  - id: pi
    gpio:
      gates:
        0:
          arming: {chip: pinctrl-rp1, name: A, pull: up}
          safety: {chip: pinctrl-rp1, name: B, pull: up}
          fire: {chip: gpiochip4, name: D, pull: up}
          open: {chip: pinctrl-rp1, offset: 4}
readers:
  - id: keys
    keyboard: {input: DIR/event0}
  - id: camera
    reads: plate
    http: {token_file: DIR/token}
readers_http: 127.0.0.1:8091
`
	if !strings.Contains(text, old) {
		t.Fatalf("the file has no %q", old)
	}
	text = strings.ReplaceAll(strings.Replace(text, old, fresh, 1), "DIR", s.dir)
	cfg, problems := config.Parse("edge.yaml", []byte(text), nil)
	if wrong := problems.Errors(); len(wrong) > 0 {
		t.Fatal(wrong)
	}
	return Look(t.Context(), cfg, s.machine)
}

func TestNothingIsWrongWithAGoodMachine(t *testing.T) {
	s := newSite(t)
	if problems := s.look(t, "parking", "parking"); len(problems) > 0 {
		t.Errorf("%v", problems)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "data")); err == nil {
		t.Error("the check has created the data directory")
	}
}

func TestWhatAMachineLacksIsSaid(t *testing.T) {
	for name, c := range map[string]struct {
		old, fresh string
		machine    func(*site)
		key        string
		code       config.Code
		severity   config.Severity
	}{
		"no secret":    {old: "DIR/secret", fresh: "DIR/nothing", key: "secret_file", code: CodeSecret, severity: config.Error},
		"empty secret": {old: "DIR/secret", fresh: "DIR/ttyACM0", key: "secret_file", code: CodeSecret, severity: config.Error},
		"short token":  {old: "DIR/token", fresh: "DIR/secret", key: "readers[1].http.token_file", code: CodeSecret, severity: config.Error},
		"open secret": {
			machine: func(s *site) { _ = os.Chmod(filepath.Join(s.dir, "secret"), 0o644) }, key: "secret_file", code: CodeSecretOpen, severity: config.Warning,
		},
		"no port":     {old: "DIR/ttyACM0", fresh: "DIR/ttyACM1", key: "devices[0]", code: CodePortMissing, severity: config.Error},
		"no keyboard": {old: "DIR/event0", fresh: "DIR/event1", key: "readers[0].keyboard.input", code: CodePortMissing, severity: config.Error},
		"data file":   {old: "DIR/data/deeper", fresh: "DIR/token/data", key: "data_dir", code: CodeDataDir, severity: config.Error},
		"no broker":   {old: "mqtt: tcp://", fresh: "mqtt: tcp://127.0.0.1:1\n#", key: "mqtt", code: CodeBroker, severity: config.Warning},
		"no line":     {old: "offset: 4}", fresh: "offset: 9}", key: "devices[1].gpio.gates.0.open", code: CodeLine, severity: config.Error},
		"a used line": {old: "offset: 4}", fresh: "name: C}", key: "devices[1].gpio.gates.0.open", code: CodeLine, severity: config.Error},
		"no chip":     {old: "open: {chip: pinctrl-rp1", fresh: "open: {chip: rp1", key: "devices[1].gpio.gates.0.open", code: CodeChip, severity: config.Error},
		"no chips": {
			machine: func(s *site) { s.machine.Chips = func() ([]gpio.Chip, error) { return nil, errors.New("none") } },
			key:     "devices[1]", code: CodeGPIO, severity: config.Error,
		},
		"no time": {machine: func(s *site) { s.machine.Synced = func() bool { return false } }, code: CodeClock, severity: config.Warning},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			if c.machine != nil {
				c.machine(s)
			}
			problems := s.look(t, c.old, c.fresh)
			if !slices.ContainsFunc(problems, func(p config.Problem) bool { return p.Key == c.key && p.Code == c.code && p.Severity == c.severity }) {
				t.Errorf("not said; said:\n%v", problems)
			}
			if len(problems) > 1 {
				t.Errorf("more than that is said:\n%v", problems)
			}
		})
	}
}
