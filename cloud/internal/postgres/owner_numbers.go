package postgres

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/openlot/openlot/cloud/internal/books"
	"github.com/openlot/openlot/cloud/internal/lookup"
)

// Lookup reads what operators look up.
type Lookup struct{ r *Reports }

// Lookup is what operators look up, from where reports are read.
func (r *Reports) Lookup() Lookup { return Lookup{r} }

// daySpans are the days of a scope as instants, in each parking's own time zone.
type daySpans struct {
	parkings     []string
	begins, ends []time.Time
}

func spansIn(ctx context.Context, q querier, s lookup.Scope) (out daySpans, err error) {
	names := make([]string, len(s.Parkings))
	for i, p := range s.Parkings {
		names[i] = string(p)
	}
	rows, err := q.Query(ctx, `select id, timezone from parking where id = any ($1) order by id`, names)
	if err != nil {
		return out, err
	}
	err = each(rows, func(row pgx.CollectableRow) error {
		var p, name string
		if err := row.Scan(&p, &name); err != nil {
			return err
		}
		zone, err := time.LoadLocation(name)
		if err != nil {
			return fmt.Errorf("time zone of %s: %w", p, err)
		}
		from, to := time.Unix(0, 0).UTC(), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
		if s.From != "" {
			from = s.From.Begin(zone)
		}
		if s.To != "" {
			to = s.To.End(zone)
		}
		out.parkings, out.begins, out.ends = append(out.parkings, p), append(out.begins, from), append(out.ends, to)
		return nil
	})
	return out, err
}

// after is where a page begins: behind all when it is the first.
func after(p lookup.Page) (time.Time, string) {
	if p.After == nil {
		return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), ""
	}
	return p.After.At, p.After.Key
}

// uuidKey is a key that is a UUID, as a parameter; one that is none is before all.
func uuidKey(key string) string {
	if len(key) != 32 || strings.ContainsFunc(key, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) }) {
		return "00000000-0000-0000-0000-000000000000"
	}
	return key
}

// list reads rows of a scope in one snapshot.
func list[T any](ctx context.Context, l Lookup, s lookup.Scope, what, sql string, scan func(pgx.CollectableRow) (T, error), args ...any) (all []T, err error) {
	err = l.r.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		sp, err := spansIn(ctx, pool, s)
		if err != nil {
			return err
		}
		rows, err := pool.Query(ctx, sql, append([]any{sp.parkings, sp.begins, sp.ends}, args...)...)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, scan)
		return err
	})
	return all, unavailable(what, err)
}

// Of each parking as many are read, along its index, as a page has.
const selectReservationList = `select ` + reservationColumns + `, coalesce(y.state, '') from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) s(parking, begins, ends)
	cross join lateral (select * from %s r where r.parking = s.parking and r.from_at >= s.begins and r.from_at < s.ends
		and (r.from_at, r.id) < ($4, $5::uuid) %s order by r.from_at desc, r.id desc limit $6) r
	left join payment y on y.parking = r.parking and y.id = r.payment
	order by r.from_at desc, r.id desc limit $6`

// foundBy has few reservations found first: a page that is put together along their times
// looks cheaper than it is.
const foundBy = `(select * from reservation r where r.parking = s.parking and %s offset 0)`

// Reservations lists reservations, those that begin last first.
func (l Lookup) Reservations(ctx context.Context, w lookup.ReservationsWanted) ([]lookup.Reservation, error) {
	at, key := after(w.Page)
	const seen = `and r.state not in ('held', 'expired')`
	from, where, args := `reservation`, seen, []any{at, uuidKey(key), w.Limit}
	add := func(clause string, arg any) {
		args = append(args, arg)
		where += fmt.Sprintf(clause, len(args)+3)
	}
	if w.State != "" {
		if w.State == "held" || w.State == "expired" {
			where = ""
		}
		add(` and r.state = $%d`, w.State)
	}
	if q := w.Sought; q != nil {
		switch {
		case !q.Reservation.IsZero():
			where = ""
			add(` and r.id = $%d`, q.Reservation.UUID())
		case !q.Session.IsZero():
			add(` and r.session = $%d`, q.Session.UUID())
			from = fmt.Sprintf(foundBy, fmt.Sprintf(`r.session = $%d`, len(args)+3))
		case q.Mail != "":
			add(` and lower(r.email) = $%d`, q.Mail)
			if rest, is := strings.CutPrefix(where, seen); is { // as the index says
				from = fmt.Sprintf(foundBy, fmt.Sprintf(`r.email <> '' %s %s`, seen, rest))
			}
		default:
			add(` and r.plate like $%d and r.plate <> ''`, begins(q.Plate))
		}
	}
	return list(ctx, l, w.Scope, "list reservations", fmt.Sprintf(selectReservationList, from, where), scanListed, args...)
}

func scanListed(row pgx.CollectableRow) (lookup.Reservation, error) {
	p := part{CollectableRow: row}
	r, err := scanReservation(&p)
	if err != nil {
		return lookup.Reservation{}, err
	}
	l := lookup.Reservation{Reservation: *r}
	last := part{CollectableRow: row, last: true}
	return l, last.Scan(&l.PaymentState)
}

const listedSession = `s.parking, s.id, s.reservation, coalesce(r.plate, ''), s.space_type, s.state, s.entered_at, s.exited_at, s.entry_lane, s.exit_lane,
	s.entry_reason, s.exit_reason, s.inferred, s.currency, s.due, s.owed`

const selectSessionList = `select ` + listedSession + ` from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) x(parking, begins, ends)
	cross join lateral (select s.* from session s where s.parking = x.parking and s.entered_at >= x.begins and s.entered_at < x.ends
		and (s.entered_at, s.id) < ($4, $5::uuid) %s order by s.entered_at desc, s.id desc limit $6) s
	left join reservation r on r.parking = s.parking and r.id = s.reservation
	order by s.entered_at desc, s.id desc limit $6`

// Sessions lists stays, the latest entry first.
func (l Lookup) Sessions(ctx context.Context, w lookup.SessionsWanted) ([]lookup.Session, error) {
	at, key := after(w.Page)
	where, args := ``, []any{at, uuidKey(key), w.Limit}
	add := func(clause string, arg any) {
		args = append(args, arg)
		where += fmt.Sprintf(clause, len(args)+3)
	}
	if w.Open != nil {
		where += map[bool]string{true: ` and s.state = 'inside'`, false: ` and s.state <> 'inside'`}[*w.Open]
	}
	if w.WalkIn != nil {
		where += map[bool]string{true: ` and s.reservation is null`, false: ` and s.reservation is not null`}[*w.WalkIn]
	}
	if q := w.Sought; q != nil {
		switch {
		case !q.Reservation.IsZero():
			add(` and s.reservation = $%d`, q.Reservation.UUID())
		case !q.Session.IsZero():
			add(` and s.id = $%d`, q.Session.UUID())
		case q.Mail != "":
			add(` and s.reservation in (select b.id from reservation b where b.parking = x.parking and lower(b.email) = $%d and b.email <> '' and b.state not in ('held', 'expired'))`, q.Mail)
		default:
			plate, end := begins(q.Plate), begins(backwards(q.Suffix))
			args = append(args, plate, end)
			n := len(args) + 3
			where += fmt.Sprintf(` and s.id in (
				select b.session from reservation b where b.parking = x.parking and b.plate like $%d and b.plate <> '' and b.state not in ('held', 'expired') and b.session is not null
				union all select t.id from session t where t.parking = x.parking and reverse(replace(t.id::text, '-', '')) like $%d)`, n-1, n)
		}
	}
	return list(ctx, l, w.Scope, "list stays", fmt.Sprintf(selectSessionList, where), scanSessionListed, args...)
}

func scanSessionListed(row pgx.CollectableRow) (s lookup.Session, err error) {
	return s, row.Scan(&s.Parking, &s.ID, &s.Reservation, &s.Plate, &s.SpaceType, &s.State, &s.EnteredAt, &s.ExitedAt, &s.EntryLane, &s.ExitLane,
		&s.EntryReason, &s.ExitReason, &s.Inferred, &s.Currency, &s.Due, &s.Owed)
}

// begins is a pattern for what begins with a text of letters and digits, and for nothing
// when there is none.
func begins(text string) string {
	if text == "" {
		return ""
	}
	return text + "%"
}

func backwards(text string) string {
	b := []byte(text)
	slices.Reverse(b)
	return string(b)
}

const selectPostings = `select e.at, e.parking, '', e.txn, e.line, e.kind, e.account, e.currency, e.amount, e.reservation, e.session, e.payment
	from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) s(parking, begins, ends)
	cross join lateral (select * from ledger_entry e where e.parking = s.parking and e.at >= s.begins and e.at < s.ends and e.at <= $4
		and (e.at < $4 or (e.txn, e.line) < ($5::uuid, $6)) %s order by e.at desc, e.txn desc, e.line desc limit $7) e
	order by e.at desc, e.txn desc, e.line desc limit $7`

// Postings lists the ledger, the latest first; of one account, if one is named, and of a
// kind.
func (l Lookup) Postings(ctx context.Context, s lookup.Scope, account, kind string, page lookup.Page) ([]books.Row, error) {
	at, key := after(page)
	txn, line := "00000000-0000-0000-0000-000000000000", 0
	if page.After != nil {
		if head, tail, ok := strings.Cut(key, "-"); ok {
			txn = uuidKey(head)
			_, _ = fmt.Sscan(tail, &line) // what is no number is the first
		}
	}
	where, args := ``, []any{at, txn, line, page.Limit}
	if account != "" {
		args = append(args, account)
		where += fmt.Sprintf(` and e.account = $%d`, len(args)+3)
		if account != "held" && account != "held_contra" {
			where += ` and e.account not in ('held', 'held_contra')` // as the index says
		}
	}
	if kind != "" {
		args = append(args, kind)
		where += fmt.Sprintf(` and e.kind = $%d`, len(args)+3)
	}
	return list(ctx, l, s, "list the ledger", fmt.Sprintf(selectPostings, where), func(row pgx.CollectableRow) (books.Row, error) { return scanPosting(row) }, args...)
}

func scanPosting(row interface{ Scan(dest ...any) error }) (r books.Row, err error) {
	return r, row.Scan(&r.At, &r.Parking, &r.Operator, &r.Transaction, &r.Line, &r.Kind, &r.Account, &r.Amount.Currency, &r.Amount.Minor, &r.Reservation, &r.Session, &r.Payment)
}

const selectReceivables = `select parking, session, reservation, currency, since, last, owed, written_off, open from (
	select e.parking, (array_agg(e.session) filter (where e.session is not null))[1] as session, (array_agg(e.reservation) filter (where e.reservation is not null))[1] as reservation, e.currency,
		coalesce(e.session, e.reservation) as about, s.begins, s.ends,
		min(e.at) filter (where e.kind = 'owed') as since, max(e.at) as last, coalesce(sum(e.amount) filter (where e.kind = 'owed'), 0)::bigint as owed,
		coalesce(-sum(e.amount) filter (where e.kind = 'write_off'), 0)::bigint as written_off, sum(e.amount)::bigint as open
	from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) s(parking, begins, ends)
	join ledger_entry e on e.parking = s.parking and e.account = 'receivable' and e.account not in ('held', 'held_contra')
	group by e.parking, coalesce(e.session, e.reservation), e.currency, s.begins, s.ends) r
	where owed > 0 and since >= begins and since < ends and (since, about) < ($4, $5::uuid)
	  and ($6 = '' or $6 = case when open > 0 then 'open' when written_off > 0 then 'written_off' else 'settled' end)
	order by since desc, about desc limit $7`

// Receivables lists what is or was owed, the latest first.
func (l Lookup) Receivables(ctx context.Context, s lookup.Scope, state string, page lookup.Page) ([]lookup.Receivable, error) {
	at, key := after(page)
	return list(ctx, l, s, "list receivables", selectReceivables, func(row pgx.CollectableRow) (r lookup.Receivable, err error) {
		return r, row.Scan(&r.Parking, &r.Session, &r.Reservation, &r.Currency, &r.Since, &r.Last, &r.Owed, &r.WrittenOff, &r.Open)
	}, at, uuidKey(key), state, page.Limit)
}

const (
	selectSums = `select e.kind, e.account, e.currency, coalesce(sum(e.amount) filter (where e.amount > 0), 0)::bigint, coalesce(-sum(e.amount) filter (where e.amount < 0), 0)::bigint
		from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) s(parking, begins, ends)
		join ledger_entry e on e.parking = s.parking and e.at >= s.begins and e.at < s.ends group by e.kind, e.account, e.currency`
	// From where each parking's days were closed last, of which the balances are kept.
	selectAccounts = `select b.account, b.currency, sum(b.debit)::bigint, sum(b.credit)::bigint
		from unnest($1::text[], $2::timestamptz[]) s(parking, ends) cross join lateral balances_until(s.parking, s.ends) b group by b.account, b.currency`
	selectClosedUntil = `select case when count(u.at) = count(*) then min(u.at) end from unnest($1::text[]) s(parking) left join closed_until u on u.parking = s.parking`
)

// Sums are what moved in the days of a scope, and how the accounts stand at their end.
func (l Lookup) Sums(ctx context.Context, s lookup.Scope) (out lookup.Sums, err error) {
	err = l.r.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		return pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
			out = lookup.Sums{}
			sp, err := spansIn(ctx, tx, s)
			if err != nil {
				return err
			}
			rows, err := tx.Query(ctx, selectSums, sp.parkings, sp.begins, sp.ends)
			if err != nil {
				return err
			}
			if out.Moved, err = pgx.CollectRows(rows, pgx.RowToStructByPos[lookup.Sum]); err != nil {
				return err
			}
			if out.Standing, err = balances(ctx, tx, selectAccounts, sp.parkings, sp.ends); err != nil {
				return err
			}
			return tx.QueryRow(ctx, selectClosedUntil, sp.parkings).Scan(&out.ClosedUntil)
		})
	})
	return out, unavailable("sum up the ledger", err)
}

const (
	sealedMade   = `(convert_from(document, 'UTF8')::jsonb ->> 'made_at')::timestamptz`
	sealedKey    = `operator::text || ':' || scope || ':' || lpad(seq::text, 12, '0')`
	selectSealed = `select document, previous, hash from (
		  select operator, scope, seq, document, previous, hash from closing where operator = any ($1::uuid[]) and scope = any ($2::text[])
		  union all
		  select operator, scope, seq, convert_to(document::text, 'UTF8'), ''::bytea, ''::bytea from cash_shift
		   where operator = any ($1::uuid[]) and parking = any ($6::text[])) c where true
		and (` + sealedMade + `, (` + sealedKey + `) collate "C") < ($3, $4)
		order by ` + sealedMade + ` desc, (` + sealedKey + `) collate "C" desc limit $5`
)

// Closings lists closings of operators, the latest first: of days, or of shifts.
func (l Lookup) Closings(ctx context.Context, s lookup.Scope, shifts bool, page lookup.Page) (all []books.Sealed, err error) {
	operators := make([][16]byte, len(s.Operators))
	for i, o := range s.Operators {
		operators[i] = o.UUID()
	}
	scopes, machines := []string{string(books.Days)}, []string{}
	if shifts {
		scopes = nil
		for _, p := range s.Parkings {
			scopes, machines = append(scopes, string(books.Shifts(p))), append(machines, string(p))
		}
	}
	at, key := after(page)
	err = l.r.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, selectSealed, operators, scopes, at, key, page.Limit, machines)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, scanClosing)
		return err
	})
	return all, unavailable("list closings", err)
}

// ledgerPage is how many postings of an export are read at a time.
const ledgerPage = 1000

const selectLedgerPage = `select e.at, e.parking, o.name, e.txn, e.line, e.kind, e.account, e.currency, e.amount, e.reservation, e.session, e.payment
	from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) s(parking, begins, ends)
	cross join lateral (select * from ledger_entry e where e.parking = s.parking and e.at >= greatest(s.begins, $4) and e.at < s.ends
		and (e.at > $4 or (e.parking, e.txn, e.line) > ($5, $6::uuid, $7)) order by e.at, e.txn, e.line limit $8) e
	join parking p on p.id = e.parking join operator o on o.id = p.operator
	order by e.at, e.parking, e.txn, e.line limit $8`

// Ledger reads the postings of a scope as they were booked, for an export. It goes from
// page to page, so that whoever takes them slowly holds no connection meanwhile. What is
// booked while it reads is there or not with all the lines of its transaction.
func (l Lookup) Ledger(ctx context.Context, s lookup.Scope) (iter.Seq2[books.Row, error], error) {
	var sp daySpans
	if err := l.r.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) (err error) {
		sp, err = spansIn(ctx, pool, s)
		return err
	}); err != nil {
		return nil, unavailable("read the parkings", err)
	}
	return func(yield func(books.Row, error) bool) {
		last := books.Row{At: time.Unix(0, 0)}
		for {
			var some []books.Row
			err := l.r.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
				rows, err := pool.Query(ctx, selectLedgerPage, sp.parkings, sp.begins, sp.ends, last.At, string(last.Parking), last.Transaction.UUID(), last.Line, ledgerPage)
				if err != nil {
					return err
				}
				some, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (books.Row, error) { return scanPosting(row) })
				return err
			})
			if err != nil {
				yield(books.Row{}, unavailable("read the ledger", err))
				return
			}
			for _, r := range some {
				if !yield(r, nil) {
					return
				}
			}
			if len(some) < ledgerPage {
				return
			}
			last = some[len(some)-1]
		}
	}, nil
}
