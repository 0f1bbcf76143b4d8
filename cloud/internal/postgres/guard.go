package postgres

import (
	"context"
	"crypto/tls"
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
	// While nothing answers, a connection is ended once it is older than this: it may lead
	// to another server that hangs. Younger ones were answered when they were made.
	trusted = 10 * time.Second
)

// startsAtOnce bounds the connections that a pool is making at a time. All of them make
// theirs anew after a fail-over. A server that is slow at it would spend its time on those
// that were given up meanwhile, fall further behind, and never get out of it again.
const startsAtOnce = 4

// Guard ends connections that lead nowhere: to a server that hangs or is cut off, that
// is a standby now, or that was replaced by another. Nothing else would end them for
// minutes, since a statement that waits for a commit has no limit of its own, and
// a pool gives out what it has. Who used one is told that the database does not answer,
// and tries again on the server that answers now: the pools ask no other, and none while
// none answers the guard.
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
	defer func() {
		for _, db := range g.of { // nobody looks any more, so that nobody may wait
			db.lead.found()
		}
	}()
	var failed time.Time // when it was asked last and did not answer
	for first := true; ; first = false {
		if !first {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
		is, err := g.ask(ctx)
		made := time.Now() // what is cut was made before
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil && (g.known == identity{} || is.same(g.known)):
			if !g.away {
				g.known = is
				continue
			}
			g.log.Info("the database answers again")
			g.known, g.away, made = is, false, failed
		case err == nil:
			g.log.Warn("another server answers for the database; connections to the one before are ended")
			g.known, g.away = is, false
		case !g.away:
			g.away, failed = true, made
			g.log.Warn("the database does not answer; connections to it are ended", "err", err)
		default:
			failed, made = made, made.Add(-trusted)
		}
		for _, db := range g.of {
			db.sockets.cut(made)
			if g.away {
				db.lead.lost()
			} else {
				db.lead.found()
			}
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
	cfg := g.of[0].pool.Config().ConnConfig.Copy()
	cfg.DialFunc = g.of[0].sockets.dial // it waits for none of those that it looks after
	probe, from, err := anyOf(ctx, cfg)
	if err != nil {
		g.probe = nil
		return is, err
	}
	g.probe = probe
	if is, err = g.who(ctx); err == nil {
		for _, db := range g.of {
			db.lead.of.Store(from)
		}
	}
	return is, err
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
	dial     func(ctx context.Context, network, address string) (net.Conn, error)
	starting chan struct{} // holds a token for each that is being made

	mu   sync.Mutex
	open map[*socket]time.Time // since when they are made
}

type socket struct {
	net.Conn
	of   *sockets
	once sync.Once
}

func newSockets(dial func(ctx context.Context, network, address string) (net.Conn, error)) *sockets {
	return &sockets{dial: dial, starting: make(chan struct{}, startsAtOnce), open: map[*socket]time.Time{}}
}

// reach opens one when it is its turn.
func (w *sockets) reach(ctx context.Context, network, address string) (net.Conn, error) {
	select {
	case w.starting <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	c, err := w.dial(ctx, network, address)
	if err != nil {
		<-w.starting
		return nil, err
	}
	return &socket{Conn: c, of: w}, nil
}

// started is told of a connection that is made; c may be wrapped in TLS.
func (w *sockets) started(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	x, ok := c.(*socket)
	if !ok {
		return
	}
	w.mu.Lock()
	w.open[x] = time.Now()
	w.mu.Unlock()
	x.next()
}

// next lets another one start.
func (x *socket) next() { x.once.Do(func() { <-x.of.starting }) }

// Close implements net.Conn.
func (x *socket) Close() error {
	x.of.mu.Lock()
	delete(x.of.open, x)
	x.of.mu.Unlock()
	x.next()
	return x.Conn.Close()
}

// cut ends those that were made before: whoever waits for one is told at once. One that is
// being made has a limit of its own.
func (w *sockets) cut(before time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for x, since := range w.open {
		if since.Before(before) {
			_ = x.Conn.Close() // it leads nowhere
			delete(w.open, x)
		}
	}
}
