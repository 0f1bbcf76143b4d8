package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/protocol/id"
)

// Passkeys implements account.Store.
func (s Accounts) Passkeys(ctx context.Context, a id.Account) ([]account.Passkey, error) {
	rows, err := s.db.pool.Query(ctx, `select id, account, name, credential, public_key, sign_count, backup_eligible, backed_up, transports, model, created_at,
		coalesce(last_used_at, '-infinity') from passkey where account = $1 order by id desc`, a.UUID())
	if err != nil {
		return nil, unavailable("read passkeys", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p account.Passkey, err error) {
		var used pgtype.Timestamptz
		err = row.Scan(&p.ID, &p.Account, &p.Name, &p.Credential, &p.PublicKey, &p.SignCount, &p.BackupEligible, &p.BackedUp, &p.Transports, &p.Model, &p.CreatedAt, &used)
		if p.CreatedAt = p.CreatedAt.UTC(); used.InfinityModifier == pgtype.Finite {
			p.LastUsed = used.Time.UTC()
		}
		return p, err
	})
	return found, unavailable("read passkeys", err)
}

// PutPasskey implements account.Store.
func (s Accounts) PutPasskey(ctx context.Context, l id.Login, p account.Passkey, most int) (bool, error) {
	return s.within(ctx, "store a passkey", p.Account, l, func(tx pgx.Tx) (bool, error) {
		tag, err := tx.Exec(ctx, `insert into passkey (id, account, name, credential, public_key, sign_count, backup_eligible, backed_up, transports, model, created_at)
			select $1, id, $3, $4, $5, $6, $7, $8, $9, $10, $11 from account where id = $2 and (select count(*) from passkey where account = $2) < $12
			on conflict (credential) do nothing`,
			p.ID.UUID(), p.Account.UUID(), p.Name, p.Credential, p.PublicKey, int64(p.SignCount), p.BackupEligible, p.BackedUp, append([]string{}, p.Transports...), p.Model, p.CreatedAt, most)
		if err != nil || tag.RowsAffected() == 0 {
			return false, err
		}
		return true, s.tell(ctx, tx, p.Account, account.ToldPasskeyAdded, p.Name)
	})
}

// UsePasskey implements account.Store.
func (s Accounts) UsePasskey(ctx context.Context, p account.Passkey, now time.Time) (bool, error) {
	return s.did(ctx, "note a passkey's use", `update passkey set sign_count = $2, backed_up = $3, last_used_at = $4
		where id = $1 and (sign_count < $2 or sign_count = 0 and $2 = 0)`, p.ID.UUID(), int64(p.SignCount), p.BackedUp, now)
}

// RemovePasskey implements account.Store. Where it was the last second factor, no
// session has passed one any more.
func (s Accounts) RemovePasskey(ctx context.Context, a id.Account, p id.Passkey, but id.Login) (ok bool, err error) {
	err = pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockAccount, a.UUID()); err != nil {
			return err
		}
		var name string
		err := tx.QueryRow(ctx, `delete from passkey where id = $1 and account = $2 returning name`, p.UUID(), a.UUID()).Scan(&name)
		if ok = err == nil; errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `delete from login where account = $1 and passkey = $2 and id <> $3`, a.UUID(), p.UUID(), but.UUID()); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update login set second_factor = false where account = $1 and not exists (select from account where id = $1 and totp is not null)
			and not exists (select from passkey where account = $1)`, a.UUID())
		if err != nil {
			return err
		}
		return s.tell(ctx, tx, a, account.ToldPasskeyRemoved, name)
	})
	return ok && err == nil, unavailable("remove a passkey", err)
}

// PutChallenge implements account.Store.
func (s Accounts) PutChallenge(ctx context.Context, challenge []byte, a id.Account, remembered []byte, now, expires time.Time) error {
	return s.exec(ctx, "store a challenge", `insert into passkey_challenge (challenge, account, remembered, created_at, expires_at) values ($1, $2, $3, $4, $5)`,
		challenge, orNull(a), remembered, now, expires)
}

// TakeChallenge implements account.Store.
func (s Accounts) TakeChallenge(ctx context.Context, challenge []byte, a id.Account, now time.Time) (remembered []byte, err error) {
	err = s.db.pool.QueryRow(ctx, `delete from passkey_challenge where challenge = $1 and account is not distinct from $2::uuid and expires_at > $3 returning remembered`,
		challenge, orNull(a), now).Scan(&remembered)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return remembered, unavailable("read a challenge", err)
}

func orNull(a id.Account) any {
	if a.IsZero() {
		return nil
	}
	return a.UUID()
}
