package deploycheck

import (
	"bufio"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
	"sigs.k8s.io/yaml"
)

// expression is a query and where it is.
type expression struct{ where, text string }

// rules is Prometheus' file of rules, as far as ours uses it.
type rules struct {
	Groups []struct {
		Name  string `json:"name"`
		Rules []struct {
			Alert       string            `json:"alert"`
			Expr        string            `json:"expr"`
			For         string            `json:"for"`
			Labels      map[string]string `json:"labels"`
			Annotations map[string]string `json:"annotations"`
		} `json:"rules"`
	} `json:"groups"`
}

func alerts(t *testing.T) (out []expression) {
	t.Helper()
	b := read(t, "prometheus/alerts.yaml")
	var f rules
	if err := yaml.UnmarshalStrict(b, &f); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, g := range f.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" || seen[r.Alert] || r.Annotations["summary"] == "" || (r.Labels["severity"] != "page" && r.Labels["severity"] != "ticket") {
				t.Errorf("the alert %q needs a name of its own, a summary, and the severity page or ticket", r.Alert)
			}
			seen[r.Alert] = true
			out = append(out, expression{"alert " + r.Alert, r.Expr})
		}
	}
	return out
}

func panels(t *testing.T) (out []expression) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(deploy, "grafana", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("there is no dashboard: ", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var d struct {
			UID    string `json:"uid"`
			Panels []struct {
				ID      int    `json:"id"`
				Title   string `json:"title"`
				Type    string `json:"type"`
				Targets []struct {
					Expr string `json:"expr"`
				} `json:"targets"`
			} `json:"panels"`
		}
		if err := json.Unmarshal(b, &d); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		for _, p := range d.Panels {
			if p.Type != "row" && len(p.Targets) == 0 {
				t.Errorf("%s: the panel %q asks for nothing", d.UID, p.Title)
			}
			for _, q := range p.Targets {
				// What Grafana puts in by itself.
				out = append(out, expression{d.UID + ": " + p.Title, strings.ReplaceAll(q.Expr, "$__rate_interval", "1m")})
			}
		}
	}
	return out
}

// family takes off what a histogram adds to its name.
var family = regexp.MustCompile(`_(bucket|sum|count)$`)

// Every metric and label that is asked for is there, and every metric of ours is
// asked for, or it would be of no use to anybody.
func TestWhatIsAskedForIsExported(t *testing.T) {
	exported := scrape(t)
	asked := map[string]bool{}
	for _, e := range append(alerts(t), panels(t)...) {
		tree, err := parser.NewParser(parser.Options{}).ParseExpr(e.text)
		if err != nil {
			t.Errorf("%s: %v", e.where, err)
			continue
		}
		parser.Inspect(tree, func(n parser.Node, _ []parser.Node) error {
			s, ok := n.(*parser.VectorSelector)
			if !ok || s.Name == "up" {
				return nil
			}
			labels, ok := exported[s.Name]
			if later, known := seldom[s.Name]; known && !ok {
				labels, ok = later, true
			}
			if !ok {
				t.Errorf("%s asks for %s, which no program exports", e.where, s.Name)
				return nil
			}
			asked[family.ReplaceAllString(s.Name, "")] = true
			for _, m := range s.LabelMatchers {
				// The first two are put on by the scrape.
				if m.Name != "job" && m.Name != "instance" && m.Name != "__name__" && !labels[m.Name] {
					t.Errorf("%s asks for the label %s of %s, which has none", e.where, m.Name, s.Name)
				}
			}
			return nil
		})
	}
	for _, name := range slices.Sorted(maps.Keys(exported)) {
		base := family.ReplaceAllString(name, "")
		if strings.HasPrefix(name, "openlot_") && !asked[base] && !asked[name] && !unasked[base] {
			t.Errorf("no dashboard and no alert shows %s", name)
		}
	}
}

// unasked are metrics for whoever looks closer.
var unasked = map[string]bool{
	"openlot_fleet_syncs_total":    true,
	"openlot_edge_decisions_total": true, // appears with the first decision
}

// seldom are metrics that appear only when something is wrong, with their labels.
var seldom = map[string]map[string]bool{
	"openlot_edge_lane_fault": {"lane": true, "fault": true},
}

// What appears seldom is still called so.
func TestSeldomMetricsAreInTheSource(t *testing.T) {
	source, err := os.ReadFile("../../edge/internal/obs/metrics.go")
	if err != nil {
		t.Fatal(err)
	}
	for name := range seldom {
		if !strings.Contains(string(source), `"`+strings.TrimPrefix(name, "openlot_edge_")+`"`) {
			t.Errorf("the edge has no %s", name)
		}
	}
}

// A label must not have a value for each reservation, parking or person: that
// would have no end, and would say who was where.
func TestNoLabelNamesAnybody(t *testing.T) {
	private := regexp.MustCompile(`(rsv|pay|ses|edg|jnl|quo)_[0-9a-z]{26}|@|pk1:|dresden|DD-`)
	for _, line := range lines(t) {
		if private.MatchString(line) {
			t.Errorf("a series says too much: %s", line)
		}
	}
}

// scrape is what the programs export: per metric the labels that it has.
func scrape(t *testing.T) map[string]map[string]bool {
	t.Helper()
	series := regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? `)
	label := regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)="`)
	out := map[string]map[string]bool{}
	for _, line := range lines(t) {
		m := series.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if out[m[1]] == nil {
			out[m[1]] = map[string]bool{}
		}
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			out[m[1]][l[1]] = true
		}
	}
	return out
}

// lines are those of both programs' metrics.
func lines(t *testing.T) (out []string) {
	t.Helper()
	p := running(t)
	for _, url := range []string{p.cloud + "/metrics", p.edge + "/metrics"} {
		s := bufio.NewScanner(strings.NewReader(p.get(t, url)))
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			if !strings.HasPrefix(s.Text(), "#") {
				out = append(out, s.Text())
			}
		}
	}
	return out
}

// within is how long a program may take to show something.
const within = 40 * time.Second
