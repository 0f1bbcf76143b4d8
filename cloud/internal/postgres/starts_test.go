package postgres_test

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
)

// mute is a server that accepts connections and, while it is mute, never says a word on
// them: one that is too slow for those who connect.
type mute struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	peer net.Listener

	mu         sync.Mutex
	mute       bool
	open, most int
}

func (m *mute) reach(ctx context.Context, network, address string) (net.Conn, error) {
	m.mu.Lock()
	quiet := m.mute
	if quiet {
		m.open++
		m.most = max(m.most, m.open)
	}
	m.mu.Unlock()
	if !quiet {
		return m.dial(ctx, network, address)
	}
	c, err := net.Dial("tcp", m.peer.Addr().String())
	return &muted{Conn: c, of: m}, err
}

type muted struct {
	net.Conn
	of   *mute
	once sync.Once
}

func (c *muted) Close() error {
	c.once.Do(func() {
		c.of.mu.Lock()
		c.of.open--
		c.of.mu.Unlock()
	})
	return c.Conn.Close()
}

// After a fail-over every connection is made anew at once. A server that is slow at making
// them is not asked for all of them at a time, and all are had when it is not slow any more.
func TestASlowServerIsNotStormed(t *testing.T) {
	_, dsn := postgrestest.New(t)
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	peer, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = peer.Close() })
	m := &mute{dial: cfg.DialFunc, peer: peer}
	db, err := postgres.Open(t.Context(), dsn, slog.New(slog.DiscardHandler), postgres.Options{Dial: m.reach})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	db.Pool().Reset()

	m.mu.Lock()
	m.mute = true
	m.mu.Unlock()
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			if c, err := db.Pool().Acquire(ctx); err == nil {
				c.Release()
				t.Error("a server that says nothing was connected to")
			}
		})
	}
	all.Wait()
	m.mu.Lock()
	if m.most < 2 || m.most > 4 {
		t.Errorf("%d connections were being made at a time", m.most)
	}
	m.mute = false
	m.mu.Unlock()

	held, had := make(chan struct{}), make(chan struct{}, 16)
	for range 16 {
		all.Go(func() {
			c, err := db.Pool().Acquire(t.Context())
			had <- struct{}{}
			if err != nil {
				t.Error(err)
				return
			}
			<-held // all 16 at a time
			c.Release()
		})
	}
	for range 16 {
		<-had
	}
	close(held)
	all.Wait()
}
