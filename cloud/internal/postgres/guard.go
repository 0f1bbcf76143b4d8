package postgres

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// How soon a database that does not answer is left.
const (
	probeEvery = time.Second
	probeLimit = 3 * time.Second // for one answer, with a new connection if there is none
)

// Guard ends connections that lead nowhere: to a server that hangs or is cut off, that
// is a standby now, or that was replaced by another. Nothing else would end them for
// minutes, since a statement that waits for a commit has no limit of its own, and
// a pool gives out what it has. Who used one is told that the database does not answer,
// and tries again on the server that answers now.
type Guard struct {
	of    []*DB
	log   *slog.Logger
	probe *pgx.Conn // nil: none
	known identity  // of the server that answered last
	away  bool
}

// identity tells one run of one server from others.
type identity struct {
	started time.Time
	port    *int32
}

var errStandby = errors.New("the server is a standby")

// NewGuard makes a guard of pools that reach the same database.
func NewGuard(log *slog.Logger, of ...*DB) *Guard {
	return &Guard{of: of, log: log.With("component", "guard")}
}

// Run asks every second until the context ends.
func (g *Guard) Run(ctx context.Context) error {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	defer g.drop()
	for first := true; ; first = false {
		if !first {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
		is, err := g.ask(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil && (g.known == identity{} || is.same(g.known)):
			if g.away {
				g.log.Info("the database answers again")
			}
			g.known, g.away = is, false
			continue
		case err == nil:
			g.log.Warn("another server answers for the database; connections to the one before are ended")
			g.known, g.away = is, false
		case !g.away:
			g.away = true
			g.log.Warn("the database does not answer; connections to it are ended", "err", err)
		}
		for _, db := range g.of {
			db.sockets.cut()
		}
	}
}

func (i identity) same(o identity) bool {
	return i.started.Equal(o.started) && (i.port == nil) == (o.port == nil) && (i.port == nil || *i.port == *o.port)
}

// ask asks the server who it is.
func (g *Guard) ask(ctx context.Context) (is identity, err error) {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	if g.probe != nil {
		if is, err = g.who(ctx); err == nil || ctx.Err() != nil || errors.Is(err, errStandby) {
			return is, err
		}
	}
	// The connection alone may have been ended, which says nothing about the others.
	if g.probe, err = pgx.ConnectConfig(ctx, g.of[0].pool.Config().ConnConfig.Copy()); err != nil {
		g.probe = nil
		return is, err
	}
	return g.who(ctx)
}

func (g *Guard) who(ctx context.Context) (is identity, err error) {
	var standby bool
	err = g.probe.QueryRow(ctx, `select pg_postmaster_start_time(), inet_server_port(), pg_is_in_recovery()`).Scan(&is.started, &is.port, &standby)
	if err == nil && standby {
		err = errStandby
	}
	if err != nil {
		g.drop()
	}
	return is, err
}

func (g *Guard) drop() {
	if g.probe != nil {
		closeConn(g.probe)
		g.probe = nil
	}
}

// sockets are the network connections of a pool.
type sockets struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)

	mu   sync.Mutex
	open map[*socket]struct{}
}

type socket struct {
	net.Conn
	of *sockets
}

// reach opens one.
func (w *sockets) reach(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := w.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	x := &socket{c, w}
	w.mu.Lock()
	w.open[x] = struct{}{}
	w.mu.Unlock()
	return x, nil
}

// Close implements net.Conn.
func (x *socket) Close() error {
	x.of.mu.Lock()
	delete(x.of.open, x)
	x.of.mu.Unlock()
	return x.Conn.Close()
}

// cut ends all that are open: whoever waits for one is told at once.
func (w *sockets) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for x := range w.open {
		_ = x.Conn.Close() // it leads nowhere
	}
	clear(w.open)
}
