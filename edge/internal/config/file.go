package config

import (
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// What holds unless something else is said.
const (
	DefaultMQTT = "tcp://127.0.0.1:1883"
	DefaultHTTP = "127.0.0.1:8090"
	DefaultBaud = 115200
)

// DefaultLanes are the lanes of a parking with one board of which nothing else
// is said.
func DefaultLanes() []string { return []string{"entry-1:entry:0", "exit-1:exit:1"} }

// Override is a setting from a flag or the environment. It wins over the file.
type Override struct {
	Key    string // such as data_dir
	Flag   string // such as --data-dir
	Values []string
	List   bool
}

// Load reads the file at path, or none if path is empty, and what is given
// beside it. The Config is usable only if no problem is an Error.
func Load(path string, over []Override) (*Config, Problems) {
	var text []byte
	if path != "" {
		var err error
		if text, err = os.ReadFile(path); err != nil {
			return &Config{}, Problems{{Key: "--config", Severity: Error, Code: CodeValue, Text: unread(path, err), Fix: "Name a file that can be read."}}
		}
	}
	return Parse(path, text, over)
}

func unread(path string, err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no file " + path + "."
	case errors.Is(err, fs.ErrPermission):
		return path + " cannot be read: no permission."
	default:
		return path + " cannot be read: " + err.Error() + "."
	}
}

// Parse is Load for the text of a file.
func Parse(file string, text []byte, over []Override) (*Config, Problems) {
	r := newReader(file)
	root := r.parse(text)
	if len(r.problems) > 0 { // what it says cannot be told, nor what it leaves out
		return &Config{places: r.places}, r.problems.sorted()
	}
	c := r.config(root, over)
	c.places = r.places
	return c, r.problems.sorted()
}

func newReader(file string) *reader {
	return &reader{places: places{file: file, lines: map[string]int{}, flags: map[string]string{}}, asked: map[string]bool{}, readFile: os.ReadFile}
}

// override puts what a flag says in a key's place.
func (o *object) override(over []Override) {
	if len(over) > 0 && o.n == nil {
		o.n = &yaml.Node{Kind: yaml.MappingNode}
	}
	for _, v := range over {
		o.r.flags[v.Key] = v.Flag
		if !v.List {
			o.values[v.Key] = &yaml.Node{Kind: yaml.ScalarNode, Value: v.Values[0]}
			continue
		}
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for _, text := range v.Values {
			list.Content = append(list.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: text})
		}
		o.values[v.Key] = list
	}
}

func (r *reader) config(root *node, over []Override) *Config {
	c := &Config{}
	o := root.object()
	o.override(over)
	if o.n == nil { // what is missing is said all the same
		o.n = &yaml.Node{Kind: yaml.MappingNode}
	}
	var err error
	if n := o.need("parking", "Write the parking's id, such as dresden-altmarkt."); n.there() {
		if c.Parking, err = id.ParseParking(n.text()); err != nil {
			n.bad(CodeValue, "Write 1 to 63 of a-z, 0-9 and inner hyphens.", "%q is no parking id.", n.text())
		}
	}
	if n := o.need("edge_id", "Write the id that the edge got when it was enrolled, edg_…"); n.there() {
		if c.Edge, err = id.Parse[id.Edge](n.text()); err != nil {
			n.bad(CodeValue, "Write the id that the edge got when it was enrolled, edg_…", "%q is no edge id.", n.text())
		}
	}
	c.SecretFile = o.need("secret_file", "Name the file with the edge's password on the broker.").text()
	c.DataDir = o.need("data_dir", "Name the directory of the journal, such as /var/lib/openlot-edge.").text()
	c.MQTT = o.broker("mqtt")
	c.HTTP = o.address("http", DefaultHTTP)
	c.Zone = o.zone("timezone")
	c.Language = o.language("language", wire.English)
	c.LogLevel = o.get("log_level").choice("info", "debug", "warn", "error")
	c.StoreLimit = int64(o.get("store_limit_mib").number(32, 1<<20, 256)) << 20
	c.UpdateConfirmAfter = o.get("update_confirm_after").duration(time.Millisecond, 24*time.Hour, 5*time.Minute)
	short := r.short(o, c)
	r.lanes(o.get("lanes"), c, short)
	r.devices(o.get("devices"), c)
	r.readers(o.get("readers"), c)
	c.ReadersHTTP = o.address("readers_http", "")
	r.displays(o.get("displays"), c)
	r.kiosk(o.get("kiosk"), c)
	o.done()
	r.cross(c)
	return c
}

func (o *object) broker(name string) string {
	n := o.get(name)
	text := n.text()
	if text == "" {
		return DefaultMQTT
	}
	u, err := url.Parse(text)
	schemes := []string{"tcp", "mqtt", "ssl", "tls", "mqtts", "ws", "wss"}
	if err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme) {
		n.bad(CodeValue, "Write tcp://host:port, ssl://host:port or ws://host:port.", "this is no broker's address.")
		return DefaultMQTT
	}
	if u.User != nil {
		n.bad(CodeValue, "Name the file with the password in secret_file.", "a broker's address bears no password.")
	}
	return text
}

func (o *object) address(name, unset string) string {
	n := o.get(name)
	text := n.text()
	if text == "" {
		return unset
	}
	_, port, err := net.SplitHostPort(text)
	if p, bad := strconv.Atoi(port); err != nil || bad != nil || p < 0 || p > 65535 {
		n.bad(CodeValue, "Write address:port, such as 127.0.0.1:8090.", "%q is no address.", text)
	}
	return text
}

func (o *object) zone(name string) *time.Location {
	n := o.get(name)
	text := n.text()
	if text == "" {
		return time.Local
	}
	zone, err := time.LoadLocation(text)
	if err != nil {
		n.bad(CodeValue, "Write an IANA zone, such as Europe/Berlin.", "the zone %q is not known.", text)
		return time.UTC
	}
	return zone
}

func (o *object) language(name string, unset wire.Language) wire.Language {
	words := []string{string(unset)}
	for _, l := range wire.Languages() {
		if l != unset {
			words = append(words, string(l))
		}
	}
	return wire.Language(o.get(name).choice(words...))
}

// names of the devices that the short keys make.
const (
	shortBoard = "board"
	shortGPIO  = "gpio"
)

// short reads board, baud and gpio: one device that needs no more than its port.
// It returns the device's id, or nothing.
func (r *reader) short(o *object, c *Config) string {
	port, baud, file := o.get(shortBoard), o.get("baud"), o.get(shortGPIO)
	speed := baud.number(minBaud, maxBaud, DefaultBaud)
	switch {
	case port.there() && file.there():
		file.bad(CodeValue, "For both, describe them under devices.", "a gate is on a board or on GPIO lines, not on both: --board and --gpio.")
		return shortBoard
	case port.there():
		c.Devices = append(c.Devices, Device{ID: shortBoard, Board: &Board{Port: port.text(), Baud: speed}, Key: shortBoard})
		return shortBoard
	case file.there():
		d := Device{ID: shortGPIO, Key: shortGPIO}
		d.GPIO = r.gpioFile(file)
		c.Devices = append(c.Devices, d)
		return shortGPIO
	default:
		return ""
	}
}

// gpioFile reads a file that holds nothing but a device's gpio section.
func (r *reader) gpioFile(n *node) *GPIO {
	text, err := r.readFile(n.text())
	if err != nil {
		n.bad(CodeValue, "Name a file that can be read.", "%s", unread(n.text(), err))
		return &GPIO{}
	}
	inner := newReader(n.text())
	g := inner.gpio(inner.parse(text))
	r.problems = append(r.problems, inner.problems...)
	return g
}

func (r *reader) lanes(n *node, c *Config, short string) {
	if !n.there() && short != "" {
		for _, text := range DefaultLanes() {
			c.Lanes = append(c.Lanes, r.shortLane(n, text, c, short))
		}
		return
	}
	items := n.items()
	if len(items) == 0 {
		r.note(n.key, Error, CodeMissing, "Write at least one lane, and what carries its gate.", "there is no lane.")
	}
	for _, i := range items {
		if v := i.resolved(); v.Kind == yaml.ScalarNode {
			c.Lanes = append(c.Lanes, r.shortLane(i, v.Value, c, short))
			continue
		}
		c.Lanes = append(c.Lanes, r.lane(i, c))
	}
}

// shortLane reads name:direction:gate[:space-type].
func (r *reader) shortLane(n *node, text string, c *Config, device string) Lane {
	l := Lane{Device: device, SpaceType: id.Standard, Language: c.Language, Key: n.key}
	parts := strings.Split(text, ":")
	if len(parts) < 3 || len(parts) > 4 {
		n.bad(CodeValue, "Write name:direction:gate, such as entry-1:entry:0.", "%q is no lane.", text)
		return l
	}
	if device == "" {
		n.bad(CodeReference, "Name the board's port in board (--board) or the file of the lines in gpio (--gpio).", "nothing carries this lane's gate.")
	}
	o := &object{node: &node{r: r, key: n.key, n: &yaml.Node{Kind: yaml.MappingNode}}, values: map[string]*yaml.Node{}}
	for i, name := range []string{"id", "direction", "number", "space_type"} {
		if i < len(parts) {
			o.values[name] = &yaml.Node{Kind: yaml.ScalarNode, Value: parts[i]}
		}
	}
	o.names(&l)
	l.Gate = o.value("number").number(0, maxGate, 0)
	return l
}

// value is get for what is no key of the file.
func (o *object) value(name string) *node {
	return &node{r: o.r, key: join(o.key, name), n: o.values[name]}
}

func (o *object) names(l *Lane) {
	var err error
	name := o.value("id")
	if l.ID, err = id.ParseLane(name.text()); err != nil && name.there() {
		name.bad(CodeValue, "Write 1 to 32 of a-z, 0-9 and inner hyphens.", "%q is no lane's name.", name.text())
	}
	l.Direction = admission.Direction(o.value("direction").choice(string(admission.Entry), string(admission.Exit)))
	space := o.value("space_type")
	if l.SpaceType, err = id.ParseSpaceType(space.text()); err != nil {
		if l.SpaceType = id.Standard; space.there() {
			space.bad(CodeValue, "Write 1 to 32 of a-z, 0-9 and inner hyphens, such as standard.", "%q is no space type.", space.text())
		}
	}
}

func (r *reader) lane(n *node, c *Config) Lane {
	o := n.object()
	o.need("id", "Write a name, such as entry-1.")
	o.need("direction", "Write entry or exit.")
	o.get("space_type")
	l := Lane{Key: n.key}
	o.names(&l)
	for _, i := range o.get("only").items() {
		t, err := id.ParseSpaceType(i.text())
		if err != nil {
			i.bad(CodeValue, "Write space types, such as standard.", "%q is no space type.", i.text())
		}
		l.Only = append(l.Only, t)
	}
	switch o.get("mode").choice("open", "full", "closed", "closed_to_all") {
	case "full":
		l.Mode = admission.Full
	case "closed":
		l.Mode = admission.Closed
	case "closed_to_all":
		l.Mode = admission.ClosedToAll
	}
	l.Reversible = o.get("reversible").truth()
	l.Language = o.language("language", c.Language)
	g := o.need("gate", "Write {device: …, number: …}.").object()
	l.Device = g.need("device", "Write the id of the device that carries the gate.").text()
	l.Gate = g.get("number").number(0, maxGate, 0)
	g.done()
	l.Readers = o.get("readers").texts()
	l.Display = o.get("display").text()
	o.done()
	return l
}
