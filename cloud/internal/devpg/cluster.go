package devpg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openlot/openlot/protocol/fault"
)

const (
	// superuser is the role that initdb makes. Whoever can reach the socket is
	// it, which is why the socket's folder is closed to everybody else.
	superuser = "postgres"
	// maintenance is the database that always exists.
	maintenance = "postgres"
	// startLimit bounds a start, with recovery after a crash.
	startLimit = 2 * time.Minute
	// maxLog is the size at which the server's log starts afresh.
	maxLog = 16 << 20
)

// Config says where a cluster lives and how it runs.
type Config struct {
	Dir        string            // the cluster's home; made when missing
	Log        *slog.Logger      // nil discards
	FastUnsafe bool              // tests only: no fsync, and data that does not start is made anew
	BinDirs    []string          // where initdb is searched; empty means the usual places
	Settings   map[string]string // more of postgresql.conf, over ours
}

// Cluster is a Postgres that runs, or ran, for this process.
type Cluster struct {
	cfg   Config
	log   *slog.Logger
	bin   Binaries
	place place
	lock  *os.File

	mu   sync.Mutex // held through Stop, Kill and Restart
	proc *process
}

// Start starts the cluster in cfg.Dir, making it first if there is none, and
// returns when it answers. The context bounds the start only. Faults carry one
// of the package's codes; what was begun is undone.
func Start(ctx context.Context, cfg Config) (*Cluster, error) {
	c := &Cluster{cfg: cfg, log: cfg.Log}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder for Postgres: %w", err)
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil { // one lock per folder, whatever it is called
		return nil, err
	}
	if c.lock, err = lockDir(dir); err != nil {
		return nil, err
	}
	if err := c.begin(ctx, dir); err != nil {
		return nil, errors.Join(err, c.lock.Close())
	}
	return c, nil
}

func (c *Cluster) begin(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	var err error
	if c.place, err = locate(dir, c.log); err != nil {
		return err
	}
	major, err := c.existing()
	if err != nil {
		return err
	}
	c.bin, err = choose(ctx, c.cfg.BinDirs, major)
	if c.cfg.FastUnsafe && fault.Code(err) == CodeVersion {
		if err = endLeftover(ctx, c.place.data); err == nil {
			if err = os.RemoveAll(c.place.data); err == nil {
				c.bin, err = choose(ctx, c.cfg.BinDirs, 0)
			}
		}
	}
	if err != nil {
		return err
	}
	if err := endLeftover(ctx, c.place.data); err != nil {
		return err
	}
	if err := c.place.prepare(); err != nil {
		return err
	}
	if err := c.initialise(ctx); err != nil {
		return err
	}
	err = c.launch(ctx)
	if err != nil && c.cfg.FastUnsafe && ctx.Err() == nil {
		c.log.WarnContext(ctx, "the throwaway Postgres did not start; making it anew", "err", err)
		if err = os.RemoveAll(c.place.data); err == nil {
			if err = c.initialise(ctx); err == nil {
				err = c.launch(ctx)
			}
		}
	}
	return err
}

// existing returns the major version of the data that is there, 0 if none is.
func (c *Cluster) existing() (int, error) {
	st, err := os.Stat(c.place.data)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look at the data of Postgres: %w", err)
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok && sys.Uid != c.place.as.uid {
		return 0, fault.Newf(fault.Conflict, CodeNotOurs,
			"%s belongs to another user (uid %d). Start as that user or as root, or use another folder.", c.place.data, sys.Uid)
	}
	content, err := os.ReadFile(filepath.Join(c.place.data, "PG_VERSION"))
	if err != nil {
		return 0, fmt.Errorf("read the version of the data: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0, fmt.Errorf("read the version of the data: %w", err)
	}
	return major, nil
}

// initialise runs initdb unless there is data. The cluster appears under its
// name when it is complete.
func (c *Cluster) initialise(ctx context.Context) error {
	if _, err := os.Stat(c.place.data); err == nil {
		return nil
	}
	began := time.Now()
	tmp := c.place.data + ".new"
	out, err := c.initdb(ctx, tmp, "C.UTF-8")
	if err != nil && strings.Contains(string(out), "invalid locale") {
		out, err = c.initdb(ctx, tmp, "C") // macOS before 15
	}
	if err != nil {
		return fault.Wrap(fmt.Errorf("initdb: %w: %s", err, lastLines(out, 10)), fault.Unavailable, CodeStart, "The Postgres data could not be made.")
	}
	if err := os.Rename(tmp, c.place.data); err != nil {
		return fmt.Errorf("put the new data in place: %w", err)
	}
	c.log.InfoContext(ctx, "made a Postgres cluster", "dir", c.place.data, "version", c.bin.Version, "took", time.Since(began).Round(time.Millisecond))
	return nil
}

func (c *Cluster) initdb(ctx context.Context, dir, locale string) ([]byte, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := ownDir(dir, c.place.as, 0o700); err != nil {
		return nil, err
	}
	args := []string{
		"-D", dir, "-U", superuser, "--encoding=UTF8", "--locale=" + locale,
		"--auth-local=trust", "--auth-host=reject", "--data-checksums", "--no-instructions",
	}
	if c.cfg.FastUnsafe {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, c.bin.path("initdb"), args...)
	cmd.Dir, cmd.Env = "/", environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: c.place.as.credential()}
	return cmd.CombinedOutput()
}

// launch starts the server and waits until it answers.
func (c *Cluster) launch(ctx context.Context) error {
	for {
		out, err := c.launchOnce(ctx)
		if err == nil {
			return nil
		}
		// After a kill -9 of the postmaster its backends need a moment to notice.
		if strings.Contains(out, "pre-existing shared memory block") && pause(ctx, 100*time.Millisecond) {
			continue
		}
		return fault.Wrap(fmt.Errorf("%w: %s", err, out), fault.Unavailable, CodeStart,
			"Postgres did not start; its log is "+c.logPath()+".")
	}
}

func (c *Cluster) launchOnce(ctx context.Context) (string, error) {
	logFile, from, err := c.openLog()
	if err != nil {
		return "", err
	}
	defer func() { _ = logFile.Close() }() // the server writes it, not we
	proc, err := spawn(c.bin.path("postgres"), c.arguments(), c.place.as, logFile)
	if err != nil {
		return "", err
	}
	c.proc = proc
	last := errors.New("it does not get ready")
	until(ctx, startLimit, func() bool {
		if c.ready() {
			last = c.ping(ctx)
		}
		return last == nil || c.proc.exited()
	})
	if last == nil {
		return "", nil
	}
	c.proc.end(orderly()...)
	written, err := io.ReadAll(io.NewSectionReader(logFile, from, maxLog))
	if err != nil {
		last = errors.Join(last, err)
	}
	return lastLines(written, 10), errors.Join(ctx.Err(), last)
}

func (c *Cluster) logPath() string { return filepath.Join(c.place.home, "postgres.log") }

func (c *Cluster) openLog() (*os.File, int64, error) {
	flags := os.O_RDWR | os.O_CREATE | os.O_APPEND
	if st, err := os.Stat(c.logPath()); err == nil && st.Size() > maxLog {
		flags |= os.O_TRUNC
	}
	f, err := os.OpenFile(c.logPath(), flags, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("open the log of Postgres: %w", err)
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, end, nil
}

// arguments are given at every start, so that a change of ours also reaches
// clusters that exist.
func (c *Cluster) arguments() []string {
	settings := map[string]string{
		"listen_addresses":        "",
		"unix_socket_directories": c.place.socket,
		"unix_socket_permissions": "0700",
		"port":                    "5432",
		"max_connections":         "200",
		"shared_buffers":          "128MB",
		"synchronous_commit":      "on",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"log_destination":         "stderr",
		"logging_collector":       "off",
		"log_error_verbosity":     "terse", // the details of an error hold the row's values, which are people's
	}
	if c.cfg.FastUnsafe {
		settings["fsync"] = "off"
		settings["synchronous_commit"] = "off"
		settings["full_page_writes"] = "off"
	}
	maps.Copy(settings, c.cfg.Settings)
	args := []string{"-D", c.place.data}
	for _, k := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", k+"="+settings[k])
	}
	return args
}

// ready reports whether the postmaster says of itself that it takes
// connections. Asking by connecting would fill the log during a recovery.
func (c *Cluster) ready() bool {
	content, err := os.ReadFile(filepath.Join(c.place.data, "postmaster.pid"))
	if err != nil {
		return false
	}
	lines := strings.Split(string(content), "\n")
	return len(lines) > 7 && lines[0] == strconv.Itoa(c.proc.pid) && strings.TrimSpace(lines[7]) == "ready"
}

func (c *Cluster) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgconn.Connect(ctx, c.DSN(maintenance))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// DSN is the connection string of a database of the cluster, for pgx and for
// psql. It stays the same across Restart.
func (c *Cluster) DSN(database string) string {
	q := url.Values{"host": {c.place.socket}, "port": {"5432"}, "user": {superuser}}
	return "postgres:///" + url.PathEscape(database) + "?" + q.Encode()
}

// EnsureDatabase makes the database if it does not exist.
func (c *Cluster) EnsureDatabase(ctx context.Context, name string) error {
	conn, err := pgx.Connect(ctx, c.DSN(maintenance))
	if err != nil {
		return fmt.Errorf("connect to make database %s: %w", name, err)
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is pending on it
	var there bool
	err = conn.QueryRow(ctx, `select exists (select from pg_database where datname = $1)`, name).Scan(&there)
	if err != nil || there {
		return err
	}
	_, err = conn.Exec(ctx, "create database "+pgx.Identifier{name}.Sanitize())
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) && pg.Code == "42P04" {
		return nil // somebody was quicker
	}
	return err
}

// Version is the server's, such as "15.18".
func (c *Cluster) Version() string { return c.bin.Version }

// Wait returns when Postgres has ended, with an error that says where its log
// is, or when the context ends, with nil.
func (c *Cluster) Wait(ctx context.Context) error {
	for pause(ctx, 100*time.Millisecond) {
		c.mu.Lock()
		gone := c.proc.exited()
		c.mu.Unlock()
		if gone {
			return fault.New(fault.Unavailable, CodeStart, "Postgres ended; its log is "+c.logPath()+".")
		}
	}
	return nil
}

// Stop shuts Postgres down: at first in good order, after 30 s by force. It
// gives the directory back, and may be called more than once.
func (c *Cluster) Stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lock == nil {
		return nil
	}
	if !c.proc.end(orderly()...) {
		return fmt.Errorf("the Postgres on %s (pid %d) does not end", c.place.data, c.proc.pid)
	}
	if filepath.Dir(c.place.socket) != c.place.home {
		_ = os.Remove(c.place.socket) // ours, empty now, and made again when needed
	}
	err := c.lock.Close()
	c.lock = nil
	return err
}

// Kill ends Postgres as a crash would: no checkpoint, connections cut, locks and
// unfinished transactions forgotten. It returns when nothing of it runs any
// more. For tests of recovery.
func (c *Cluster) Kill() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.proc.end(ending{syscall.SIGQUIT, 10 * time.Second}, ending{syscall.SIGKILL, 5 * time.Second}) {
		return fmt.Errorf("the Postgres on %s (pid %d) does not end", c.place.data, c.proc.pid)
	}
	return nil
}

// Crash is kill -9 of the postmaster alone, as when the system runs out of
// memory: its other processes notice and end by themselves, and Restart waits for
// them. For tests of recovery.
func (c *Cluster) Crash() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.proc.end(ending{syscall.SIGKILL, 5 * time.Second}) {
		return fmt.Errorf("the Postgres on %s (pid %d) does not end", c.place.data, c.proc.pid)
	}
	return nil
}

// Restart starts Postgres again after Kill or Crash, with the same connection strings.
func (c *Cluster) Restart(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lock == nil {
		return fault.New(fault.Conflict, CodeStart, "The cluster was stopped for good; start a new one.")
	}
	if !c.proc.exited() {
		return fault.New(fault.Conflict, CodeStart, "Postgres is running.")
	}
	return c.launch(ctx)
}

// pause waits and reports whether the context is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
