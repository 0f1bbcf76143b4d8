package ha

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/openlot/openlot/scripts/stack"
)

// packages are what is needed beside Postgres, with what they need themselves.
const packages = "patroni python3-etcd python3-cdiff python3-click python3-colorama python3-dateutil python3-six python3-wcwidth " +
	"python3-prettytable python3-psutil python3-urllib3 python3-psycopg2 python3-dnspython python3-yaml " +
	"etcd-server haproxy liblua5.3-0 libopentracing1 libopentracing-c-wrapper0"

// tools are the programs of others.
type tools struct {
	root string // where the packages are unpacked
	pg   string // folder of Postgres's programs
}

// unpack gets the distribution's packages into dir without installing them: a package
// that is installed starts its server, which nobody asked for.
func unpack(ctx context.Context, dir string) (t tools, err error) {
	t.root = filepath.Join(dir, "root")
	if err := os.MkdirAll(t.root, 0o755); err != nil {
		return t, err
	}
	if _, err := os.Stat(t.program("bin/patroni")); err == nil {
		err = t.complete()
		return t, err
	}
	script := `cd "$1" && apt-get -qq download ` + packages + ` >/dev/null && for p in *.deb; do dpkg -x "$p" root && rm "$p"; done`
	if out, err := exec.CommandContext(ctx, "sh", "-c", script, "sh", dir).CombinedOutput(); err != nil {
		return t, fmt.Errorf("get the packages (Debian or Ubuntu; apt-get update may help): %w: %s", err, out)
	}
	err = t.complete()
	return t, err
}

// complete finds what the distribution has installed.
func (t *tools) complete() error {
	if _, err := os.Stat("/usr/bin/python3"); err != nil {
		return fmt.Errorf("patroni needs the distribution's python3: %w", err)
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		return fmt.Errorf("no Postgres in /usr/lib/postgresql")
	}
	slices.SortFunc(found, func(a, b string) int { return major(a) - major(b) })
	t.pg = filepath.Dir(found[len(found)-1])
	return nil
}

func major(path string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	if err != nil {
		return 0
	}
	return n
}

func (t tools) program(name string) string { return filepath.Join(t.root, "usr", name) }

func (t tools) libraries() []string {
	all, err := filepath.Glob(filepath.Join(t.root, "usr/lib/*-linux-gnu*"))
	if err != nil || len(all) == 0 {
		return nil
	}
	return []string{"LD_LIBRARY_PATH=" + all[0]}
}

func (t tools) python() []string {
	return []string{"PYTHONPATH=" + filepath.Join(t.root, "usr/lib/python3/dist-packages"), "PYTHONDONTWRITEBYTECODE=1"}
}

// member is one process that can be killed and started again.
type member struct {
	name  string
	start func(context.Context) (*stack.Process, error)
	ready func(context.Context) error
	dies  func() // what must die with it
	now   *stack.Process
}

// Start runs the member and waits until it answers.
func (m *member) Start(ctx context.Context) error {
	p, err := m.start(ctx)
	if err != nil {
		return err
	}
	m.now = p
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	go func() { // one that ended is not waited for
		select {
		case <-p.Done():
			stop()
		case <-waiting.Done():
		}
	}()
	if err := await(waiting, startLimit, m.ready); err != nil {
		return fmt.Errorf("%s is not ready: %w; its output ends with\n%s", m.name, err, p.Tail(12))
	}
	return nil
}

// Kill ends the member at once, as a power cut does.
func (m *member) Kill() {
	if m.now != nil {
		m.now.Kill()
	}
	if m.dies != nil {
		m.dies()
	}
}

// Stop ends the member in order.
func (m *member) Stop() {
	if m.now != nil {
		m.now.Stop()
	}
	if m.dies != nil {
		m.dies()
	}
}
