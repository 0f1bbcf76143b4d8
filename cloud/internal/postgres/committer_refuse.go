package postgres

import (
	"context"
	"runtime"
	"sync"

	"github.com/jackc/pgx/v5"
)

// refuser answers the requests that remembered rows cannot satisfy, once it has
// looked their keys up: it has a connection of its own and waits for no commit.
// A request whose key exists goes to the worker, which reads everything.
type refuser struct {
	mu      sync.Mutex
	waiting []*request
	wake    chan struct{} // holds a token while somebody waits
}

// ask hands a request over. It never blocks.
func (f *refuser) ask(r *request) {
	f.mu.Lock()
	f.waiting = append(f.waiting, r)
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *refuser) take() []*request {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.waiting
	f.waiting = nil
	return out
}

// refuse answers until ctx ends.
func (c *Committer) refuse(ctx context.Context) {
	var conn *pgx.Conn
	defer func() {
		if conn != nil {
			closeConn(conn)
		}
	}()
	for {
		select {
		case <-ctx.Done():
			for _, r := range c.refuser.take() {
				r.answer(answer{err: stopping()})
			}
			return
		case <-c.refuser.wake:
		}
		runtime.Gosched() // those that were answered ask again: one look-up for all of them
		list := c.refuser.take()
		for len(list) > 0 {
			n := min(len(list), maxLookup)
			var found []bool
			var err error
			if conn, err = c.ownConnection(ctx, conn); err == nil {
				found, err = lookUp(ctx, conn, list[:n])
			}
			for i, r := range list[:n] {
				if err == nil && !found[i] {
					r.answer(answer{err: r.refusal})
					continue
				}
				// It was used, or that is not known: the worker finds out for what, or
				// waits for the database.
				r.refusal, r.fresh = nil, true
				if !r.shard.give(ctx, r) {
					r.answer(answer{err: stopping()})
				}
			}
			list = list[n:]
		}
	}
}

// maxLookup bounds the keys of one query.
const maxLookup = 512

const selectUsedKeys = `select k.n::int from unnest($1::text[], $2::text[]) with ordinality k(principal, key, n)
	cross join lateral (select from idempotency_key i where i.principal = k.principal and i.key = k.key offset 0) i`

// lookUp reports for each request whether one of its keys was used.
func lookUp(ctx context.Context, conn *pgx.Conn, list []*request) ([]bool, error) {
	found := make([]bool, len(list))
	principals, keys, of := make([]string, 0, len(list)), make([]string, 0, len(list)), make([]int, 0, len(list))
	for i, r := range list {
		for _, k := range r.rows.Keys {
			principals, keys, of = append(principals, k.Principal), append(keys, k.Key), append(of, i)
		}
	}
	rows, err := conn.Query(ctx, selectUsedKeys, principals, keys)
	if err != nil {
		return nil, err
	}
	var n int
	_, err = pgx.ForEachRow(rows, []any{&n}, func() error {
		found[of[n-1]] = true
		return nil
	})
	return found, err
}
