package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/devmail"
)

// DevMail is the built-in inbox.
type DevMail struct{ db *DB }

var _ devmail.Store = DevMail{}

// NewDevMail opens the inbox.
func NewDevMail(db *DB) DevMail { return DevMail{db} }

const (
	devMailKeep = `insert into dev_mail (message_id, sender, recipients, subject, raw, at) values ($1, $2, $3, $4, $5, $6)`
	devMailTrim = `delete from dev_mail where id <= (select max(id) from dev_mail) - $1`
	devMailList = `select id, message_id, sender, recipients, subject, at from dev_mail
		where ($2::text = '' or strpos(lower(subject || ' ' || array_to_string(recipients, ' ')), lower($2)) > 0) and ($3::bigint = 0 or id < $3) order by id desc limit $1`
	devMailOne = `select id, message_id, sender, recipients, subject, at, raw from dev_mail where id = $1`

	devTextKeep = `insert into dev_sms (recipient, text, at) values ($1, $2, $3) on conflict do nothing`
	devTextTrim = `delete from dev_sms where id <= (select max(id) from dev_sms) - $1`
	devTextList = `select id, recipient, text, at from dev_sms where strpos(recipient, $2::text) > 0 order by id desc limit $1`
)

// KeepMail implements devmail.Store.
func (d DevMail) KeepMail(ctx context.Context, m devmail.Message) error {
	err := pgx.BeginFunc(ctx, d.db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, devMailKeep, m.MessageID, m.Sender, m.Recipients, m.Subject, m.Raw, m.At); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, devMailTrim, devmail.Kept)
		return err
	})
	return unavailable("keep a mail", err)
}

// Mails implements devmail.Store.
func (d DevMail) Mails(ctx context.Context, q devmail.Query) ([]devmail.Message, error) {
	rows, err := d.db.pool.Query(ctx, devMailList, q.Limit, q.To, q.Before)
	if err != nil {
		return nil, unavailable("list mail", err)
	}
	mails, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m devmail.Message, err error) {
		return m, row.Scan(&m.ID, &m.MessageID, &m.Sender, &m.Recipients, &m.Subject, &m.At)
	})
	return mails, unavailable("list mail", err)
}

// Mail implements devmail.Store.
func (d DevMail) Mail(ctx context.Context, id int64) (*devmail.Message, error) {
	rows, err := d.db.pool.Query(ctx, devMailOne, id)
	if err != nil {
		return nil, unavailable("read a mail", err)
	}
	mails, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m devmail.Message, err error) {
		return m, row.Scan(&m.ID, &m.MessageID, &m.Sender, &m.Recipients, &m.Subject, &m.At, &m.Raw)
	})
	if err != nil || len(mails) == 0 {
		return nil, unavailable("read a mail", err)
	}
	return &mails[0], nil
}

// KeepText implements devmail.Store.
func (d DevMail) KeepText(ctx context.Context, t devmail.Text) error {
	err := pgx.BeginFunc(ctx, d.db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, devTextKeep, t.Recipient, t.Text, t.At); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, devTextTrim, devmail.Kept)
		return err
	})
	return unavailable("keep an SMS", err)
}

// Texts implements devmail.Store.
func (d DevMail) Texts(ctx context.Context, to string, limit int) ([]devmail.Text, error) {
	rows, err := d.db.pool.Query(ctx, devTextList, limit, to)
	if err != nil {
		return nil, unavailable("list SMS", err)
	}
	texts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t devmail.Text, err error) {
		return t, row.Scan(&t.ID, &t.Recipient, &t.Text, &t.At)
	})
	return texts, unavailable("list SMS", err)
}
