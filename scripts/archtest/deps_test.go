package archtest

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// depsHeader begins the checked-in list.
const depsHeader = `# The modules inside the edge binary (linux/arm64). Whatever comes in here runs
# beside the barrier; a new line needs a reason in the change that adds it.
# Written by make deps.
`

// update is set by make deps.
var update = flag.Bool("update", false, "write edge/cmd/openlot-edge/deps.txt anew")

// The edge binary contains the modules of deps.txt and no others. Versions are
// in go.mod; who comes in at all is decided here.
func TestEdgeDependencies(t *testing.T) {
	edge := filepath.Join(root(t), "edge")
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./cmd/openlot-edge")
	cmd.Dir = edge
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("list what the edge binary contains: %v\n%s", err, stderr.String())
	}
	modules := strings.Fields(string(out))
	slices.Sort(modules)
	got := depsHeader + strings.Join(slices.Compact(modules), "\n") + "\n"
	file := filepath.Join(edge, "cmd", "openlot-edge", "deps.txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal("the list is missing; run make deps: ", err)
	}
	had, have := strings.Split(string(want), "\n"), strings.Split(got, "\n")
	for _, m := range have {
		if !slices.Contains(had, m) {
			t.Errorf("the edge binary now contains %s; if that is meant, run make deps", m)
		}
	}
	for _, m := range had {
		if !slices.Contains(have, m) {
			t.Errorf("the edge binary no longer contains %s; run make deps", m)
		}
	}
}
