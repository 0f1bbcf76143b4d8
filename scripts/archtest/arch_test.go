package archtest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestHouse(t *testing.T) {
	for _, module := range []string{"protocol", "firmware-bridge", "edge", "cloud"} {
		t.Run(module, func(t *testing.T) {
			t.Parallel()
			all, err := load(t.Context(), filepath.Join(root(t), module))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(all, func(p pkg) bool { return below(p.local(), module) }) {
				t.Fatalf("go list shows no package of %s; the rules were checked on nothing", module)
			}
			broken := check(all)
			clock, err := checkClock(all)
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range slices.Concat(broken, clock) {
				t.Error(b)
			}
		})
	}
}

// Each rule sees a violation, and not what only looks like one.
func TestRulesSeeViolations(t *testing.T) {
	const (
		pgx = "github.com/jackc/pgx/v5"
		gin = "github.com/gin-gonic/gin"
	)
	std := []pkg{
		{ImportPath: "net/http", Standard: true},
		{ImportPath: "net/netip", Standard: true},
		{ImportPath: "os", Standard: true},
		{ImportPath: "time", Standard: true},
	}
	us := func(local string, imports ...string) pkg {
		return pkg{ImportPath: prefix + local, Imports: imports, Deps: imports}
	}
	for _, c := range []struct {
		name string
		in   []pkg
		want string // part of the one complaint; "" for none
	}{
		{"gin in httpapi", []pkg{us("cloud/internal/httpapi", gin)}, ""},
		{"gin elsewhere", []pkg{us("cloud/internal/owner", gin)}, "cloud/internal/owner imports github.com/gin-gonic/gin"},
		{"a namesake of httpapi", []pkg{us("cloud/internal/httpapitools", gin)}, "which only cloud/internal/httpapi"},
		{"gin in a test", []pkg{{ImportPath: prefix + "cloud/internal/owner", TestImports: []string{gin}}}, "imports github.com/gin-gonic/gin"},
		{"pgx in postgres", []pkg{us("cloud/internal/postgres", pgx)}, ""},
		{"pgx in a test", []pkg{{ImportPath: prefix + "cloud/internal/owner", XTestImports: []string{pgx}}}, ""},
		{"pgx elsewhere", []pkg{us("cloud/internal/owner", pgx+"/pgxpool")}, "all SQL is in one place"},
		{"bbolt outside the store", []pkg{us("edge/internal/status", "go.etcd.io/bbolt")}, "edge/internal/status imports go.etcd.io/bbolt"},
		{"paho in the uplink", []pkg{us("edge/internal/uplink", "github.com/eclipse/paho.mqtt.golang")}, ""},
		{"the broker in the mqtt adapter", []pkg{us("cloud/internal/mqtt/broker", "github.com/nats-io/nats-server/v2/server")}, ""},
		{"pgx through others, on the edge", []pkg{{ImportPath: prefix + "edge/cmd/openlot-edge", Deps: []string{"fmt", "github.com/jackc/puddle/v2"}}}, "edge/cmd/openlot-edge pulls in github.com/jackc/puddle/v2"},
		{"cloud imports edge", []pkg{us("cloud/cmd/openlot", prefix+"edge/internal/lane")}, "share the protocol and nothing else"},
		{"protocol imports a library", []pkg{us("protocol/id", "github.com/google/uuid")}, "protocol/id imports github.com/google/uuid"},
		{"protocol imports cbor", []pkg{us("protocol/wire", "github.com/fxamacker/cbor/v2", "time")}, ""},
		{"a pure package imports net/http", []pkg{us("edge/internal/lane", "net/http")}, "edge/internal/lane imports net/http"},
		{"a pure package imports net/netip", []pkg{us("edge/internal/lane", "net/netip")}, ""},
		{
			"a pure package opens files through another of ours",
			[]pkg{us("edge/internal/lane", prefix+"edge/internal/store"), us("edge/internal/store", "os")},
			"edge/internal/lane -> edge/internal/store imports os",
		},
		{"an adapter below a pure package", []pkg{us("cloud/internal/payment/stripe", "net/http")}, ""},
		{"protocol is pure all the way down", []pkg{us("protocol/wire/deep", "os")}, "protocol/wire/deep imports os"},
		{"others are left alone", []pkg{{ImportPath: "example.com/other", Imports: []string{gin, pgx, "os"}}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := check(slices.Concat(std, c.in))
			switch {
			case c.want == "" && len(got) > 0:
				t.Errorf("complains: %q", got)
			case c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)):
				t.Errorf("got %q, want one complaint with %q", got, c.want)
			}
		})
	}
}

func TestClockIsSeen(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"a call", "package p\nimport \"time\"\nvar t = time.Now()", "p.go:3 uses time.Now"},
		{"a value", "package p\nimport \"time\"\nvar f = time.Now", "p.go:3 uses time.Now"},
		{"another name", "package p\nimport clock \"time\"\nvar f = clock.Since", "p.go:3 uses time.Since"},
		{"no name", "package p\nimport . \"time\"\nvar f = Now", "imports time into its own names"},
		{"types and constants", "package p\nimport \"time\"\ntype s struct { at time.Time; d time.Duration }\nvar h = time.Hour", ""},
		{"a method", "package p\nimport \"time\"\nfunc f(t time.Time) bool { return t.After(t) }", ""},
		{"another time", "package p\nimport \"example.com/time\"\nvar f = time.Now", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := clockCalls("p.go", c.src)
			if err != nil {
				t.Fatal(err)
			}
			if all := strings.Join(got, ";"); (c.want == "") != (all == "") || !strings.Contains(all, c.want) {
				t.Errorf("found %q, want %q", all, c.want)
			}
		})
	}
}

// The whole way from source files: a module with planted violations.
func TestPlantedModule(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"go.mod":                  "module " + prefix + "edge\n\ngo 1.26.0\n",
		"internal/lane/lane.go":   "package lane\n\nimport (\n\t\"log/slog\"\n\t\"time\"\n)\n\nfunc Open() { slog.Info(\"open\", \"at\", time.Now()) }\n",
		"internal/status/main.go": "package status\n\nimport \"time\"\n\nfunc Now() time.Time { return time.Now() }\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("GOWORK", "off")
	all, err := load(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := check(all); len(got) != 1 || !strings.Contains(got[0], "edge/internal/lane imports log/slog") {
		t.Errorf("imports: %q", got)
	}
	got, err := checkClock(all)
	if err != nil || len(got) != 1 || !strings.Contains(got[0], "edge/internal/lane/lane.go:8 uses time.Now") {
		t.Errorf("clock: %q, %v", got, err)
	}
}
