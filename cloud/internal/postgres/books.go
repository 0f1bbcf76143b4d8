package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/books"
	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// Books closes the ledger's days and shifts, and reads it out.
type Books struct{ db *DB }

// NewBooks is the store over a pool.
func NewBooks(db *DB) Books { return Books{db} }

// Operator is an owner of parkings.
type Operator struct {
	ID   id.Operator
	Name string
}

// Operators lists all by their name.
func (b Books) Operators(ctx context.Context) ([]Operator, error) {
	rows, err := b.db.pool.Query(ctx, `select id, name from operator order by name`)
	if err != nil {
		return nil, unavailable("read the operators", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Operator])
	return all, unavailable("read the operators", err)
}

// lot is a parking as its books know it.
type lot struct {
	ID    id.Parking
	Zone  string
	Until *time.Time // up to where its days are closed
}

const selectBookLots = `select p.id, p.timezone, u.at from parking p left join closed_until u on u.parking = p.id`

func lots(ctx context.Context, q querier, sql string, args ...any) ([]lot, error) {
	rows, err := q.Query(ctx, selectBookLots+sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[lot])
}

// Close closes a day of an operator: the one after the last that was closed, or
// any if none was. An empty day means that one, or yesterday. Its faults are those
// of package books; they change nothing.
func (b Books) Close(ctx context.Context, o Operator, day books.Day, now time.Time) (books.Sealed, error) {
	var made books.Sealed
	err := pgx.BeginFunc(ctx, b.db.pool, func(tx pgx.Tx) error {
		last, err := lastClosing(ctx, tx, o, books.Days)
		if err != nil {
			return err
		}
		all, err := lots(ctx, tx, ` where p.operator = $1 order by p.id`, o.ID.UUID())
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return fault.New(fault.NotFound, books.CodeNoOperator, "The operator has no parking.")
		}
		over, spans, err := spansOf(all, &day, last, now)
		if err != nil {
			return err
		}
		switch next := last.Day.Add(1); {
		case last.Seq > 0 && day < next:
			return fault.Newf(fault.Conflict, books.CodeClosed, "%s is closed already; the last day that is closed is %s.", day, last.Day)
		case last.Seq > 0 && day > next:
			return fault.Newf(fault.Conflict, books.CodeGap, "Close %s first: days are closed one after the other.", next)
		case now.Before(over.Add(books.Margin)):
			return fault.Newf(fault.Conflict, books.CodeNotOver, "%s is not over everywhere: it can be closed from %s on.", day, over.Add(books.Margin).UTC().Format(time.RFC3339))
		}
		made, err = seal(ctx, tx, o, last, books.Closing{Scope: books.Days, Day: day, MadeAt: now.UTC(), Spans: spans})
		return err
	})
	return made, unavailable("close a day", err)
}

// spansOf is what of the parkings' books belongs to a day, and when that is over
// everywhere. An empty day is set to the one after the last, or to yesterday
// where it is earliest.
func spansOf(all []lot, day *books.Day, last books.Sealed, now time.Time) (over time.Time, spans []books.Span, err error) {
	zones := make([]*time.Location, len(all))
	for i, l := range all {
		if zones[i], err = time.LoadLocation(l.Zone); err != nil {
			return over, nil, fmt.Errorf("time zone of %s: %w", l.ID, err)
		}
	}
	if *day == "" && last.Seq > 0 {
		*day = last.Day.Add(1)
	}
	if *day == "" {
		*day = books.DayOf(now.Add(-books.Margin), time.UTC).Add(-1)
		for _, z := range zones {
			*day = min(*day, books.DayOf(now.Add(-books.Margin), z).Add(-1))
		}
	}
	over = day.End(zones[0])
	spans = []books.Span{}
	for i, l := range all {
		s := books.Span{Parking: l.ID, Zone: l.Zone, To: day.End(zones[i])}
		if l.Until != nil {
			u := l.Until.UTC()
			s.From = &u
			if s.To.Before(u) { // its zone was changed
				s.To = u
			}
		}
		if s.To.After(over) {
			over = s.To
		}
		spans = append(spans, s)
	}
	return over, spans, nil
}

// CloseDue closes every day that is over, of every operator with parkings, and
// returns how many.
func (b Books) CloseDue(ctx context.Context, now time.Time) (int, error) {
	all, err := b.Operators(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	var failed []error
	for _, o := range all {
		for {
			_, err := b.Close(ctx, o, "", now)
			if code := fault.Code(err); code == books.CodeNotOver || code == books.CodeNoOperator {
				break
			}
			if err != nil {
				failed = append(failed, fmt.Errorf("close the books of %s: %w", o.ID, err))
				break
			}
			n++
		}
	}
	return n, errors.Join(failed...)
}

// Shift closes the cash of a parking since the shift before: what should be in
// its boxes, and what somebody counted, by currency in minor units.
func (b Books) Shift(ctx context.Context, at id.Parking, counted map[money.Currency]int64, by string, now time.Time) (books.Sealed, error) {
	var made books.Sealed
	err := pgx.BeginFunc(ctx, b.db.pool, func(tx pgx.Tx) error {
		all, err := lots(ctx, tx, ` where p.id = $1`, string(at))
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return fault.New(fault.NotFound, capacity.CodeParkingNotFound, "There is no such parking.")
		}
		var o Operator
		if err := tx.QueryRow(ctx, `select o.id, o.name from parking p join operator o on o.id = p.operator where p.id = $1`, string(at)).Scan(&o.ID, &o.Name); err != nil {
			return err
		}
		last, err := lastClosing(ctx, tx, o, books.Shifts(at))
		if err != nil {
			return err
		}
		span := books.Span{Parking: at, Zone: all[0].Zone, To: now.UTC()}
		if last.Seq > 0 {
			span.From = &last.Spans[0].To
		}
		c := books.Closing{Scope: books.Shifts(at), MadeAt: now.UTC(), By: by, Spans: []books.Span{span}}
		for _, cur := range slices.Sorted(maps.Keys(counted)) {
			c.Counts = append(c.Counts, books.Count{Currency: cur, Counted: counted[cur]})
		}
		made, err = seal(ctx, tx, o, last, c)
		return err
	})
	return made, unavailable("close a shift", err)
}

// seal adds the sums of what the closing covers and stores it.
func seal(ctx context.Context, tx pgx.Tx, o Operator, last books.Sealed, c books.Closing) (books.Sealed, error) {
	c.Format, c.Operator, c.Name, c.Seq = 1, o.ID, o.Name, last.Seq+1
	parkings := []string{}
	for _, s := range c.Spans {
		parkings = append(parkings, string(s.Parking))
	}
	slices.Sort(parkings)
	// Whoever books holds a head: what is committed after this is not of it.
	if _, err := tx.Exec(ctx, `select hold_parkings($1)`, parkings); err != nil {
		return books.Sealed{}, err
	}
	var err error
	if c.Scope == books.Days {
		var moved []books.Balance
		if moved, c.Transactions, err = moves(ctx, tx, c.Spans); err != nil {
			return books.Sealed{}, err
		}
		c.Balances = books.Carry(last.Balances, moved)
	} else if err = boxes(ctx, tx, &c, last); err != nil {
		return books.Sealed{}, err
	}
	s, err := books.Seal(c, last.Hash)
	if err != nil {
		return s, err
	}
	_, err = tx.Exec(ctx, `insert into closing (operator, scope, seq, document, previous, hash) values ($1, $2, $3, $4, $5, $6)`,
		o.ID.UUID(), string(c.Scope), c.Seq, s.Document, s.Previous[:], s.Hash[:])
	return s, err
}

const selectMoves = `select e.account, e.currency, coalesce(sum(e.amount) filter (where e.amount > 0), 0)::bigint,
		coalesce(-sum(e.amount) filter (where e.amount < 0), 0)::bigint
	from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) s(parking, begins, ends)
	join ledger_entry e on e.parking = s.parking and (s.begins is null or e.at >= s.begins) and e.at < s.ends
	group by e.account, e.currency`

const countMoves = `select count(distinct e.txn)
	from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) s(parking, begins, ends)
	join ledger_entry e on e.parking = s.parking and (s.begins is null or e.at >= s.begins) and e.at < s.ends`

// moves is what moved in the spans.
func moves(ctx context.Context, q querier, spans []books.Span) (moved []books.Balance, transactions int64, err error) {
	var parkings []string
	var from []*time.Time
	var to []time.Time
	for _, s := range spans {
		parkings, from, to = append(parkings, string(s.Parking)), append(from, s.From), append(to, s.To)
	}
	if moved, err = balances(ctx, q, selectMoves, parkings, from, to); err != nil {
		return nil, 0, err
	}
	err = q.QueryRow(ctx, countMoves, parkings, from, to).Scan(&transactions)
	return moved, transactions, err
}

func balances(ctx context.Context, q querier, sql string, args ...any) ([]books.Balance, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (b books.Balance, err error) {
		err = row.Scan(&b.Account, &b.Currency, &b.Debit, &b.Credit)
		b.Moved = b.Debit - b.Credit
		return b, err
	})
}

// boxes is how a parking's cash stands, and what is new since the shift before:
// whatever was committed since, by whatever clock.
func boxes(ctx context.Context, tx pgx.Tx, c *books.Closing, last books.Sealed) error {
	at, accounts := string(c.Spans[0].Parking), []string{string(ledger.Cash), string(ledger.ChangeCredit)}
	all, err := balances(ctx, tx, `select account, currency, coalesce(sum(amount) filter (where amount > 0), 0)::bigint,
			coalesce(-sum(amount) filter (where amount < 0), 0)::bigint
		from ledger_entry where parking = $1 and account = any ($2) group by account, currency`, at, accounts)
	if err != nil {
		return err
	}
	c.Totals = books.Carry(nil, all)
	c.Balances = books.Carry(last.Balances, books.Since(last.Totals, c.Totals))
	return c.Expect()
}

// Closings are the stored ones of a scope, oldest first. They are read as they
// are; books.Check judges them.
func (b Books) Closings(ctx context.Context, o Operator, scope books.Scope) ([]books.Sealed, error) {
	rows, err := b.db.pool.Query(ctx, `select document, previous, hash from closing where operator = $1 and scope = $2 order by seq`, o.ID.UUID(), string(scope))
	if err != nil {
		return nil, unavailable("read the closings", err)
	}
	all, err := pgx.CollectRows(rows, scanClosing)
	return all, unavailable("read the closings", err)
}

func lastClosing(ctx context.Context, tx pgx.Tx, o Operator, scope books.Scope) (books.Sealed, error) {
	if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended('openlot closing ' || $1 || $2, 0))`, o.ID.String(), string(scope)); err != nil {
		return books.Sealed{}, err
	}
	rows, err := tx.Query(ctx, `select document, previous, hash from closing where operator = $1 and scope = $2 order by seq desc limit 1`, o.ID.UUID(), string(scope))
	if err != nil {
		return books.Sealed{}, err
	}
	found, err := pgx.CollectRows(rows, scanClosing)
	if err != nil || len(found) == 0 {
		return books.Sealed{}, err
	}
	return found[0], nil
}

func scanClosing(row pgx.CollectableRow) (books.Sealed, error) {
	var document, previous, hash []byte
	if err := row.Scan(&document, &previous, &hash); err != nil {
		return books.Sealed{}, err
	}
	var p, h books.Hash
	copy(p[:], previous)
	copy(h[:], hash)
	return books.Open(document, p, h)
}

// Recount says what is wrong with an operator's days beside what books.Check
// finds: spans whose sums are not those of the ledger any more.
func (b Books) Recount(ctx context.Context, all []books.Sealed) ([]books.Finding, error) {
	var found []books.Finding
	for _, s := range all {
		moved, _, err := moves(ctx, b.db.pool, s.Spans)
		if err != nil {
			return nil, unavailable("recount the ledger", err)
		}
		for _, is := range books.Carry(s.Balances, moved) {
			for _, said := range s.Balances {
				if said.Account == is.Account && said.Currency == is.Currency && (said.Debit != is.Debit || said.Credit != is.Credit) {
					found = append(found, books.Finding{Seq: s.Seq, Says: fmt.Sprintf("%s moved by %d %s, the ledger says %d", is.Account, said.Moved, is.Currency, is.Debit-is.Credit)})
				}
			}
		}
	}
	return found, nil
}

// End is an end of a time: an instant, or the beginning of a day in each
// parking's own zone.
type End struct {
	At  time.Time
	Day books.Day
}

func (e End) in(zone *time.Location) time.Time {
	if e.Day != "" {
		return e.Day.Begin(zone)
	}
	return e.At
}

const selectLedger = `select e.at, e.parking, o.name, e.txn, e.line, e.kind, e.account, e.currency, e.amount, e.reservation, e.session, e.payment
	from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) s(parking, begins, ends)
	join ledger_entry e on e.parking = s.parking and e.at >= s.begins and e.at < s.ends
	join parking p on p.id = e.parking join operator o on o.id = p.operator
	order by e.at, e.parking, e.txn, e.line`

// Ledger reads the postings of a time [from, to) of the parkings of an operator,
// or of one of them; none named means all.
func (b Books) Ledger(ctx context.Context, operator *Operator, at id.Parking, from, to End) (iter.Seq2[books.Row, error], error) {
	where, args := ` where true`, []any{}
	if operator != nil {
		args = append(args, operator.ID.UUID())
		where += fmt.Sprintf(` and p.operator = $%d`, len(args))
	}
	if at != "" {
		args = append(args, string(at))
		where += fmt.Sprintf(` and p.id = $%d`, len(args))
	}
	all, err := lots(ctx, b.db.pool, where+` order by p.id`, args...)
	if err != nil {
		return nil, unavailable("read the parkings", err)
	}
	if len(all) == 0 {
		return nil, fault.New(fault.NotFound, capacity.CodeParkingNotFound, "There is no such parking.")
	}
	var parkings []string
	var begins, ends []time.Time
	for _, l := range all {
		zone, err := time.LoadLocation(l.Zone)
		if err != nil {
			return nil, fmt.Errorf("time zone of %s: %w", l.ID, err)
		}
		parkings, begins, ends = append(parkings, string(l.ID)), append(begins, from.in(zone)), append(ends, to.in(zone))
	}
	return func(yield func(books.Row, error) bool) {
		rows, err := b.db.pool.Query(ctx, selectLedger, parkings, begins, ends)
		if err != nil {
			yield(books.Row{}, unavailable("read the ledger", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			var r books.Row
			err := rows.Scan(&r.At, &r.Parking, &r.Operator, &r.Transaction, &r.Line, &r.Kind, &r.Account, &r.Amount.Currency, &r.Amount.Minor,
				&r.Reservation, &r.Session, &r.Payment)
			if !yield(r, unavailable("read the ledger", err)) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(books.Row{}, unavailable("read the ledger", err))
		}
	}, nil
}
