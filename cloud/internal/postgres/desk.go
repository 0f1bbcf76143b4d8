package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/gatehouse"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// gateChannel is where orders are announced to the instances that serve edges, and
// changes at the lanes to those that show them, as {"orders":[parking…],"now":[parking…]}.
const gateChannel = "openlot_gate"

const (
	// saidEvery is how old what is stored of an edge may become while nothing changes.
	saidEvery = 15 * time.Second
	// deskFlush is the least time between two writes of an instance.
	deskFlush = 50 * time.Millisecond
	// deskSweep is how long a lost announcement of an order may hold it up.
	deskSweep = time.Second
	// catchUpWithin is how far back answers are looked for.
	catchUpWithin = 7 * 24 * time.Hour
)

// Desk writes down what edges say of their lanes, and hands orders to the instance
// that serves the edge. What all edges of an instance say within a moment is one
// statement.
type Desk struct {
	db  *DB
	log *slog.Logger
	// Orders are to be looked at for a parking, Changed is what is shown of some: none named
	// means perhaps of all. They do not block, and are set before Run.
	Orders  func(p id.Parking)
	Changed func(ps ...id.Parking)

	wake chan struct{}
	mu   sync.Mutex
	kept map[id.Parking]kept // that this instance has written
	due  map[id.Parking]said // to be written
	tell map[id.Parking]struct{}
}

type kept struct {
	looks string // of lanes and machines
	rest  string // of what changes rarely
	at    time.Time
}

// said is a row of edge_now.
type said struct {
	Parking     string          `json:"parking"`
	Lanes       json.RawMessage `json:"lanes"`
	Machines    json.RawMessage `json:"machines"`
	Journal     string          `json:"journal"`
	Minor       uint8           `json:"minor"`
	Software    string          `json:"software"`
	LastSeq     uint64          `json:"last_seq"`
	Revision    uint64          `json:"revision"`
	Uncertainty uint32          `json:"uncertainty"`
	HeardAt     time.Time       `json:"heard_at"`
}

var _ fleet.Desk = (*Desk)(nil)

// NewDesk makes a desk that does nothing before Run.
func NewDesk(db *DB, log *slog.Logger) *Desk {
	return &Desk{
		db: db, log: log.With("component", "desk"), Orders: func(id.Parking) {}, Changed: func(...id.Parking) {},
		wake: make(chan struct{}, 1), kept: map[id.Parking]kept{}, due: map[id.Parking]said{}, tell: map[id.Parking]struct{}{},
	}
}

// Seen implements fleet.Desk. A beat that says nothing new costs nothing.
func (d *Desk) Seen(s fleet.Seen) {
	if s.Beat.Lanes == nil {
		s.Beat.Lanes = []wire.LaneStatus{}
	}
	if s.Beat.Machines == nil {
		s.Beat.Machines = []wire.MachineStatus{}
	}
	lanes, err := json.Marshal(s.Beat.Lanes)
	machines, err2 := json.Marshal(s.Beat.Machines)
	if err != nil || err2 != nil {
		return // plain values: it cannot fail
	}
	looks := string(lanes) + string(machines)
	rest := fmt.Sprint(s.Beat.Journal, s.Minor, s.Software)
	d.mu.Lock()
	defer d.mu.Unlock()
	before, had := d.kept[s.Parking]
	if had && before.looks == looks && before.rest == rest && s.At.Sub(before.at) < saidEvery {
		return
	}
	if !had || before.looks != looks {
		d.tell[s.Parking] = struct{}{}
	}
	d.kept[s.Parking] = kept{looks, rest, s.At}
	d.due[s.Parking] = said{
		string(s.Parking), lanes, machines, uuidOf(s.Beat.Journal.UUID()), s.Minor, s.Software, s.Beat.LastSeq, s.Beat.Revision, s.Beat.Uncertainty, s.At,
	}
	d.poke()
}

func uuidOf(u [16]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// Moved implements fleet.Desk.
func (d *Desk) Moved(p id.Parking) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tell[p] = struct{}{}
	d.poke()
}

func (d *Desk) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run writes, listens and sweeps until ctx ends.
func (d *Desk) Run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { d.write(ctx) })
	all.Go(func() { d.listen(ctx) })
	tick := time.NewTicker(deskSweep)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := d.sweep(ctx, time.Now().UTC())
		if err != nil && !failing && ctx.Err() == nil {
			d.log.Warn("orders cannot be looked after", "err", err)
		}
		failing = err != nil
	}
}

// sweep finds orders whose announcement was lost, and ends those that nobody answered.
func (d *Desk) sweep(ctx context.Context, now time.Time) error {
	rows, err := d.db.pool.Query(ctx, `select parking, bool_or(expires_at > $1), bool_or(expires_at <= $2) from gate_order where state = 'sent' group by parking`,
		now, now.Add(-gatehouse.AnswerWithin))
	if err != nil {
		return unavailable("sweep the orders", err)
	}
	type open struct {
		at        id.Parking
		due, over bool
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (o open, err error) { return o, row.Scan(&o.at, &o.due, &o.over) })
	if err != nil {
		return unavailable("sweep the orders", err)
	}
	for _, o := range found {
		if o.due {
			d.Orders(o.at)
		}
		if !o.over {
			continue
		}
		if err := d.CatchUp(ctx, o.at); err != nil {
			return err
		}
		if err := d.change(ctx, o.at, `state = 'sent' and expires_at <= $2`, now.Add(-gatehouse.AnswerWithin), func(o gatehouse.Order) (gatehouse.Order, bool) { return o.Overdue(now) }); err != nil {
			return err
		}
	}
	return nil
}

const putSaid = `with put as (
	insert into edge_now (parking, lanes, machines, journal, minor, software, last_seq, revision, uncertainty, heard_at, lanes_at)
	select parking, lanes, machines, journal, minor, software, last_seq, revision, uncertainty, heard_at, heard_at
	from jsonb_to_recordset($1) x(parking text, lanes jsonb, machines jsonb, journal uuid, minor smallint, software text, last_seq bigint, revision bigint, uncertainty bigint, heard_at timestamptz)
	on conflict (parking) do update set lanes_at = case when edge_now.lanes = excluded.lanes then edge_now.lanes_at else excluded.lanes_at end,
		lanes = excluded.lanes, machines = excluded.machines, journal = excluded.journal, minor = excluded.minor, software = excluded.software, last_seq = excluded.last_seq,
		revision = excluded.revision, uncertainty = excluded.uncertainty, heard_at = excluded.heard_at
	returning 1)
	select count(*), (select count(pg_notify('` + gateChannel + `', p)) from unnest($2::text[]) p) from put`

// write stores what edges say.
func (d *Desk) write(ctx context.Context) {
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		}
		d.mu.Lock()
		due, tell := d.due, d.tell
		d.due, d.tell = map[id.Parking]said{}, map[id.Parking]struct{}{}
		d.mu.Unlock()
		list := make([]said, 0, len(due))
		for _, s := range due {
			list = append(list, s)
		}
		err := d.put(ctx, list, announcements(tell))
		if err != nil {
			d.mu.Lock()
			for p := range due {
				delete(d.kept, p) // the next beat is written whatever it says
			}
			d.mu.Unlock()
			if !failing && ctx.Err() == nil {
				d.log.Warn("what the edges say cannot be written", "err", err)
			}
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-time.After(deskFlush):
		}
	}
}

func (d *Desk) put(ctx context.Context, list []said, told []string) error {
	b, err := json.Marshal(list)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err = d.db.pool.Exec(limited, putSaid, b, told)
	return err
}

// announcements are payloads that fit a notification each.
func announcements(ps map[id.Parking]struct{}) []string {
	out, now, size := []string{}, []id.Parking{}, 0
	end := func() {
		if len(now) > 0 {
			b, _ := json.Marshal(announcement{Now: now}) // texts: it cannot fail
			out = append(out, string(b))
		}
		now, size = nil, 0
	}
	for p := range ps {
		if size += len(p) + 3; size > maxPayload-32 {
			end()
			size = len(p) + 3
		}
		now = append(now, p)
	}
	end()
	return out
}

type announcement struct {
	Orders []id.Parking `json:"orders,omitempty"`
	Now    []id.Parking `json:"now,omitempty"`
}

// listen passes announcements on, and after a time without a connection that
// something may have been missed.
func (d *Desk) listen(ctx context.Context) {
	for failing := false; ctx.Err() == nil; {
		err := d.listenOnce(ctx, func() { failing = false })
		if ctx.Err() != nil {
			return
		}
		if !failing {
			d.log.Warn("changes at the lanes are not heard of", "err", err)
		}
		failing = true
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (d *Desk) listenOnce(ctx context.Context, there func()) error {
	conn, err := d.db.own(ctx)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	if _, err := conn.Exec(ctx, "listen "+gateChannel); err != nil {
		return err
	}
	there()
	d.Changed()
	for {
		n, err := waitFor(ctx, conn)
		if err != nil {
			return err
		}
		if n == nil {
			continue
		}
		var a announcement
		if json.Unmarshal([]byte(n.Payload), &a) != nil {
			continue // anybody may notify
		}
		for _, p := range a.Orders {
			d.Orders(p)
		}
		if all := append(a.Now, a.Orders...); len(all) > 0 {
			d.Changed(all...)
		}
	}
}

// Due implements fleet.Desk.
func (d *Desk) Due(ctx context.Context, p id.Parking, now time.Time) ([]wire.Order, error) {
	rows, err := d.db.pool.Query(ctx, `select id, lane, command, count, by_email, why, expires_at, journal from gate_order
		where parking = $1 and state = 'sent' and expires_at > $2 order by at, id`, string(p), now)
	if err != nil {
		return nil, unavailable("read the orders", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (o wire.Order, err error) {
		var count *int
		var expires time.Time
		var given *id.Journal
		err = row.Scan(&o.ID, &o.Lane, &o.Command, &count, &o.By, &o.Why, &expires, &given)
		if given != nil {
			o.Journal = *given
		}
		o.NotAfter = expires.UnixMilli()
		if count != nil {
			o.Count = uint32(*count)
		}
		if len(o.By) > wire.MaxOrderText { // the whole of it stands in the order's row
			o.By = strings.ToValidUTF8(o.By[:wire.MaxOrderText], "")
		}
		return o, err
	})
	return found, unavailable("read the orders", err)
}

// Answered implements fleet.Desk.
func (d *Desk) Answered(ctx context.Context, p id.Parking, events []wire.Event) error {
	for i := range events {
		o, a, ok := gatehouse.AnswerOf(&events[i])
		if !ok {
			continue
		}
		if err := d.change(ctx, p, `id = $2`, o.UUID(), func(o gatehouse.Order) (gatehouse.Order, bool) { return o.Answered(a) }); err != nil {
			return err
		}
	}
	return nil
}

// change moves a parking's orders that fit by a rule, and tells those who look.
func (d *Desk) change(ctx context.Context, p id.Parking, where string, arg any, rule func(gatehouse.Order) (gatehouse.Order, bool)) error {
	return unavailable("move an order", pgx.BeginFunc(ctx, d.db.pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select `+orderColumns+` from gate_order where parking = $1 and `+where+` order by id for update`, string(p), arg)
		if err != nil {
			return err
		}
		found, err := pgx.CollectRows(rows, scanOrder)
		if err != nil {
			return err
		}
		moved := false
		for _, o := range found {
			next, changes := rule(o)
			if !changes {
				continue
			}
			i, err := id.Parse[id.Order](o.ID)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `update gate_order set state = $3, code = $4, settled_at = $5 where parking = $1 and id = $2`,
				string(p), i.UUID(), string(next.State), next.Code, next.Settled); err != nil {
				return err
			}
			moved = true
		}
		if moved {
			_, err = tx.Exec(ctx, `select pg_notify('`+gateChannel+`', $1)`, announcements(map[id.Parking]struct{}{p: {}})[0])
		}
		return err
	}))
}

// CatchUp implements fleet.Desk.
func (d *Desk) CatchUp(ctx context.Context, p id.Parking) error {
	var since *time.Time
	var open [][]byte
	err := d.db.pool.QueryRow(ctx, `select min(at), array_agg(uuid_send(id)) from gate_order where parking = $1 and state in ('sent', 'expired') and at > $2`,
		string(p), time.Now().Add(-catchUpWithin)).Scan(&since, &open)
	if err != nil || since == nil {
		if errors.Is(err, pgx.ErrNoRows) {
			err = nil
		}
		return unavailable("look for answers to orders", err)
	}
	// By the edge's clock, which is known to be nearly ours where it obeys. An answer has the
	// order's id in it; the rest is what others have commanded.
	rows, err := d.db.pool.Query(ctx, `select raw from observation where kind = 13 and parking = $1 and at > $2
		and exists (select from unnest($3::bytea[]) o where position(o in raw) > 0) order by epoch, seq`, string(p), since.Add(-time.Minute), open)
	if err != nil {
		return unavailable("look for answers to orders", err)
	}
	var events []wire.Event
	err = each(rows, func(row pgx.CollectableRow) error {
		var raw []byte
		if err := row.Scan(&raw); err != nil {
			return err
		}
		if e, err := wire.Unmarshal[wire.Event](raw); err == nil {
			events = append(events, e)
		}
		return nil
	})
	if err != nil {
		return unavailable("look for answers to orders", err)
	}
	return d.Answered(ctx, p, events)
}
