package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
)

// querier is what a pool, a connection and a transaction have in common.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

const reservationColumns = `r.parking, r.id, r.version, r.state, r.generation, r.space_type, r.from_at, r.to_at,
	r.claim_from_q, r.claim_to_q, r.quote, r.payment, r.email, r.phone, r.plate, r.hold_until, r.no_show_at, r.session,
	r.space, r.reminded_at, r.pending, r.confirmed_revision, r.created_at, r.updated_at`

func scanReservation(row pgx.CollectableRow) (*reservation.Reservation, error) {
	var r reservation.Reservation
	var quote []byte
	var space *string
	var reminded *time.Time
	var pending *changeRow
	err := row.Scan(&r.Parking, &r.ID, &r.Version, &r.State, &r.Generation, &r.SpaceType, &r.Window.From, &r.Window.To,
		&r.Claim.From, &r.Claim.To, &quote, &r.Payment, &r.Email, &r.Phone, &r.Plate, &r.HoldUntil, &r.NoShowAt, &r.Session,
		&space, &reminded, &pending, &r.ConfirmedRevision, &r.CreatedAt, &r.UpdatedAt)
	if err != nil {
		return nil, err
	}
	if space != nil {
		r.Space = *space
	}
	if reminded != nil {
		r.RemindedAt = reminded.UTC()
	}
	r.Pending = pending.change()
	if err := json.Unmarshal(quote, &r.Quote); err != nil {
		return nil, fmt.Errorf("quote of %s: %w", r.ID, err)
	}
	for _, t := range []*time.Time{&r.Window.From, &r.Window.To, &r.HoldUntil, &r.NoShowAt, &r.CreatedAt, &r.UpdatedAt} {
		*t = t.UTC()
	}
	return &r, nil
}

// scanDay reads parking, space_type, day, version, cap, free and over.
func scanDay(row pgx.CollectableRow) (at id.Parking, k inventory.Key, d *inventory.Day, err error) {
	d = &inventory.Day{}
	var free, over []int16
	if err := row.Scan(&at, &k.Type, &k.Day, &d.Version, &d.Cap, &free, &over); err != nil {
		return at, k, d, err
	}
	if len(free) != timerange.QuartersPerDay || len(over) != timerange.QuartersPerDay {
		return at, k, d, fmt.Errorf("day %d of %s in %s has %d quarters", k.Day, k.Type, at, len(free))
	}
	copy(d.Free[:], free)
	copy(d.Over[:], over)
	return at, k, d, nil
}

const paymentColumns = `p.parking, p.id, p.version, p.reservation, p.state, p.provider, p.method, p.ref, p.currency, p.amount,
	p.authorized, p.capture_amount, p.capture_tax, p.captured, p.capture_before, p.next_action, p.decline_code, p.updated_at,
	p.refunded, p.refunds, p.raise, p.disputes, p.debt`

func scanPayment(row pgx.CollectableRow) (id.Parking, *payment.Payment, error) {
	var p payment.Payment
	var at id.Parking
	var before *time.Time
	var refunds, raise, disputes, debt []byte
	err := row.Scan(&at, &p.ID, &p.Version, &p.Reservation, &p.State, &p.Provider, &p.Method, &p.Ref, &p.Amount.Currency, &p.Amount.Minor,
		&p.Authorized, &p.CaptureAmount, &p.CaptureTax, &p.Captured, &before, &p.NextAction, &p.DeclineCode, &p.UpdatedAt,
		&p.Refunded, &refunds, &raise, &disputes, &debt)
	if err == nil && refunds != nil {
		err = json.Unmarshal(refunds, &p.Refunds)
	}
	if err == nil && raise != nil {
		err = json.Unmarshal(raise, &p.Raise)
	}
	if err == nil && disputes != nil {
		err = json.Unmarshal(disputes, &p.Disputes)
	}
	if err == nil && debt != nil {
		err = json.Unmarshal(debt, &p.Debt)
	}
	if before != nil {
		p.CaptureBefore = before.UTC()
	}
	p.UpdatedAt = p.UpdatedAt.UTC()
	return at, &p, err
}

const sessionColumns = `s.parking, s.id, s.version, s.reservation, s.space_type, s.state, s.allotted, s.claim_to_q, s.entered_at,
	s.exited_at, s.entry_lane, s.exit_lane, s.entry_reason, s.exit_reason, s.inferred, s.tariff_version,
	s.currency, s.due, s.owed, s.credit, s.payments, s.paying`

func scanSession(row pgx.CollectableRow) (id.Parking, *session.Session, error) {
	var s session.Session
	var at id.Parking
	var exited *time.Time
	var currency *money.Currency
	var due, owed *int64
	var payments []byte
	err := row.Scan(&at, &s.ID, &s.Version, &s.Reservation, &s.SpaceType, &s.State, &s.Allotted, &s.ClaimTo, &s.EnteredAt,
		&exited, &s.EntryLane, &s.ExitLane, &s.EntryReason, &s.ExitReason, &s.Inferred, &s.TariffVersion,
		&currency, &due, &owed, &s.Credit, &payments, &s.Paying)
	if err == nil && payments != nil {
		err = json.Unmarshal(payments, &s.Payments)
	}
	s.EnteredAt = s.EnteredAt.UTC()
	if exited != nil {
		s.ExitedAt = exited.UTC()
	}
	if currency != nil && due != nil {
		d := money.New(*due, *currency)
		s.Due = &d
	}
	if currency != nil && owed != nil {
		o := money.New(*owed, *currency)
		s.Owed = &o
	}
	return at, &s, err
}

const selectParkings = `select p.id, p.operator, p.name, p.address, p.city, p.kind, p.latitude, p.longitude, p.timezone, p.tariff, p.policy,
	(select max(t.adopted_at) from parking_tariff t where t.parking = p.id),
	coalesce((select jsonb_agg(jsonb_build_object('ID', t.id, 'Class', t.class, 'Label', t.label, 'Capacity', t.capacity, 'Bays', t.bays) order by t.class <> 'standard', t.id)
	          from space_type t where t.parking = p.id), '[]'), ` + picturesOf + `
	from parking p`

func scanParking(row pgx.CollectableRow) (*parking.Parking, error) {
	var p parking.Parking
	var tariff, policy, types, pictures []byte
	var since *time.Time
	if err := row.Scan(&p.ID, &p.Operator, &p.Name, &p.Address, &p.City, &p.Kind, &p.Latitude, &p.Longitude, &p.Timezone, &tariff, &policy, &since, &types, &pictures); err != nil {
		return nil, err
	}
	if since != nil {
		p.TariffSince = since.UTC()
	}
	for _, part := range []struct {
		raw  []byte
		into any
	}{{tariff, &p.Tariff}, {policy, &p.Policy}, {types, &p.SpaceTypes}, {pictures, &p.Pictures}} {
		if err := json.Unmarshal(part.raw, part.into); err != nil {
			return nil, fmt.Errorf("description of %s: %w", p.ID, err)
		}
	}
	if len(p.Pictures) == 0 {
		p.Pictures = nil
	}
	return &p, nil
}

// load reads what the works of several parkings ask for, in one round trip; if
// heads are named, in a transaction that it begins and that locks them first. Each
// row is looked up by its key, whatever the server believed of the tables' sizes
// when it made its plan: OFFSET 0 keeps it from turning the join round.
func load(ctx context.Context, q querier, asked map[id.Parking]commit.Rows, heads []string) (map[id.Parking]commit.Loaded, error) {
	out := make(map[id.Parking]commit.Loaded, len(asked))
	var days struct {
		parking, kind []string
		day           []int32
	}
	type ids struct {
		parking []string
		id      [][16]byte
	}
	var reservations, payments, sessions ids
	var principals, keys, marks, allots, tariffs, blockParkings, blocks []string
	for p, rows := range asked {
		out[p] = commit.Loaded{
			Days: map[inventory.Key]*inventory.Day{}, Reservations: map[id.Reservation]*reservation.Reservation{},
			Payments: map[id.Payment]*payment.Payment{}, Sessions: map[id.Session]*session.Session{},
			Blocks: map[id.Block]*commit.Block{}, Keys: map[commit.Key]*commit.KeyRecord{}, Allotments: map[id.SpaceType]*commit.Allotment{},
			ShopPayments: map[id.ShopPayment]*commit.ShopPayment{}, ShopCodes: map[commit.ShopCode]*commit.ShopCodeUse{},
		}
		for _, k := range rows.Days {
			days.parking, days.kind, days.day = append(days.parking, string(p)), append(days.kind, string(k.Type)), append(days.day, k.Day)
		}
		for _, i := range rows.Reservations {
			reservations.parking, reservations.id = append(reservations.parking, string(p)), append(reservations.id, i.UUID())
		}
		for _, i := range rows.Payments {
			payments.parking, payments.id = append(payments.parking, string(p)), append(payments.id, i.UUID())
		}
		for _, i := range rows.Sessions {
			sessions.parking, sessions.id = append(sessions.parking, string(p)), append(sessions.id, i.UUID())
		}
		for _, i := range rows.Blocks {
			blockParkings, blocks = append(blockParkings, string(p)), append(blocks, i.String())
		}
		for _, k := range rows.Keys {
			principals, keys = append(principals, k.Principal), append(keys, k.Key)
		}
		if rows.Watermark {
			marks = append(marks, string(p))
		}
		if rows.Allotments {
			allots = append(allots, string(p))
		}
		if rows.Tariffs {
			tariffs = append(tariffs, string(p))
		}
	}
	var b pgx.Batch
	if len(heads) > 0 {
		b.Queue("begin")
		b.Queue("select hold_parkings($1)", heads)
	}
	if len(days.day) > 0 {
		b.Queue(`select i.parking, i.space_type, i.day, i.version, i.cap, i.free, i.over
			from unnest($1::text[], $2::text[], $3::int[]) k(parking, space_type, day)
			cross join lateral (select * from inventory_day i
				where i.parking = k.parking and i.space_type = k.space_type and i.day = k.day offset 0) i`, days.parking, days.kind, days.day).Query(func(rows pgx.Rows) error {
			return each(rows, func(row pgx.CollectableRow) error {
				at, k, d, err := scanDay(row)
				if err == nil {
					out[at].Days[k] = d
				}
				return err
			})
		})
	}
	if len(reservations.id) > 0 {
		b.Queue(`select `+reservationColumns+` from unnest($1::text[], $2::uuid[]) k(parking, id)
			cross join lateral (select * from reservation r where r.parking = k.parking and r.id = k.id offset 0) r`, reservations.parking, reservations.id).Query(func(rows pgx.Rows) error {
			return each(rows, func(row pgx.CollectableRow) error {
				r, err := scanReservation(row)
				if err == nil {
					out[r.Parking].Reservations[r.ID] = r
				}
				return err
			})
		})
	}
	if len(payments.id) > 0 {
		b.Queue(`select `+paymentColumns+` from unnest($1::text[], $2::uuid[]) k(parking, id)
			cross join lateral (select * from payment p where p.parking = k.parking and p.id = k.id offset 0) p`, payments.parking, payments.id).Query(func(rows pgx.Rows) error {
			return each(rows, func(row pgx.CollectableRow) error {
				at, p, err := scanPayment(row)
				if err == nil {
					out[at].Payments[p.ID] = p
				}
				return err
			})
		})
	}
	if len(sessions.id) > 0 {
		b.Queue(`select `+sessionColumns+` from unnest($1::text[], $2::uuid[]) k(parking, id)
			cross join lateral (select * from session s where s.parking = k.parking and s.id = k.id offset 0) s`, sessions.parking, sessions.id).Query(func(rows pgx.Rows) error {
			return each(rows, func(row pgx.CollectableRow) error {
				at, s, err := scanSession(row)
				if err == nil {
					out[at].Sessions[s.ID] = s
				}
				return err
			})
		})
	}
	if len(blocks) > 0 {
		b.Queue(`select `+blockColumns+` from unnest($1::text[], $2::text[]) k(parking, id)
			cross join lateral (select * from block b where b.parking = k.parking and b.id = k.id offset 0) b`, blockParkings, blocks).Query(func(rows pgx.Rows) error {
			return each(rows, func(row pgx.CollectableRow) error {
				at, x, err := scanBlock(row)
				if err == nil {
					out[at].Blocks[x.ID] = x
				}
				return err
			})
		})
	}
	if len(keys) > 0 {
		b.Queue(`select i.principal, i.key, i.request_hash, i.parking, i.reservation
			from unnest($1::text[], $2::text[]) k(principal, key)
			cross join lateral (select * from idempotency_key i where i.principal = k.principal and i.key = k.key offset 0) i`, principals, keys).Query(func(rows pgx.Rows) error {
			return each(rows, func(row pgx.CollectableRow) error {
				var k commit.Key
				var rec commit.KeyRecord
				var hash []byte
				if err := row.Scan(&k.Principal, &k.Key, &hash, &rec.Parking, &rec.Reservation); err != nil {
					return err
				}
				copy(rec.RequestHash[:], hash)
				// Who asked is not known from the row: the key may have been used at another parking.
				for p, a := range asked {
					for _, want := range a.Keys {
						if want == k {
							out[p].Keys[k] = &rec
						}
					}
				}
				return nil
			})
		})
	}
	if len(marks) > 0 {
		b.Queue(`select parking, version, journal, epoch, seq, hash, trusted_lo from edge_watermark where parking = any ($1)`, marks).Query(func(rows pgx.Rows) error {
			return each(rows, func(row pgx.CollectableRow) error {
				var at id.Parking
				var m commit.Watermark
				var hash []byte
				var lo *time.Time
				if err := row.Scan(&at, &m.Version, &m.Journal, &m.Epoch, &m.Seq, &hash, &lo); err != nil {
					return err
				}
				copy(m.Hash[:], hash)
				if lo != nil {
					m.TrustedLo = lo.UTC()
				}
				l := out[at]
				l.Watermark = &m
				out[at] = l
				return nil
			})
		})
	}
	if len(allots) > 0 {
		b.Queue(`select parking, space_type, version, units, granted, until_q from allotment where parking = any ($1)`, allots).Query(func(rows pgx.Rows) error {
			return each(rows, func(row pgx.CollectableRow) error {
				var at id.Parking
				var a commit.Allotment
				var until int64
				if err := row.Scan(&at, &a.SpaceType, &a.Version, &a.Units, &a.Granted, &until); err != nil {
					return err
				}
				a.Until = timerange.Q(until)
				out[at].Allotments[a.SpaceType] = &a
				return nil
			})
		})
	}
	if len(tariffs) > 0 {
		b.Queue(`select parking, document, adopted_at from parking_tariff where parking = any ($1) order by parking, version desc`, tariffs).Query(func(rows pgx.Rows) error {
			return each(rows, func(row pgx.CollectableRow) error {
				var at id.Parking
				var e parking.Edition
				var raw []byte
				if err := row.Scan(&at, &raw, &e.Adopted); err != nil {
					return err
				}
				l := out[at]
				l.Tariffs = append(l.Tariffs, e)
				out[at] = l
				return json.Unmarshal(raw, &l.Tariffs[len(l.Tariffs)-1].Tariff)
			})
		})
	}
	loadBound(&b, asked, out)
	loadShops(&b, asked, out)
	if b.Len() == 0 {
		return out, nil
	}
	if err := q.SendBatch(ctx, &b).Close(); err != nil {
		return nil, err
	}
	return out, nil
}

func each(rows pgx.Rows, scan func(pgx.CollectableRow) error) error {
	_, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) { return struct{}{}, scan(row) })
	return err
}
