//go:build hardware

// The tests with this tag need a kernel with gpio-sim and take over its chips: they
// run under scripts/hardware; see make test-hardware.

package gpio

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/warthog618/go-gpiocdev"
	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
)

const (
	simConfig = "/sys/kernel/config/gpio-sim"
	tracing   = "/sys/kernel/tracing"
)

// sim is a GPIO chip of the kernel and the world that it is wired to.
type sim struct {
	t     *testing.T
	label string
	sys   string // directory with its lines
	base  int    // number of its first line in traces
}

// newSim makes a chip with named lines L0, L1, ... It goes when the test ends.
func newSim(t *testing.T, label string, lines int) *sim {
	t.Helper()
	s := &sim{t: t, label: label}
	dir := filepath.Join(simConfig, label)
	s.mkdir(filepath.Join(dir, "bank0"))
	s.write(filepath.Join(dir, "bank0/num_lines"), strconv.Itoa(lines))
	s.write(filepath.Join(dir, "bank0/label"), label)
	for i := range lines {
		s.mkdir(filepath.Join(dir, fmt.Sprintf("bank0/line%d", i)))
		s.write(filepath.Join(dir, fmt.Sprintf("bank0/line%d/name", i)), fmt.Sprintf("L%d", i))
	}
	s.write(filepath.Join(dir, "live"), "1")
	t.Cleanup(func() {
		s.write(filepath.Join(dir, "live"), "0")
		for i := range lines {
			_ = unix.Rmdir(filepath.Join(dir, fmt.Sprintf("bank0/line%d", i)))
		}
		_ = unix.Rmdir(filepath.Join(dir, "bank0"))
		_ = unix.Rmdir(dir)
	})
	s.sys = filepath.Join("/sys/devices/platform", s.read(filepath.Join(dir, "dev_name")), s.read(filepath.Join(dir, "bank0/chip_name")))
	s.base = s.findBase()
	return s
}

// findBase learns the chip's first number from the trace of a line that is set.
func (s *sim) findBase() int {
	s.clearTrace()
	l, err := gpiocdev.RequestLine(filepath.Base(s.sys), 0, gpiocdev.AsOutput(0))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for _, e := range s.trace() {
		return e.number
	}
	s.t.Fatal("the kernel traces no GPIO")
	return 0
}

func (s *sim) mkdir(dir string) {
	s.t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sim) write(file, text string) {
	s.t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sim) read(file string) string {
	s.t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// pull is what the world outside does to a line.
func (s *sim) pull(offset int, l gpio.Level) {
	s.t.Helper()
	text := "pull-down"
	if l {
		text = "pull-up"
	}
	s.write(filepath.Join(s.sys, fmt.Sprintf("sim_gpio%d/pull", offset)), text)
}

// value is what a line carries.
func (s *sim) value(offset int) gpio.Level {
	s.t.Helper()
	return s.read(filepath.Join(s.sys, fmt.Sprintf("sim_gpio%d/value", offset))) == "1"
}

// traced is a value or a direction that the kernel gave a line.
type traced struct {
	at     time.Duration
	pid    int
	number int
	what   string // "0" or "1" was set, "in" or "out"
}

var traceLine = regexp.MustCompile(`-(\d+) +\[\d+\] \S+ +(\d+)\.(\d+): gpio_(value|direction): (\d+) +(\w+) \(?(-?\d+)\)?`)

func (s *sim) clearTrace() { s.write(filepath.Join(tracing, "trace"), "") }

// trace is everything that was done to outputs since clearTrace, oldest first.
func (s *sim) trace() (out []traced) {
	s.t.Helper()
	for line := range strings.Lines(s.read(filepath.Join(tracing, "trace"))) {
		m := traceLine.FindStringSubmatch(line)
		if m == nil || m[6] == "get" {
			continue
		}
		n := func(i int) int { v, _ := strconv.Atoi(m[i]); return v } // digits
		e := traced{at: time.Duration(n(2))*time.Second + time.Duration(n(3))*time.Microsecond, pid: n(1), number: n(5), what: m[6]}
		if m[4] == "value" {
			e.what = m[7]
		}
		out = append(out, e)
	}
	return out
}

// of is what was done to one line.
func (s *sim) of(offset int) (out []traced) {
	s.t.Helper()
	for _, e := range s.trace() {
		if e.number == s.base+offset {
			out = append(out, e)
		}
	}
	return out
}

// pulse is a time for which a line carried its active level.
type pulse struct {
	from, to time.Duration // to is zero if it was never ended by its owner
}

// pulses are the pulses that were driven on a line.
func (s *sim) pulses(offset int, active gpio.Level) (out []pulse) {
	s.t.Helper()
	on := false
	for _, e := range s.of(offset) {
		switch e.what {
		case "out": // its value is another entry
		case "in": // taken anew after its owner was killed
			on = false
		default:
			is := (e.what == "1") == bool(active)
			if is && !on {
				out = append(out, pulse{from: e.at})
			}
			if !is && on {
				out[len(out)-1].to = e.at
			}
			on = is
		}
	}
	return out
}

// until waits for something that the kernel or another process does.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
