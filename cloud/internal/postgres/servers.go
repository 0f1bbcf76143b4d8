package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// server is one of those that a DSN names.
type server struct {
	host string
	port uint16
}

// lead is the server that answered the guard last. Who connects tries it before the
// others: a server that hangs costs everybody the time until it is given up, and what is
// named first in the DSN may be that one.
type lead struct{ of atomic.Pointer[server] }

// way is one way to reach a server; of one that may speak TLS or not there are two.
type way = pgconn.FallbackConfig

func waysOf(cfg *pgx.ConnConfig) []*way {
	return append([]*way{{Host: cfg.Host, Port: cfg.Port, TLSConfig: cfg.TLSConfig}}, cfg.Fallbacks...)
}

func through(cfg *pgx.ConnConfig, ways []*way) {
	cfg.Host, cfg.Port, cfg.TLSConfig, cfg.Fallbacks = ways[0].Host, ways[0].Port, ways[0].TLSConfig, ways[1:]
}

// first puts the lead before the others. It is a pool's BeforeConnect, which gets a copy.
func (l *lead) first(_ context.Context, cfg *pgx.ConnConfig) error {
	s := l.of.Load()
	if s == nil || len(cfg.Fallbacks) == 0 {
		return nil
	}
	ways := waysOf(cfg)
	slices.SortStableFunc(ways, func(a, b *way) int { return rank(s, a) - rank(s, b) })
	through(cfg, ways)
	return nil
}

func rank(s *server, w *way) int {
	if w.Host == s.host && w.Port == s.port {
		return 0
	}
	return 1
}

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
