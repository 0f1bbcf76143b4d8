package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/wire"
)

// Books are the cloud's database. They are for one goroutine.
type Books struct{ conn *pgx.Conn }

// Open connects.
func Open(ctx context.Context, url string) (*Books, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("connect to the cloud's database: %w", err)
	}
	return &Books{conn}, nil
}

// Close ends the connection.
func (b *Books) Close(ctx context.Context) error { return b.conn.Close(ctx) }

// PassKeys are the keys that passes are verified with.
func (b *Books) PassKeys(ctx context.Context) ([]pass.PublicKey, error) {
	rows, err := b.conn.Query(ctx, `select kid, public from signing_key where retired_at is null`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (k pass.PublicKey, err error) {
		return k, row.Scan(&k.ID, &k.Public)
	})
}

// Journal is what the cloud has applied of an edge's journal.
type Journal struct {
	Epoch    uint32
	Seq      uint64 // the watermark: applied up to here
	Applied  uint64 // observations on record in the epoch
	Distinct uint64 // different sequence numbers among them
	First    uint64
	Last     uint64
}

// Check reports an event that was lost or applied twice.
func (j Journal) Check() error {
	if j.Applied != j.Seq || j.Distinct != j.Seq || j.Seq > 0 && (j.First != 1 || j.Last != j.Seq) {
		return fmt.Errorf("expected events 1 to %d of epoch %d once each, saw %d of them, %d different, from %d to %d", j.Seq, j.Epoch, j.Applied, j.Distinct, j.First, j.Last)
	}
	return nil
}

const selectJournal = `
select w.epoch, w.seq, count(o.seq), count(distinct o.seq), coalesce(min(o.seq), 0), coalesce(max(o.seq), 0)
  from edge_watermark w left join observation o on o.parking = w.parking and o.epoch = w.epoch
 where w.parking = $1 group by w.epoch, w.seq`

// Journal reads what is on record of a parking's edge.
func (b *Books) Journal(ctx context.Context, parking string) (j Journal, err error) {
	err = b.conn.QueryRow(ctx, selectJournal, parking).Scan(&j.Epoch, &j.Seq, &j.Applied, &j.Distinct, &j.First, &j.Last)
	if errors.Is(err, pgx.ErrNoRows) {
		err = fmt.Errorf("the cloud has no journal of %s", parking)
	}
	return j, err
}

// Observations are the applied events of a parking's journal, in order.
func (b *Books) Observations(ctx context.Context, parking string) ([]wire.Event, error) {
	rows, err := b.conn.Query(ctx, `select raw from observation where parking = $1 order by epoch, seq`, parking)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (wire.Event, error) {
		var raw []byte
		if err := row.Scan(&raw); err != nil {
			return wire.Event{}, err
		}
		return wire.Unmarshal[wire.Event](raw)
	})
}

// Commit is when an event entered the feed: the beginning of the transaction
// that committed it.
type Commit struct {
	Parking  string
	Revision uint64
	At       time.Time
}

// Stays are the commits that opened or closed a stay since a time.
func (b *Books) Stays(ctx context.Context, since time.Time) ([]Commit, error) {
	rows, err := b.conn.Query(ctx, `select parking, revision, at from event
		where kind in ('session.opened', 'session.closed') and at >= $1 order by parking, revision`, since)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Commit, err error) {
		return c, row.Scan(&c.Parking, &c.Revision, &c.At)
	})
}

// Payment is how a reservation was paid. Amounts are minor units.
type Payment struct {
	State      string
	Currency   string
	Authorized int64
	Captured   int64
}

// Payment reads the payment of a reservation.
func (b *Books) Payment(ctx context.Context, reservation string) (p Payment, err error) {
	r, err := id.Parse[id.Reservation](reservation)
	if err != nil {
		return p, err
	}
	err = b.conn.QueryRow(ctx, `select state, currency, authorized, captured from payment where reservation = $1`, r.UUID()).
		Scan(&p.State, &p.Currency, &p.Authorized, &p.Captured)
	return p, err
}

// Ledger is the sum over all accounts in one currency, and what is behind it.
type Ledger struct {
	Currency string
	Sum      int64
	Entries  int
	Accounts map[string]int64
}

// Ledger sums the ledger by currency.
func (b *Books) Ledger(ctx context.Context) ([]Ledger, error) {
	rows, err := b.conn.Query(ctx, `select currency, account, sum(amount)::bigint, count(*) from ledger_entry group by 1, 2 order by 1, 2`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Ledger
	for rows.Next() {
		var currency, account string
		var sum int64
		var entries int
		if err := rows.Scan(&currency, &account, &sum, &entries); err != nil {
			return nil, err
		}
		if len(out) == 0 || out[len(out)-1].Currency != currency {
			out = append(out, Ledger{Currency: currency, Accounts: map[string]int64{}})
		}
		l := &out[len(out)-1]
		l.Sum, l.Entries, l.Accounts[account] = l.Sum+sum, l.Entries+entries, sum
	}
	return out, rows.Err()
}

// Incidents counts the incidents on record by class.
func (b *Books) Incidents(ctx context.Context) (map[string]int, error) {
	rows, err := b.conn.Query(ctx, `select class, count(*) from incident group by 1`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]int{}
	for rows.Next() {
		var class string
		var n int
		if err := rows.Scan(&class, &n); err != nil {
			return nil, err
		}
		out[class] = n
	}
	return out, rows.Err()
}
