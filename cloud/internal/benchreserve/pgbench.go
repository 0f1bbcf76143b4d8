package benchreserve

import (
	"context"
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
	tpsPattern    = regexp.MustCompile(`tps = ([0-9.]+)`)
	failedPattern = regexp.MustCompile(`number of failed transactions: ([0-9]+)`)
)

// run runs a script; each transaction counts for so many reservations.
func (p *pgbench) run(ctx context.Context, name, script string, clients int, d time.Duration, each int) (result, error) {
	file := filepath.Join(p.dir, name+".sql")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		return result{}, err
	}
	threads := min(clients, 2)
	seconds := max(1, int(d.Round(time.Second).Seconds()))
	var out []byte
	var m [][]byte
	for ; ; seconds *= 4 { // where connecting alone takes longer, nothing comes of it
		var err error
		out, err = exec.CommandContext(ctx, p.path, "-n", "-M", "prepared", "-h", p.host, "-p", "5432", "-U", "postgres",
			"-c", strconv.Itoa(clients), "-j", strconv.Itoa(threads), "-T", strconv.Itoa(seconds), "-f", file, p.database).CombinedOutput()
		if err != nil {
			return result{}, fmt.Errorf("pgbench %s: %w: %s", name, err, tail(out))
		}
		if m = tpsPattern.FindSubmatch(out); m != nil {
			break
		}
		if seconds > 60 {
			return result{}, fmt.Errorf("pgbench %s: nothing done in %d s: %s", name, seconds, tail(out))
		}
	}
	if f := failedPattern.FindSubmatch(out); f != nil && string(f[1]) != "0" {
		return result{}, fmt.Errorf("pgbench %s: %s transactions failed", name, f[1])
	}
	tps, err := strconv.ParseFloat(string(m[1]), 64)
	n := int(tps * float64(seconds) * float64(each))
	return result{perSecond: tps * float64(each), accepted: n, answers: n}, err
}

func tail(out []byte) []byte { return out[max(0, len(out)-1500):] }
