package benchreserve_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/benchreserve"
)

// The references call the committer's own statements with rows that are written
// out by hand: whoever gives these another column finds out here, and not when
// somebody measures.
func TestEveryReferenceStillRuns(t *testing.T) {
	var out bytes.Buffer
	o := benchreserve.Options{Rounds: 1, Each: 100 * time.Millisecond, Lots: 200, Only: []string{"single", "uniform"}}
	if err := benchreserve.Run(t.Context(), o, &out, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	var last map[string]float64
	if err := json.Unmarshal(lines[len(lines)-1], &last); err != nil {
		t.Fatalf("%v: %s", err, lines[len(lines)-1])
	}
	for _, key := range []string{"single_vs_pgbench", "batch_vs_pgbench", "batch_vs_bulk"} {
		if last[key] <= 0 {
			t.Errorf("%s is %v", key, last[key])
		}
	}
}
