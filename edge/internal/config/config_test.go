package config

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/device"
)

const sample = "../../packaging/openlot-edge.yaml"

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// full is the sample with everything that is off in it turned on.
func full(t *testing.T) string {
	t.Helper()
	return regexp.MustCompile(`(?m)^( *)#(\S)`).ReplaceAllString(read(t, sample), "$1$2")
}

func TestTheSampleIsRight(t *testing.T) {
	if _, problems := Load(sample, nil); len(problems) > 0 {
		t.Errorf("as it is:\n%v", problems)
	}
	c, problems := Parse("full.yaml", []byte(full(t)), nil)
	// Real devices of a kiosk have no drivers yet.
	if len(problems) != 1 || problems[0].Code != CodeSimulated || problems[0].Severity != Warning {
		t.Errorf("with everything on:\n%v", problems)
	}
	if k := c.Kiosk; k == nil || k.ID != "kiosk-1" || k.Label != "1" || len(k.Allow) != 1 || len(k.Coins) != 5 || len(k.Notes) != 3 || k.Filled != 50 || k.Languages[0] != "de" {
		t.Errorf("the kiosk: %+v", k)
	}
	if len(c.Lanes) != 3 || len(c.Devices) != 2 || len(c.Readers) != 3 || len(c.Displays) != 1 {
		t.Fatalf("read %d lanes, %d devices, %d readers, %d displays", len(c.Lanes), len(c.Devices), len(c.Readers), len(c.Displays))
	}
	if g := c.Devices[1].GPIO.Gates[0]; g.Safety.Name != "GPIO27" || g.Button.Offset != 5 || !g.Button.ActiveLow || g.Open == nil {
		t.Errorf("the wiring: %+v", g)
	}
	if c.Readers[2].Reads != device.Plate || c.Readers[2].Confidence != 0.8 || c.Displays[0].Clear != "\x0c" {
		t.Errorf("readers %+v, display %q", c.Readers, c.Displays[0].Clear)
	}
}

// The decoder, the sample and the documentation know the same keys.
func TestTheSampleAndTheDocumentationNameAllKeys(t *testing.T) {
	r := newReader("full.yaml")
	r.config(r.parse([]byte(full(t))), nil)
	short := []string{"board", "baud", "gpio"} // instead of devices
	given := map[string]bool{}
	for key := range r.lines {
		given[general(key)] = true
	}
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| (.*?) \|`).FindAllStringSubmatch(read(t, "../../docs/configuration.md"), -1) {
		for _, key := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			documented[key[1]] = true
		}
	}
	of := regexp.MustCompile(`^devices\[\]\.gpio\.gates\[\]\.[a-z_]+\.`)
	for key := range r.asked {
		if !given[key] && !slices.Contains(short, key) && !of.MatchString(key) {
			t.Errorf("the sample does not show %s", key)
		}
		if name := of.ReplaceAllString(key, "…."); !documented[name] {
			t.Errorf("the documentation does not explain %s", name)
		}
		if of.MatchString(key) && !strings.Contains(full(t), key[strings.LastIndex(key, ".")+1:]+":") {
			t.Errorf("the sample does not show %s", key)
		}
	}
	for key := range documented {
		name := strings.Replace(key, "….", "devices[].gpio.gates[].open.", 1)
		if !r.asked[name] {
			t.Errorf("the documentation explains %s, which does not exist", key)
		}
	}
}

const small = `parking: dresden-altmarkt
edge_id: edg_01kdvdna00f0w93y935maay78a
secret_file: /etc/openlot/secret
data_dir: /var/lib/openlot
lanes:
  - id: entry-1
    direction: entry
    gate: {device: pi, number: 0}
devices:
  - id: pi
    gpio:
      gates:
        0:
          arming: {chip: rp1, offset: 1, pull: up}
          safety: {chip: rp1, offset: 2, pull: up}
          fire: {chip: rp1, offset: 3, pull: up}
          open: {chip: rp1, offset: 4}
`

func TestEachMistakeIsSaidWithItsPlace(t *testing.T) {
	const gate0 = "devices[0].gpio.gates.0"
	for name, c := range map[string]struct {
		old, new string
		line     int
		key      string
		code     Code
		severity Severity
		also     string // in the text
	}{
		"unknown key":       {"data_dir:", "data_dri: /x\ndata_dir:", 4, "data_dri", CodeUnknownKey, Error, `"data_dir"`},
		"unknown line":      {"offset: 2", "ofset: 2, offset: 2", 15, gate0 + ".safety.ofset", CodeUnknownKey, Error, `"offset"`},
		"key twice":         {"data_dir:", "parking: other\ndata_dir:", 4, "parking", CodeTwice, Error, ""},
		"missing":           {"data_dir: /var/lib/openlot\n", "", 0, "data_dir", CodeMissing, Error, ""},
		"missing in a list": {"- id: pi\n", "- \n", 11, "devices[0].id", CodeMissing, Error, ""},
		"a list":            {"parking: dresden-altmarkt", "parking: [a]", 1, "parking", CodeType, Error, ""},
		"not YAML":          {"lanes:", "lanes: [", 0, "", CodeSyntax, Error, ""},
		"parking":           {"dresden-altmarkt", "Dresden!", 1, "parking", CodeValue, Error, ""},
		"edge":              {"edg_", "edge_", 2, "edge_id", CodeValue, Error, ""},
		"broker":            {"data_dir:", "mqtt: localhost\ndata_dir:", 4, "mqtt", CodeValue, Error, ""},
		"a password":        {"data_dir:", "mqtt: tcp://a:hunter2@b:1\ndata_dir:", 4, "mqtt", CodeValue, Error, ""},
		"address":           {"data_dir:", "http: 8090\ndata_dir:", 4, "http", CodeValue, Error, ""},
		"zone":              {"data_dir:", "timezone: Europe/Dresden\ndata_dir:", 4, "timezone", CodeValue, Error, ""},
		"language":          {"data_dir:", "language: fr\ndata_dir:", 4, "language", CodeValue, Error, "en, de"},
		"direction":         {"direction: entry", "direction: in", 7, "lanes[0].direction", CodeValue, Error, ""},
		"lane's name":       {"id: entry-1", "id: Entry", 6, "lanes[0].id", CodeValue, Error, ""},
		"mode":              {"direction: entry", "direction: entry\n    mode: shut", 8, "lanes[0].mode", CodeValue, Error, ""},
		"no such device":    {"device: pi", "device: py", 8, "lanes[0].gate.device", CodeReference, Error, ""},
		"no such gate":      {"number: 0", "number: 1", 8, "lanes[0].gate.number", CodeReference, Error, ""},
		"gate unused":       {"number: 0", "number: 1", 13, gate0, CodeUnused, Warning, ""},
		"no such reader":    {"direction: entry", "direction: entry\n    readers: [a]", 8, "lanes[0].readers[0]", CodeReference, Error, ""},
		"no such display":   {"direction: entry", "direction: entry\n    display: a", 8, "lanes[0].display", CodeReference, Error, ""},
		"lane twice":        {"devices:", "  - id: entry-1\n    direction: exit\n    gate: {device: pi, number: 0}\ndevices:", 9, "lanes[1]", CodeDuplicate, Error, ""},
		"gate twice":        {"devices:", "  - id: exit-1\n    direction: exit\n    gate: {device: pi, number: 0}\ndevices:", 9, "lanes[1]", CodeGateTwice, Error, ""},
		"line twice":        {"offset: 3", "offset: 4", 17, gate0 + ".open", CodeLineTwice, Error, gate0 + ".fire"},
		"name and offset":   {"offset: 4", "offset: 4, name: A", 17, gate0 + ".open", CodeValue, Error, ""},
		"no open":           {"          open: {chip: rp1, offset: 4}\n", "", 13, gate0, CodeNoOpen, Error, ""},
		"no loops":          {"          arming: {chip: rp1, offset: 1, pull: up}\n          safety: {chip: rp1, offset: 2, pull: up}\n", "", 8, "lanes[0].gate", CodeBlind, Error, ""},
		"no safety":         {"          safety: {chip: rp1, offset: 2, pull: up}\n", "", 13, gate0, CodeNoSafety, Warning, ""},
		"no arming":         {"          arming: {chip: rp1, offset: 1, pull: up}\n", "", 8, "lanes[0].gate", CodeNoArming, Warning, ""},
		"no fire":           {"          fire: {chip: rp1, offset: 3, pull: up}\n", "", 13, gate0, CodeNoFire, Warning, ""},
		"a long pulse":      {"          open:", "          open_pulse: 4s\n          open:", 17, gate0 + ".open_pulse", CodePulse, Error, "4s"},
		"a short pulse":     {"          open:", "          close_pulse: 299ms\n          open:", 17, gate0 + ".close_pulse", CodePulse, Error, ""},
		"a cut wire":        {"offset: 2, pull: up", "offset: 2, pull: up, active_low: true", 15, gate0 + ".safety", CodeWiring, Error, "cut"},
		"pull":              {"offset: 2, pull: up", "offset: 2, pull: left", 15, gate0 + ".safety.pull", CodeValue, Error, ""},
		"debounce":          {"offset: 2, pull: up", "offset: 2, pull: up, debounce: 2s", 15, gate0 + ".safety.debounce", CodeValue, Error, ""},
		"driver":            {"gpio:", "gpio:\n      driver: sysfs", 12, "devices[0].gpio.driver", CodeValue, Error, "gpiocdev, periph"},
		"board and gpio":    {"    gpio:", "    board: {port: /dev/ttyACM0}\n    gpio:", 10, "devices[0]", CodeValue, Error, ""},
		"baud":              {"devices:", "devices:\n  - id: b\n    board: {port: /dev/a, baud: fast}", 11, "devices[0].board.baud", CodeValue, Error, ""},
		"port twice":        {"devices:", "devices:\n  - id: a\n    board: {port: /dev/a}\n  - id: b\n    board: {port: /dev/a}", 12, "devices[1]", CodePortTwice, Error, ""},
		"a reader's ways":   {"devices:", "readers:\n  - id: a\ndevices:", 10, "readers[0]", CodeValue, Error, ""},
		"reader unused":     {"devices:", "readers:\n  - id: a\n    serial: {port: /dev/a}\ndevices:", 10, "readers[0]", CodeUnused, Warning, ""},
		"confidence":        {"devices:", "readers:\n  - id: a\n    reads: plate\n    min_confidence: 95\n    serial: {port: /dev/a}\ndevices:", 12, "readers[0].min_confidence", CodeValue, Error, ""},
		"no address":        {"devices:", "readers:\n  - id: a\n    http: {token_file: /x}\ndevices:", 11, "readers[0].http", CodeMissing, Error, "nothing says"},
		"open to all":       {"devices:", "readers_http: 0.0.0.0:8091\ndevices:", 9, "readers_http", CodePlain, Warning, ""},
		"turned blindly":    {"direction: entry", "direction: entry\n    reversible: true", 9, "lanes[0].gate", CodeReversible, Error, "either side"},
		"never turned":      {"          open:", "          far: {chip: rp1, offset: 9, pull: up}\n          open:", 8, "lanes[0].gate", CodeReversible, Warning, "never turned"},
		"far, cut":          {"          open:", "          far: {chip: rp1, offset: 9, pull: up, active_low: true}\n          open:", 17, gate0 + ".far", CodeWiring, Error, "cut"},
		"turned by a board": {"devices:", "  - id: b\n    direction: exit\n    reversible: true\n    gate: {device: b, number: 0}\ndevices:\n  - id: b\n    board: {port: /dev/a}", 11, "lanes[1].reversible", CodeReversible, Error, "board"},
		"a reader twice": {
			"devices:", "    readers: [a]\n  - id: exit-1\n    direction: exit\n    gate: {device: pi, number: 1}\n    readers: [a]\nreaders:\n  - id: a\n    serial: {port: /dev/a}\ndevices:",
			13, "lanes[1].readers[0]", CodeShared, Error, "lanes[0]",
		},
		"display's clear": {"devices:", "displays:\n  - id: a\n    clear: \"\"\n    serial: {port: /dev/a}\ndevices:", 11, "displays[0].clear", CodeValue, Error, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(small, c.old) {
				t.Fatal("the file has no " + c.old)
			}
			_, problems := Parse("edge.yaml", []byte(strings.Replace(small, c.old, c.new, 1)), nil)
			for _, p := range problems {
				if p.Code == c.code && p.Key == c.key {
					if c.code != CodeSyntax && p.Line != c.line || p.File != "edge.yaml" || p.Severity != c.severity || !strings.Contains(p.String(), c.also) {
						t.Errorf("want line %d, %s, %q; said: %s", c.line, c.severity, c.also, p)
					}
					return
				}
			}
			t.Errorf("not said; said:\n%v", problems)
		})
	}
	if _, problems := Parse("edge.yaml", []byte("parking: x\nlanes: [a: b\n"), nil); len(problems) != 1 || problems[0].Code != CodeSyntax {
		t.Errorf("what is no YAML leaves nothing out: %v", problems) // that cannot be said
	}
	if _, problems := Parse("edge.yaml", []byte(small), nil); len(problems) > 0 {
		t.Errorf("without a mistake:\n%v", problems)
	}
}

func TestEverythingIsSaidAtOnce(t *testing.T) {
	wrong := strings.NewReplacer("dresden-altmarkt", "Dresden!", "direction: entry", "direction: in", "offset: 4", "offset: x", "device: pi", "device: py").Replace(small)
	_, problems := Parse("edge.yaml", []byte(wrong), nil)
	for _, key := range []string{"parking", "lanes[0].direction", "devices[0].gpio.gates.0.open.offset", "lanes[0].gate.device"} {
		if !slices.ContainsFunc(problems, func(p Problem) bool { return p.Key == key }) {
			t.Errorf("%s is not said:\n%v", key, problems)
		}
	}
	for i, p := range problems[1:] {
		if p.Line < problems[i].Line {
			t.Errorf("not in the file's order:\n%v", problems)
		}
	}
}

func TestAFlagWinsOverTheFile(t *testing.T) {
	c, problems := Parse("edge.yaml", []byte(small), []Override{
		{Key: "parking", Flag: "--parking", Values: []string{"leipzig"}},
		{Key: "board", Flag: "--board", Values: []string{"/dev/ttyACM0"}},
		{Key: "lanes", Flag: "--lanes", Values: []string{"exit-1:exit:3:ev"}, List: true},
	})
	if len(problems.Errors()) > 0 || c.Parking != "leipzig" || len(c.Lanes) != 1 || c.Lanes[0].Gate != 3 || c.Lanes[0].SpaceType != "ev" || c.Lanes[0].Direction != admission.Exit {
		t.Errorf("%+v\n%v", c, problems)
	}
	_, problems = Parse("edge.yaml", []byte(small), []Override{{Key: "parking", Flag: "--parking", Values: []string{"Leipzig!"}}})
	if len(problems) != 1 || problems[0].Key != "--parking" || problems[0].File != "" {
		t.Errorf("a wrong flag is blamed on:\n%v", problems)
	}
}

func TestFlagsAloneAreEnough(t *testing.T) {
	c, problems := Parse("", nil, []Override{
		{Key: "parking", Flag: "--parking", Values: []string{"leipzig"}},
		{Key: "edge_id", Flag: "--edge-id", Values: []string{"edg_01kdvdna00f0w93y935maay78a"}},
		{Key: "secret_file", Flag: "--secret-file", Values: []string{"/s"}},
		{Key: "data_dir", Flag: "--data-dir", Values: []string{"/d"}},
		{Key: "board", Flag: "--board", Values: []string{"/dev/ttyACM0"}},
	})
	if len(problems) > 0 || len(c.Lanes) != 2 || c.Lanes[1].Gate != 1 || c.Devices[0].Board.Baud != DefaultBaud || c.MQTT != DefaultMQTT || c.HTTP != DefaultHTTP {
		t.Errorf("%+v\n%v", c, problems)
	}
}

func TestHyphensAreUnderscores(t *testing.T) {
	c, problems := Parse("edge.yaml", []byte(strings.NewReplacer("edge_id", "edge-id", "data_dir", "data-dir").Replace(small)), nil)
	if len(problems) > 0 || c.DataDir != "/var/lib/openlot" {
		t.Errorf("%v", problems)
	}
}

func TestAFileWithLinesOnly(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "gpio.yaml")
	try := func(text string) Problems {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		head := small[:strings.Index(small, "lanes:")]
		_, problems := Parse("edge.yaml", []byte(head+"gpio: "+file+"\nlanes: [entry-1:entry:0]\n"), nil)
		return problems
	}
	const good = "gates:\n  0:\n    safety: {chip: a, offset: 1, pull: up}\n    arming: {chip: a, offset: 2}\n    fire: {chip: a, offset: 3}\n    open: {chip: a, offset: 4}\n"
	if problems := try(good); len(problems) > 0 {
		t.Errorf("%v", problems)
	}
	if problems := try(strings.Replace(good, "pull: up", "pull: down", 1)); len(problems) != 1 || problems[0].File != file || problems[0].Line != 3 {
		t.Errorf("%v", problems)
	}
}

// Whatever the file holds, it is taken apart without a crash, and said at a line
// that it has.
func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	text, err := os.ReadFile(sample)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("a: &a [*a]\nlanes: *a\n"))
	f.Add([]byte("lanes: [a:entry:0, {}, []]\nboard: x\ngpio: y\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r := newReader("f")
		r.readFile = func(string) ([]byte, error) { return text, nil }
		r.config(r.parse(text), nil)
		for _, p := range r.problems {
			if p.Line > strings.Count(string(text), "\n")+strings.Count(string(text), "\r")+2 || p.Code == "" || p.Text == "" {
				t.Errorf("%d lines: %s", strings.Count(string(text), "\n"), p)
			}
		}
	})
}
