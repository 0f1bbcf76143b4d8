package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	// backlogCounts bounds what is counted: beyond it, how much it is matters no more.
	backlogCounts = `
select 'outbox', '', n, coalesce(extract(epoch from now() - at), 0)::float8 from (
  select count(*) as n, min(at) as at from (
    select e.at from event e where e.xid >= (select xid from feed_cursor where name = 'relay') order by e.xid limit 10000) waiting) o
union all
select 'inbox', '', count(*), coalesce(extract(epoch from now() - min(heard_at)), 0)::float8 from (
  select heard_at from payment_notice where done_at is null order by heard_at limit 10000) i
union all
select 'jobs', queue, count(*), coalesce(extract(epoch from now() - min(scheduled_at)), 0)::float8 from (
  select queue, scheduled_at from river.river_job where state = 'available' and scheduled_at <= now() limit 10000) j
group by queue`
	backlogEvery = 5 * time.Second
	backlogLimit = 2 * time.Second
)

// Backlog shows what is stored and waits to be worked: events that the relay has
// not turned into jobs (the outbox), webhooks that were not heeded (the inbox), and
// jobs that are due. It is the same on every instance. The database is asked at
// most once in five seconds, however many scrape.
type Backlog struct {
	db                  *DB
	items, oldest, read *prometheus.Desc

	mu    sync.Mutex
	at    time.Time
	rows  []waiting
	known bool
}

// waiting is how much waits somewhere, and for how long.
type waiting struct {
	Where, Queue string
	Items        int64
	Seconds      float64
}

// NewBacklog makes a collector.
func NewBacklog(db *DB) *Backlog {
	labels := []string{"of", "queue"}
	return &Backlog{
		db:     db,
		items:  prometheus.NewDesc("openlot_backlog_items", "What waits in the database: events for the relay (outbox), webhooks (inbox), jobs that are due; counted to 10,000.", labels, nil),
		oldest: prometheus.NewDesc("openlot_backlog_oldest_seconds", "How long the oldest of it has been waiting.", labels, nil),
		read:   prometheus.NewDesc("openlot_backlog_known", "Whether the database answered.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (b *Backlog) Describe(out chan<- *prometheus.Desc) {
	out <- b.items
	out <- b.oldest
	out <- b.read
}

// Collect implements prometheus.Collector.
func (b *Backlog) Collect(out chan<- prometheus.Metric) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now := time.Now(); now.Sub(b.at) >= backlogEvery {
		b.at = now
		b.rows, b.known = b.look()
	}
	known := 0.0
	if b.known {
		known = 1
	}
	out <- prometheus.MustNewConstMetric(b.read, prometheus.GaugeValue, known)
	for _, r := range b.rows {
		out <- prometheus.MustNewConstMetric(b.items, prometheus.GaugeValue, float64(r.Items), r.Where, r.Queue)
		out <- prometheus.MustNewConstMetric(b.oldest, prometheus.GaugeValue, r.Seconds, r.Where, r.Queue)
	}
}

func (b *Backlog) look() ([]waiting, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), backlogLimit)
	defer cancel()
	rows, err := b.db.pool.Query(ctx, backlogCounts)
	if err != nil {
		return nil, false
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[waiting])
	return found, err == nil
}
