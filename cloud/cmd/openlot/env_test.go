package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestAMistypedVariableIsNotIgnored(t *testing.T) {
	t.Setenv("OPENLOT_EDGE_LANES", "the edge's own")
	t.Setenv("OPENLOT_HTTP", "127.0.0.1:8080")
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"version"}, &out, &errs); code != 0 {
		t.Errorf("exit %d, %q", code, errs.String())
	}
	t.Setenv("OPENLOT_HTPP", "127.0.0.1:8080")
	out.Reset()
	if code := run(t.Context(), []string{"version"}, &out, &errs); code != 2 || !strings.Contains(errs.String(), "OPENLOT_HTPP ") || out.Len() > 0 {
		t.Errorf("exit %d, %q", code, errs.String())
	}
}
