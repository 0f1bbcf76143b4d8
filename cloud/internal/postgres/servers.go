package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// server is one of those that a DSN names.
type server struct {
	host string
	port uint16
}

// lead is the server that answered the guard last. Who connects asks that one alone: a
// server that hangs costs everybody the time until it is given up, a standby makes a process
// for a connection that leads nothing, and what is named first in the DSN may be either.
// While no server answers the guard, which goes on asking all, nobody else does: each one
// that is slow to start would be the slower the more wanted to be first.
type lead struct {
	of   atomic.Pointer[server]
	mu   sync.Mutex
	away chan struct{} // closed when one answers again; nil: one does
}

// lost makes whoever connects wait.
func (l *lead) lost() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away == nil {
		l.away = make(chan struct{})
	}
}

// found lets them connect.
func (l *lead) found() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away != nil {
		close(l.away)
		l.away = nil
	}
}

func (l *lead) waiting() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.away
}

// way is one way to reach a server; of one that may speak TLS or not there are two.
type way = pgconn.FallbackConfig

func waysOf(cfg *pgx.ConnConfig) []*way {
	return append([]*way{{Host: cfg.Host, Port: cfg.Port, TLSConfig: cfg.TLSConfig}}, cfg.Fallbacks...)
}

func through(cfg *pgx.ConnConfig, ways []*way) {
	cfg.Host, cfg.Port, cfg.TLSConfig, cfg.Fallbacks = ways[0].Host, ways[0].Port, ways[0].TLSConfig, ways[1:]
}

// only waits for a lead, as long as an attempt to connect may take, and keeps no other
// server. It is a pool's BeforeConnect, which gets a copy.
func (l *lead) only(ctx context.Context, cfg *pgx.ConnConfig) error {
	if found := l.waiting(); found != nil {
		limit := time.NewTimer(cfg.ConnectTimeout)
		defer limit.Stop()
		select {
		case <-found:
		case <-limit.C:
			return unavailable("connect", errNobody)
		case <-ctx.Done():
			return unavailable("connect", context.Cause(ctx))
		}
	}
	s := l.of.Load()
	if s == nil || len(cfg.Fallbacks) == 0 {
		return nil
	}
	ways := slices.DeleteFunc(waysOf(cfg), func(w *way) bool { return w.Host != s.host || w.Port != s.port })
	if len(ways) > 0 {
		through(cfg, ways)
	}
	return nil
}

var errNobody = errors.New("no server answers")

// alone makes a configuration for each server of another one.
func alone(cfg *pgx.ConnConfig) []*pgx.ConnConfig {
	var out []*pgx.ConnConfig
	for _, w := range waysOf(cfg) {
		i := slices.IndexFunc(out, func(c *pgx.ConnConfig) bool { return c.Host == w.Host && c.Port == w.Port })
		if i >= 0 {
			out[i].Fallbacks = append(out[i].Fallbacks, w)
			continue
		}
		c := cfg.Copy()
		through(c, []*way{{Host: w.Host, Port: w.Port, TLSConfig: cloned(w.TLSConfig)}})
		out = append(out, c)
	}
	return out
}

func cloned(c *tls.Config) *tls.Config {
	if c == nil {
		return nil
	}
	return c.Clone()
}

// anyOf asks all servers for a connection at once and returns the first that is made.
func anyOf(ctx context.Context, cfg *pgx.ConnConfig) (*pgx.Conn, *server, error) {
	type answer struct {
		conn *pgx.Conn
		from *server
		err  error
	}
	each := alone(cfg)
	answers := make(chan answer, len(each))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, c := range each {
		if len(each) > 1 && c.ValidateConnect == nil { // a standby that answers first leads nothing
			c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
		}
		go func() { // ends with ctx, which every connection heeds
			conn, err := pgx.ConnectConfig(ctx, c)
			answers <- answer{conn, &server{c.Host, c.Port}, err}
		}()
	}
	var errs []error
	for n := range each {
		a := <-answers
		if a.err != nil {
			errs = append(errs, a.err)
			continue
		}
		cancel()
		go func() { // who comes too late is sent away
			for range len(each) - n - 1 {
				if late := <-answers; late.conn != nil {
					closeConn(late.conn)
				}
			}
		}()
		return a.conn, a.from, nil
	}
	return nil, nil, errors.Join(errs...)
}
