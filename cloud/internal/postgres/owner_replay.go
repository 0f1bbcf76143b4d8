package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/whatif"
	"github.com/openlot/openlot/protocol/id"
)

// replayPage is how many stays are read at a time: what a replay holds in memory, and
// less than a report may take.
const replayPage = 2000

// Count implements settings.Store.
func (s Settings) Count(ctx context.Context, at id.Parking, from, to time.Time, most int) (n int, err error) {
	err = s.reports.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		return pool.QueryRow(ctx, `select count(*) from (
			(select from session where parking = $1 and exited_at >= $2 and exited_at < $3 and due is not null limit $4)
			union all (select from bill where parking = $1 and session is null and at >= $2 and at < $3 and document ->> 'basis' = 'unwatched' limit $4)) x`,
			string(at), from, to, most).Scan(&n)
	})
	return n, unavailable("count past stays", err)
}

// place is up to where a page came.
type place struct {
	at     time.Time
	id     id.Session
	number int64
}

// Stays implements settings.Store: first those that a gate saw, by their end, then the
// reservations that were charged where none could.
func (s Settings) Stays(ctx context.Context, at id.Parking, from, to time.Time, yield func([]whatif.Stay) error) error {
	for _, page := range []func(context.Context, *pgxpool.Pool, id.Parking, time.Time, *place) ([]whatif.Stay, int, error){gatePage, unwatchedPage} {
		next := place{at: from}
		for {
			var some []whatif.Stay
			var n int
			err := s.reports.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) (err error) {
				here := next
				if some, n, err = page(ctx, pool, at, to, &here); err == nil {
					next = here
				}
				return err
			})
			if err != nil {
				return unavailable("read past stays", err)
			}
			if len(some) > 0 {
				if err := yield(some); err != nil {
					return err
				}
			}
			if n < replayPage {
				break
			}
		}
	}
	return nil
}

// gatePage reads some stays with their last bills, and what they stood on.
func gatePage(ctx context.Context, pool *pgxpool.Pool, at id.Parking, to time.Time, from *place) ([]whatif.Stay, int, error) {
	rows, err := pool.Query(ctx, `select s.id, s.state, s.inferred, s.entered_at, s.exited_at, r.space_type, r.from_at, r.to_at, r.quote
		from session s left join reservation r on r.parking = s.parking and r.id = s.reservation
		where s.parking = $1 and s.exited_at >= $2 and s.exited_at < $3 and (s.exited_at, s.id) > ($2, $4) and s.due is not null
		order by s.exited_at, s.id limit $5`, string(at), from.at, to, from.id.UUID(), replayPage)
	if err != nil {
		return nil, 0, err
	}
	var names []string
	stays := map[string]*whatif.Stay{}
	n := 0
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*whatif.Stay, error) {
		var st whatif.Stay
		var state string
		var inferred bool
		var on reserved
		if err := row.Scan(&from.id, &state, &inferred, &st.Entered, &from.at, &on.spaceType, &on.from, &on.to, &on.quote); err != nil {
			return nil, err
		}
		n++
		st.Left, st.Unseen = from.at.UTC(), state == "presumed"
		if st.Entered = st.Entered.UTC(); inferred && st.Entered.Equal(st.Left) {
			st.Entered = time.Time{}
		}
		name := from.id.String()
		names, stays[name] = append(names, name), &st
		return &st, on.into(&st)
	})
	if err != nil || n == 0 {
		return nil, n, err
	}
	rows, err = pool.Query(ctx, `select distinct on (session) session, document from bill where session = any ($1) order by session, number desc`, names)
	if err != nil {
		return nil, n, err
	}
	var name string
	var raw []byte
	if _, err := pgx.ForEachRow(rows, []any{&name, &raw}, func() error { return readBill(name, raw, &stays[name].Bill) }); err != nil {
		return nil, n, err
	}
	out := make([]whatif.Stay, 0, len(all))
	for _, st := range all {
		if st.Bill.Basis != "" { // older than bills are
			out = append(out, *st)
		}
	}
	return out, n, nil
}

// unwatchedPage reads some reservations that were charged where no gate could see anybody.
func unwatchedPage(ctx context.Context, pool *pgxpool.Pool, at id.Parking, to time.Time, from *place) ([]whatif.Stay, int, error) {
	rows, err := pool.Query(ctx, `select at, number, reservation, document from bill
		where parking = $1 and session is null and at >= $2 and at < $3 and (at, number) > ($2, $4) and document ->> 'basis' = 'unwatched' order by at, number limit $5`,
		string(at), from.at, to, from.number, replayPage)
	if err != nil {
		return nil, 0, err
	}
	var of [][16]byte
	bills := map[id.Reservation]bill.Bill{}
	var name string
	var raw []byte
	n := 0
	if _, err := pgx.ForEachRow(rows, []any{&from.at, &from.number, &name, &raw}, func() error {
		n++
		r, err := id.Parse[id.Reservation](name)
		if err != nil {
			return err
		}
		var b bill.Bill
		of, bills[r] = append(of, r.UUID()), b
		if err := readBill(name, raw, &b); err != nil {
			return err
		}
		bills[r] = b
		return nil
	}); err != nil || n == 0 {
		return nil, n, err
	}
	rows, err = pool.Query(ctx, `select id, space_type, from_at, to_at, quote from reservation where parking = $1 and id = any ($2)`, string(at), of)
	if err != nil {
		return nil, n, err
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (st whatif.Stay, err error) {
		var r id.Reservation
		var on reserved
		if err := row.Scan(&r, &on.spaceType, &on.from, &on.to, &on.quote); err != nil {
			return st, err
		}
		st.Bill = bills[r]
		return st, on.into(&st)
	})
	return out, n, err
}

// reserved are the columns of a reservation that its price depends on; nil: a walk-in.
type reserved struct {
	spaceType *id.SpaceType
	from, to  *time.Time
	quote     []byte
}

func (r *reserved) into(st *whatif.Stay) error {
	if r.spaceType == nil || r.from == nil || r.to == nil {
		return nil
	}
	st.On = &reservation.Reservation{SpaceType: *r.spaceType}
	st.On.Window.From, st.On.Window.To = r.from.UTC(), r.to.UTC()
	if st.Left.IsZero() {
		st.Left = st.On.Window.To
	}
	return json.Unmarshal(r.quote, &st.On.Quote)
}

func readBill(name string, raw []byte, into *bill.Bill) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("bill of %s: %w", name, err)
	}
	return nil
}
