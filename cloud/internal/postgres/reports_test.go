package postgres_test

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	osexec "os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/devpg"
	"github.com/openlot/openlot/cloud/internal/devpg/pgtest"
	"github.com/openlot/openlot/cloud/internal/position"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// standby starts a replica of the primary behind dsn and returns how to reach it, and
// its process.
func standby(t *testing.T, dsn string) (string, *os.Process) {
	t.Helper()
	primary, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	bin, err := devpg.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// Not t.TempDir: the user that Postgres runs as may not enter that one.
	dir, err := os.MkdirTemp("/var/tmp", "openlot-replica-") //nolint:usetesting // the same
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // it is temporary
	attr := &syscall.SysProcAttr{}
	if os.Geteuid() == 0 { // as the user that the primary runs as
		st, err := os.Stat(primary.Host)
		if err != nil {
			t.Fatal(err)
		}
		owner := st.Sys().(*syscall.Stat_t)
		attr.Credential = &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}
		if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	command := func(name string, args ...string) *osexec.Cmd {
		cmd := osexec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join(bin.Dir, name), args...)
		cmd.SysProcAttr, cmd.Dir, cmd.Stderr = attr, "/", os.Stderr
		return cmd
	}
	data := filepath.Join(dir, "data")
	if err := command("pg_basebackup", "-d", dsn, "-D", data, "-R", "-X", "stream", "-c", "fast").Run(); err != nil {
		t.Fatal(err)
	}
	server := command("postgres", "-D", data, "-c", "listen_addresses=", "-c", "unix_socket_directories="+dir, "-c", "port=5432", "-c", "max_connections=200", "-c", "log_min_messages=fatal")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGQUIT) // or the test has ended it
		_ = server.Wait()
	})
	q := url.Values{"host": {dir}, "port": {"5432"}, "user": {primary.User}}
	replica := "postgres:///" + primary.Database + "?" + q.Encode()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 1500 {
		if conn, err := pgx.Connect(t.Context(), replica); err == nil {
			_ = conn.Close(t.Context()) // it answers
			return replica, server.Process
		}
		<-tick.C
	}
	t.Fatal("the replica does not start")
	return "", nil
}

// A report comes from the replica, at most MaxStale old, includes what its reader has
// written, and comes from the primary when the replica is behind or gone.
func TestReportsAreFreshEnough(t *testing.T) {
	cluster := pgtest.Durable(t)
	if err := cluster.EnsureDatabase(t.Context(), "openlot"); err != nil {
		t.Fatal(err)
	}
	dsn, log := cluster.DSN("openlot"), slog.New(slog.DiscardHandler)
	if err := postgres.Migrate(t.Context(), dsn, log); err != nil {
		t.Fatal(err)
	}
	db, now := postgrestest.Open(t, dsn), time.Now().UTC()
	postgrestest.Import(t, db, now, postgrestest.Parking("north", 20))
	c := newCommitter(t, db)
	replica, process := standby(t, dsn)
	reports, err := postgres.OpenReports(t.Context(), db, replica)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reports.Close)
	ctx, stop := context.WithCancel(t.Context())
	running := make(chan struct{})
	go func() {
		defer close(running)
		_ = reports.Run(ctx) // it ends with ctx
	}()
	t.Cleanup(func() {
		stop()
		<-running
	})
	sell := func(n int) (id.Reservation, position.Position) {
		t.Helper()
		op := &take{
			at: "north", res: id.New[id.Reservation](time.Now()), key: id.New[id.Quote](time.Now()).String(), window: window(now.Add(time.Duration(n)*time.Hour), 1),
		}
		if _, err := c.Commit(t.Context(), op); err != nil {
			t.Fatal(err)
		}
		p, err := reports.Position(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return op.res, p
	}
	sees := func(r id.Reservation, p position.Position) bool {
		_, err := reports.Receipts().Facts(position.With(t.Context(), p), r)
		if fault.Code(err) == postgres.CodeUnavailable {
			t.Errorf("a report is not to be had: %v", err)
		}
		return fault.Code(err) != booking.CodeReservationNotFound
	}
	until := func(what string, limit time.Duration, cond func() bool) {
		t.Helper()
		for end := time.Now().Add(limit); !cond(); {
			if time.Now().After(end) {
				t.Fatal("not within " + limit.String() + ": " + what)
			}
		}
	}

	on := postgrestest.Owner(t, replica)
	for n := range 20 { // from whichever server, at once
		if r, p := sell(n); !sees(r, p) {
			t.Fatalf("reservation %d is not seen by who made it", n)
		}
	}
	read := func() (n int) {
		if err := on.QueryRow(t.Context(), `select count(*) from pg_stat_activity where application_name = 'openlot reports' and query like 'commit%'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	r, _ := sell(21)
	until("the replica is read", 5*time.Second, func() bool { return sees(r, 0) && read() > 0 })

	// The replica stands still: its readers see the past for a while, and those who have
	// written what they wrote.
	if _, err := on.Exec(t.Context(), `select pg_wal_replay_pause()`); err != nil {
		t.Fatal(err)
	}
	r, p := sell(22)
	if !sees(r, p) {
		t.Error("who has written does not see it when the replica stands still")
	}
	if sees(r, 0) {
		t.Error("the replica was not asked")
	}
	until("the primary instead of a replica that is behind", postgres.MaxStale+time.Second, func() bool { return sees(r, 0) })
	if _, err := on.Exec(t.Context(), `select pg_wal_replay_resume()`); err != nil {
		t.Fatal(err)
	}
	var resumed time.Time
	if err := on.QueryRow(t.Context(), `select clock_timestamp()`).Scan(&resumed); err != nil {
		t.Fatal(err)
	}
	until("the replica again", 5*time.Second, func() (again bool) {
		sees(r, 0)
		if err := on.QueryRow(t.Context(), `select exists (select from pg_stat_activity
			where application_name = 'openlot reports' and query like 'commit%' and query_start > $1)`, resumed).Scan(&again); err != nil {
			t.Fatal(err)
		}
		return again
	})

	// The replica dies.
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	r, _ = sell(23)
	until("the primary instead of a replica that is gone", time.Second, func() bool { return sees(r, 0) })
}
