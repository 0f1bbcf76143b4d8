package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/relay"
	"github.com/openlot/openlot/cloud/internal/settings"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// What changes a team locks the account that it is about first, as everywhere, and then
// the members of its operator, in order: of two who would leave it without an owner one
// is last, and sees what the other has done.

var _ account.TeamStore = Accounts{}

// Team implements account.TeamStore.
func (s Accounts) Team(ctx context.Context, o id.Operator, now time.Time) (t account.Team, there bool, err error) {
	read := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, s.db.pool, read, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `select exists (select from operator where id = $1)`, o.UUID()).Scan(&there); err != nil || !there {
			return err
		}
		if t.Members, err = members(ctx, tx, o); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `select id, email, role, author, created_at, expires_at from invitation
			where operator = $1 and closed_at is null and expires_at > $2 order by created_at desc, id`, o.UUID(), now)
		if err != nil {
			return err
		}
		t.Invitations, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (i account.Invitation, err error) {
			i.Operator = o
			err = row.Scan(&i.ID, &i.Email, &i.Role, &i.By, &i.Created, &i.Expires)
			return i, err
		})
		return err
	})
	if err == nil {
		err = s.nameInviters(ctx, t.Invitations)
	}
	return t, there, unavailable("read a team", err)
}

// nameInviters puts addresses in the place of accounts.
func (s Accounts) nameInviters(ctx context.Context, all []account.Invitation) error {
	var of []id.Account
	for _, i := range all {
		if a, err := id.Parse[id.Account](i.By); err == nil {
			of = append(of, a)
		}
	}
	names, err := s.Emails(ctx, of)
	if err != nil {
		return err
	}
	for i := range all {
		if a, err := id.Parse[id.Account](all[i].By); err == nil {
			if all[i].By = names[a]; all[i].By == "" {
				all[i].By = settings.ClosedAccount
			}
		}
	}
	return nil
}

const selectMembers = `select m.account, a.email, a.name, m.role, a.totp is not null or exists (select from passkey p where p.account = a.id),
		(select max(l.last_seen_at) from login l where l.account = a.id and l.expires_at > now())
	from membership m join account a on a.id = m.account where m.operator = $1 order by a.email`

func members(ctx context.Context, tx pgx.Tx, o id.Operator) ([]account.Member, error) {
	rows, err := tx.Query(ctx, selectMembers, o.UUID())
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (m account.Member, err error) {
		return m, row.Scan(&m.Account, &m.Email, &m.Name, &m.Role, &m.SecondFactor, &m.LastSeen)
	})
}

// lockMembers locks who works for an operator and says who that is.
func lockMembers(ctx context.Context, tx pgx.Tx, o id.Operator) ([]account.Member, error) {
	if _, err := tx.Exec(ctx, `select from membership where operator = $1 order by operator, account for update`, o.UUID()); err != nil {
		return nil, err
	}
	return members(ctx, tx, o)
}

// lockOperator locks an operator's row, so that of two who invite or join one waits, and
// returns its name; false: there is none.
func lockOperator(ctx context.Context, tx pgx.Tx, o id.Operator) (name string, there bool, err error) {
	err = tx.QueryRow(ctx, `select name from operator where id = $1 for no key update`, o.UUID()).Scan(&name)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", false, nil
	}
	return name, err == nil, err
}

// noteTeam puts a change of a team into the operator's history.
func noteTeam(ctx context.Context, tx pgx.Tx, o *id.Operator, by, what string, before, after any) error {
	was, err := json.Marshal(before)
	if err != nil {
		return err
	}
	is, err := json.Marshal(after)
	if err != nil {
		return err
	}
	var of any
	if o != nil {
		of = o.UUID()
	}
	_, err = tx.Exec(ctx, `insert into operator_change (operator, author, what, before, after) values ($1, $2, $3, nullif($4::jsonb, 'null'), nullif($5::jsonb, 'null'))`, of, by, what, was, is)
	return err
}

// inTeam is how the history names somebody with a role; without one there is nothing.
func inTeam(email string, r account.Role) any {
	if r == "" {
		return nil
	}
	return map[string]any{"email": email, "role": r}
}

// mailTeam stores the link of a mail about a team, with the job that mails it.
func (s Accounts) mailTeam(ctx context.Context, tx pgx.Tx, l account.Link) error {
	if _, err := tx.Exec(ctx, `insert into account_link (id, kind, email, token, language, created_at, expires_at, operator, role, who)
		values ($1, $2, $3, $4, coalesce((select language from account where email = $3), $5), $6, $7, $8, $9, $10)`,
		l.ID, string(l.Kind), l.Email, l.Token, l.Language, l.Created, l.Expires, l.Operator, string(l.Role), l.Who); err != nil {
		return err
	}
	return s.jobs.InsertTx(ctx, tx, []relay.Job{{Kind: relay.MailAccount, Link: fmt.Sprintf("%x", l.ID)}})
}

// emailOf is the address of the account that an author is; empty: he is none any more.
func emailOf(ctx context.Context, tx pgx.Tx, author string) (email string, err error) {
	a, err := id.Parse[id.Account](author)
	if err != nil {
		return "", nil //nolint:nilerr // a command has no address
	}
	err = tx.QueryRow(ctx, `select email from account where id = $1`, a.UUID()).Scan(&email)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return email, err
}

// Invite implements account.TeamStore.
func (s Accounts) Invite(ctx context.Context, i account.Invitation, l account.Link) error {
	err := pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		name, there, err := lockOperator(ctx, tx, i.Operator)
		if err != nil {
			return err
		}
		if !there {
			return fault.New(fault.NotFound, account.CodeOperatorUnknown, "There is no such operator, or you do not work for it.")
		}
		if err := mayInvite(ctx, tx, i.By, i.Operator); err != nil {
			return err
		}
		var member bool
		if err := tx.QueryRow(ctx, `select exists (select from membership m join account a on a.id = m.account where m.operator = $1 and a.email = $2)`, i.Operator.UUID(), i.Email).Scan(&member); err != nil {
			return err
		}
		if member { // who may invite sees the team anyway
			return fault.New(fault.Conflict, account.CodeMemberAlready, "Somebody of that address works for this operator. Give the member another role instead.")
		}
		if err := closeInvitations(ctx, tx, `operator = $1 and email = $2`, i.Created, i.Operator.UUID(), i.Email); err != nil {
			return err
		}
		var open int
		if err := tx.QueryRow(ctx, `select count(*) from invitation where operator = $1 and closed_at is null and expires_at > $2`, i.Operator.UUID(), i.Created).Scan(&open); err != nil {
			return err
		}
		if open >= account.MaxInvitations {
			return fault.Newf(fault.Conflict, account.CodeManyInvitations, "%d invitations are open. Take one back first.", open)
		}
		if _, err := tx.Exec(ctx, `insert into invitation (id, operator, email, role, author, link, created_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
			i.ID.UUID(), i.Operator.UUID(), i.Email, string(i.Role), i.By, l.ID, i.Created, i.Expires); err != nil {
			return err
		}
		if l.Who, err = emailOf(ctx, tx, i.By); err != nil {
			return err
		}
		l.Operator = name
		if err := s.mailTeam(ctx, tx, l); err != nil {
			return err
		}
		return noteTeam(ctx, tx, &i.Operator, i.By, "team.invited", nil, inTeam(i.Email, i.Role))
	})
	return unavailable("invite somebody", err)
}

// closeInvitations ends open invitations with their links.
func closeInvitations(ctx context.Context, tx pgx.Tx, which string, now time.Time, args ...any) error {
	n := len(args) + 1
	_, err := tx.Exec(ctx, fmt.Sprintf(`with closed as (update invitation set closed_at = $%d where closed_at is null and `, n)+which+fmt.Sprintf(` returning link)
		update account_link set used_at = $%d from closed where id = closed.link and used_at is null`, n), append(args, now)...)
	return err
}

// lockInvitations locks what an account has sent and is open. Invitations are locked before
// the members of a team, as by who accepts one.
func lockInvitations(ctx context.Context, tx pgx.Tx, of id.Account, which string, args ...any) error {
	_, err := tx.Exec(ctx, `select from invitation where author = $1 and closed_at is null and `+which+` order by id for update`, append([]any{of.String()}, args...)...)
	return err
}

// errMayNotInvite is for who was an owner when he was let through, and is none any more.
func errMayNotInvite() error {
	return fault.New(fault.NotFound, account.CodeOperatorUnknown, "There is no such operator, or you do not work for it.")
}

// mayInvite looks again, under the operator's lock, whether an author still may: his role
// may have been taken since he was let through.
func mayInvite(ctx context.Context, tx pgx.Tx, author string, o id.Operator) error {
	a, err := id.Parse[id.Account](author)
	if err != nil {
		return nil //nolint:nilerr // a command
	}
	var may bool
	err = tx.QueryRow(ctx, `select exists (select from membership where account = $1 and (operator = $2 and role = 'owner' or role = 'admin'))`, a.UUID(), o.UUID()).Scan(&may)
	if err == nil && !may {
		return errMayNotInvite()
	}
	return err
}

// Uninvite implements account.TeamStore.
func (s Accounts) Uninvite(ctx context.Context, o id.Operator, i id.Invitation, by string, now time.Time) (ok bool, err error) {
	err = pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		ok = false
		var email string
		var role account.Role
		err := tx.QueryRow(ctx, `select email, role from invitation where id = $1 and operator = $2 and closed_at is null and expires_at > $3 for update`, i.UUID(), o.UUID(), now).Scan(&email, &role)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		ok = true
		if err := closeInvitations(ctx, tx, `id = $1`, now, i.UUID()); err != nil {
			return err
		}
		return noteTeam(ctx, tx, &o, by, "team.withdrawn", inTeam(email, role), nil)
	})
	return ok && err == nil, unavailable("take an invitation back", err)
}

const selectInvited = `select i.id, i.operator, o.name, i.email, i.role, i.author, i.created_at, i.expires_at, exists (select from account a where a.email = i.email)
	from account_link l join invitation i on i.link = l.id join operator o on o.id = i.operator
	where l.token = $1 and l.kind = 'invite' and l.used_at is null and i.closed_at is null and i.expires_at > $2`

func invited(ctx context.Context, q querier, lock string, token []byte, now time.Time) (*account.Invitation, error) {
	var i account.Invitation
	err := q.QueryRow(ctx, selectInvited+lock, token, now).Scan(&i.ID, &i.Operator, &i.OperatorName, &i.Email, &i.Role, &i.By, &i.Created, &i.Expires, &i.HasAccount)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &i, err
}

// Invited implements account.TeamStore.
func (s Accounts) Invited(ctx context.Context, token []byte, now time.Time) (*account.Invitation, error) {
	i, err := invited(ctx, s.db.pool, "", token, now)
	return i, unavailable("read an invitation", err)
}

// Accept implements account.TeamStore.
func (s Accounts) Accept(ctx context.Context, token []byte, a id.Account, password string, notice account.Link, now time.Time) (ok bool, err error) {
	err = pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		ok = false
		if password != "" {
			tag, err := tx.Exec(ctx, `insert into account (id, email, password, language, created_at)
				select $2, l.email, $3, l.language, $4 from account_link l where l.token = $1 and l.kind = 'invite' and l.used_at is null and l.expires_at > $4
				on conflict (email) do nothing`, token, a.UUID(), password, now)
			if err != nil || tag.RowsAffected() == 0 { // the address has made its account meanwhile
				return err
			}
		}
		var email string
		err := tx.QueryRow(ctx, `select email from account where id = $1 for no key update`, a.UUID()).Scan(&email)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		i, err := invited(ctx, tx, ` for update of i`, token, now)
		if err != nil {
			return err
		}
		if i == nil || i.Email != email {
			return errNotAccepted
		}
		return s.join(ctx, tx, i, a, notice, now, &ok)
	})
	if errors.Is(err, errNotAccepted) {
		return false, nil
	}
	return ok && err == nil, unavailable("accept an invitation", err)
}

// errNotAccepted rolls an account back that was to be made by a link that is not good.
var errNotAccepted = errors.New("the invitation is not good any more")

// join gives an account the role that it was invited to.
func (s Accounts) join(ctx context.Context, tx pgx.Tx, i *account.Invitation, a id.Account, notice account.Link, now time.Time, ok *bool) error {
	team, err := lockMembers(ctx, tx, i.Operator)
	if err != nil {
		return err
	}
	before, err := account.Joins(team, a, i.Role)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `insert into membership (account, operator, role) values ($1, $2, $3) on conflict (account, operator) do update set role = excluded.role`,
		a.UUID(), i.Operator.UUID(), string(i.Role)); err != nil {
		return err
	}
	if err := closeInvitations(ctx, tx, `id = $1`, now, i.ID.UUID()); err != nil {
		return err
	}
	if err := noteTeam(ctx, tx, &i.Operator, a.String(), "team.joined", inTeam(i.Email, before), inTeam(i.Email, i.Role)); err != nil {
		return err
	}
	*ok = true
	if notice.Email, err = emailOf(ctx, tx, i.By); err != nil || notice.Email == "" {
		return err
	}
	notice.Operator, notice.Role, notice.Who = i.OperatorName, i.Role, i.Email
	return s.mailTeam(ctx, tx, notice)
}

// SetRole implements account.TeamStore.
func (s Accounts) SetRole(ctx context.Context, o id.Operator, of id.Account, to account.Role, by string, notice account.Link) error {
	err := pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockAccount, of.UUID()); err != nil {
			return err
		}
		before, email, err := changeRole(ctx, tx, o, of, to, by, notice.Created)
		if err != nil || before == to {
			return err
		}
		if notice.Who, err = emailOf(ctx, tx, by); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, `select name from operator where id = $1`, o.UUID()).Scan(&notice.Operator); err != nil {
			return err
		}
		notice.Email, notice.Role = email, to
		return s.mailTeam(ctx, tx, notice)
	})
	return unavailable("change a role", err)
}

// changeRole gives a member of a team another role, or none, as account.CheckRole allows,
// under the lock of the team, and writes it into the history.
func changeRole(ctx context.Context, tx pgx.Tx, o id.Operator, of id.Account, to account.Role, by string, now time.Time) (before account.Role, email string, err error) {
	// An invitation that he sends at this moment waits, or is there to be closed.
	if _, _, err := lockOperator(ctx, tx, o); err != nil {
		return "", "", err
	}
	if err := lockInvitations(ctx, tx, of, `operator = $2`, o.UUID()); err != nil {
		return "", "", err
	}
	team, err := lockMembers(ctx, tx, o)
	if err != nil {
		return "", "", err
	}
	if before, err = account.CheckRole(team, of, to); err != nil || before == to {
		return before, "", err
	}
	for _, m := range team {
		if m.Account == of {
			email = m.Email
		}
	}
	what, sql, args := "team.role_changed", `update membership set role = $3 where account = $1 and operator = $2`, []any{of.UUID(), o.UUID(), string(to)}
	if to == "" {
		what, sql, args = "team.removed", `delete from membership where account = $1 and operator = $2`, args[:2]
	}
	if _, err := tx.Exec(ctx, sql, args...); err != nil {
		return before, email, err
	}
	if before == account.Owner { // nobody comes in on the word of somebody who may not give it
		if err := closeInvitations(ctx, tx, `operator = $1 and author = $2`, now, o.UUID(), of.String()); err != nil {
			return before, email, err
		}
	}
	return before, email, noteTeam(ctx, tx, &o, by, what, inTeam(email, before), inTeam(email, to))
}

// TeamChanges lists at most limit changes of an operator's team before one (0: all), the
// newest first.
func (s Accounts) TeamChanges(ctx context.Context, o id.Operator, before int64, limit int) ([]settings.Change, error) {
	rows, err := s.db.pool.Query(ctx, `select number, at, author, what, before, after, why from operator_change
		where operator = $1 and ($2 = 0 or number < $2) order by number desc limit $3`, o.UUID(), before, limit)
	if err != nil {
		return nil, unavailable("read the history of a team", err)
	}
	all, err := pgx.CollectRows(rows, scanChange)
	return all, unavailable("read the history of a team", err)
}
