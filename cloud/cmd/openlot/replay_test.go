package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
)

// A week is replayed into a private cluster and nowhere else.
func TestAWeekIsNeverReplayedIntoAnotherDatabase(t *testing.T) {
	dsn := postgrestest.DSN(t)
	owner := postgrestest.Owner(t, dsn)
	var out, problems bytes.Buffer
	code := run(context.Background(), []string{
		"admin", "replay-occupancy", "north", "--database-url", dsn, "--file", "../../internal/replay/testdata/sample.csv", "--column", "sample", "--week", "2026-10-19",
	}, &out, &problems)
	if code != 1 || !strings.Contains(problems.String(), "private_cluster_only") {
		t.Errorf("%d %s%s", code, out.String(), problems.String())
	}
	var n int
	if err := owner.QueryRow(t.Context(), `select count(*) from observation`).Scan(&n); err != nil || n != 0 {
		t.Error(n, err)
	}
	for _, wrong := range [][]string{{"--column", "other", "--week", "2026-10-19"}, {"--column", "sample", "--week", "soon"}, {"--column", "sample", "--week", "2026-10-19", "--until", "2026-10-20"}} {
		problems.Reset()
		args := append([]string{"admin", "replay-occupancy", "north", "--data-dir", t.TempDir(), "--file", "../../internal/replay/testdata/sample.csv"}, wrong...)
		if code := run(context.Background(), args, &out, &problems); code != 1 || problems.Len() == 0 {
			t.Errorf("%v: %d %s", wrong, code, problems.String())
		}
	}
	if _, err := os.Stat("../../internal/replay/testdata/sample.csv"); err != nil {
		t.Error(err)
	}
}
