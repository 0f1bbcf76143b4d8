package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/trends"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// Trends keeps what happened in each hour.
type Trends struct{ db *DB }

var _ trends.Store = Trends{}

// NewTrends is the store over a pool.
func NewTrends(db *DB) Trends { return Trends{db} }

const (
	trendsLock = `select xid::text from feed_cursor where name = 'trends' for update`
	trendsMove = `update feed_cursor set xid = $1::text::xid8 where name = 'trends'`
	// How far one step goes: the transactions of so many events, whole.
	trendsEnd = `select coalesce((select ((xid::text::numeric + 1)::text) from event where xid >= $1::text::xid8 and xid < $2::text::xid8
		order by xid offset $3 limit 1), $2::text)`

	// Of a sale there is nothing to count before somebody comes, or does not.
	trendsEvents = `select parking, kind, coalesce(body #>> '{session,id}', ''), (body #>> '{reservation,from}')::timestamptz, coalesce(body #>> '{reservation,id}', ''),
			coalesce(body #>> '{payment,id}', ''), (body #>> '{capacity,from_day}')::bigint
		from event where xid >= $1::text::xid8 and xid < $2::text::xid8
		 and kind in ('session.opened', 'session.closed', 'session.rebilled', 'reservation.no_show', 'reservation.completed', 'reservation.changed',
		              'reservation.walked', 'reservation.voided', 'payment.changed', 'refund.requested', 'refund.given', 'refund.arrived', 'refund.failed',
		              'capacity.changed')`
	// A stay that was told in order changes what comes after its end; any other all of it.
	touchStays = `with stay as (
			select s.parking, case when x.closed and s.state = 'left' and not s.inferred then s.exited_at else s.entered_at end as begins,
			       case when x.closed or s.exited_at is null then $4::timestamptz else s.exited_at end as ends
			  from unnest($1::text[], $2::uuid[], $3::bool[]) x(parking, id, closed) join session s on s.parking = x.parking and s.id = x.id)
		insert into trend_touched select distinct parking, h from stay, generate_series(date_trunc('hour', begins, 'UTC'), least(greatest(ends, begins), $4), interval '1 hour') h
		order by 1, 2 on conflict do nothing`
	// Who comes in may take the place of a no-show, and a no-show stands behind those before it.
	touchMissed = `with moment as (
			select s.parking, s.entered_at as begins, s.entered_at as ends from unnest($1::text[], $2::uuid[]) x(parking, id) join session s on s.parking = x.parking and s.id = x.id
			union all
			select r.parking, r.no_show_at, r.to_at from unnest($3::text[], $4::uuid[]) x(parking, id) join reservation r on r.parking = x.parking and r.id = x.id)
		insert into trend_touched select distinct r.parking, date_trunc('hour', r.from_at, 'UTC') from moment m join reservation r
		    on r.parking = m.parking and r.state = 'no_show' and r.to_at > m.begins and r.no_show_at <= m.ends
		where r.from_at <= $5 order by 1, 2 on conflict do nothing`
	touchPayments = `insert into trend_touched select distinct p.parking, date_trunc('hour', l.at, 'UTC')
		  from unnest($1::text[], $2::uuid[]) x(parking, id) join payment p on p.parking = x.parking and p.id = x.id
		  join ledger_entry l on l.parking = p.parking and l.reservation = p.reservation and l.kind = 'capture'
		order by 1, 2 on conflict do nothing`
	touchThese = `insert into trend_touched select distinct parking, date_trunc('hour', h, 'UTC') from unnest($1::text[], $2::timestamptz[]) x(parking, h)
		where h <= $3 order by 1, 2 on conflict do nothing`

	// Parkings with something new: no row yet, another place in the journal, more that
	// the edge has told, another hour.
	touchDue = `select p.id from parking p left join trend_head h on h.parking = p.id left join edge_watermark w on w.parking = p.id
		where h.parking is null or h.hour < $1 or w.parking is not null and (w.epoch, w.seq) is distinct from (h.epoch, h.seq)
		   or w.trusted_lo is distinct from h.known_until order by p.id`
	// A parking begins with the hour in which it was described, or with its first fact.
	touchBegin = `insert into trend_head (parking, hour)
		select p.id, date_trunc('hour', greatest(least(p.created_at, (select min(s.entered_at) from session s where s.parking = p.id),
			(select o.at from observation o where o.parking = p.id order by o.epoch, o.seq limit 1)), $2::timestamptz - interval '400 days'), 'UTC') - interval '1 hour'
		  from parking p where p.id = $1 on conflict do nothing`
	touchHold = `select epoch, seq, known_until, hour from trend_head where parking = $1 for update`
	touchMark = `select epoch, seq, trusted_lo from edge_watermark where parking = $1`
	// What was journalled since: the hour of everything, and when machines took something.
	touchJournal = `
with o as (select kind, at, raw from observation where parking = $1 and (epoch, seq) > ($2, $3) and (epoch, seq) <= ($4, $5) and kind <> 7),
hours as (
  select date_trunc('hour', at, 'UTC') h from o
  union select date_trunc('hour', (p ->> 'at')::timestamptz, 'UTC') from o join session s on s.parking = $1 and s.id = journal_session(o.raw),
    jsonb_array_elements(s.payments) p where o.kind = 11)
insert into trend_touched select $1, h from hours where h <= $6 order by h on conflict do nothing`
	touchHours = `insert into trend_touched select $1, h from generate_series(date_trunc('hour', $2::timestamptz, 'UTC'), least($3::timestamptz, $4), interval '1 hour') h
		on conflict do nothing`
	touchDone = `update trend_head set epoch = $2, seq = $3, known_until = $4, hour = $5 where parking = $1`
)

// trendsPage is about how many events one step takes.
const trendsPage = 20_000

// Touch implements trends.Store.
func (t Trends) Touch(ctx context.Context, now time.Time) error {
	for more := true; more; {
		var err error
		if more, err = t.touchEvents(ctx, now); err != nil {
			return unavailable("note what events touch", err)
		}
	}
	hour := now.UTC().Truncate(time.Hour)
	rows, err := t.db.pool.Query(ctx, touchDue, hour)
	if err != nil {
		return unavailable("look for what is new", err)
	}
	due, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return unavailable("look for what is new", err)
	}
	var failed []error
	for _, p := range due {
		if err := t.touchParking(ctx, p, hour, now); err != nil {
			failed = append(failed, fmt.Errorf("note what is new at %s: %w", p, err))
		}
	}
	return unavailable("note what is new", errors.Join(failed...))
}

// touchEvents takes the events of whole transactions below the oldest that still runs,
// and moves the cursor with what they touch.
func (t Trends) touchEvents(ctx context.Context, now time.Time) (more bool, err error) {
	err = pgx.BeginFunc(ctx, t.db.pool, func(tx pgx.Tx) error {
		var cursor, xmin, end string
		if err := tx.QueryRow(ctx, trendsLock).Scan(&cursor); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, relayXmin).Scan(&xmin); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, trendsEnd, cursor, xmin, trendsPage).Scan(&end); err != nil {
			return err
		}
		if end == cursor {
			return nil
		}
		if err := touchOf(ctx, tx, cursor, end, now); err != nil {
			return err
		}
		more = end != xmin
		_, err := tx.Exec(ctx, trendsMove, end)
		return err
	})
	return more, err
}

// touchOf notes what the events of the transactions [cursor, end) touch.
func touchOf(ctx context.Context, tx pgx.Tx, cursor, end string, now time.Time) error {
	rows, err := tx.Query(ctx, trendsEvents, cursor, end)
	if err != nil {
		return err
	}
	var stays, reservations, payments struct {
		parkings []string
		ids      [][16]byte
	}
	var closed []bool
	var parkings []string
	var hours []time.Time
	if err := each(rows, func(row pgx.CollectableRow) error {
		var p, kind, session, reservation, payment string
		var from *time.Time
		var day *int64
		if err := row.Scan(&p, &kind, &session, &from, &reservation, &payment, &day); err != nil {
			return err
		}
		if i, err := id.Parse[id.Session](session); err == nil {
			stays.parkings, stays.ids, closed = append(stays.parkings, p), append(stays.ids, i.UUID()), append(closed, kind == string(feed.SessionClosed))
		}
		if i, err := id.Parse[id.Reservation](reservation); err == nil && from != nil {
			reservations.parkings, reservations.ids = append(reservations.parkings, p), append(reservations.ids, i.UUID())
			parkings, hours = append(parkings, p), append(hours, *from)
		}
		if i, err := id.Parse[id.Payment](payment); err == nil {
			payments.parkings, payments.ids = append(payments.parkings, p), append(payments.ids, i.UUID())
		}
		if day != nil { // it holds from then on
			for at := later(time.Unix(*day*86400, 0), now.Add(-trends.Longest)); at.Before(now); at = at.Add(time.Hour) {
				parkings, hours = append(parkings, p), append(hours, at)
			}
		}
		return nil
	}); err != nil {
		return err
	}
	for _, touch := range []struct {
		sql  string
		args []any
	}{
		{touchStays, []any{stays.parkings, stays.ids, closed, now}},
		{touchMissed, []any{stays.parkings, stays.ids, reservations.parkings, reservations.ids, now}},
		{touchPayments, []any{payments.parkings, payments.ids}},
		{touchThese, []any{parkings, hours, now}},
	} {
		if _, err := tx.Exec(ctx, touch.sql, touch.args...); err != nil {
			return err
		}
	}
	return nil
}

func (t Trends) touchParking(ctx context.Context, p string, hour, now time.Time) error {
	return pgx.BeginFunc(ctx, t.db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, touchBegin, p, now); err != nil {
			return err
		}
		var was, is struct {
			epoch int32
			seq   int64
			known *time.Time
		}
		var last time.Time
		if err := tx.QueryRow(ctx, touchHold, p).Scan(&was.epoch, &was.seq, &was.known, &last); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, touchMark, p).Scan(&is.epoch, &is.seq, &is.known); err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if is.epoch != was.epoch || is.seq != was.seq {
			if _, err := tx.Exec(ctx, touchJournal, p, was.epoch, was.seq, is.epoch, is.seq, now); err != nil {
				return err
			}
		}
		// More is known of every hour between what was told before and what is now.
		if is.known != nil && (was.known == nil || !is.known.Equal(*was.known)) {
			from := was.known
			if from == nil {
				if err := tx.QueryRow(ctx, `select at from observation where parking = $1 order by epoch, seq limit 1`, p).Scan(&from); err != nil && !errors.Is(err, pgx.ErrNoRows) {
					return err
				}
			}
			if from == nil || from.Before(now.Add(-trends.Longest)) {
				from = new(now.Add(-trends.Longest))
			}
			until := *is.known
			if was.known == nil {
				until = now // whatever else there is since is not known, and is shown as that
			}
			if _, err := tx.Exec(ctx, touchHours, p, *from, until, now); err != nil {
				return err
			}
		}
		if last.Before(hour) {
			if _, err := tx.Exec(ctx, touchHours, p, last.Add(time.Hour), hour, now); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, touchDone, p, is.epoch, is.seq, is.known, later(hour, last))
		return err
	})
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Again implements trends.Store.
func (t Trends) Again(ctx context.Context, p id.Parking, span timerange.Range) error {
	_, err := t.db.pool.Exec(ctx, touchHours, string(p), span.From, span.To.Add(-time.Second), span.To)
	return unavailable("note hours to be counted again", err)
}

// SoldOut implements trends.Store. Numbers are added: who calls it twice counts twice.
func (t Trends) SoldOut(ctx context.Context, asked []trends.Asked, now time.Time) error {
	parkings, hours, types, n := make([]string, len(asked)), make([]time.Time, len(asked)), make([]string, len(asked)), make([]int32, len(asked))
	for i, a := range asked {
		parkings[i], hours[i], types[i], n[i] = string(a.Parking), a.Hour, string(a.Type), a.N
	}
	err := pgx.BeginFunc(ctx, t.db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `insert into sold_out as s select x.parking, x.hour, x.space_type, x.n
			from unnest($1::text[], $2::timestamptz[], $3::text[], $4::int[]) x(parking, hour, space_type, n) join parking p on p.id = x.parking order by 1, 2, 3
			on conflict (parking, hour, space_type) do update set n = s.n + excluded.n`, parkings, hours, types, n); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `insert into trend_touched select distinct x.parking, x.hour from unnest($1::text[], $2::timestamptz[]) x(parking, hour)
			join parking p on p.id = x.parking where x.hour <= $3 order by 1, 2 on conflict do nothing`, parkings, hours, now)
		return err
	})
	return unavailable("keep who found nothing", err)
}

// Touched implements trends.Store.
func (t Trends) Touched(ctx context.Context, limit int) ([]id.Parking, error) {
	rows, err := t.db.pool.Query(ctx, `select distinct parking from trend_touched order by parking limit $1`, limit)
	if err != nil {
		return nil, unavailable("look for hours to be counted", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[id.Parking])
	return found, unavailable("look for hours to be counted", err)
}

// errNoHead says that a parking's hours are not followed yet.
var errNoHead = fault.New(fault.Conflict, "trends_not_begun", "The hours of this parking are not counted yet.")
