package ha

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/scripts/audit"
	"github.com/openlot/openlot/scripts/client"
)

// primary runs do on a new connection to whichever Postgres leads.
func (c *Cluster) primary(ctx context.Context, do func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, c.layout.dsn("postgres", database))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // only read
	return do(conn)
}

// heads are the revisions of all parkings.
func (c *Cluster) heads(ctx context.Context) (heads map[string]uint64, err error) {
	heads = map[string]uint64{}
	err = c.primary(ctx, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `select parking, revision from parking_head`)
		if err != nil {
			return err
		}
		var parking string
		var revision int64
		_, err = pgx.ForEachRow(rows, []any{&parking, &revision}, func() error {
			heads[parking] = uint64(revision)
			return nil
		})
		return err
	})
	return heads, err
}

// lost names reservations that a driver was told of and that are not in the books as
// he was told.
func (c *Cluster) lost(ctx context.Context, acks []acked) (lost []string, err error) {
	stored := map[[16]byte]string{}
	err = c.primary(ctx, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `select r.id, r.state || ' ' || p.state || ' ' || k.key from reservation r
			join payment p on p.parking = r.parking and p.id = r.payment join idempotency_key k on k.parking = r.parking and k.reservation = r.id`)
		if err != nil {
			return err
		}
		var r [16]byte
		var state string
		_, err = pgx.ForEachRow(rows, []any{&r, &state}, func() error {
			stored[r] = state
			return nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	keys := map[string]bool{}
	for _, k := range acks {
		r, err := id.Parse[id.Reservation](k.id)
		if err != nil {
			return nil, err
		}
		if got := stored[r.UUID()]; got != "confirmed authorized "+k.key {
			lost = append(lost, fmt.Sprintf("%s of %s is %q", k.id, k.wanted.ParkingID, got))
		}
		if keys[k.id] {
			lost = append(lost, k.id+" was told to two drivers")
		}
		keys[k.id] = true
	}
	return lost, nil
}

// doubled names effects that happened twice: two live holds of one reservation, or a
// job that exists twice.
func (c *Cluster) doubled(ctx context.Context) (found []string, err error) {
	err = c.primary(ctx, func(conn *pgx.Conn) error {
		for what, sql := range map[string]string{
			"live holds of":            `select reservation from sandbox.hold where state = 'held' group by 1 having count(*) > 1`,
			"confirmations by mail to": `select recipients[1] || ' ' || subject from dev_mail group by 1 having count(distinct message_id) > 1`,
			"leaders of the jobs":      `select name from river.river_leader group by 1 having count(*) > 1`,
		} {
			rows, err := conn.Query(ctx, sql)
			if err != nil {
				return err
			}
			names, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				return err
			}
			for _, n := range names {
				found = append(found, "two "+what+" "+n)
			}
		}
		return nil
	})
	return found, err
}

// mailed reports how many of the newest reservations were told of by mail.
func (c *Cluster) mailed(ctx context.Context, acks []acked) error {
	newest := acks[max(0, len(acks)-300):]
	return c.primary(ctx, func(conn *pgx.Conn) error {
		var addresses []string
		for _, k := range newest {
			addresses = append(addresses, k.wanted.Contact.Email)
		}
		var n int
		if err := conn.QueryRow(ctx, `select count(distinct recipients[1]) from dev_mail where recipients[1] = any($1)`, addresses).Scan(&n); err != nil {
			return err
		}
		if n != len(addresses) {
			waiting, err := c.waiting(ctx, conn)
			return errors.Join(fmt.Errorf("%d of the newest %d drivers got their mail; jobs that are not done: %v", n, len(addresses), waiting), err)
		}
		return nil
	})
}

// waiting are the jobs for drivers that are not done, with why.
func (c *Cluster) waiting(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	rows, err := conn.Query(ctx, `select kind || ' ' || state || ', attempt ' || attempt || ' of ' || coalesce(attempted_at::text, 'never')
		from river.river_job where queue = 'mail' and state <> 'completed' order by id limit 10`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// books audits the database as a whole.
func (c *Cluster) books(ctx context.Context) error {
	b, err := audit.Open(ctx, c.layout.dsn("postgres", database))
	if err != nil {
		return err
	}
	defer func() { _ = b.Close(ctx) }() // only read
	if _, err := b.SettledInventory(ctx, 20*time.Second); err != nil {
		return fmt.Errorf("inventory: %w", err)
	}
	sums, err := b.Ledger(ctx)
	if err != nil {
		return err
	}
	for _, s := range sums {
		if s.Sum != 0 {
			err = errors.Join(err, fmt.Errorf("the ledger sums to %d %s", s.Sum, s.Currency))
		}
	}
	for _, s := range c.Sites {
		edge, stateErr := s.State(ctx)
		j, journalErr := b.Journal(ctx, s.Parking)
		err = errors.Join(err, stateErr, journalErr)
		if stateErr != nil || journalErr != nil {
			continue
		}
		if checkErr := j.Check(); checkErr != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", s.Parking, checkErr))
		}
		if j.Epoch == edge.Epoch && j.Seq < edge.LastSeq {
			err = errors.Join(err, fmt.Errorf("%s: the cloud has applied %d of %d events", s.Parking, j.Seq, edge.LastSeq))
		}
	}
	return err
}

// agree compares what the instances answer with each other and with the heads.
func (c *Cluster) agree(ctx context.Context, watchers []*watcher) error {
	heads, err := c.heads(ctx)
	if err != nil {
		return err
	}
	for parking, head := range heads {
		var free []string
		for _, addr := range c.layout.cloud {
			p, err := (&client.Cloud{URL: "http://" + addr, HTTP: newHTTP()}).Parking(ctx, parking)
			if err != nil {
				return err
			}
			if p.Version == nil || *p.Version != head {
				return fmt.Errorf("%s shows another version of %s than %d", addr, parking, head)
			}
			free = append(free, count(p.AvailableNow))
		}
		for _, w := range watchers {
			w.mu.Lock()
			if got, ok := w.free[parking]; ok {
				free = append(free, got)
			}
			if got, ok := w.seen[parking]; ok && got != head {
				err = fmt.Errorf("%s shows version %d of %s, not %d", w.name, got, parking, head)
			}
			w.mu.Unlock()
		}
		slices.Sort(free)
		if free = slices.Compact(free); len(free) != 1 {
			return fmt.Errorf("the free spaces of %s are told as %v", parking, free)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func count(n *int) string {
	if n == nil {
		return "null"
	}
	return fmt.Sprint(*n)
}
