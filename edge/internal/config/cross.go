package config

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/device/gpio"
)

// checkWiring adds what gpio.Check finds in gates.
func (r *reader) checkWiring(key string, g *GPIO) {
	for _, p := range gpio.Check(g.Driver, g.Gates) {
		at := fmt.Sprintf("%s.%d.%s", strings.TrimPrefix(key, "."), p.Gate, p.Line)
		switch {
		case strings.Contains(p.Text, " is also "): // cross looks at all devices
		case p.Line == "open" && g.Gates[p.Gate].Open == nil:
			r.note(parent(at), Error, CodeNoOpen, "Write its line open.", "this gate cannot be asked to open.")
		case r.has(at):
		default:
			r.note(at, Error, CodeWiring, "See edge/docs/wiring.md.", "%s.", p.Text)
		}
	}
	for _, n := range slices.Sorted(maps.Keys(g.Gates)) {
		at := join(key, fmt.Sprint(n))
		gate := g.Gates[n]
		if gate.Safety == nil {
			r.note(at, Warning, CodeNoSafety, "Write its line safety, or let the barrier's operator close by itself.", "without a safety loop the barrier is never asked to close, and passages are guessed.")
		}
		if gate.Fire == nil {
			r.note(at, Warning, CodeNoFire, "Write its line fire. It goes to the barrier's operator in any case.", "the agent does not see a fire alarm here.")
		}
	}
}

// has says that something at a key, or below it, is already reported.
func (r *reader) has(key string) bool {
	return slices.ContainsFunc(r.problems, func(p Problem) bool { return p.Key == key || strings.HasPrefix(p.Key, key+".") })
}

// seen reports ids that are there twice.
func (r *reader) seen(ids map[string]string, id, key, what string) {
	if id == "" {
		return
	}
	if other, twice := ids[id]; twice {
		r.note(key, Error, CodeDuplicate, "Give each its own id.", "the %s %q is there twice; %s has the same id.", what, id, other)
		return
	}
	ids[id] = key
}

// cross checks what parts of the file say about each other.
func (r *reader) cross(c *Config) {
	lanes, devices, readers, displays := map[string]string{}, map[string]string{}, map[string]string{}, map[string]string{}
	for _, l := range c.Lanes {
		r.seen(lanes, string(l.ID), l.Key, "lane")
	}
	for _, d := range c.Devices {
		r.seen(devices, d.ID, d.Key, "device")
	}
	for _, d := range c.Readers {
		r.seen(readers, d.ID, d.Key, "reader")
	}
	for _, d := range c.Displays {
		r.seen(displays, d.ID, d.Key, "display")
	}
	r.crossGates(c)
	used := map[string]string{} // readers and displays at lanes
	for _, l := range c.Lanes {
		for i, name := range l.Readers {
			r.taken(used, readers, "reader", name, fmt.Sprintf("%s.readers[%d]", l.Key, i))
		}
		if l.Display != "" {
			r.taken(used, displays, "display", l.Display, l.Key+".display")
		}
	}
	for _, d := range c.Readers {
		if d.ID != "" && used["reader "+d.ID] == "" {
			r.note(d.Key, Warning, CodeUnused, "Name it in a lane's readers.", "the reader %q is at no lane; nobody listens to it.", d.ID)
		}
		if d.TokenFile != "" && c.ReadersHTTP == "" {
			r.note(d.Key+".http", Error, CodeMissing, "Write readers_http, such as 127.0.0.1:8091.", "nothing says at which address readers send what they read.")
		}
	}
	for _, d := range c.Displays {
		if d.ID != "" && used["display "+d.ID] == "" {
			r.note(d.Key, Warning, CodeUnused, "Name it as a lane's display.", "the display %q is at no lane; it shows nothing.", d.ID)
		}
	}
	if host, _, err := net.SplitHostPort(c.ReadersHTTP); err == nil && host != "localhost" && !net.ParseIP(host).IsLoopback() {
		r.note("readers_http", Warning, CodePlain, "Keep readers in a network of their own, or put a proxy with TLS before it.", "readers' tokens and what they read cross the network unencrypted.")
	}
	r.crossPorts(c)
}

func (r *reader) taken(used, known map[string]string, what, name, key string) {
	switch other := used[what+" "+name]; {
	case known[name] == "":
		fix := "Describe it under " + what + "s."
		if near := nearest(name, slices.Sorted(maps.Keys(known))); near != "" {
			fix = fmt.Sprintf("Perhaps %q is meant.", near)
		}
		r.note(key, Error, CodeReference, fix, "there is no %s %q.", what, name)
	case other != "":
		r.note(key, Error, CodeShared, "What is read or shown must belong to one lane.", "the %s %q is also %s.", what, name, other)
	default:
		used[what+" "+name] = key
	}
}

// crossGates checks lanes against the gates that devices carry.
func (r *reader) crossGates(c *Config) {
	gates := map[string]string{}
	for _, l := range c.Lanes {
		i := slices.IndexFunc(c.Devices, func(d Device) bool { return d.ID == l.Device })
		if l.Device == "" {
			continue // said already
		}
		if i < 0 {
			r.note(l.Key+".gate.device", Error, CodeReference, "Describe it under devices.", "there is no device %q.", l.Device)
			continue
		}
		name := fmt.Sprintf("gate %d of %s", l.Gate, l.Device)
		if other := gates[name]; other != "" {
			r.note(l.Key, Error, CodeGateTwice, "Each lane has its own gate.", "%s is there twice; %s has it, too.", name, other)
		}
		gates[name] = l.Key
		g := c.Devices[i].GPIO
		if g == nil {
			if l.Reversible {
				r.note(l.Key+".reversible", Error, CodeReversible, "Wire its gate to lines of this machine.", "a board has no loop for the other side of a lane.")
			}
			continue
		}
		wired, ok := g.Gates[l.Gate]
		switch {
		case !ok:
			r.note(l.Key+".gate.number", Error, CodeReference, "Describe it under the device's gates.", "the device %q has no gate %d.", l.Device, l.Gate)
		case wired.Arming == nil && wired.Safety == nil:
			r.note(l.Key+".gate", Error, CodeBlind, "Wire at least one loop.", "no loop shows who passes here: one ticket would let everybody in.")
		case l.Reversible && (wired.Arming == nil || wired.Far == nil || wired.Safety == nil):
			r.note(l.Key+".gate", Error, CodeReversible, "Wire arming, safety and far.", "a reversible lane needs a loop on either side and one under the arm.")
		case wired.Far != nil && !l.Reversible:
			r.note(l.Key+".gate", Warning, CodeReversible, "Write reversible: true, or leave the line out.", "a loop on the other side is of no use to a lane that is never turned.")
		case wired.Arming == nil && l.Direction == admission.Entry:
			r.note(l.Key+".gate", Warning, CodeNoArming, "Wire the loop in front of the barrier.", "without an arming loop tickets are decided though no car is there.")
		}
	}
	lines := map[string]string{}
	for _, d := range c.Devices {
		if d.GPIO == nil {
			continue
		}
		below := d.Key + ".gpio.gates"
		if d.Key == shortGPIO {
			below = shortGPIO
		}
		for _, n := range slices.Sorted(maps.Keys(d.GPIO.Gates)) {
			g := d.GPIO.Gates[n]
			for _, role := range roles(&g) {
				l := *role.line
				if l == nil || l.Chip == "" {
					continue
				}
				key := fmt.Sprintf("%s.%d.%s", below, n, role.name)
				if other := lines[l.String()]; other != "" {
					r.note(key, Error, CodeLineTwice, "Each has its own line.", "the line %s is also %s.", l, other)
				}
				lines[l.String()] = key
			}
		}
		for _, n := range slices.Sorted(maps.Keys(d.GPIO.Gates)) {
			if gates[fmt.Sprintf("gate %d of %s", n, d.ID)] == "" {
				r.note(fmt.Sprintf("%s.%d", below, n), Warning, CodeUnused, "Name it as a lane's gate.", "this gate is at no lane.")
			}
		}
	}
}

// crossPorts checks that each port has one user.
func (r *reader) crossPorts(c *Config) {
	ports := map[string]string{}
	use := func(port, key string) {
		if port == "" {
			return
		}
		if other := ports[port]; other != "" {
			r.note(key, Error, CodePortTwice, "Each has its own port.", "the port %s is also that of %s.", port, other)
			return
		}
		ports[port] = key
	}
	for _, d := range c.Devices {
		if d.Board != nil {
			use(d.Board.Port, d.Key)
		}
	}
	for _, d := range c.Readers {
		if d.Serial != nil {
			use(d.Serial.Port, d.Key)
		}
		if d.Keyboard != nil {
			use(d.Keyboard.Input, d.Key)
		}
	}
	for _, d := range c.Displays {
		use(d.Port, d.Key)
	}
}
