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
	"github.com/openlot/openlot/protocol/id"
)

// frozen is a way to a server on which nothing is answered any more once it freezes,
// while its connections stay open; what is opened afterwards is answered.
type frozen struct {
	mu   sync.Mutex
	way  []*stuck
	dial func(ctx context.Context, network, address string) (net.Conn, error)
}

type stuck struct {
	net.Conn
	froze chan struct{}
}

func (f *frozen) reach(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := f.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	s := &stuck{Conn: c, froze: make(chan struct{})}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.way = append(f.way, s)
	return s, nil
}

func (f *frozen) freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.way {
		close(s.froze)
	}
	f.way = nil
}

func (s *stuck) Read(b []byte) (int, error) {
	for {
		n, err := s.Conn.Read(b)
		select {
		case <-s.froze:
			if err != nil { // a deadline, or its end
				return 0, err
			}
		default:
			return n, err
		}
	}
}

func (s *stuck) Write(b []byte) (int, error) {
	select {
	case <-s.froze:
		return len(b), nil // swallowed
	default:
		return s.Conn.Write(b)
	}
}

// The connections to a server lead nowhere from one moment to the next, without being
// closed, as when its machine hangs or the network swallows everything; another server
// answers to who connects anew. Selling goes on there.
func TestAServerThatAnswersNoMoreIsLeft(t *testing.T) {
	_, dsn := postgrestest.New(t)
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	way := &frozen{dial: cfg.DialFunc}
	log := slog.New(slog.DiscardHandler)
	db, err := postgres.Open(t.Context(), dsn, log, postgres.Options{Dial: way.reach})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	now := time.Now().UTC()
	postgrestest.Import(t, db, now, postgrestest.Parking("north", 20))
	c := newCommitter(t, db)
	guard := postgres.NewGuard(log, db)
	ctx, stop := context.WithCancel(t.Context())
	guarding := make(chan struct{})
	go func() {
		defer close(guarding)
		_ = guard.Run(ctx) // it ends with ctx
	}()
	t.Cleanup(func() {
		stop()
		<-guarding
	})
	sell := func(n int) error {
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		_, err := c.Commit(ctx, &take{
			at: "north", res: id.New[id.Reservation](time.Now()), key: id.New[id.Quote](time.Now()).String(), window: window(now.Add(time.Duration(n)*time.Hour), 1),
		})
		return err
	}
	owner, since := postgrestest.Owner(t, dsn), now.Add(-time.Hour)
	for n := range 3 {
		if err := sell(n); err != nil {
			t.Fatalf("sale %d: %v", n, err)
		}
		// The guard has asked once since the last time.
		for asked := false; !asked; {
			if err := owner.QueryRow(t.Context(), `select exists (select from pg_stat_activity
				where backend_start > $1 and state = 'idle' and query like 'select pg_postmaster_start_time%')`, since).Scan(&asked); err != nil {
				t.Fatal(err)
			}
		}
		if err := owner.QueryRow(t.Context(), `select clock_timestamp()`).Scan(&since); err != nil {
			t.Fatal(err)
		}
		way.freeze()
	}
	if err := sell(4); err != nil {
		t.Fatalf("after the last: %v", err)
	}
}
