package check

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/protocol/id"
)

// quarterSeconds is the length of a quarter-hour.
const quarterSeconds = 900

// Read reads everything in one snapshot. now is asked for the time after the
// snapshot was taken, so that nothing in it was decided later.
func Read(ctx context.Context, conn *pgx.Conn, now func() time.Time) (Rows, error) {
	var r Rows
	err := pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `set local work_mem = '64MB'; select count(*) from parking_head`); err != nil {
			return err
		}
		r.Current = now().Unix() / quarterSeconds
		return r.read(ctx, tx)
	})
	if err != nil {
		return Rows{}, fmt.Errorf("read what is to be checked: %w", err)
	}
	return r, nil
}

func (r *Rows) read(ctx context.Context, tx pgx.Tx) error {
	r.Capacity, r.Books = map[Lot]int{}, map[ID]Book{}
	for _, read := range []func(context.Context, pgx.Tx) error{
		r.readLots, r.readClaims, r.readPayments, r.readFeed, r.readKeys,
	} {
		if err := read(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

// list reads the rows of a query. scan returns where each row's columns go, and
// the row.
func list[T any](ctx context.Context, tx pgx.Tx, into *[]T, sql string, columns func(*T) []any) error {
	rows, err := tx.Query(ctx, sql)
	if err != nil {
		return err
	}
	var one T
	_, err = pgx.ForEachRow(rows, columns(&one), func() error {
		*into = append(*into, one)
		return nil
	})
	return err
}

func (r *Rows) readLots(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `select parking, id, capacity from space_type`)
	if err != nil {
		return err
	}
	var lot Lot
	var capacity int
	if _, err := pgx.ForEachRow(rows, []any{&lot.Parking, &lot.Type, &capacity}, func() error {
		r.Capacity[lot] = capacity
		return nil
	}); err != nil {
		return err
	}
	rows, err = tx.Query(ctx, `select parking, space_type, day, cap, free, over from inventory_day`)
	if err != nil {
		return err
	}
	r.Days, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (d Day, err error) {
		return d, row.Scan(&d.Parking, &d.Type, &d.Day, &d.Cap, &d.Free, &d.Over)
	})
	return err
}

func (r *Rows) readClaims(ctx context.Context, tx pgx.Tx) error {
	const rounded = `floor(extract(epoch from %[1]s) / 900)::bigint, ceil(extract(epoch from %[2]s) / 900)::bigint`
	rows, err := tx.Query(ctx, `select parking, space_type, id, state, claim_from_q, claim_to_q, payment,
		coalesce(session, '00000000-0000-0000-0000-000000000000'), (quote->'total'->>'minor')::bigint, `+fmt.Sprintf(rounded, "from_at", "to_at")+`,
		pending->>'space_type', (pending->>'claim_from_q')::bigint, (pending->>'claim_to_q')::bigint, pending->>'payment',
		(pending->'quote'->'total'->>'minor')::bigint, `+fmt.Sprintf(rounded, "(pending->>'from')::timestamptz", "(pending->>'to')::timestamptz")+`,
		updated_at >= no_show_at, coalesce(space, '') from reservation`)
	if err != nil {
		return err
	}
	r.Reservations, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (x Reservation, err error) {
		var kind, payment *string
		var n [5]*int64
		if err := row.Scan(&x.Parking, &x.Type, &x.ID, &x.State, &x.Claim.From, &x.Claim.To, &x.Payment, &x.Session,
			&x.Price, &x.Window.From, &x.Window.To, &kind, &n[0], &n[1], &payment, &n[2], &n[3], &n[4], &x.Late, &x.Bay); err != nil || kind == nil {
			return x, err
		}
		if payment == nil || slices.Contains(n[:], nil) {
			return x, fmt.Errorf("reservation %x: half a pending change", x.ID)
		}
		p, err := id.Parse[id.Payment](*payment)
		x.Pending = &Pending{Type: *kind, Claim: Run{*n[0], *n[1]}, Price: *n[2], Window: Run{*n[3], *n[4]}, Payment: p.UUID()}
		return x, err
	})
	if err != nil {
		return err
	}
	err = list(ctx, tx, &r.Stays, `select parking, space_type, id, coalesce(reservation, '00000000-0000-0000-0000-000000000000'), state <> 'inside',
		floor(extract(epoch from entered_at) / 900)::bigint, claim_to_q from session where not allotted and claim_to_q > 0`,
		func(x *Stay) []any {
			return []any{&x.Parking, &x.Type, &x.ID, &x.Reservation, &x.Left, &x.Claim.From, &x.Claim.To}
		})
	if err != nil {
		return err
	}
	err = list(ctx, tx, &r.Blocks, `select parking, space_type, from_q, to_q, n from block`,
		func(x *Block) []any { return []any{&x.Parking, &x.Type, &x.From, &x.To, &x.Units} })
	if err != nil {
		return err
	}
	err = list(ctx, tx, &r.Lent, `
		select parking, space_type, sum(units)::int, sum(inside)::int, coalesce(bool_and(m.journal <> '00000000-0000-0000-0000-000000000000'), false)
		  from (select parking, space_type, units, 0 as inside from allotment
		        union all select parking, space_type, 0, 1 from session where state = 'inside' and allotted) x
		  left join edge_watermark m using (parking) group by 1, 2`,
		func(x *Lent) []any { return []any{&x.Parking, &x.Type, &x.Units, &x.Inside, &x.InUse} })
	if err != nil {
		return err
	}
	return list(ctx, tx, &r.Allotments, `select parking, space_type, units, until_q from allotment`,
		func(x *Allotment) []any { return []any{&x.Parking, &x.Type, &x.Units, &x.Until} })
}

func (r *Rows) readPayments(ctx context.Context, tx pgx.Tx) error {
	err := list(ctx, tx, &r.Payments, `select parking, id, reservation, state, amount, authorized, capture_amount, captured, refunded, debt is not null,
		(select count(*) from session s where s.parking = p.parking and s.reservation = p.reservation and s.paying = p.id)::int from payment p`,
		func(x *Payment) []any {
			return []any{&x.Parking, &x.ID, &x.Reservation, &x.State, &x.Amount, &x.Authorized, &x.Asked, &x.Captured, &x.Refunded, &x.Debt, &x.Awaited}
		})
	if err != nil {
		return err
	}
	err = list(ctx, tx, &r.Unbalanced, `
		select 'transaction ' || txn || ' of ' || parking || ' in ' || currency, sum(amount)::bigint from ledger_entry
		 group by parking, txn, currency having sum(amount) <> 0
		union all
		select 'all of ' || currency, sum(amount)::bigint from ledger_entry group by currency having sum(amount) <> 0`,
		func(x *Unbalanced) []any { return []any{&x.What, &x.Sum} })
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `select payment, coalesce(sum(amount) filter (where account = 'held'), 0)::bigint,
		coalesce(sum(amount) filter (where account = 'provider' and kind in ('capture', 'refund')), 0)::bigint from ledger_entry where payment is not null group by payment`)
	if err != nil {
		return err
	}
	var p ID
	var b Book
	_, err = pgx.ForEachRow(rows, []any{&p, &b.Held, &b.Provider}, func() error {
		r.Books[p] = b
		return nil
	})
	return err
}

func (r *Rows) readFeed(ctx context.Context, tx pgx.Tx) error {
	err := list(ctx, tx, &r.Told, `
		select e.parking, c.type, c.from_q, c.to_q, sum(c.n)::bigint
		  from event e cross join lateral json_to_recordset(e.body->'claims') c(type text, from_q bigint, to_q bigint, n int)
		 where e.body->'claims' is not null group by 1, 2, 3, 4`,
		func(x *Told) []any { return []any{&x.Parking, &x.Type, &x.From, &x.To, &x.N} })
	if err != nil {
		return err
	}
	err = list(ctx, tx, &r.Changes, `
		select parking, c->>'space_type', revision, (c->>'from_day')::bigint, (c->>'capacity')::int, (c->>'was')::int
		  from (select parking, revision, body->'capacity' as c from event where kind = 'capacity.changed') e`,
		func(x *Change) []any { return []any{&x.Parking, &x.Type, &x.Revision, &x.From, &x.Cap, &x.Was} })
	if err != nil {
		return err
	}
	err = list(ctx, tx, &r.Feeds, `
		select h.parking, h.revision, count(e.revision), count(distinct e.revision), coalesce(min(e.revision), 0), coalesce(max(e.revision), 0)
		  from parking_head h left join event e using (parking) group by h.parking, h.revision`,
		func(x *Feed) []any { return []any{&x.Parking, &x.Head, &x.Events, &x.Distinct, &x.First, &x.Last} })
	if err != nil {
		return err
	}
	return list(ctx, tx, &r.Journals, `
		select w.parking, w.epoch, w.seq, count(o.seq), count(distinct o.seq), coalesce(min(o.seq), 0), coalesce(max(o.seq), 0)
		  from edge_watermark w left join observation o on o.parking = w.parking
		   and o.epoch = w.epoch - (w.journal = '00000000-0000-0000-0000-000000000000')::int -- to retire it has raised the epoch
		 group by w.parking, w.epoch, w.seq`,
		func(x *Journal) []any {
			return []any{&x.Parking, &x.Epoch, &x.Seq, &x.Applied, &x.Distinct, &x.First, &x.Last}
		})
}

func (r *Rows) readKeys(ctx context.Context, tx pgx.Tx) error {
	return list(ctx, tx, &r.Keys, `
		select k.principal, k.key, k.reservation, r.id is not null
		  from idempotency_key k left join reservation r on r.parking = k.parking and r.id = k.reservation`,
		func(x *Key) []any { return []any{&x.Principal, &x.Key, &x.Reservation, &x.Exists} })
}
