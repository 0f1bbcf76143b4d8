package benchreserve

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/openlot/openlot/cloud/internal/devpg"
	"github.com/openlot/openlot/protocol/fault"
)

// tool finds a program that comes with Postgres.
func tool(b devpg.Binaries, name string) (string, error) {
	path := filepath.Join(b.Dir, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	return "", fault.Newf(fault.Unavailable, "tool_missing",
		"%s is not in %s and not on PATH. It comes with Postgres: in Debian's package postgresql, in the PGDG package postgresql-contrib (pgbench) or postgresql-server.", name, b.Dir)
}

// pgbench runs scripts of one database.
type pgbench struct{ path, host, database, dir string }

func newPgbench(path, dsn, dir string) (*pgbench, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, err
	}
	return &pgbench{path, u.Query().Get("host"), u.Path[1:], dir}, nil
}

var (
	secondPattern = regexp.MustCompile(`progress: ([0-9.]+) s, ([0-9.]+) tps`)
	failedPattern = regexp.MustCompile(`number of failed transactions: ([0-9]+)`)
)

// settling is how long connections run before they are measured: each is a process
// of the server that has to read catalogs and plan first, and 32 of them take both
// cores for a second or two.
const settling = 4

// run runs a script; each transaction counts for so many reservations.
func (p *pgbench) run(ctx context.Context, name, script string, clients int, d time.Duration, each int) (result, error) {
	file := filepath.Join(p.dir, name+".sql")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		return result{}, err
	}
	threads := min(clients, 2)
	seconds := max(1, int(d.Round(time.Second).Seconds()))
	// One more: of the last second pgbench says nothing when its time is up before it has.
	out, err := exec.CommandContext(ctx, p.path, "-n", "-M", "prepared", "-P", "1", "-h", p.host, "-p", "5432", "-U", "postgres",
		"-c", strconv.Itoa(clients), "-j", strconv.Itoa(threads), "-T", strconv.Itoa(settling+seconds+1), "-f", file, p.database).CombinedOutput()
	if err != nil {
		return result{}, fmt.Errorf("pgbench %s: %w: %s", name, err, tail(out))
	}
	if f := failedPattern.FindSubmatch(out); f != nil && string(f[1]) != "0" {
		return result{}, fmt.Errorf("pgbench %s: %s transactions failed", name, f[1])
	}
	tps, err := settled(out)
	if err != nil {
		return result{}, fmt.Errorf("pgbench %s: %w: %s", name, err, tail(out))
	}
	n := int(tps * float64(seconds) * float64(each))
	return result{perSecond: tps * float64(each), accepted: n, answers: n}, nil
}

// settled is the mean of the seconds that pgbench tells of, without those in which its
// connections settled.
func settled(out []byte) (float64, error) {
	var sum float64
	var n int
	for _, m := range secondPattern.FindAllSubmatch(out, -1) {
		at, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			return 0, err
		}
		tps, err := strconv.ParseFloat(string(m[2]), 64)
		if err != nil {
			return 0, err
		}
		if at > settling+0.5 {
			sum += tps
			n++
		}
	}
	if n == 0 {
		return 0, errors.New("nothing was measured")
	}
	return sum / float64(n), nil
}

func tail(out []byte) []byte { return out[max(0, len(out)-1500):] }
