package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/relay"
	"github.com/openlot/openlot/cloud/internal/webhook"
	"github.com/openlot/openlot/protocol/id"
)

// Notices keeps what payment providers have told by webhook.
type Notices struct {
	db   *DB
	jobs JobInserter
}

var _ webhook.Store = Notices{}

// NewNotices makes a store that hands its jobs to the inserter.
func NewNotices(db *DB, jobs JobInserter) Notices { return Notices{db, jobs} }

// insertNotice also sweeps some that were heeded long ago: no provider sends an
// event for two months.
const insertNotice = `with swept as (
		delete from payment_notice where ctid = any (array(select ctid from payment_notice
			where done_at < $10::timestamptz - interval '60 days' limit 20 for update skip locked)))
	insert into payment_notice (provider, event, kind, about, parking, key, ref, dispute, at, heard_at)
	values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing`

// KeepNotice implements webhook.Store.
func (s Notices) KeepNotice(ctx context.Context, provider string, n payment.Notice, now time.Time) (fresh bool, err error) {
	var dispute []byte
	if n.About == payment.AboutDispute {
		if dispute, err = json.Marshal(n.Dispute); err != nil {
			return false, fmt.Errorf("store a dispute: %w", err)
		}
	}
	err = pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, insertNotice, provider, n.Event, n.Kind, n.About, string(n.Parking), n.Key, n.Ref, dispute, n.At, now)
		if fresh = tag.RowsAffected() == 1; err != nil || !fresh {
			return err
		}
		return s.jobs.InsertTx(ctx, tx, []relay.Job{{Kind: relay.Heed, Provider: provider, Event: n.Event}})
	})
	return fresh && err == nil, unavailable("store a webhook", err)
}

// Notice implements webhook.Store.
func (s Notices) Notice(ctx context.Context, provider, event string) (*webhook.Stored, error) {
	rows, err := s.db.pool.Query(ctx, `select kind, about, parking, key, ref, dispute, at, done_at is not null
		from payment_notice where provider = $1 and event = $2`, provider, event)
	if err != nil {
		return nil, unavailable("read a webhook", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (n webhook.Stored, err error) {
		n.Event = event
		var dispute []byte
		if err := row.Scan(&n.Kind, &n.About, &n.Parking, &n.Key, &n.Ref, &dispute, &n.At, &n.Done); err != nil {
			return n, err
		}
		n.At = n.At.UTC()
		if dispute != nil {
			err = json.Unmarshal(dispute, &n.Dispute)
		}
		return n, err
	})
	if err != nil || len(found) == 0 {
		return nil, unavailable("read a webhook", err)
	}
	return &found[0], nil
}

// NoticeDone implements webhook.Store.
func (s Notices) NoticeDone(ctx context.Context, provider, event string, now time.Time) error {
	_, err := s.db.pool.Exec(ctx, `update payment_notice set done_at = $3 where provider = $1 and event = $2 and done_at is null`, provider, event, now)
	return unavailable("note that a webhook was heeded", err)
}

// Unheeded lists webhooks that were taken before an instant, not a month earlier,
// and wait to be heeded, as the jobs that do it: the latest first.
func (s Notices) Unheeded(ctx context.Context, before time.Time, limit int) ([]relay.Job, error) {
	rows, err := s.db.pool.Query(ctx, `select provider, event from payment_notice
		where done_at is null and heard_at < $1 and heard_at > $1::timestamptz - interval '30 days' order by heard_at desc limit $2`, before, limit)
	if err != nil {
		return nil, unavailable("find webhooks to heed", err)
	}
	jobs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (relay.Job, error) {
		j := relay.Job{Kind: relay.Heed}
		return j, row.Scan(&j.Provider, &j.Event)
	})
	return jobs, unavailable("find webhooks to heed", err)
}

// KnownPayment implements webhook.Store.
func (s Notices) KnownPayment(ctx context.Context, provider string, at id.Parking, p id.Payment) (webhook.Known, bool, error) {
	return s.known(ctx, `select parking, reservation, id from payment where provider = $1 and parking = $2 and id = $3`, provider, string(at), p.UUID())
}

// TakenPayment implements webhook.Store.
func (s Notices) TakenPayment(ctx context.Context, provider, ref string) (webhook.Known, bool, error) {
	return s.known(ctx, `select parking, reservation, id from payment where provider = $1 and ref = $2 and captured > 0`, provider, ref)
}

func (s Notices) known(ctx context.Context, sql string, args ...any) (webhook.Known, bool, error) {
	rows, err := s.db.pool.Query(ctx, sql, args...)
	if err != nil {
		return webhook.Known{}, false, unavailable("look a payment up", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k webhook.Known, err error) {
		return k, row.Scan(&k.Parking, &k.Reservation, &k.Payment)
	})
	if err != nil || len(found) == 0 {
		return webhook.Known{}, false, unavailable("look a payment up", err)
	}
	return found[0], true, nil
}

const keepDispute = `insert into dispute as d (provider, ref, hold, parking, payment, currency, amount, reason, state, at, opened_at, updated_at)
	values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11)
	on conflict (provider, ref) do update set
		parking = coalesce(d.parking, excluded.parking), payment = coalesce(d.payment, excluded.payment), opened_at = least(d.opened_at, excluded.at),
		(currency, amount, reason, state, at) = (select v.currency, v.amount, v.reason, v.state, v.at from (values
			(excluded.currency, excluded.amount, excluded.reason, excluded.state, excluded.at, true),
			(d.currency, d.amount, d.reason, d.state, d.at, false)) v(currency, amount, reason, state, at, told)
			where v.told = (d.state in ('asked', 'open') and case when excluded.state = d.state then excluded.at >= d.at
				else excluded.state <> 'asked' end)),
		updated_at = excluded.updated_at`

// KeepDispute implements webhook.Store.
func (s Notices) KeepDispute(ctx context.Context, provider, hold string, of *webhook.Known, d payment.Dispute, at, now time.Time) error {
	var parking, p any
	if of != nil {
		parking, p = string(of.Parking), of.Payment.UUID()
	}
	_, err := s.db.pool.Exec(ctx, keepDispute, provider, d.Ref, hold, parking, p, d.Amount.Currency, d.Amount.Minor, d.Reason, d.State, at, now)
	return unavailable("store a dispute", err)
}

// Disputes lists what drivers dispute of a payment, the oldest first.
func (s Notices) Disputes(ctx context.Context, at id.Parking, p id.Payment) ([]payment.Dispute, error) {
	rows, err := s.db.pool.Query(ctx, `select ref, state, amount, currency, reason from dispute where parking = $1 and payment = $2 order by opened_at, ref`, string(at), p.UUID())
	if err != nil {
		return nil, unavailable("read disputes", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d payment.Dispute, err error) {
		return d, row.Scan(&d.Ref, &d.State, &d.Amount.Minor, &d.Amount.Currency, &d.Reason)
	})
	return found, unavailable("read disputes", err)
}
