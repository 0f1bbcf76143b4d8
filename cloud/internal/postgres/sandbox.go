package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
)

// Sandbox is the sandbox provider's books.
type Sandbox struct{ db *DB }

var _ sandbox.Store = (*Sandbox)(nil)

// NewSandbox opens the books.
func NewSandbox(db *DB) *Sandbox { return &Sandbox{db} }

const holdColumns = `h.ref, h.kind, h.key, h.parking, h.reservation, h.method, h.state, h.currency, h.asked, h.amount, h.captured,
	h.refunded, h.refunds, h.dispute, h.captured_at, h.decline_code, h.second_factor, h.capture_before, h.created_at, h.updated_at`

func scanHold(row pgx.CollectableRow) (sandbox.Hold, error) {
	var h sandbox.Hold
	var captured *time.Time
	err := row.Scan(&h.Ref, &h.Kind, &h.Key, &h.Parking, &h.Reservation, &h.Method, &h.State, &h.Amount.Currency, &h.Asked, &h.Amount.Minor,
		&h.Captured, &h.Refunded, &h.Refunds, &h.Dispute, &captured, &h.DeclineCode, &h.SecondFactor, &h.CaptureBefore, &h.CreatedAt, &h.UpdatedAt)
	h.CaptureBefore, h.CreatedAt, h.UpdatedAt = h.CaptureBefore.UTC(), h.CreatedAt.UTC(), h.UpdatedAt.UTC()
	if captured != nil {
		h.CapturedAt = captured.UTC()
	}
	return h, err
}

const sandboxInsert = `insert into sandbox.hold as h (ref, key, parking, reservation, method, state, currency, amount,
	decline_code, second_factor, capture_before, created_at, updated_at, kind, asked, captured, captured_at, dispute)
	values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $13, $8, $14, $15, $16) on conflict (key) do nothing returning ` + holdColumns

// sandboxInsertTelling is for holds with webhooks, which few have.
const sandboxInsertTelling = `with placed as (` + sandboxInsert + `), told as (
	insert into sandbox.webhook (event, hold, body, forged, due_at, times)
	select x.event, placed.ref, x.body, x.forged, x.due_at, x.times
	from placed, unnest($17::text[], $18::text[], $19::bool[], $20::timestamptz[], $21::int[]) x(event, body, forged, due_at, times))
	select * from placed`

// PlaceHold implements sandbox.Store.
func (s *Sandbox) PlaceHold(ctx context.Context, h sandbox.Hold) (sandbox.Hold, error) {
	insert, args := sandboxInsert, []any{
		h.Ref, h.Key, h.Parking, h.Reservation, h.Method, h.State,
		h.Amount.Currency, h.Amount.Minor, h.DeclineCode, h.SecondFactor, h.CaptureBefore, h.CreatedAt, h.Kind, h.Captured, optionalTime(h.CapturedAt), h.Dispute,
	}
	if len(h.Webhooks) > 0 {
		insert, args = sandboxInsertTelling, append(args, webhookColumns(h.Webhooks)...)
	}
	placed, err := oneHold(ctx, s.db.pool, insert, args...)
	if !errors.Is(err, payment.ErrNotFound) {
		return placed, err
	}
	// A hold of the same key that somebody placed meanwhile is committed by now:
	// the insert has waited for it.
	return s.HoldByKey(ctx, h.Key)
}

const (
	sandboxByKey = `select ` + holdColumns + ` from sandbox.hold h where h.key = $1`
	sandboxByRef = `select ` + holdColumns + ` from sandbox.hold h where h.ref = $1`
)

// HoldByKey implements sandbox.Store.
func (s *Sandbox) HoldByKey(ctx context.Context, key string) (sandbox.Hold, error) {
	return oneHold(ctx, s.db.pool, sandboxByKey, key)
}

// HoldByRef implements sandbox.Store.
func (s *Sandbox) HoldByRef(ctx context.Context, ref string) (sandbox.Hold, error) {
	return oneHold(ctx, s.db.pool, sandboxByRef, ref)
}

// oneHold is the hold that a statement returns, payment.ErrNotFound when none.
func oneHold(ctx context.Context, q querier, sql string, args ...any) (sandbox.Hold, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return sandbox.Hold{}, unavailable("ask for a sandbox hold", err)
	}
	h, err := pgx.CollectExactlyOneRow(rows, scanHold)
	if errors.Is(err, pgx.ErrNoRows) {
		return sandbox.Hold{}, payment.ErrNotFound
	}
	return h, unavailable("ask for a sandbox hold", err)
}

const sandboxCount = `insert into sandbox.call as c (key, ref, kind, tries) values ($1, '', $2, 1)
	on conflict (key) do update set tries = c.tries + 1 returning tries`

// CountCall implements sandbox.Store.
func (s *Sandbox) CountCall(ctx context.Context, key, kind string) (int, error) {
	var n int
	err := s.db.pool.QueryRow(ctx, sandboxCount, key, kind).Scan(&n)
	return n, unavailable("count a sandbox call", err)
}

const (
	sandboxCall   = `select c.ref, c.kind, c.answer from sandbox.call c where c.key = $1`
	sandboxRecord = `insert into sandbox.call (key, ref, kind, tries, answer) values ($1, $2, $3, 1, $4) on conflict (key) do nothing`
	sandboxUpdate = `update sandbox.hold set state = $2, captured = $3, decline_code = $4, second_factor = $5, updated_at = $6,
	amount = $7, refunded = $8, refunds = $9, captured_at = $10, dispute = $11 where ref = $1`
	sandboxTell = `insert into sandbox.webhook (event, hold, body, forged, due_at, times)
	select x.event, $1, x.body, x.forged, x.due_at, x.times
	from unnest($2::text[], $3::text[], $4::bool[], $5::timestamptz[], $6::int[]) x(event, body, forged, due_at, times)`
)

// ChangeHold implements sandbox.Store.
func (s *Sandbox) ChangeHold(ctx context.Context, ref, kind, key string, change func(sandbox.Hold) (sandbox.Hold, error)) (sandbox.Hold, error) {
	var changed sandbox.Hold
	err := pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		h, err := oneHold(ctx, tx, sandboxByRef+` for update`, ref)
		if err != nil {
			return err
		}
		if key != "" {
			before, done, err := answered(ctx, tx, ref, kind, key)
			if err != nil || done {
				changed = before
				return err
			}
		}
		if changed, err = change(h); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sandboxUpdate, ref, changed.State, changed.Captured, changed.DeclineCode, changed.SecondFactor, changed.UpdatedAt,
			changed.Amount.Minor, changed.Refunded, refundsOf(changed), optionalTime(changed.CapturedAt), changed.Dispute); err != nil {
			return err
		}
		if len(changed.Webhooks) > 0 {
			if _, err := tx.Exec(ctx, sandboxTell, append([]any{ref}, webhookColumns(changed.Webhooks)...)...); err != nil {
				return err
			}
		}
		if key == "" {
			return nil
		}
		answer, err := json.Marshal(changed)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, sandboxRecord, key, ref, kind, answer)
		if err == nil && tag.RowsAffected() == 0 { // taken meanwhile by a call about another hold
			return fmt.Errorf("%w: key %s was used for another call", payment.ErrRefused, key)
		}
		return err
	})
	switch {
	case errors.Is(err, payment.ErrRefused) || errors.Is(err, payment.ErrNotFound):
		return sandbox.Hold{}, err
	case err != nil:
		return sandbox.Hold{}, unavailable(kind+" a sandbox hold", err)
	}
	return changed, nil
}

// answered returns the answer that a call with this key was given before.
func answered(ctx context.Context, tx pgx.Tx, ref, kind, key string) (h sandbox.Hold, done bool, err error) {
	var sameRef, sameKind string
	var answer []byte
	err = tx.QueryRow(ctx, sandboxCall, key).Scan(&sameRef, &sameKind, &answer)
	if errors.Is(err, pgx.ErrNoRows) {
		return h, false, nil
	}
	if err != nil {
		return h, false, err
	}
	if sameRef != ref || sameKind != kind {
		return h, false, fmt.Errorf("%w: key %s was used for another call", payment.ErrRefused, key)
	}
	return h, true, json.Unmarshal(answer, &h)
}

const sandboxHolds = `select ` + holdColumns + ` from sandbox.hold h where $1 = '' or h.parking = $1
	order by h.created_at desc, h.ref limit $2`

// Holds implements sandbox.Store.
func (s *Sandbox) Holds(ctx context.Context, parking string, limit int) ([]sandbox.Hold, error) {
	rows, err := s.db.pool.Query(ctx, sandboxHolds, parking, limit)
	if err != nil {
		return nil, unavailable("list sandbox holds", err)
	}
	holds, err := pgx.CollectRows(rows, scanHold)
	return holds, unavailable("list sandbox holds", err)
}

const sandboxPlaced = `select ` + holdColumns + ` from sandbox.hold h
	where h.created_at >= $1 and h.created_at < $2 or h.refunded > 0 and h.updated_at >= $1 order by h.created_at, h.ref`

// Placed implements sandbox.Store.
func (s *Sandbox) Placed(ctx context.Context, from, to time.Time) ([]sandbox.Hold, error) {
	rows, err := s.db.pool.Query(ctx, sandboxPlaced, from, to)
	if err != nil {
		return nil, unavailable("list what the sandbox placed", err)
	}
	holds, err := pgx.CollectRows(rows, scanHold)
	return holds, unavailable("list what the sandbox placed", err)
}

const sandboxTaken = `select ` + holdColumns + ` from sandbox.hold h where h.captured > 0 and h.updated_at >= $1 order by h.updated_at, h.ref`

// Taken implements sandbox.Store.
func (s *Sandbox) Taken(ctx context.Context, from time.Time) ([]sandbox.Hold, error) {
	rows, err := s.db.pool.Query(ctx, sandboxTaken, from)
	if err != nil {
		return nil, unavailable("list what the sandbox has taken", err)
	}
	holds, err := pgx.CollectRows(rows, scanHold)
	return holds, unavailable("list what the sandbox has taken", err)
}

func refundsOf(h sandbox.Hold) []sandbox.Refund { return append([]sandbox.Refund{}, h.Refunds...) }

const (
	webhooksDue = `update sandbox.webhook w set due_at = $2, tries = w.tries + 1
	from (select event from sandbox.webhook where times > 0 and due_at <= $1 and tries < $4 order by due_at, event limit $3 for update skip locked) d
	where w.event = d.event returning w.event, w.body, w.forged, w.due_at, w.times, w.tries`
	webhookTaken = `update sandbox.webhook set times = times - 1, tries = 0, due_at = $2 where event = $1`
)

// DueWebhooks implements sandbox.Store.
func (s *Sandbox) DueWebhooks(ctx context.Context, now, again time.Time, tries, limit int) ([]sandbox.Webhook, error) {
	rows, err := s.db.pool.Query(ctx, webhooksDue, now, again, limit, tries)
	if err != nil {
		return nil, unavailable("take sandbox webhooks", err)
	}
	due, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (w sandbox.Webhook, err error) {
		return w, row.Scan(&w.Event, &w.Body, &w.Forged, &w.DueAt, &w.Times, &w.Tries)
	})
	return due, unavailable("take sandbox webhooks", err)
}

// WebhookTaken implements sandbox.Store.
func (s *Sandbox) WebhookTaken(ctx context.Context, event string, now time.Time) error {
	_, err := s.db.pool.Exec(ctx, webhookTaken, event, now)
	return unavailable("note a sandbox webhook", err)
}

// webhookColumns turns webhooks into an argument for each column.
func webhookColumns(hooks []sandbox.Webhook) []any {
	var events, bodies []string
	var forged []bool
	var due []time.Time
	var times []int
	for _, w := range hooks {
		events, bodies, forged = append(events, w.Event), append(bodies, w.Body), append(forged, w.Forged)
		due, times = append(due, w.DueAt), append(times, w.Times)
	}
	return []any{events, bodies, forged, due, times}
}
