package postgres

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/trends"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

// countAtOnce is how many hours of a parking one transaction counts. They need not
// follow one another: what lies between is counted, too, and mostly left as it is.
const countAtOnce = 48

const (
	// The earliest hours, as many as fit into a span.
	takeTouched = `delete from trend_touched t using (select min(hour) from trend_touched where parking = $1) f(hour)
		where t.parking = $1 and t.hour < f.hour + $2 * interval '1 hour' returning t.hour`
	selectKnown = `select f.at, case when w.epoch = j.epoch then w.trusted_lo else l.at end
		from edge_journal j
		cross join lateral (select at from observation where parking = j.parking and epoch = j.epoch order by seq limit 1) f
		cross join lateral (select at from observation where parking = j.parking and epoch = j.epoch order by seq desc limit 1) l
		left join edge_watermark w on w.parking = j.parking where j.parking = $1 order by j.epoch`
	selectStays = `select s.space_type, s.entered_at, s.exited_at, r.to_at
		from (select * from session where parking = $1 and entered_at < $3 and entered_at >= $2::timestamptz - interval '2 days' and exited_at >= $2
		      union all
		      select * from session where parking = $1 and exited_at - entered_at > interval '2 days' and entered_at < $2::timestamptz - interval '2 days' and exited_at >= $2
		      union all
		      select * from session where parking = $1 and state = 'inside' and entered_at < $3) s
		left join reservation r on r.parking = s.parking and r.id = s.reservation and r.session = s.id
		where s.state in ('inside', 'left', 'presumed')`
	selectRefusals = `select at, raw from observation where parking = $1 and at >= $2 and at < $3 and kind = 6`
	selectTold     = `select date_trunc('hour', at, 'UTC'), max(applied_at) from observation where parking = $1 and at >= $2 and at < $3 and kind <> 7 group by 1`
	selectSoldOut  = `select space_type, hour, n from sold_out where parking = $1 and hour >= $2 and hour < $3`
	// The place of a no-show is taken when, from then on until its end, no fewer have come
	// who have not reserved before than there are no-shows that had not ended by then.
	selectDueHere = `select r.space_type, r.from_at, r.state = 'no_show', r.state = 'no_show' and
		(select count(*) from session s left join reservation b on b.parking = s.parking and b.id = s.reservation
		  where s.parking = r.parking and s.space_type = r.space_type and s.entered_at >= r.no_show_at and s.entered_at < r.to_at
		    and s.state in ('inside', 'left', 'presumed') and (b.id is null or b.created_at >= r.no_show_at)) >=
		(select count(*) from reservation o where o.parking = r.parking and o.space_type = r.space_type and o.state = 'no_show' and o.state not in ('held', 'expired')
		    and o.from_at > r.from_at - interval '35 days' and o.from_at <= r.no_show_at and o.to_at > r.no_show_at
		    and (o.no_show_at, o.id) <= (r.no_show_at, r.id))
		from reservation r where r.parking = $1 and r.from_at >= $2 and r.from_at < $3 and r.state in ('active', 'completed', 'no_show') and r.state not in ('held', 'expired')`
	// What was taken, and of the first time that a payment was taken what has been given
	// back of it, whenever.
	selectTaken = `select coalesce(s.space_type, r.space_type, ''), e.at, e.reservation is not null, e.currency, e.amount + case when e.payment is not null
			and not exists (select from ledger_entry b where b.parking = e.parking and b.reservation = e.reservation and b.payment = e.payment
			                  and b.kind = 'capture' and b.account = 'provider' and (b.at, b.txn) < (e.at, e.txn))
		then coalesce((select sum(b.amount) from ledger_entry b where b.parking = e.parking and b.reservation = e.reservation and b.payment = e.payment
		                  and b.kind = 'refund' and b.account = 'provider'), 0) else 0 end::bigint
		from ledger_entry e left join session s on s.parking = e.parking and s.id = e.session
		left join reservation r on r.parking = e.parking and r.id = e.reservation
		where e.parking = $1 and e.at >= $2 and e.at < $3
		  and e.kind = 'capture' and e.account = 'provider' and e.account not in ('held', 'held_contra')`
	// What machines took, when they took it: the ledger has the day on which it was told.
	// Change that was kept for a slip is the driver's, until the slip pays for a stay.
	selectPaid = `select s.space_type, (p ->> 'at')::timestamptz, s.reservation is not null, p #>> '{amount,currency}', (p #>> '{amount,minor}')::bigint
		from (select id from session where parking = $1 and entered_at < $3 and entered_at >= $2::timestamptz - interval '2 days' and payments is not null
		      union select id from session where parking = $1 and exited_at - entered_at > interval '2 days' and entered_at < $3 and payments is not null
		      union select id from session where parking = $1 and state = 'inside' and payments is not null
		      union select journal_session(raw) from observation where parking = $1 and at >= $2 and at < $3 and kind = 11) x
		join session s on s.parking = $1 and s.id = x.id, jsonb_array_elements(s.payments) p
		where (p ->> 'at')::timestamptz >= $2 and (p ->> 'at')::timestamptz < $3 and (p ->> 'slip') is distinct from 'true'`
	// Rows that are as they were are left. One that has changed after it was shown is late.
	putHours = `insert into trend_hour as t (parking, hour, space_type, known_ms, occupied_ms, capacity, arrivals, departures, refused, due, no_shows, resold, early, stays, told_at, counted_at)
		select $1, x.hour, x.space_type, x.known_ms, x.occupied_ms, x.capacity, x.arrivals, x.departures, x.refused, x.due, x.no_shows, x.resold, x.early,
			coalesce((select array_agg(m::int) from unnest(string_to_array(x.stays, ' ')) m where m <> ''), '{}'), x.told_at, $2
		from unnest($3::timestamptz[], $4::text[], $5::int[], $6::bigint[], $7::int[], $8::int[], $9::int[], $10::int[], $11::int[], $12::int[], $13::int[], $14::int[], $15::text[], $16::timestamptz[])
			x(hour, space_type, known_ms, occupied_ms, capacity, arrivals, departures, refused, due, no_shows, resold, early, stays, told_at)
		on conflict (parking, hour, space_type) do update set known_ms = excluded.known_ms, occupied_ms = excluded.occupied_ms, capacity = excluded.capacity,
			arrivals = excluded.arrivals, departures = excluded.departures, refused = excluded.refused, due = excluded.due, no_shows = excluded.no_shows,
			resold = excluded.resold, early = excluded.early, stays = excluded.stays, told_at = excluded.told_at, counted_at = excluded.counted_at,
			late = t.late or excluded.counted_at >= t.hour + interval '75 minutes' and
				(t.known_ms, t.occupied_ms, t.capacity, t.arrivals, t.departures, t.refused) is distinct from
				(excluded.known_ms, excluded.occupied_ms, excluded.capacity, excluded.arrivals, excluded.departures, excluded.refused)
		where (t.known_ms, t.occupied_ms, t.capacity, t.arrivals, t.departures, t.refused, t.due, t.no_shows, t.resold, t.early, t.stays, t.told_at) is distinct from
			(excluded.known_ms, excluded.occupied_ms, excluded.capacity, excluded.arrivals, excluded.departures, excluded.refused, excluded.due, excluded.no_shows,
			 excluded.resold, excluded.early, excluded.stays, excluded.told_at)`
	dropMoney = `delete from trend_money where parking = $1 and hour >= $2 and hour < $3`
	putMoney  = `insert into trend_money (parking, hour, space_type, currency, reserved, walk_in)
		select $1, * from unnest($2::timestamptz[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])`
)

// Count implements trends.Store.
func (t Trends) Count(ctx context.Context, p id.Parking, now time.Time) (hours int, err error) {
	err = pgx.BeginFunc(ctx, t.db.pool, func(tx pgx.Tx) error {
		hours = 0
		// Whoever holds the head counts; who waits for it finds nothing to do afterwards.
		var held bool
		if err := tx.QueryRow(ctx, `select true from trend_head where parking = $1 for update`, string(p)).Scan(&held); errors.Is(err, pgx.ErrNoRows) {
			return errNoHead
		} else if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, takeTouched, string(p), countAtOnce)
		if err != nil {
			return err
		}
		touched, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
		if err != nil || len(touched) == 0 {
			return err
		}
		span := timerange.Range{From: slices.MinFunc(touched, time.Time.Compare).UTC(), To: slices.MaxFunc(touched, time.Time.Compare).UTC().Add(time.Hour)}
		f, err := happened(ctx, tx, p, span, now)
		if err != nil {
			return err
		}
		hours = len(touched)
		return putCounted(ctx, tx, p, span, trends.Count(f), now)
	})
	return hours, unavailable("count hours", err)
}

// happened reads the facts of a span of whole hours, as of now.
func happened(ctx context.Context, tx pgx.Tx, p id.Parking, span timerange.Range, now time.Time) (f trends.Facts, err error) {
	f = trends.Facts{Span: span, Told: map[time.Time]time.Time{}}
	read := func(sql string, scan func(pgx.CollectableRow) error, args ...any) {
		if err == nil {
			var rows pgx.Rows
			if rows, err = tx.Query(ctx, sql, append([]any{string(p)}, args...)...); err == nil {
				err = each(rows, scan)
			}
		}
	}
	read(`select id from space_type where parking = $1`, func(row pgx.CollectableRow) error {
		f.Types = append(f.Types, "")
		return row.Scan(&f.Types[len(f.Types)-1])
	})
	read(`select space_type, day, capacity from capacity_since where parking = $1`, func(row pgx.CollectableRow) error {
		var c trends.Capacity
		defer func() { f.Capacities = append(f.Capacities, c) }()
		return row.Scan(&c.Type, &c.Day, &c.Capacity)
	})
	read(selectKnown, func(row pgx.CollectableRow) error {
		var from time.Time
		var to *time.Time
		if err := row.Scan(&from, &to); err != nil || to == nil {
			return err
		}
		if to.After(now) {
			to = &now
		}
		if n := len(f.Known); n > 0 && from.Before(f.Known[n-1].To) {
			from = f.Known[n-1].To
		}
		if from.Before(*to) {
			f.Known = append(f.Known, timerange.Range{From: from.UTC(), To: to.UTC()})
		}
		return nil
	})
	read(selectStays, func(row pgx.CollectableRow) error {
		var s trends.Stay
		var out, until *time.Time
		if err := row.Scan(&s.Type, &s.In, &out, &until); err != nil {
			return err
		}
		if out != nil {
			s.Out = *out
			s.Early = until != nil && until.Sub(*out) >= 15*time.Minute
		}
		f.Stays = append(f.Stays, s)
		return nil
	}, span.From, span.To)
	read(selectRefusals, func(row pgx.CollectableRow) error {
		var at time.Time
		var raw []byte
		if err := row.Scan(&at, &raw); err != nil {
			return err
		}
		// What cannot be read is an incident of its own.
		if e, err := wire.Unmarshal[wire.Event](raw); err == nil && e.Reason == wire.RefuseFull {
			f.Refusals = append(f.Refusals, trends.Refusal{Type: orStandard(e.SpaceType, f.Types), At: at})
		}
		return nil
	}, span.From, span.To)
	read(selectTold, func(row pgx.CollectableRow) error {
		var hour, told time.Time
		err := row.Scan(&hour, &told)
		f.Told[hour.UTC()] = told.UTC()
		return err
	}, span.From, span.To)
	read(selectSoldOut, func(row pgx.CollectableRow) error {
		var s trends.SoldOut
		defer func() { f.SoldOut = append(f.SoldOut, s) }()
		return row.Scan(&s.Type, &s.Hour, &s.N)
	}, span.From, span.To)
	read(selectDueHere, func(row pgx.CollectableRow) error {
		var d trends.Due
		defer func() { f.Due = append(f.Due, d) }()
		return row.Scan(&d.Type, &d.From, &d.NoShow, &d.Resold)
	}, span.From, span.To)
	for _, taken := range []string{selectTaken, selectPaid} {
		read(taken, func(row pgx.CollectableRow) error {
			var m trends.Money
			err := row.Scan(&m.Type, &m.At, &m.Reserved, &m.Amount.Currency, &m.Amount.Minor)
			m.Type = orStandard(m.Type, f.Types)
			f.Money = append(f.Money, m)
			return err
		}, span.From, span.To)
	}
	return f, err
}

// orStandard is a type of the parking: the one that is named, else what walk-ins take.
func orStandard(t id.SpaceType, all []id.SpaceType) id.SpaceType {
	if slices.Contains(all, t) || len(all) == 0 {
		return t
	}
	if slices.Contains(all, id.Standard) {
		return id.Standard
	}
	return all[0]
}

// putCounted writes the hours of a span.
func putCounted(ctx context.Context, tx pgx.Tx, p id.Parking, span timerange.Range, all []trends.Hour, now time.Time) error {
	var c hourColumns
	var m struct {
		hours             []time.Time
		types, currencies []string
		reserved, walkIn  []int64
	}
	for _, h := range all {
		c.add(h)
		for _, t := range h.Takings {
			m.hours, m.types, m.currencies = append(m.hours, h.At), append(m.types, string(h.Type)), append(m.currencies, string(t.Currency))
			m.reserved, m.walkIn = append(m.reserved, t.Reserved), append(m.walkIn, t.WalkIn)
		}
	}
	if _, err := tx.Exec(ctx, putHours, append([]any{string(p), now}, c.args()...)...); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, dropMoney, string(p), span.From, span.To); err != nil || len(m.hours) == 0 {
		return err
	}
	_, err := tx.Exec(ctx, putMoney, string(p), m.hours, m.types, m.currencies, m.reserved, m.walkIn)
	return err
}

// hourColumns are hours as columns. The stays of each are one text: arrays of arrays
// of different lengths are not to be had.
type hourColumns struct {
	hours        []time.Time
	types, stays []string
	known        []int32
	occupied     []int64
	counts       [8][]int32 // capacity, arrivals, departures, refused, due, no_shows, resold, early
	told         []*time.Time
}

func (c *hourColumns) add(h trends.Hour) {
	c.hours, c.types = append(c.hours, h.At), append(c.types, string(h.Type))
	c.known = append(c.known, int32(h.Known.Milliseconds()))
	c.occupied = append(c.occupied, h.Occupied.Milliseconds())
	for i, n := range []int32{h.Capacity, h.Arrivals, h.Departures, h.Refused, h.Due, h.NoShows, h.Resold, h.Early} {
		c.counts[i] = append(c.counts[i], n)
	}
	var text []byte
	for _, m := range h.Stays {
		text = append(strconv.AppendInt(text, int64(m), 10), ' ')
	}
	c.stays = append(c.stays, string(text))
	var told *time.Time
	if !h.ToldAt.IsZero() {
		told = &h.ToldAt
	}
	c.told = append(c.told, told)
}

func (c *hourColumns) args() []any {
	args := []any{c.hours, c.types, c.known, c.occupied}
	for i := range c.counts {
		args = append(args, c.counts[i])
	}
	return append(args, c.stays, c.told)
}
