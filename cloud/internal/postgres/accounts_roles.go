package postgres

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// ReservationAccount implements account.Store.
func (s Accounts) ReservationAccount(ctx context.Context, r id.Reservation) (a id.Account, err error) {
	err = s.db.pool.QueryRow(ctx, `select account from reservation_account where reservation = $1`, r.UUID()).Scan(&a)
	if errors.Is(err, pgx.ErrNoRows) {
		return a, nil
	}
	return a, unavailable("read whose a reservation is", err)
}

// Reservations implements account.Store: by their ids, which sort by when they were made.
func (s Accounts) Reservations(ctx context.Context, a id.Account, before id.Reservation, limit int) ([]id.Reservation, error) {
	var from any
	if !before.IsZero() {
		from = before.UUID()
	}
	rows, err := s.db.pool.Query(ctx, `select o.reservation from reservation_account o join reservation r on r.parking = o.parking and r.id = o.reservation
		where o.account = $1 and ($2::uuid is null or o.reservation < $2) order by o.reservation desc limit $3`, a.UUID(), from, limit)
	if err != nil {
		return nil, unavailable("read an account's reservations", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[id.Reservation])
	return found, unavailable("read an account's reservations", err)
}

// Claim implements account.Store.
func (s Accounts) Claim(ctx context.Context, at id.Parking, r id.Reservation, a id.Account) (bool, error) {
	if err := s.exec(ctx, "claim a reservation", `insert into reservation_account (parking, reservation, account) values ($1, $2, $3) on conflict do nothing`,
		string(at), r.UUID(), a.UUID()); err != nil {
		return false, err
	}
	owner, err := s.ReservationAccount(ctx, r)
	return owner == a, err
}

// Operators implements account.Store.
func (s Accounts) Operators(ctx context.Context, only []id.Operator, all bool) ([]account.OperatorParkings, error) {
	ids := make([][16]byte, len(only))
	for i, o := range only {
		ids[i] = o.UUID()
	}
	rows, err := s.db.pool.Query(ctx, `select o.id, o.name, coalesce(array_agg(p.id order by p.id) filter (where p.id is not null), '{}') from operator o
		left join parking p on p.operator = o.id where $2 or o.id = any ($1::uuid[]) group by o.id, o.name order by o.name`, ids, all)
	if err != nil {
		return nil, unavailable("read operators", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (o account.OperatorParkings, err error) {
		return o, row.Scan(&o.Operator, &o.Name, &o.Parkings)
	})
	return found, unavailable("read operators", err)
}

// CodeAccountUnknown is the fault code of an address that has no account.
const CodeAccountUnknown = "account_not_found"

// Grant gives the account of an address a role, of the named operator or, without a
// name, of the platform. An empty role takes it away. It is bound by account.CheckRole, as
// whoever does it from a page is, and is in the history.
func (s Accounts) Grant(ctx context.Context, email string, role account.Role, operator string) error {
	err := pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		var a id.Account
		err := tx.QueryRow(ctx, `select id from account where email = $1 for update`, email).Scan(&a)
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.New(fault.NotFound, CodeAccountUnknown, "Nobody has an account with that address. Sign up first, and confirm the address.")
		}
		if err != nil {
			return err
		}
		var o id.Operator
		if operator != "" {
			err := tx.QueryRow(ctx, `select id from operator where name = $1`, operator).Scan(&o)
			if errors.Is(err, pgx.ErrNoRows) {
				return noOperator(ctx, tx)
			}
			if err != nil {
				return err
			}
		}
		return grant(ctx, tx, a, email, role, o)
	})
	return unavailable("give a role", err)
}

// grant gives an account a role of an operator, or (zero) of the platform.
func grant(ctx context.Context, tx pgx.Tx, a id.Account, email string, role account.Role, o id.Operator) error {
	if !o.IsZero() {
		// As changeRole locks them: the operator, his invitations, the members.
		if _, _, err := lockOperator(ctx, tx, o); err != nil {
			return err
		}
		if err := lockInvitations(ctx, tx, a, `operator = $2`, o.UUID()); err != nil {
			return err
		}
		team, err := lockMembers(ctx, tx, o)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(team, func(m account.Member) bool { return m.Account == a }) {
			_, _, err = changeRole(ctx, tx, o, a, role, parking.Commands, time.Now().UTC())
			return err
		}
	}
	var of any
	var noted *id.Operator
	if !o.IsZero() {
		of, noted = o.UUID(), &o
	}
	sql, args := `insert into membership (account, operator, role) values ($1, $2, $3) on conflict do nothing`, []any{a.UUID(), of, string(role)}
	what, before, after := "team.joined", inTeam(email, ""), inTeam(email, role)
	if role == "" {
		sql, args = `delete from membership where account = $1 and operator is not distinct from $2::uuid`, args[:2]
		what, before = "team.removed", inTeam(email, account.Admin)
	}
	tag, err := tx.Exec(ctx, sql, args...)
	if err != nil || tag.RowsAffected() == 0 { // it was so
		return err
	}
	return noteTeam(ctx, tx, noted, parking.Commands, what, before, after)
}

// DropSecondFactor removes all second factors of the account of an address, whose owner has
// lost them: authenticator, recovery codes and passkeys. It ends all log-ins, and what was
// begun with a device. Passkeys go, too: who asks for this has lost what he had, and a key
// that he has lost is one that somebody may find. Its fault is CodeAccountUnknown.
func (s Accounts) DropSecondFactor(ctx context.Context, email string) error {
	err := pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		// The account's row first, as everywhere: who adds a way in at this moment waits.
		var a id.Account
		err := tx.QueryRow(ctx, `update account set totp = null, totp_step = 0, recovery = '{}', totp_begun = null, totp_begun_at = null where email = $1 returning id`, email).Scan(&a)
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.New(fault.NotFound, CodeAccountUnknown, "Nobody has an account with that address.")
		}
		for _, sql := range []string{
			`delete from login where account = $1`, `delete from passkey_challenge where account = $1`, `delete from passkey where account = $1`,
		} {
			if err == nil {
				_, err = tx.Exec(ctx, sql, a.UUID())
			}
		}
		if err != nil {
			return err
		}
		return s.tell(ctx, tx, a, account.ToldFactorsReset, "")
	})
	return unavailable("drop a second factor", err)
}

// noOperator names those that there are: whoever gives roles may know them.
func noOperator(ctx context.Context, tx pgx.Tx) error {
	var names string
	if err := tx.QueryRow(ctx, `select coalesce(string_agg(name, ', ' order by name), '') from (select name from operator order by name limit 20) o`).Scan(&names); err != nil {
		return err
	}
	if names == "" {
		return fault.New(fault.NotFound, account.CodeOperatorUnknown, "There is no operator yet: import its parkings first.")
	}
	return fault.Newf(fault.NotFound, account.CodeOperatorUnknown, "There is no operator of that name. There are: %s.", names)
}

// Emails implements settings.People.
func (s Accounts) Emails(ctx context.Context, of []id.Account) (map[id.Account]string, error) {
	ids := make([][16]byte, len(of))
	for i := range of {
		ids[i] = of[i].UUID()
	}
	rows, err := s.db.pool.Query(ctx, `select id, email from account where id = any ($1)`, ids)
	if err != nil {
		return nil, unavailable("read addresses", err)
	}
	found := map[id.Account]string{}
	var a id.Account
	var email string
	_, err = pgx.ForEachRow(rows, []any{&a, &email}, func() error {
		found[a] = email
		return nil
	})
	return found, unavailable("read addresses", err)
}
