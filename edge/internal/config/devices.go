package config

import (
	"strconv"
	"time"

	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/edge/internal/device/gpio"
)

// Bounds.
const (
	minBaud = 300
	maxBaud = 4_000_000
	maxGate = 15
)

// What holds for readers and displays unless something else is said.
const (
	readerBaud    = 9600
	readerRepeat  = 2 * time.Second
	displayBaud   = 9600
	displayHold   = 8 * time.Second
	displayClear  = "\x0c"
	leastFlush    = 10 * time.Millisecond
	longestFlush  = 5 * time.Second
	longestRepeat = time.Minute
)

func (r *reader) devices(n *node, c *Config) {
	for _, i := range n.items() {
		o := i.object()
		d := Device{Key: i.key, ID: o.need("id", "Write a name, such as main.").text()}
		board, lines := o.get("board"), o.get("gpio")
		if board.there() {
			b := board.object()
			d.Board = &Board{
				Port: b.need("port", "Write the serial port, best one of /dev/serial/by-id.").text(),
				Baud: b.get("baud").number(minBaud, maxBaud, DefaultBaud),
			}
			b.done()
		}
		if lines.there() {
			d.GPIO = r.gpio(lines)
		}
		if board.there() == lines.there() {
			r.note(i.key, Error, CodeValue, "Write one of them.", "a device is either a board or gpio.")
		}
		o.done()
		c.Devices = append(c.Devices, d)
	}
}

// roles are the lines of a gate, in the order in which they are looked up.
func roles(g *gpio.Gate) []struct {
	name string
	line **gpio.Line
} {
	return []struct {
		name string
		line **gpio.Line
	}{
		{"arming", &g.Arming},
		{"safety", &g.Safety},
		{"arm_open", &g.ArmOpen},
		{"arm_closed", &g.ArmClosed},
		{"fire", &g.Fire},
		{"stop", &g.Stop},
		{"button", &g.Button},
		{"far", &g.Far},
		{"open", &g.Open},
		{"close", &g.Close},
		{"green", &g.Green},
		{"red", &g.Red},
	}
}

// gpio reads driver and gates.
func (r *reader) gpio(n *node) *GPIO {
	o := n.object()
	g := &GPIO{Driver: gpio.Driver(o.get("driver").choice(string(gpio.Cdev), string(gpio.Periph))), Gates: map[int]gpio.Gate{}}
	gates := o.get("gates")
	o.done()
	wired := gates.object()
	if len(wired.values) == 0 {
		r.note(gates.key, Error, CodeMissing, "Write a gate's number, from 0, and its lines below it.", "there is no gate in it.")
	}
	for name := range wired.values {
		key := join(gates.key, name)
		number, err := strconv.Atoi(name)
		if err != nil || number < 0 || number > maxGate || strconv.Itoa(number) != name {
			r.note(key, Error, CodeValue, "Write 0 to 15.", "%q is no number of a gate.", name)
			continue
		}
		g.Gates[number] = r.wiring(&node{r: r, key: key, n: wired.values[name]})
	}
	r.checkWiring(gates.key, g)
	return g
}

func (r *reader) wiring(n *node) gpio.Gate {
	var g gpio.Gate
	o := n.object()
	for _, role := range roles(&g) {
		if v := o.get(role.name); v.there() {
			*role.line = r.line(v)
		}
	}
	g.OpenPulse = o.pulse("open_pulse")
	g.ClosePulse = o.pulse("close_pulse")
	o.done()
	return g
}

// pulse is a pulse's length; its bounds are those of gpio.Check.
func (o *object) pulse(name string) time.Duration {
	n := o.get(name)
	text := n.text()
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < gpio.MinPulse || d > gpio.MaxPulse {
		n.bad(CodePulse, "Write 300ms to 1s; 500ms suits most barriers.", "a pulse of %q is too short, too long or no time.", text)
		return 0
	}
	return d
}

func (r *reader) line(n *node) *gpio.Line {
	o := n.object()
	l := &gpio.Line{
		Chip: o.need("chip", "Write the chip's label, such as pinctrl-bcm2711; openlot-edge lines lists them.").text(),
		Name: o.get("name").text(),
	}
	offset := o.get("offset")
	l.Offset = offset.number(0, 1<<16, 0)
	if offset.there() == (l.Name != "") {
		r.note(n.key, Error, CodeValue, "Write one of them.", "a line has either a name or an offset.")
	}
	l.ActiveLow = o.get("active_low").truth()
	if pull := o.get("pull"); pull.there() {
		l.Pull = gpio.Pull(pull.choice(string(gpio.PullUp), string(gpio.PullDown), string(gpio.PullNone)))
	}
	l.Debounce = o.get("debounce").duration(time.Millisecond, gpio.MaxDebounce, 0)
	o.done()
	return l
}

func (r *reader) readers(n *node, c *Config) {
	media := map[string]device.Medium{"code": device.Code, "plate": device.Plate, "card": device.Card, "pin": device.PIN}
	for _, i := range n.items() {
		o := i.object()
		d := Reader{Key: i.key, ID: o.need("id", "Write a name, such as entry-qr.").text()}
		d.Reads = media[o.get("reads").choice("code", "plate", "card", "pin")]
		d.RepeatAfter = o.get("repeat_after").duration(100*time.Millisecond, longestRepeat, readerRepeat)
		confidence := o.get("min_confidence")
		if d.Confidence = confidence.fraction(); confidence.there() && d.Reads != device.Plate {
			confidence.bad(CodeValue, "Leave it away, or write reads: plate.", "only plates are read with a confidence.")
		}
		ways := 0
		if v := o.get("serial"); v.there() {
			s := v.object()
			d.Serial = &Serial{
				Port: s.need("port", "Write the serial port, best one of /dev/serial/by-id.").text(), Baud: s.get("baud").number(minBaud, maxBaud, readerBaud),
				Prefix: s.get("prefix").text(), Suffix: s.get("suffix").text(), FlushAfter: s.get("flush_after").duration(leastFlush, longestFlush, 0),
			}
			s.done()
			ways++
		}
		if v := o.get("keyboard"); v.there() {
			k := v.object()
			d.Keyboard = &Keyboard{
				Input:  k.need("input", "Write the device, best one of /dev/input/by-id.").text(),
				Layout: k.get("layout").choice("us", "de"),
			}
			k.done()
			ways++
		}
		if v := o.get("http"); v.there() {
			h := v.object()
			d.TokenFile = h.need("token_file", "Name the file with the token that the reader sends.").text()
			h.done()
			ways++
		}
		if ways != 1 {
			r.note(i.key, Error, CodeValue, "Write one of them.", "a reader is one of serial, keyboard and http.")
		}
		o.done()
		c.Readers = append(c.Readers, d)
	}
}

func (r *reader) displays(n *node, c *Config) {
	for _, i := range n.items() {
		o := i.object()
		d := Display{Key: i.key, ID: o.need("id", "Write a name, such as entry-display.").text()}
		s := o.need("serial", "Write {port: …}.").object()
		d.Port, d.Baud = s.need("port", "Write the serial port, best one of /dev/serial/by-id.").text(), s.get("baud").number(minBaud, maxBaud, displayBaud)
		s.done()
		d.Columns, d.Rows = o.get("columns").number(8, 80, 20), o.get("rows").number(1, 8, 2)
		d.Charset = o.get("charset").choice("ascii", "latin1", "cp437")
		d.Clear = displayClear
		if v := o.get("clear"); v.there() {
			if d.Clear = v.text(); len(d.Clear) == 0 || len(d.Clear) > 16 {
				v.bad(CodeValue, `Write 1 to 16 bytes in double quotes, such as "\x0c" or "\e[2J".`, "this cannot empty a display.")
			}
		}
		d.Idle = o.get("idle").text()
		d.HoldFor = o.get("hold_for").duration(time.Second, 5*time.Minute, displayHold)
		o.done()
		c.Displays = append(c.Displays, d)
	}
}

// Roles are the lines of a gate that are wired, by their names.
func Roles(g gpio.Gate) map[string]*gpio.Line {
	out := map[string]*gpio.Line{}
	for _, role := range roles(&g) {
		if *role.line != nil {
			out[role.name] = *role.line
		}
	}
	return out
}
