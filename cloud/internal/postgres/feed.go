package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/feed/follow"
	"github.com/openlot/openlot/protocol/id"
)

// Feed is the stored feed, read through a pool.
type Feed struct{ db *DB }

var _ follow.Source = Feed{}

// NewFeed makes a source of events.
func NewFeed(db *DB) Feed { return Feed{db} }

// pageOfEvents is how many events of one parking are read at once.
const pageOfEvents = 256

// channel carries the announcements.
const channel = "openlot_feed"

const feedHeads = `
select pg_snapshot_xmin(pg_current_snapshot())::text::bigint, h.parking, h.revision
from (select 1) one left join parking_head h on true`

// Heads implements follow.Source.
func (f Feed) Heads(ctx context.Context) (map[id.Parking]uint64, follow.XID, error) {
	rows, err := f.db.pool.Query(ctx, feedHeads)
	if err != nil {
		return nil, 0, unavailable("read the heads", err)
	}
	heads, from := map[id.Parking]uint64{}, follow.XID(0)
	var xmin int64
	var parking *string
	var revision *int64
	_, err = pgx.ForEachRow(rows, []any{&xmin, &parking, &revision}, func() error {
		from = follow.XID(xmin)
		if parking != nil {
			heads[id.Parking(*parking)] = uint64(*revision)
		}
		return nil
	})
	return heads, from, unavailable("read the heads", err)
}

// Each parking's events are read through the index on (parking, revision). A
// commit holds the head row until it is done, so that whoever sees a revision
// sees all before it.
const feedAfter = `
select e.parking, e.revision, e.at, e.kind, e.body
from unnest($1::text[], $2::bigint[]) as w (parking, revision)
cross join lateral (
  select parking, revision, at, kind, body from event
  where parking = w.parking and revision > w.revision
  order by revision limit $3
) e
order by e.parking, e.revision`

// After implements follow.Source.
func (f Feed) After(ctx context.Context, after map[id.Parking]uint64) ([]feed.Event, error) {
	parkings, revisions := make([]string, 0, len(after)), make([]int64, 0, len(after))
	for p, r := range after {
		parkings, revisions = append(parkings, string(p)), append(revisions, int64(r))
	}
	rows, err := f.db.pool.Query(ctx, feedAfter, parkings, revisions, pageOfEvents)
	if err != nil {
		return nil, unavailable("read events", err)
	}
	events, err := pgx.CollectRows(rows, readEvent)
	return events, unavailable("read events", err)
}

func readEvent(row pgx.CollectableRow) (feed.Event, error) {
	var e feed.Event
	var parking, kind string
	var revision int64
	var body []byte
	if err := row.Scan(&parking, &revision, &e.At, &kind, &body); err != nil {
		return e, err
	}
	e.Parking, e.Revision, e.Kind, e.At = id.Parking(parking), uint64(revision), feed.Kind(kind), e.At.UTC()
	if err := json.Unmarshal(body, &e.Body); err != nil {
		return e, fmt.Errorf("event %d of %s: %w", revision, parking, err)
	}
	return e, nil
}

// What is visible above the oldest running transaction is returned too, and
// looked at again the next time: a long transaction delays nobody's events.
const feedChanged = `
select pg_snapshot_xmin(pg_current_snapshot())::text::bigint, e.parking, e.revision
from (select 1) one left join (
  select parking, max(revision) as revision from event where xid >= $1::text::xid8 group by parking
) e on true`

// Changed implements follow.Source.
func (f Feed) Changed(ctx context.Context, since follow.XID) (map[id.Parking]uint64, follow.XID, error) {
	rows, err := f.db.pool.Query(ctx, feedChanged, fmt.Sprint(uint64(since)))
	if err != nil {
		return nil, since, unavailable("sweep the feed", err)
	}
	changed, next := map[id.Parking]uint64{}, since
	var xmin int64
	var parking *string
	var revision *int64
	_, err = pgx.ForEachRow(rows, []any{&xmin, &parking, &revision}, func() error {
		next = max(since, follow.XID(xmin))
		if parking != nil {
			changed[id.Parking(*parking)] = uint64(*revision)
		}
		return nil
	})
	if err != nil {
		return nil, since, unavailable("sweep the feed", err)
	}
	return changed, next, nil
}

// listenAlive is how long a silent connection is trusted before it is asked.
const listenAlive = 30 * time.Second

// Listen implements follow.Source.
func (f Feed) Listen(ctx context.Context, hint func(map[id.Parking]uint64)) error {
	conn, err := f.db.own(ctx)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	if _, err := conn.Exec(ctx, "listen "+channel); err != nil {
		return unavailable("listen", err)
	}
	hint(nil)
	for {
		n, err := waitFor(ctx, conn)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return unavailable("listen", err)
		case n == nil:
			continue
		}
		told := map[id.Parking]uint64{}
		if err := json.Unmarshal([]byte(n.Payload), &told); err != nil {
			// Anybody may notify. A hint that cannot be read is worth a sweep.
			told = nil
		}
		hint(told)
	}
}

// waitFor returns the next notification, or nil after a while in which there
// was none and the connection answered.
func waitFor(ctx context.Context, conn *pgx.Conn) (*notification, error) {
	limited, cancel := context.WithTimeout(ctx, listenAlive)
	defer cancel()
	n, err := conn.WaitForNotification(limited)
	if err == nil {
		return &notification{n.Payload}, nil
	}
	if ctx.Err() == nil && limited.Err() != nil && !conn.IsClosed() {
		asked, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		return nil, conn.Ping(asked)
	}
	return nil, err
}

type notification struct{ Payload string }

// own takes a connection out of the pool for good.
func (db *DB) own(ctx context.Context) (*pgx.Conn, error) {
	c, err := db.pool.Acquire(ctx)
	if err != nil {
		return nil, unavailable("connect", err)
	}
	return c.Hijack(), nil
}

func closeConn(c *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.Close(ctx) // the server notices either way
}

// How announcements are folded.
const (
	flushEvery = 20 * time.Millisecond
	maxPayload = 7900 // Postgres takes less than 8000 bytes
)

// Notifier announces new revisions to the followers of all processes: what
// accumulates in 20 ms is one notification, sent on a connection of its own so
// that no commit waits for it. Announcements are hints. While the database is
// away they are lost, and the followers' sweep finds the events.
type Notifier struct {
	db   *DB
	log  *slog.Logger
	wake chan struct{}

	mu   sync.Mutex
	told map[id.Parking]uint64
}

// NewNotifier makes a notifier that sends nothing before Run.
func NewNotifier(db *DB, log *slog.Logger) *Notifier {
	return &Notifier{db: db, log: log.With("component", "notifier"), wake: make(chan struct{}, 1), told: map[id.Parking]uint64{}}
}

// Hint notes that the parking has reached a revision. It never blocks.
func (n *Notifier) Hint(p id.Parking, revision uint64) {
	n.mu.Lock()
	n.told[p] = max(n.told[p], revision)
	n.mu.Unlock()
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Run sends until the context ends.
func (n *Notifier) Run(ctx context.Context) error {
	var conn *pgx.Conn
	defer func() {
		if conn != nil {
			closeConn(conn)
		}
	}()
	pause := time.NewTimer(0)
	defer pause.Stop()
	away := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.wake:
		}
		// The first of a burst has waited since the burst before.
		select {
		case <-ctx.Done():
			return nil
		case <-pause.C:
		}
		var err error
		conn, err = n.flush(ctx, conn)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !away:
			n.log.Warn("events cannot be announced; the sweep delivers them", "err", err)
		case err == nil && away:
			n.log.Info("events are announced again")
		}
		away = err != nil
		pause.Reset(flushEvery)
		if away {
			pause.Reset(time.Second)
		}
	}
}

const notify = `select pg_notify('` + channel + `', p) from unnest($1::text[]) p`

// flush sends what has accumulated, over conn or a new connection. It returns
// the connection to use the next time, nil when there is none.
func (n *Notifier) flush(ctx context.Context, conn *pgx.Conn) (*pgx.Conn, error) {
	n.mu.Lock()
	told := n.told
	n.told = map[id.Parking]uint64{}
	n.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if conn == nil {
		fresh, err := n.db.own(ctx)
		if err != nil {
			return nil, err
		}
		if _, err := fresh.Exec(ctx, "set synchronous_commit = off"); err != nil {
			closeConn(fresh)
			return nil, err
		}
		conn = fresh
	}
	if _, err := conn.Exec(ctx, notify, payloads(told)); err != nil {
		closeConn(conn)
		return nil, err
	}
	return conn, nil
}

// payloads writes announcements as JSON objects that fit a notification each.
func payloads(told map[id.Parking]uint64) []string {
	var out []string
	b := []byte{'{'}
	end := func() {
		if len(b) > 1 {
			out = append(out, string(append(b, '}')))
		}
		b = []byte{'{'}
	}
	for p, revision := range told {
		if len(b)+len(p)+25 > maxPayload {
			end()
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		// A slug needs no escaping.
		b = fmt.Appendf(b, `"%s":%d`, p, revision)
	}
	end()
	return out
}
