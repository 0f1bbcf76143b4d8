package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/protocol/fault"
)

// guarded has a guard look after a pool until the test, or what is returned, ends it.
func guarded(t *testing.T, log *slog.Logger, db *postgres.DB) (end func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	guarding := make(chan struct{})
	go func() {
		defer close(guarding)
		_ = postgres.NewGuard(log, db).Run(ctx) // it ends with ctx
	}()
	end = func() {
		stop()
		<-guarding
	}
	t.Cleanup(end)
	return end
}

// A server that hangs is named first: its kernel accepts connections, and nobody says a
// word on them. Once the guard knows who answers, nobody waits for it any more.
func TestAServerThatHangsIsNotAskedFirst(t *testing.T) {
	_, dsn := postgrestest.New(t)
	real, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	hung, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hung.Close() })
	var asked atomic.Int64
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == hung.Addr().String() {
			asked.Add(1)
		}
		return real.DialFunc(ctx, network, address)
	}
	both := fmt.Sprintf("host=127.0.0.1,%s port=%d,%d user=%s password='%s' dbname=%s target_session_attrs=read-write connect_timeout=2 sslmode=prefer",
		real.Host, hung.Addr().(*net.TCPAddr).Port, real.Port, real.User, real.Password, real.Database)
	log := slog.New(slog.DiscardHandler)
	db, err := postgres.Open(t.Context(), both, log, postgres.Options{Dial: dial})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if asked.Load() == 0 {
		t.Fatal("the server that hangs was not asked, although nobody knew")
	}
	guarded(t, log, db)
	anew := func() (hungAsked int64) {
		before := asked.Load()
		db.Pool().Reset()
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				if _, err := db.Pool().Exec(ctx, `select pg_sleep(0.1)`); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		return asked.Load() - before
	}
	for round := 1; anew() > 0; round++ { // until the guard has asked
		if round == 5 || t.Failed() {
			t.Fatal("everybody still waits for a server that hangs")
		}
	}
	if n := anew(); n != 0 {
		t.Errorf("it was asked %d times", n)
	}
}

// A replica stands beside the primary in the DSN, and answers sooner: it leads nothing, and
// no connection is ended for it.
func TestAStandbyThatAnswersFirstIsNotTakenForTheLeader(t *testing.T) {
	_, dsn := postgrestest.New(t)
	replicaDSN, _ := standby(t, dsn)
	primary, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	replica, err := pgx.ParseConfig(replicaDSN)
	if err != nil {
		t.Fatal(err)
	}
	slow := func(ctx context.Context, network, address string) (net.Conn, error) {
		if strings.HasPrefix(address, primary.Host+"/") {
			select { // the other one has answered long before
			case <-time.After(300 * time.Millisecond):
			case <-ctx.Done():
			}
		}
		return primary.DialFunc(ctx, network, address)
	}
	both := fmt.Sprintf("host=%s,%s port=%d,%d user=%s password='%s' dbname=%s sslmode=disable",
		primary.Host, replica.Host, primary.Port, replica.Port, primary.User, primary.Password, primary.Database)
	var said bytes.Buffer // of the guard alone, which has ended before it is read
	db, err := postgres.Open(t.Context(), both, slog.New(slog.DiscardHandler), postgres.Options{Dial: slow})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	unguard := guarded(t, slog.New(slog.NewTextHandler(&said, nil)), db)
	owner := postgrestest.Owner(t, dsn)
	for asked, end := false, time.Now().Add(20*time.Second); !asked && time.Now().Before(end); {
		if err := owner.QueryRow(t.Context(), `select exists (select from pg_stat_activity
			where datname = current_database() and query like 'select pg_postmaster_start_time%')`).Scan(&asked); err != nil {
			t.Fatal(err)
		}
	}
	unguard()
	if said.Len() > 0 {
		t.Errorf("the guard says %s", said.String())
	}
}

// While no server answers the guard nobody else asks any: a server that starts has enough
// to do. Whoever wants a connection waits for one that answers, but not for ever.
func TestWhileNobodyAnswersOnlyTheGuardAsks(t *testing.T) {
	_, dsn := postgrestest.New(t)
	real, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	var gone atomic.Bool
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		asked.Add(1)
		if gone.Load() {
			return nil, errors.New("nobody is there")
		}
		return real.DialFunc(ctx, network, address)
	}
	said := make(chan string, 64)
	log := slog.New(slog.NewTextHandler(lines(said), nil))
	db, err := postgres.Open(t.Context(), dsn, slog.New(slog.DiscardHandler), postgres.Options{Dial: dial})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	guarded(t, log, db)
	hears := func(what string) {
		t.Helper()
		for {
			select {
			case line := <-said:
				if strings.Contains(line, what) {
					return
				}
			case <-time.After(30 * time.Second):
				t.Fatalf("the guard does not say that it %s", what)
			}
		}
	}
	gone.Store(true)
	if _, err := db.Pool().Exec(t.Context(), `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()`); err == nil {
		t.Fatal("the connections are not ended") // the guard's, and ours
	}
	hears("does not answer")

	attempts := func() int64 {
		before, until := asked.Load(), time.Now().Add(3*time.Second)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for time.Now().Before(until) {
					if err := db.Ping(t.Context()); err == nil || fault.Code(err) != postgres.CodeUnavailable {
						t.Errorf("a ping says %v", err)
						return
					}
				}
			})
		}
		all.Wait()
		return asked.Load() - before
	}
	for round := 1; attempts() > 40; round++ { // the guard alone asks once a second
		if round == 3 || t.Failed() {
			t.Fatal("everybody tries to connect while nobody answers")
		}
	}
	waits := make(chan error, 1)
	go func() {
		for {
			err := db.Ping(t.Context())
			if err == nil || fault.Code(err) != postgres.CodeUnavailable {
				waits <- err
				return
			}
		}
	}()
	gone.Store(false)
	hears("answers")
	select {
	case err := <-waits:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("nobody is connected although the server answers")
	}
}

// lines sends what is written.
type lines chan<- string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}
