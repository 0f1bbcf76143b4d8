package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/gatehouse"
	"github.com/openlot/openlot/cloud/internal/relay"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/wire"
)

const selectIncidents = `select i.parking, i.id, i.class, i.detail, i.at, coalesce(i.reservation, '00000000-0000-0000-0000-000000000000'),
	coalesce(i.session, '00000000-0000-0000-0000-000000000000'), r.at, coalesce(r.by_email, ''), coalesce(r.note, '')
	from incident i left join incident_read r on r.parking = i.parking and r.incident = i.id`

func scanIncident(row pgx.CollectableRow) (i gatehouse.Incident, err error) {
	var own id.Incident
	var r id.Reservation
	var s id.Session
	err = row.Scan(&i.Parking, &own, &i.Class, &i.Detail, &i.At, &r, &s, &i.ReadAt, &i.ReadBy, &i.ReadNote)
	i.ID, i.Reservation, i.Session, i.At = own.String(), r.String(), s.String(), i.At.UTC()
	if i.ReadAt != nil {
		at := i.ReadAt.UTC()
		i.ReadAt = &at
	}
	return i, err
}

// Incidents implements gatehouse.Store.
func (g Gatehouse) Incidents(ctx context.Context, ps []id.Parking, f gatehouse.Filter, page gatehouse.Page) ([]gatehouse.Incident, error) {
	where, args := []string{`i.parking = any ($1)`}, []any{slugs(ps)}
	and := func(sql string, arg any) {
		args = append(args, arg)
		where = append(where, strings.ReplaceAll(sql, "?", fmt.Sprintf("$%d", len(args))))
	}
	if f.Class != "" {
		and(`i.class = ?`, f.Class)
	}
	if f.Unread != nil {
		and(`(r.at is null) = ?`, *f.Unread)
	}
	if !f.From.IsZero() {
		and(`i.at >= ?`, f.From)
	}
	if !f.To.IsZero() {
		and(`i.at < ?`, f.To)
	}
	if !page.Before.IsZero() {
		after, err := id.Parse[id.Incident](page.After)
		if err != nil {
			return nil, err
		}
		args = append(args, page.Before, after.UUID())
		where = append(where, fmt.Sprintf(`(i.at, i.id) < ($%d, $%d::uuid)`, len(args)-1, len(args)))
	}
	args = append(args, page.Limit)
	rows, err := g.db.pool.Query(ctx, selectIncidents+` where `+strings.Join(where, ` and `)+fmt.Sprintf(` order by i.at desc, i.id desc limit $%d`, len(args)), args...)
	if err != nil {
		return nil, unavailable("read incidents", err)
	}
	found, err := pgx.CollectRows(rows, scanIncident)
	if found == nil {
		found = []gatehouse.Incident{}
	}
	return found, unavailable("read incidents", err)
}

// ReadIncident implements gatehouse.Store.
func (g Gatehouse) ReadIncident(ctx context.Context, p id.Parking, i id.Incident, by gatehouse.Who, note string, now time.Time) (there bool, err error) {
	err = g.db.pool.QueryRow(ctx, `with put as (
		insert into incident_read (parking, incident, at, by_account, by_email, note)
		select parking, id, $3, $4, $5, $6 from incident where parking = $1 and id = $2 on conflict do nothing returning parking),
		told as (select pg_notify('`+gateChannel+`', json_build_object('now', json_build_array(parking))::text) from put)
		select exists (select from incident where parking = $1 and id = $2) and (select count(*) from told) >= 0`,
		string(p), i.UUID(), now, by.Account.UUID(), by.Email, note).Scan(&there)
	return there, unavailable("mark an incident as read", err)
}

// How far around an incident of a lane its journal is shown, and how much of it.
const (
	laneAround = 10 * time.Minute
	mostAround = 200
)

// Incident implements gatehouse.Store.
func (g Gatehouse) Incident(ctx context.Context, p id.Parking, i id.Incident, withMoney bool) (*gatehouse.Whole, error) {
	var w *gatehouse.Whole
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, g.db.pool, snapshot, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectIncidents+` where i.parking = $1 and i.id = $2`, string(p), i.UUID())
		if err != nil {
			return err
		}
		found, err := pgx.CollectExactlyOneRow(rows, scanIncident)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		w = &gatehouse.Whole{Incident: found, Timeline: []gatehouse.Moment{}, Told: []gatehouse.Told{}}
		return wholeIncident(ctx, tx, p, w, withMoney)
	})
	return w, unavailable("read an incident", err)
}

func wholeIncident(ctx context.Context, tx pgx.Tx, p id.Parking, w *gatehouse.Whole, withMoney bool) error {
	var r, s any // uuid or null
	if i, err := id.Parse[id.Reservation](w.Incident.Reservation); err == nil {
		b := gatehouse.Booking{ID: i.String()}
		var session *[16]byte
		r = i.UUID()
		err := tx.QueryRow(ctx, `select state, from_at, to_at, session from reservation where parking = $1 and id = $2`, string(p), r).Scan(&b.State, &b.From, &b.To, &session)
		switch {
		case err == nil:
			b.From, b.To = b.From.UTC(), b.To.UTC()
			w.Reservation = &b
			if session != nil {
				s = *session
			}
		case !errors.Is(err, pgx.ErrNoRows):
			return err
		}
	}
	if i, err := id.Parse[id.Session](w.Incident.Session); err == nil {
		s = i.UUID()
	}
	if s != nil {
		var own id.Session
		st := gatehouse.Stay{}
		err := tx.QueryRow(ctx, `select id, entered_at, exited_at from session where parking = $1 and id = $2`, string(p), s).Scan(&own, &st.Entered, &st.Left)
		switch {
		case err == nil:
			st.ID, st.Entered = own.String(), st.Entered.UTC()
			if st.Left != nil {
				at := st.Left.UTC()
				st.Left = &at
			}
			w.Session = &st
		case !errors.Is(err, pgx.ErrNoRows):
			return err
		}
	}
	if err := gateMoments(ctx, tx, p, w, s); err != nil {
		return err
	}
	if r != nil {
		if err := cloudMoments(ctx, tx, p, w); err != nil {
			return err
		}
	}
	w.Timeline = append(w.Timeline, gatehouse.Moment{At: w.Incident.At, Source: "cloud", Code: w.Incident.Class, Detail: w.Incident.Detail, Decisive: true})
	slices.SortStableFunc(w.Timeline, func(a, b gatehouse.Moment) int { return a.At.Compare(b.At) })
	if !withMoney || r == nil && s == nil {
		return nil
	}
	rows, err := tx.Query(ctx, `select kind, currency, sum(amount) filter (where amount > 0), min(at), coalesce(payment, '00000000-0000-0000-0000-000000000000')
		from ledger_entry where parking = $1 and (reservation = $2 or session = $3) and kind not in ('hold', 'release', 'payout')
		group by txn, kind, currency, payment order by min(at), txn`, string(p), r, s)
	if err != nil {
		return err
	}
	w.Money, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (m gatehouse.Money, err error) {
		var payment id.Payment
		var currency money.Currency
		var minor *int64
		err = row.Scan(&m.Kind, &currency, &minor, &m.At, &payment)
		if minor != nil {
			m.Amount.Minor = *minor
		}
		m.Amount.Currency, m.At, m.Payment = currency, m.At.UTC(), payment.String()
		return m, err
	})
	return err
}

// gateMoments are what the gate wrote: of the stay, or of the time around.
func gateMoments(ctx context.Context, tx pgx.Tx, p id.Parking, w *gatehouse.Whole, s any) error {
	sql, args := `select raw, applied_at from observation where parking = $1 and at between $2 and $3 and kind in (1, 2, 3, 4, 5, 6, 10, 13) order by epoch desc, seq desc limit $4`,
		[]any{string(p), w.Incident.At.Add(-laneAround), w.Incident.At.Add(laneAround), mostAround}
	if s != nil {
		sql, args = `select raw, applied_at from observation where parking = $1 and journal_session(raw) = $2 and kind in (1, 2, 4, 5) order by epoch desc, seq desc limit $3`,
			[]any{string(p), s, mostAround}
	}
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	return each(rows, func(row pgx.CollectableRow) error {
		var raw []byte
		var applied time.Time
		if err := row.Scan(&raw, &applied); err != nil {
			return err
		}
		e, err := wire.Unmarshal[wire.Event](raw)
		if err != nil {
			return nil //nolint:nilerr // what cannot be read is an incident of its own
		}
		d, is := gatehouse.DecisionOf(&e)
		if !is {
			return nil
		}
		code := d.Reason
		if code == "" {
			code = d.Note
		}
		if code == "" {
			code = d.Kind
		}
		w.Timeline = append(w.Timeline, gatehouse.Moment{
			At: d.At, Source: "gate", Code: code, Detail: strings.TrimSpace(fmt.Sprintf("%s %s %s", d.Lane, d.Kind, d.Note)),
			Decisive: e.Kind == wire.Admitted || e.Kind == wire.Exited || e.Kind == wire.LaneFault, Uncertain: d.Uncertain,
		})
		return nil
	})
}

// cloudMoments are what the feed says of the reservation, and what its driver was told
// by it.
func cloudMoments(ctx context.Context, tx pgx.Tx, p id.Parking, w *gatehouse.Whole) error {
	rows, err := tx.Query(ctx, `select at, kind, body from event where parking = $1 and at between $3 and $4 and body #>> '{reservation,id}' = $2 order by revision limit $5`,
		string(p), w.Incident.Reservation, w.Incident.At.Add(-7*24*time.Hour), w.Incident.At.Add(7*24*time.Hour), mostAround)
	if err != nil {
		return err
	}
	return each(rows, func(row pgx.CollectableRow) error {
		e := feed.Event{Parking: p}
		var body []byte
		if err := row.Scan(&e.At, &e.Kind, &body); err != nil {
			return err
		}
		if err := json.Unmarshal(body, &e.Body); err != nil {
			return err
		}
		state := ""
		if e.Body.Reservation != nil {
			state = e.Body.Reservation.State
		}
		w.Timeline = append(w.Timeline, gatehouse.Moment{At: e.At.UTC(), Source: "cloud", Code: string(e.Kind), Detail: state})
		for _, j := range relay.Jobs(e) {
			channel, template, ok := strings.Cut(string(j.Kind), "_")
			if ok && (channel == "mail" || channel == "sms") {
				w.Told = append(w.Told, gatehouse.Told{At: e.At.UTC(), Channel: channel, Template: template})
			}
		}
		return nil
	})
}
