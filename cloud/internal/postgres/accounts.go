package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/relay"
	"github.com/openlot/openlot/protocol/id"
)

// Accounts keeps accounts, their log-ins and roles, and whose a reservation is.
//
// What changes several rows of an account locks the account's own row first, so that
// of two who come at once one waits and neither is refused for a deadlock. Sweep, which
// locks no account, takes only what nothing else takes: what has been over for long.
type Accounts struct {
	db   *DB
	jobs JobInserter
}

var _ account.Store = Accounts{}

// NewAccounts makes a store that hands the jobs of its mails to the inserter.
func NewAccounts(db *DB, jobs JobInserter) Accounts { return Accounts{db, jobs} }

const selectAccount = `select a.id, a.email, a.password, a.name, a.language, a.hour_cycle, a.currency, a.phone, a.remind_by_mail, a.remind_by_sms,
	a.plates, a.totp, a.totp_step, a.recovery, (select count(*) from passkey p where p.account = a.id), a.created_at from account a where `

// ByEmail implements account.Store.
func (s Accounts) ByEmail(ctx context.Context, email string) (*account.Account, error) {
	return s.one(ctx, selectAccount+`a.email = $1`, email)
}

// ByID implements account.Store.
func (s Accounts) ByID(ctx context.Context, a id.Account) (*account.Account, error) {
	return s.one(ctx, selectAccount+`a.id = $1`, a.UUID())
}

func (s Accounts) one(ctx context.Context, sql string, arg any) (*account.Account, error) {
	var a account.Account
	err := s.db.pool.QueryRow(ctx, sql, arg).Scan(&a.ID, &a.Email, &a.Password, &a.Name, &a.Language, &a.HourCycle, &a.Currency, &a.Phone,
		&a.RemindByMail, &a.RemindBySMS, &a.Plates, &a.TOTP, &a.TOTPStep, &a.Recovery, &a.Passkeys, &a.CreatedAt)
	none := errors.Is(err, pgx.ErrNoRows)
	if err != nil && !none {
		return nil, unavailable("read an account", err)
	}
	a.CreatedAt = a.CreatedAt.UTC()
	// Also of nobody's: how long it takes must not tell whether there is one.
	if a.Memberships, err = s.memberships(ctx, a.ID); none {
		return nil, err
	}
	return &a, err
}

func (s Accounts) memberships(ctx context.Context, a id.Account) ([]account.Membership, error) {
	rows, err := s.db.pool.Query(ctx, `select m.role, m.operator, coalesce(o.name, '') from membership m left join operator o on o.id = m.operator
		where m.account = $1 order by o.name nulls first`, a.UUID())
	if err != nil {
		return nil, unavailable("read roles", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m account.Membership, err error) {
		var o *id.Operator
		err = row.Scan(&m.Role, &o, &m.Name)
		if o != nil {
			m.Operator = *o
		}
		return m, err
	})
	return found, unavailable("read roles", err)
}

// PutLink implements account.Store. Which mail an address gets is decided here, by
// whether it has an account, in the transaction that asks for the mail.
func (s Accounts) PutLink(ctx context.Context, l account.Link) error {
	kind := `case when exists (select from account where email = $2) then 'known' else 'verify' end`
	if l.Kind == account.LinkReset {
		kind = `case when exists (select from account where email = $2) then 'reset' else 'none' end`
	}
	err := pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `insert into account_link (id, kind, email, token, language, created_at, expires_at)
			values ($1, `+kind+`, $2, $3, coalesce((select language from account where email = $2), $4), $5, $6)`, l.ID, l.Email, l.Token, l.Language, l.Created, l.Expires); err != nil {
			return err
		}
		return s.jobs.InsertTx(ctx, tx, []relay.Job{{Kind: relay.MailAccount, Link: fmt.Sprintf("%x", l.ID)}})
	})
	return unavailable("store a link", err)
}

// tell asks for the mail that says what has changed of an account's ways in, in the
// transaction that changes it. The link's token is nobody's.
func (s Accounts) tell(ctx context.Context, tx pgx.Tx, a id.Account, kind account.LinkKind, detail string) error {
	var link, token [16]byte
	_, _ = rand.Read(link[:]) // it never fails
	_, _ = rand.Read(token[:])
	if _, err := tx.Exec(ctx, `insert into account_link (id, kind, email, token, language, detail, created_at, expires_at)
		select $2, $3, email, sha256($4), language, $5, now(), now() + interval '7 days' from account where id = $1`, a.UUID(), link, string(kind), token[:], detail); err != nil {
		return err
	}
	return s.jobs.InsertTx(ctx, tx, []relay.Job{{Kind: relay.MailAccount, Link: fmt.Sprintf("%x", link)}})
}

// Link reads what a mail about an account says; nil: there is none.
func (s Accounts) Link(ctx context.Context, link [16]byte) (*account.Link, error) {
	l := account.Link{ID: link}
	err := s.db.pool.QueryRow(ctx, `select kind, email, language, detail, created_at, expires_at, operator, role, who from account_link where id = $1`, link).
		Scan(&l.Kind, &l.Email, &l.Language, &l.Detail, &l.Created, &l.Expires, &l.Operator, &l.Role, &l.Who)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &l, unavailable("read a link", err)
}

// Verify implements account.Store.
func (s Accounts) Verify(ctx context.Context, token []byte, a id.Account, password string, now time.Time) (ok bool, err error) {
	err = pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `insert into account (id, email, password, language, created_at)
			select $2, email, $3, language, $4 from account_link where token = $1 and kind = 'verify' and used_at is null and expires_at > $4
			on conflict (email) do nothing`, token, a.UUID(), password, now)
		if err != nil || tag.RowsAffected() == 0 { // a link of the address has made the account already
			return err
		}
		ok = true
		return useLinks(ctx, tx, a, account.LinkVerify, now)
	})
	return ok && err == nil, unavailable("confirm an address", err)
}

// LinkEmail implements account.Store.
func (s Accounts) LinkEmail(ctx context.Context, kind account.LinkKind, token []byte, now time.Time) (email string, err error) {
	err = s.db.pool.QueryRow(ctx, `select email from account_link where token = $1 and kind = $2 and used_at is null and expires_at > $3`, token, string(kind), now).Scan(&email)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return email, unavailable("read a link", err)
}

// Reset implements account.Store.
func (s Accounts) Reset(ctx context.Context, token []byte, password string, now time.Time) (ok bool, err error) {
	err = pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		var a id.Account
		err := tx.QueryRow(ctx, `select a.id from account_link l join account a on a.email = l.email where l.token = $1 for no key update of a`, token).Scan(&a)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `update account_link set used_at = $2 where token = $1 and kind = 'reset' and used_at is null and expires_at > $2`, token, now)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		if _, err := tx.Exec(ctx, `update account set password = $2 where id = $1`, a.UUID(), password); err != nil {
			return err
		}
		ok = true
		return errors.Join(endWaysIn(ctx, tx, a, id.Login{}, now), s.tell(ctx, tx, a, account.ToldPassword, ""))
	})
	return ok && err == nil, unavailable("set a password", err)
}

// SetPassword implements account.Store.
func (s Accounts) SetPassword(ctx context.Context, a id.Account, checked, password string, but id.Login) (ok bool, err error) {
	err = pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		var now time.Time
		err := tx.QueryRow(ctx, `update account set password = $3 where id = $1 and password = $2
			and exists (select from login where id = $4 and account = $1) returning now()`, a.UUID(), checked, password, but.UUID()).Scan(&now)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		ok = true
		return errors.Join(endWaysIn(ctx, tx, a, but, now), s.tell(ctx, tx, a, account.ToldPassword, ""))
	})
	return ok && err == nil, unavailable("set a password", err)
}

// endWaysIn ends the log-ins of an account but one, and the links for a new password. Its
// transaction has changed the password: the row is locked, so that PutLogin's have come
// before, and are seen by these statements, or find another password.
func endWaysIn(ctx context.Context, tx pgx.Tx, a id.Account, but id.Login, now time.Time) error {
	if _, err := tx.Exec(ctx, `delete from login where account = $1 and id <> $2`, a.UUID(), but.UUID()); err != nil {
		return err
	}
	return useLinks(ctx, tx, a, account.LinkReset, now)
}

// useLinks ends the links of one kind that an account's address still has.
func useLinks(ctx context.Context, tx pgx.Tx, a id.Account, kind account.LinkKind, now time.Time) error {
	_, err := tx.Exec(ctx, `update account_link l set used_at = $3 from account a
		where a.id = $1 and l.email = a.email and l.kind = $2 and l.used_at is null and l.expires_at > $3`, a.UUID(), string(kind), now)
	return err
}

const lockAccount = `select from account where id = $1 for no key update`

// Change implements account.Store.
func (s Accounts) Change(ctx context.Context, a id.Account, c account.Change) error {
	var plates any
	if c.Plates != nil {
		plates = *c.Plates
	}
	return s.exec(ctx, "change an account", `update account set name = coalesce($2, name), language = coalesce($3, language),
		hour_cycle = coalesce($4, hour_cycle), currency = coalesce($5, currency), phone = coalesce($6, phone),
		remind_by_mail = coalesce($7, remind_by_mail), remind_by_sms = coalesce($8, remind_by_sms), plates = coalesce($9::text[], plates) where id = $1`,
		a.UUID(), c.Name, c.Language, c.HourCycle, c.Currency, c.Phone, c.RemindByMail, c.RemindBySMS, plates)
}

// Close implements account.Store. What it leaves behind are the reservations, under
// their manage tokens.
func (s Accounts) Close(ctx context.Context, a id.Account) (ok bool, err error) {
	err = pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockAccount, a.UUID()); err != nil {
			return err
		}
		// What he has invited to is locked before the members, as by who accepts it.
		if _, err := tx.Exec(ctx, `select from operator where id in (select operator from membership where account = $1) order by id for no key update`, a.UUID()); err != nil {
			return err
		}
		if err := lockInvitations(ctx, tx, a, `true`); err != nil {
			return err
		}
		// The owners of his operators are locked: of two who go at once one is last.
		if _, err := tx.Exec(ctx, `select from membership where role = 'owner' and operator in
			(select operator from membership where account = $1) order by operator, account for update`, a.UUID()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `with gone as (delete from account where id = $1 and not exists (
				select from membership m where m.account = $1 and m.role = 'owner' and not exists (
					select from membership o where o.operator = m.operator and o.role = 'owner' and o.account <> $1)) returning email)
			delete from account_link l using gone where l.email = gone.email`, a.UUID())
		if err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, `select not exists (select from account where id = $1)`, a.UUID()).Scan(&ok); err != nil || !ok {
			return err
		}
		if err := closeInvitations(ctx, tx, `author = $1`, time.Now().UTC(), a.String()); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `delete from reservation_account where account = $1`, a.UUID())
		return err
	})
	return ok && err == nil, unavailable("close an account", err)
}

// PutLogin implements account.Store. The lock comes first and by itself: what it waited
// for is seen by the statement that follows.
func (s Accounts) PutLogin(ctx context.Context, l account.Login, checked string, token, instead []byte) (ok bool, err error) {
	var key any
	if !l.Passkey.IsZero() {
		key = l.Passkey.UUID()
	}
	err = pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `select from account where id = $1 and password = $2 for share`, l.Account.UUID(), checked)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		tag, err = tx.Exec(ctx, `insert into login (id, account, token, device, second_factor, passkey, created_at, last_seen_at, expires_at)
			select $1, $2, $3, $4, $5, $6, $7, $8, $9 where $6::uuid is null or exists (select from passkey where id = $6 and account = $2)`,
			l.ID.UUID(), l.Account.UUID(), token, l.Device, l.SecondFactor, key, l.CreatedAt, l.LastSeen, l.Expires)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		ok = true
		_, err = tx.Exec(ctx, `delete from login where token = $1`, instead)
		return err
	})
	return ok && err == nil, unavailable("log in", err)
}

const selectLogin = `select id, account, device, second_factor, coalesce(passkey, '00000000-0000-0000-0000-000000000000'), created_at, last_seen_at, expires_at from login where `

func scanLogin(row pgx.CollectableRow) (l account.Login, err error) {
	err = row.Scan(&l.ID, &l.Account, &l.Device, &l.SecondFactor, &l.Passkey, &l.CreatedAt, &l.LastSeen, &l.Expires)
	l.CreatedAt, l.LastSeen, l.Expires = l.CreatedAt.UTC(), l.LastSeen.UTC(), l.Expires.UTC()
	return l, err
}

// FindLogin implements account.Store.
func (s Accounts) FindLogin(ctx context.Context, token []byte, now time.Time) (*account.Login, []account.Membership, error) {
	rows, err := s.db.pool.Query(ctx, selectLogin+`token = $1 and expires_at > $2`, token, now)
	if err != nil {
		return nil, nil, unavailable("read a session", err)
	}
	found, err := pgx.CollectRows(rows, scanLogin)
	if err != nil || len(found) == 0 {
		return nil, nil, unavailable("read a session", err)
	}
	roles, err := s.memberships(ctx, found[0].Account)
	return &found[0], roles, err
}

// Seen implements account.Store.
func (s Accounts) Seen(ctx context.Context, l id.Login, now, expires time.Time) error {
	return s.exec(ctx, "note a session's use", `update login set last_seen_at = $2, expires_at = $3 where id = $1`, l.UUID(), now, expires)
}

// Logins implements account.Store.
func (s Accounts) Logins(ctx context.Context, a id.Account, now time.Time) ([]account.Login, error) {
	rows, err := s.db.pool.Query(ctx, selectLogin+`account = $1 and expires_at > $2 order by id desc`, a.UUID(), now)
	if err != nil {
		return nil, unavailable("read sessions", err)
	}
	found, err := pgx.CollectRows(rows, scanLogin)
	return found, unavailable("read sessions", err)
}

// EndLogin implements account.Store.
func (s Accounts) EndLogin(ctx context.Context, a id.Account, l id.Login) (bool, error) {
	return s.did(ctx, "end a session", `delete from login where account = $1 and id = $2`, a.UUID(), l.UUID())
}

// EndOthers implements account.Store.
func (s Accounts) EndOthers(ctx context.Context, a id.Account, but id.Login) error {
	err := pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockAccount, a.UUID()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `delete from login where account = $1 and id <> $2`, a.UUID(), but.UUID())
		return err
	})
	return unavailable("end sessions", err)
}

// EndToken implements account.Store.
func (s Accounts) EndToken(ctx context.Context, token []byte) error {
	return s.exec(ctx, "end a session", `delete from login where token = $1`, token)
}

// BeginTOTP implements account.Store.
func (s Accounts) BeginTOTP(ctx context.Context, a id.Account, secret []byte, now time.Time) (bool, error) {
	return s.did(ctx, "begin an authenticator", `update account set totp_begun = $2, totp_begun_at = $3 where id = $1 and totp is null`, a.UUID(), secret, now)
}

// BegunTOTP implements account.Store.
func (s Accounts) BegunTOTP(ctx context.Context, a id.Account, since time.Time) (secret []byte, err error) {
	err = s.db.pool.QueryRow(ctx, `select totp_begun from account where id = $1 and totp_begun_at > $2`, a.UUID(), since).Scan(&secret)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return secret, unavailable("read an authenticator", err)
}

// ConfirmTOTP implements account.Store.
func (s Accounts) ConfirmTOTP(ctx context.Context, a id.Account, l id.Login, secret []byte, step int64, recovery [][]byte) (bool, error) {
	return s.within(ctx, "confirm an authenticator", a, l, func(tx pgx.Tx) (bool, error) {
		tag, err := tx.Exec(ctx, `update account set totp = $2, totp_step = $3, recovery = $4, totp_begun = null, totp_begun_at = null
			where id = $1 and totp_begun = $2 and totp is null`, a.UUID(), secret, step, recovery)
		if err != nil || tag.RowsAffected() == 0 {
			return false, err
		}
		if _, err = tx.Exec(ctx, `update login set second_factor = true where id = $1`, l.UUID()); err != nil {
			return false, err
		}
		return true, s.tell(ctx, tx, a, account.ToldTOTPAdded, "")
	})
}

// within changes an account for one of its log-ins, as long as that has not ended: who
// was put out meanwhile must not leave a way in behind. False: it has ended, or f says so.
func (s Accounts) within(ctx context.Context, what string, a id.Account, l id.Login, f func(pgx.Tx) (bool, error)) (ok bool, err error) {
	err = pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockAccount, a.UUID()); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `select from login where id = $1 and account = $2`, l.UUID(), a.UUID())
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		ok, err = f(tx)
		return err
	})
	return ok && err == nil, unavailable(what, err)
}

// RemoveTOTP implements account.Store. Sessions that passed it have not any more; those of
// passkeys have.
func (s Accounts) RemoveTOTP(ctx context.Context, a id.Account) (ok bool, err error) {
	err = pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update account set totp = null, recovery = '{}' where id = $1 and totp is not null`, a.UUID())
		if ok = tag.RowsAffected() == 1; err != nil || !ok {
			return err
		}
		if _, err = tx.Exec(ctx, `update login set second_factor = false where account = $1 and passkey is null`, a.UUID()); err != nil {
			return err
		}
		return s.tell(ctx, tx, a, account.ToldTOTPRemoved, "")
	})
	return ok && err == nil, unavailable("remove an authenticator", err)
}

// SetRecovery implements account.Store.
func (s Accounts) SetRecovery(ctx context.Context, a id.Account, l id.Login, recovery [][]byte) (bool, error) {
	return s.within(ctx, "store recovery codes", a, l, func(tx pgx.Tx) (bool, error) {
		tag, err := tx.Exec(ctx, `update account set recovery = $2 where id = $1`, a.UUID(), recovery)
		if err != nil || tag.RowsAffected() == 0 {
			return false, err
		}
		return true, s.tell(ctx, tx, a, account.ToldRecovery, "")
	})
}

// UseStep implements account.Store.
func (s Accounts) UseStep(ctx context.Context, a id.Account, step int64) (bool, error) {
	return s.did(ctx, "use a code", `update account set totp_step = $2 where id = $1 and totp_step < $2`, a.UUID(), step)
}

// UseRecovery implements account.Store.
func (s Accounts) UseRecovery(ctx context.Context, a id.Account, code []byte) (bool, error) {
	return s.did(ctx, "use a recovery code", `update account set recovery = array_remove(recovery, $2) where id = $1 and $2 = any (recovery)`, a.UUID(), code)
}

// Try implements account.Store: the generic cell rate algorithm, one row for each
// key, and some rows of whom nobody remembers are swept.
func (s Accounts) Try(ctx context.Context, keys [][]byte, burst int, every time.Duration, now time.Time) (wait time.Duration, err error) {
	for _, key := range keys {
		// Before: what had been counted; a try that is refused counts nothing.
		var before time.Time
		err := s.db.pool.QueryRow(ctx, `with swept as (
				delete from login_tries where ctid = any (array(select ctid from login_tries where full_at < $2::timestamptz - interval '1 hour' and key <> $1 limit 20 for update skip locked))),
			counted as (insert into login_tries as t (key, full_at) values ($1, $2::timestamptz + $3::interval)
				on conflict (key) do update set full_at = greatest(t.full_at, $2) + $3::interval
					where greatest(t.full_at, $2) <= $2::timestamptz + $4::interval returning full_at - $3::interval as before)
			select before from counted union all select full_at from login_tries where key = $1 and not exists (select from counted)`,
			key, now, every, time.Duration(burst-1)*every).Scan(&before)
		if errors.Is(err, pgx.ErrNoRows) { // somebody else's tries came in between
			before, err = now.Add(time.Duration(burst)*every), nil
		}
		if err != nil {
			return 0, unavailable("count a try", err)
		}
		if over := before.Sub(now) - time.Duration(burst-1)*every; over > 0 {
			wait = max(wait, over)
		}
	}
	return wait, nil
}

// Sweep deletes what is over: sessions, and links with what a sign-up said, a day after
// they were good for the last time.
func (s Accounts) Sweep(ctx context.Context, now time.Time) error {
	if err := s.exec(ctx, "sweep sessions", `delete from login where ctid = any (array(select ctid from login where expires_at < $1 for update skip locked))`, now); err != nil {
		return err
	}
	if err := s.exec(ctx, "sweep challenges", `delete from passkey_challenge where ctid = any (array(select ctid from passkey_challenge where expires_at < $1 for update skip locked))`, now); err != nil {
		return err
	}
	if err := s.exec(ctx, "sweep invitations", `delete from invitation where expires_at < $1::timestamptz - interval '30 days'`, now); err != nil {
		return err
	}
	return s.exec(ctx, "sweep links", `delete from account_link where expires_at < $1::timestamptz - interval '1 day'`, now)
}

func (s Accounts) exec(ctx context.Context, what, sql string, args ...any) error {
	_, err := s.db.pool.Exec(ctx, sql, args...)
	return unavailable(what, err)
}

func (s Accounts) did(ctx context.Context, what, sql string, args ...any) (bool, error) {
	tag, err := s.db.pool.Exec(ctx, sql, args...)
	return err == nil && tag.RowsAffected() == 1, unavailable(what, err)
}
