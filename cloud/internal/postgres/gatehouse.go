package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/gatehouse"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// Gatehouse reads what is now at parkings and keeps the orders to lanes.
type Gatehouse struct{ db *DB }

var _ gatehouse.Store = Gatehouse{}

// NewGatehouse is the store over a pool.
func NewGatehouse(db *DB) Gatehouse { return Gatehouse{db} }

func slugs(ps []id.Parking) []string {
	out := make([]string, len(ps))
	for i, p := range ps {
		out[i] = string(p)
	}
	return out
}

const (
	gateParkings = `select p.id, p.operator, p.name, p.timezone, h.revision, coalesce(p.policy -> 'lanes', '[]') from parking p join parking_head h on h.parking = p.id where p.id = any ($1)`
	gateTypes    = `select parking, id, class, label, capacity from space_type where parking = any ($1) order by parking, id`
	gateInside   = `select parking, count(*) from session where parking = any ($1) and state = 'inside' group by parking`
	gateSaid     = `select parking, lanes, machines, journal, minor, software, last_seq, revision, uncertainty, heard_at, lanes_at from edge_now where parking = any ($1)`
	gateFlow     = `select parking, sum(case kind when 5 then 1 else -1 end) from observation where parking = any ($1) and kind in (2, 5) and at > $2 group by parking`
)

// Facts implements gatehouse.Store.
func (g Gatehouse) Facts(ctx context.Context, ps []id.Parking, now time.Time) (map[id.Parking]*gatehouse.Facts, error) {
	ids, all := slugs(ps), map[id.Parking]*gatehouse.Facts{}
	of := func(p id.Parking) *gatehouse.Facts {
		if f := all[p]; f != nil {
			return f
		}
		return &gatehouse.Facts{}
	}
	queries := []struct {
		sql  string
		args []any
		take func(pgx.CollectableRow) error
	}{
		{gateParkings, []any{ids}, func(row pgx.CollectableRow) error {
			f := &gatehouse.Facts{}
			p := &f.Parking
			p.SpaceTypes, p.Edge.State = []gatehouse.SpaceType{}, gatehouse.None
			var revision int64
			var lanes []parking.LaneSetting
			err := row.Scan(&p.ID, &p.Operator, &p.Name, &p.Timezone, &revision, &lanes)
			f.Revision, all[p.ID], f.Labels = uint64(revision), f, map[id.Lane]string{}
			for _, l := range lanes {
				f.Labels[l.Lane] = l.Label
			}
			return err
		}},
		{gateTypes, []any{ids}, func(row pgx.CollectableRow) error {
			var at id.Parking
			var t gatehouse.SpaceType
			err := row.Scan(&at, &t.Type, &t.Class, &t.Label, &t.Capacity)
			p := &of(at).Parking
			p.SpaceTypes, p.Capacity = append(p.SpaceTypes, t), p.Capacity+t.Capacity
			return err
		}},
		{listingLinks, []any{ids}, func(row pgx.CollectableRow) error {
			var at id.Parking
			var enrolled time.Time
			var raw []byte
			if err := row.Scan(&at, &enrolled, &raw); err != nil || raw == nil {
				return err
			}
			var body feed.Body
			if err := json.Unmarshal(raw, &body); err != nil || body.Link == nil {
				return err
			}
			line, since := &of(at).Parking.Edge, body.Link.Since.UTC()
			line.State, line.Since = gatehouse.Away, &since
			if body.Link.Live {
				line.State = gatehouse.Live
			}
			return nil
		}},
		{gateInside, []any{ids}, func(row pgx.CollectableRow) error {
			var at id.Parking
			var n int
			err := row.Scan(&at, &n)
			of(at).Parking.Inside = &n
			return err
		}},
		{gateSaid, []any{ids}, func(row pgx.CollectableRow) error {
			at, s, err := scanSaid(row)
			f := of(at)
			heard := s.Heard
			f.Said, f.Parking.Edge.Heard = s, &heard
			return err
		}},
		{gateFlow, []any{ids, now.Add(-time.Hour)}, func(row pgx.CollectableRow) error {
			var at id.Parking
			var n int
			err := row.Scan(&at, &n)
			of(at).Parking.FreedLastHour = n
			return err
		}},
	}
	for _, q := range queries {
		rows, err := g.db.pool.Query(ctx, q.sql, q.args...)
		if err == nil {
			err = each(rows, q.take)
		}
		if err != nil {
			return nil, unavailable("read what is now", err)
		}
	}
	for _, f := range all {
		switch p := &f.Parking; {
		case p.Edge.State == gatehouse.Away: // nobody knows who has come and gone since
			p.Inside = nil
		case p.Inside == nil:
			p.Inside = new(int)
		}
	}
	return all, nil
}

func scanSaid(row pgx.CollectableRow) (at id.Parking, s *gatehouse.Said, err error) {
	s = &gatehouse.Said{}
	var lanes, machines []byte
	var minor int16
	var seq, revision, uncertainty int64
	if err := row.Scan(&at, &lanes, &machines, &s.Journal, &minor, &s.Software, &seq, &revision, &uncertainty, &s.Heard, &s.LanesAt); err != nil {
		return at, s, err
	}
	s.Minor, s.LastSeq, s.Revision, s.Uncertainty = uint8(minor), uint64(seq), uint64(revision), uint32(uncertainty)
	s.Heard, s.LanesAt = s.Heard.UTC(), s.LanesAt.UTC()
	return at, s, errors.Join(json.Unmarshal(lanes, &s.Lanes), json.Unmarshal(machines, &s.Machines))
}

// journalled are the newest events of the journal that pick takes, up to limit.
func (g Gatehouse) journalled(ctx context.Context, p id.Parking, kinds []int16, limit int, pick func(*wire.Event) bool) error {
	return g.newest(ctx, pick, `select raw from observation where parking = $1 and kind = any ($2) order by epoch desc, seq desc limit $3`, string(p), kinds, limit)
}

func (g Gatehouse) newest(ctx context.Context, pick func(*wire.Event) bool, sql string, args ...any) error {
	rows, err := g.db.pool.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var raw []byte
		if err := rows.Scan(&raw); err != nil {
			return err
		}
		e, err := wire.Unmarshal[wire.Event](raw)
		if err != nil { // it is on record as an incident
			continue
		}
		if !pick(&e) {
			return nil
		}
	}
	return rows.Err()
}

// clockless is a day before any edge was made: one that did not know the time when it
// started, as a machine without a clock does not, counts from 1970.
var clockless = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// stateEvents are starts and faults of lanes, the newest first; as the index says.
const stateEvents = `select raw from observation where parking = $1 and kind in (9, 10) order by epoch desc, seq desc limit $2`

// Decisions implements gatehouse.Store.
func (g Gatehouse) Decisions(ctx context.Context, p id.Parking, limit int) ([]gatehouse.Decision, error) {
	out := []gatehouse.Decision{}
	err := g.journalled(ctx, p, []int16{1, 2, 3, 4, 5, 6, 10, 13}, limit, func(e *wire.Event) bool {
		if d, is := gatehouse.DecisionOf(e); is {
			out = append(out, d)
		}
		return true
	})
	return out, unavailable("read a gate's decisions", err)
}

const orderColumns = `parking, id, lane, command, count, why, by_email, at, expires_at, state, code, settled_at`

func scanOrder(row pgx.CollectableRow) (o gatehouse.Order, err error) {
	var i id.Order
	var expires time.Time
	o.Source = gatehouse.Dashboard
	err = row.Scan(&o.Parking, &i, &o.Lane, &o.Command, &o.Count, &o.Why, &o.By, &o.At, &expires, &o.State, &o.Code, &o.Settled)
	o.ID, o.At, expires, o.Detail = i.String(), o.At.UTC(), expires.UTC(), gatehouse.Detail(o.Code)
	o.Expires = &expires
	if o.Settled != nil {
		at := o.Settled.UTC()
		o.Settled = &at
	}
	return o, err
}

// Orders implements gatehouse.Store.
func (g Gatehouse) Orders(ctx context.Context, p id.Parking, limit int) ([]gatehouse.Order, error) {
	rows, err := g.db.pool.Query(ctx, `select `+orderColumns+` from gate_order where parking = $1 order by at desc, id desc limit $2`, string(p), limit)
	if err != nil {
		return nil, unavailable("read orders", err)
	}
	found, err := pgx.CollectRows(rows, scanOrder)
	if found == nil {
		found = []gatehouse.Order{}
	}
	return found, unavailable("read orders", err)
}

// FindOrder implements gatehouse.Store.
func (g Gatehouse) FindOrder(ctx context.Context, k gatehouse.Key) (*gatehouse.Order, bool, error) {
	var same bool
	err := g.db.pool.QueryRow(ctx, `select request = $3 from gate_order where parking = $1 and key = $2`, string(k.Parking), k.Key[:], k.Request[:]).Scan(&same)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, unavailable("find an order", err)
	}
	rows, err := g.db.pool.Query(ctx, `select `+orderColumns+` from gate_order where parking = $1 and key = $2`, string(k.Parking), k.Key[:])
	if err != nil {
		return nil, false, unavailable("find an order", err)
	}
	o, err := pgx.CollectExactlyOneRow(rows, scanOrder)
	return &o, same, unavailable("find an order", err)
}

// PutOrder implements gatehouse.Store.
func (g Gatehouse) PutOrder(ctx context.Context, o gatehouse.Order, i id.Order, by gatehouse.Who, k gatehouse.Key) (fresh bool, err error) {
	// The key is looked at with the insertion: of two requests at once, one is the order.
	tag, err := g.db.pool.Exec(ctx, `with put as (
		insert into gate_order (parking, id, lane, command, count, by_account, by_email, why, at, expires_at, state, key, request, journal)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'sent', $11, $12, $13) on conflict (parking, key) do nothing returning parking)
		select pg_notify('`+gateChannel+`', json_build_object('orders', json_build_array(parking))::text) from put`,
		string(o.Parking), i.UUID(), string(o.Lane), o.Command, o.Count, by.Account.UUID(), by.Email, o.Why, o.At, o.Expires, k.Key[:], k.Request[:], o.Journal.UUID())
	return tag.RowsAffected() == 1, unavailable("store an order", err)
}

// Commands implements gatehouse.Store: orders, and what the journals say that no order
// has asked for.
func (g Gatehouse) Commands(ctx context.Context, ps []id.Parking, page gatehouse.Page) ([]gatehouse.Order, error) {
	const more = 64 // of the same instant, across both sources
	before := page.Before
	if before.IsZero() {
		before = time.Now().Add(24 * time.Hour)
	}
	rows, err := g.db.pool.Query(ctx, `select `+orderColumns+` from gate_order where parking = any ($1) and at <= $2 order by at desc, id desc limit $3`,
		slugs(ps), before, page.Limit+more)
	if err != nil {
		return nil, unavailable("read commands", err)
	}
	out, err := pgx.CollectRows(rows, scanOrder)
	if err != nil {
		return nil, unavailable("read commands", err)
	}
	own, err := g.atMachines(ctx, ps, before, page.Limit+more)
	if err != nil {
		return nil, unavailable("read commands", err)
	}
	out = append(out, own...)
	slices.SortFunc(out, func(a, b gatehouse.Order) int {
		if c := b.At.Compare(a.At); c != 0 {
			return c
		}
		return strings.Compare(b.ID, a.ID)
	})
	out = slices.DeleteFunc(out, func(o gatehouse.Order) bool {
		return !page.Before.IsZero() && (o.At.After(page.Before) || o.At.Equal(page.Before) && o.ID >= page.After)
	})
	return out[:min(len(out), page.Limit)], nil
}

// selectCommanded goes on behind a place, of each parking along its index.
const selectCommanded = `select o.parking, o.epoch, o.seq, o.at, o.raw from unnest($1::text[]) s(parking)
	cross join lateral (select * from observation o where o.kind = 13 and o.parking = s.parking and o.at <= $2
		and (o.at < $2 or (o.parking, o.epoch, o.seq) < ($3, $4, $5)) order by o.at desc, o.epoch desc, o.seq desc limit $6) o
	order by o.at desc, o.parking desc, o.epoch desc, o.seq desc limit $6`

// atMachines are commands that staff gave at the machines. The journals have the
// answers to orders as well, which are passed over.
func (g Gatehouse) atMachines(ctx context.Context, ps []id.Parking, before time.Time, limit int) ([]gatehouse.Order, error) {
	const step = 200
	var out []gatehouse.Order
	p, epoch, seq, at := id.Parking("~"), math.MaxInt32, int64(math.MaxInt64), before // behind which nothing was seen yet
	for read := step; read == step && len(out) < limit; {
		rows, err := g.db.pool.Query(ctx, selectCommanded, slugs(ps), at, string(p), epoch, seq, step)
		if err != nil {
			return nil, err
		}
		read = 0
		err = each(rows, func(row pgx.CollectableRow) error {
			read++
			var raw []byte
			if err := row.Scan(&p, &epoch, &seq, &at, &raw); err != nil {
				return err
			}
			e, err := wire.Unmarshal[wire.Event](raw)
			if err != nil || !e.Order.IsZero() {
				return nil //nolint:nilerr // what cannot be read is an incident
			}
			command, refused := strings.CutSuffix(e.Note, wire.NoteRefused)
			o := gatehouse.Order{
				ID: fmt.Sprintf("%s/%d/%012d", p, epoch, seq), Parking: p, Lane: e.Lane, Command: command, Why: e.Why, By: e.By, At: at.UTC(), State: gatehouse.Done, Source: gatehouse.Machine,
			}
			if refused {
				o.State = gatehouse.Refused
			}
			out = append(out, o)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Edges implements gatehouse.Store.
func (g Gatehouse) Edges(ctx context.Context, ps []id.Parking) ([]gatehouse.Edge, error) {
	all, err := g.Facts(ctx, ps, time.Now())
	if err != nil {
		return nil, err
	}
	out := []gatehouse.Edge{}
	rows, err := g.db.pool.Query(ctx, `select e.parking, coalesce(m.epoch, 0), coalesce(m.seq, 0), coalesce(m.journal, '00000000-0000-0000-0000-000000000000'),
		(select coalesce(json_agg(json_build_object('space_type', a.space_type, 'version', a.version, 'units', a.units, 'granted', a.granted, 'until', to_timestamp(a.until_q * 900)) order by a.space_type), '[]')
			from allotment a where a.parking = e.parking)
		from edge e left join edge_watermark m on m.parking = e.parking where e.parking = any ($1) order by e.parking`, slugs(ps))
	if err != nil {
		return nil, unavailable("read the edges", err)
	}
	err = each(rows, func(row pgx.CollectableRow) error {
		var e gatehouse.Edge
		var journal id.Journal
		var allotments []byte
		if err := row.Scan(&e.Parking, &e.Epoch, &e.AppliedSeq, &journal, &allotments); err != nil {
			return err
		}
		if err := json.Unmarshal(allotments, &e.Allotments); err != nil {
			return err
		}
		f := all[e.Parking]
		if f == nil {
			return nil
		}
		line := f.Parking.Edge
		e.State, e.Since, e.Heard = line.State, line.Since, line.Heard
		if s := f.Said; s != nil {
			minor, n := int(s.Minor), int64(s.Uncertainty)
			e.Version, e.Minor, e.Lanes = &s.Software, &minor, len(s.Lanes)
			if s.Uncertainty != wire.Uncertain {
				e.Uncertainty = &n
			}
			if s.Journal == journal {
				behind := max(int64(s.LastSeq)-e.AppliedSeq, 0)
				e.BehindEvents = &behind
			}
			revision := max(int64(f.Revision)-int64(s.Revision), 0)
			e.RevisionBehind = &revision
		}
		out = append(out, e)
		return nil
	})
	if err != nil {
		return nil, unavailable("read the edges", err)
	}
	for i := range out {
		started := false
		if err := g.newest(ctx, func(e *wire.Event) bool {
			at := e.Time()
			if e.Kind == wire.Started && !started {
				started = true
				if at.After(clockless) {
					out[i].Started = &at
				}
			}
			if d, is := gatehouse.DecisionOf(e); is && out[i].LastFault == nil && !strings.HasSuffix(e.Note, "_over") {
				out[i].LastFault = &d
			}
			return !started || out[i].LastFault == nil
		}, stateEvents, string(out[i].Parking), 200); err != nil {
			return nil, unavailable("read the edges", err)
		}
	}
	return out, nil
}
