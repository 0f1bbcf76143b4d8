package devpg

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/protocol/fault"
)

// ownerDir makes the test binary play a program that starts a cluster in the
// folder and hangs until it is killed.
const ownerDir = "OPENLOT_TEST_DEVPG_OWNER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(ownerDir); dir != "" {
		playOwner(dir)
	}
	os.Exit(m.Run())
}

func playOwner(dir string) {
	c, err := Start(context.Background(), Config{Dir: dir, FastUnsafe: true})
	if err == nil {
		_, err = fmt.Fprintln(os.Stdout, c.proc.pid)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = c.Wait(context.Background())
	os.Exit(0)
}

// folder is a place for a cluster that Postgres's user may enter, unlike
// t.TempDir when we are root.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "devpg-test-") //nolint:usetesting // t.TempDir is closed to other users
	if err == nil {
		err = os.Chmod(dir, 0o711)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func start(t *testing.T, cfg Config) *Cluster {
	t.Helper()
	cfg.FastUnsafe = true
	c, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, c) })
	return c
}

func stop(t *testing.T, c *Cluster) {
	t.Helper()
	if err := c.Stop(); err != nil {
		t.Error(err)
	}
}

// query runs one statement in the maintenance database and returns its one
// value, or "".
func query(t *testing.T, c *Cluster, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.DSN(maintenance))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	var value string
	if err := conn.QueryRow(t.Context(), sql).Scan(&value); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if got := fault.Code(err); got != code {
		t.Fatalf("got %q (%v), want a fault %q", got, err, code)
	}
}

func TestDataSurvivesStopAndStart(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	c := start(t, Config{Dir: dir})
	for setting, want := range map[string]string{
		"server_encoding": "UTF8", "listen_addresses": "", "data_checksums": "on", "TimeZone": "UTC",
	} {
		if got := query(t, c, "select current_setting('"+setting+"')"); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	for range 2 { // it may exist
		if err := c.EnsureDatabase(t.Context(), `open"lot`); err != nil {
			t.Fatal(err)
		}
	}
	query(t, c, "create table kept as select 7 as n")
	stop(t, c)
	stop(t, c) // harmless
	if _, err := os.Stat(filepath.Join(dir, "data", "postmaster.pid")); !errors.Is(err, os.ErrNotExist) {
		t.Error("Postgres was not shut down in good order")
	}
	c = start(t, Config{Dir: dir})
	if got := query(t, c, "select n::text from kept"); got != "7" {
		t.Errorf("read %q back, want 7", got)
	}
	conn, err := pgx.Connect(t.Context(), c.DSN(`open"lot`))
	if err != nil {
		t.Fatal("the made database is not reachable by its DSN: ", err)
	}
	_ = conn.Close(t.Context())
}

func TestNobodyElseMayUseTheSocket(t *testing.T) {
	t.Parallel()
	c := start(t, Config{Dir: folder(t)})
	st, err := os.Stat(c.place.socket)
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode().Perm() != 0o700 {
		t.Errorf("the socket's folder has mode %v; whoever can enter is superuser", st.Mode().Perm())
	}
}

func TestSecondUserIsToldWhoHoldsTheFolder(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	c := start(t, Config{Dir: dir})
	link := dir + "-link" // another name of the same folder
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Remove(link) }()
	_, err := Start(t.Context(), Config{Dir: link, FastUnsafe: true})
	wantCode(t, err, CodeInUse)
	if !strings.Contains(err.Error(), "in use by pid "+strconv.Itoa(os.Getpid())+".") {
		t.Errorf("%q does not name the holder", err)
	}
	if got := query(t, c, "select 'alive'"); got != "alive" {
		t.Error("the first user was disturbed")
	}
}

// kill -9 of the owner: Postgres ends by itself, and the next start finds
// everything in order.
func TestOwnerIsKilled(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	owner := exec.Command(os.Args[0])
	owner.Env = append(os.Environ(), ownerDir+"="+dir)
	owner.Stderr = os.Stderr
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal("the owner did not start: ", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = owner.Wait() // it was killed, and says so
	data := filepath.Join(dir, "data")
	if !until(t.Context(), 20*time.Second, func() bool { return !runsOn(t.Context(), pid, data) }) {
		t.Fatal("Postgres outlives the process that started it")
	}
	start(t, Config{Dir: dir})
}

// Both the owner and the watcher were killed: the next start ends the Postgres
// that still runs.
func TestLeftoverPostgresIsEnded(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	c := start(t, Config{Dir: dir})
	stop(t, c)
	log, err := os.Create(filepath.Join(dir, "leftover.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	p, err := spawn(c.bin.path("postgres"), c.arguments(), c.place.as, log)
	if err != nil {
		t.Fatal(err)
	}
	_ = p.watcher.Kill()
	leftover := &Cluster{place: c.place, proc: p}
	if !until(t.Context(), 20*time.Second, leftover.ready) {
		t.Fatal("the leftover did not start")
	}
	start(t, Config{Dir: dir})
	if !p.exited() {
		t.Error("two servers on one folder")
	}
}

func TestPostgresIsKilled(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	c, err := Start(t.Context(), Config{Dir: dir}) // with fsync: nothing committed may be lost
	if err != nil {
		t.Fatal(err)
	}
	query(t, c, "create table kept as select 7 as n")
	if err := syscall.Kill(c.proc.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(t.Context()); fault.Code(err) != CodeStart {
		t.Fatalf("Wait says %v of a dead server", err)
	}
	stop(t, c)
	c = start(t, Config{Dir: dir})
	if got := query(t, c, "select n::text from kept"); got != "7" {
		t.Errorf("read %q back, want 7", got)
	}
}

// After a reboot the pid in a leftover file may belong to anything.
func TestStalePidOfAnotherProgram(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	c := start(t, Config{Dir: dir})
	stop(t, c)
	pidFile := filepath.Join(dir, "data", "postmaster.pid")
	for _, content := range []string{strconv.Itoa(os.Getpid()) + "\n" + dir + "/data\n", "\x00\x00\x00"} {
		if err := os.WriteFile(pidFile, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		stop(t, start(t, Config{Dir: dir}))
	}
}

func TestHalfMadeClusterIsThrownAway(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	if err := os.Mkdir(filepath.Join(dir, "data.new"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "data.new", "PG_VERSION"), []byte("15\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, Config{Dir: dir})
}

func TestLongPath(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(folder(t), strings.Repeat("a-long-name/", 12))
	c := start(t, Config{Dir: dir})
	if got := query(t, c, "select 'alive'"); got != "alive" {
		t.Error("no answer")
	}
	stop(t, c)
	if _, err := os.Stat(c.place.socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s was left behind", c.place.socket)
	}
}

// A folder that Postgres's user may not enter, as in a clone under /root.
func TestClosedFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "var", "pg")
	var log bytes.Buffer
	c := start(t, Config{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if got := query(t, c, "select 'alive'"); got != "alive" {
		t.Error("no answer")
	}
	if os.Geteuid() != 0 {
		if filepath.Dir(c.place.data) != dir {
			t.Errorf("the data is in %s, not where it was asked for", c.place.data)
		}
		return
	}
	t.Cleanup(func() { _ = os.RemoveAll(c.place.home) })
	if !strings.HasPrefix(c.place.home, "/var/tmp/openlot-") || !strings.Contains(log.String(), "data="+c.place.home) {
		t.Errorf("the data is in %s, and the log says %s", c.place.home, log.String())
	}
	_, err := Start(t.Context(), Config{Dir: dir})
	wantCode(t, err, CodeInUse)
}

// Somebody may have put something where our folder in /tmp or /var/tmp is to be.
func TestForeignFolderIsNotUsed(t *testing.T) {
	elsewhere := t.TempDir()
	link := filepath.Join(t.TempDir(), "socket")
	if err := os.Symlink(elsewhere, link); err != nil {
		t.Fatal(err)
	}
	wantCode(t, ownDir(link, account{}, 0o700), CodeNotOurs)
	if os.Geteuid() == 0 {
		theirs := t.TempDir()
		if err := os.Chown(theirs, 12345, 12345); err != nil {
			t.Fatal(err)
		}
		wantCode(t, ownDir(theirs, account{}, 0o700), CodeNotOurs)
	}
}

func TestMissingPostgres(t *testing.T) {
	t.Setenv("PATH", "")
	dir := folder(t)
	_, err := Start(t.Context(), Config{Dir: dir, BinDirs: []string{t.TempDir(), "/no/such/folder"}})
	wantCode(t, err, CodeMissing)
	if !strings.Contains(err.Error(), "Install it with: ") {
		t.Errorf("%q does not say what to type", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
		t.Error("something was made although nothing can run")
	}
}

// pretend makes an installation that says it has that version.
func pretend(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	for tool, script := range map[string]string{
		"initdb":   "#!/bin/sh\nexit 1\n",
		"postgres": "#!/bin/sh\necho 'postgres (PostgreSQL) " + version + "'\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, tool), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestVersions(t *testing.T) {
	old, new15, new17 := pretend(t, "14.11"), pretend(t, "15.18 (Debian 15.18-0+deb12u1)"), pretend(t, "17rc1")
	b, err := choose(t.Context(), []string{old, new15, new17}, 0)
	if err != nil || b.Major != 15 || b.Version != "15.18" {
		t.Errorf("chose %+v, %v; want the first that is new enough", b, err)
	}
	if b, err = choose(t.Context(), []string{old, new15, new17}, 17); err != nil || b.Major != 17 {
		t.Errorf("chose %+v, %v for data of 17", b, err)
	}
	_, err = choose(t.Context(), []string{old}, 0)
	wantCode(t, err, CodeTooOld)
	if !strings.Contains(err.Error(), "14.11") {
		t.Errorf("%q does not say what was found", err)
	}
	_, err = choose(t.Context(), []string{new17}, 15)
	wantCode(t, err, CodeVersion)
}

// Data of another major version is left alone.
func TestDataOfAnotherVersion(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	c := start(t, Config{Dir: dir})
	stop(t, c)
	_, err := Start(t.Context(), Config{Dir: dir, BinDirs: []string{pretend(t, "99.1")}})
	wantCode(t, err, CodeVersion)
	start(t, Config{Dir: dir}) // and is not damaged, nor locked
}

func TestFailedStartSaysWhy(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	cfg := Config{Dir: dir, Settings: map[string]string{"max_connections": "many"}}
	_, err := Start(t.Context(), cfg)
	wantCode(t, err, CodeStart)
	if !strings.Contains(err.Error(), `max_connections`) {
		t.Errorf("%q does not hold what Postgres said", err)
	}
	cfg.Settings = nil
	start(t, cfg)
}

// The same as an ordinary user: the tests run as root in many a container, where
// nobody is one.
func TestAsOrdinaryUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return // all of the above was that
	}
	home := folder(t)
	for _, name := range []string{"test", "tmp"} {
		if err := os.Mkdir(filepath.Join(home, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	as, err := unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	tmp := filepath.Join(home, "tmp")
	if err := os.Chown(tmp, int(as.uid), int(as.gid)); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(home, "test", "devpg.test") // the original lies in a folder that is closed to others
	copyFile(t, os.Args[0], binary)
	cmd := exec.CommandContext(t.Context(), binary, "-test.v", "-test.run",
		"^(TestDataSurvivesStopAndStart|TestOwnerIsKilled|TestLeftoverPostgresIsEnded|TestSecondUserIsToldWhoHoldsTheFolder|TestClosedFolder)$")
	cmd.Dir = tmp
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + tmp}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as.credential()}
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), "--- PASS") != 5 {
		t.Errorf("as uid %d: %v\n%s", as.uid, err, out)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	src, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = src.Close() }()
	// Another test that starts a process meanwhile would hand it the file open for
	// writing, and nothing runs a file that somebody writes.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(dst, src)
	if err := errors.Join(err, dst.Close()); err != nil {
		t.Fatal(err)
	}
}
