package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/hours"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// errPreview rolls back what was only to be looked at.
var errPreview = errors.New("only looked at")

// noteChange puts a change into the history, in the transaction that makes it.
func noteChange(ctx context.Context, tx pgx.Tx, at id.Parking, by parking.Author, what string, before, after any) error {
	was, err := json.Marshal(before)
	if err != nil {
		return err
	}
	is, err := json.Marshal(after)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `select note_change($1, $2, $3, nullif($4::jsonb, 'null'), nullif($5::jsonb, 'null'), $6)`, string(at), by.Name, what, was, is, by.Why)
	return err
}

// stillAhead counts the reservations that are sold and have not begun.
func stillAhead(ctx context.Context, tx pgx.Tx, at id.Parking) (n int, err error) {
	err = tx.QueryRow(ctx, `select count(*) from reservation where parking = $1 and state = 'confirmed' and to_at > now()`, string(at)).Scan(&n)
	return n, err
}

// ChangePolicy implements capacity.Store.
func (c Capacity) ChangePolicy(ctx context.Context, e capacity.PolicyEdit, change func(parking.Policy) (parking.Policy, error)) (capacity.PolicyEdited, error) {
	var out capacity.PolicyEdited
	err := pgx.BeginFunc(ctx, c.db.pool, func(tx pgx.Tx) error {
		out = capacity.PolicyEdited{}
		var raw, prices []byte
		err := tx.QueryRow(ctx, `select policy, tariff, policy_version from parking where id = $1 for no key update`, string(e.At)).Scan(&raw, &prices, &out.Version)
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.New(fault.NotFound, capacity.CodeParkingNotFound, "There is no such parking.")
		}
		if err != nil {
			return err
		}
		if err := json.Unmarshal(raw, &out.Before); err != nil {
			return err
		}
		if out.After, err = change(out.Before); err != nil {
			return err
		}
		if out.Kept, err = stillAhead(ctx, tx, e.At); err != nil {
			return err
		}
		if out.Outside, err = outside(ctx, tx, e.At, out.Before.Hours, out.After.Hours); err != nil {
			return err
		}
		// Whoever asks for what is so already has not been told that it was done.
		if reflect.DeepEqual(out.After, out.Before) {
			return nil
		}
		if e.Version != 0 && e.Version != out.Version {
			return fault.New(fault.Conflict, capacity.CodeVersionConflict, "Somebody has changed the policy since you looked at it. Nothing was changed: look again.").
				WithField("version", "is not the present one")
		}
		if err := lawfulAhead(ctx, tx, e.At, prices, out.After); err != nil {
			return err
		}
		if e.Preview {
			return errPreview
		}
		return storePolicy(ctx, tx, e, &out)
	})
	if errors.Is(err, errPreview) {
		err = nil
	}
	return out, unavailable("change a policy", err)
}

// outside are the reservations that are still ahead or going on, and that begin or end
// outside of new opening hours. The same hours have none.
func outside(ctx context.Context, tx pgx.Tx, at id.Parking, before, after *hours.Hours) (out capacity.Outside, err error) {
	if after == nil || reflect.DeepEqual(before, after) {
		return out, nil
	}
	var name string
	if err := tx.QueryRow(ctx, `select timezone from parking where id = $1`, string(at)).Scan(&name); err != nil {
		return out, err
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return out, err
	}
	rows, err := tx.Query(ctx, `select id, from_at, to_at, from_at <= now() from reservation where parking = $1 and state in ('held', 'confirmed', 'active') and to_at > now() order by from_at, id`, string(at))
	if err != nil {
		return out, err
	}
	var b capacity.Beyond
	var begun bool
	_, err = pgx.ForEachRow(rows, []any{&b.ID, &b.Window.From, &b.Window.To, &begun}, func() error {
		a := parking.Against(after, b.Window, zone)
		b.Begins, b.Ends = a.Begins && !begun, a.Ends
		if !b.Begins && !b.Ends {
			return nil
		}
		if out.Count++; out.Count <= capacity.MostOutside {
			out.Some = append(out.Some, b)
		}
		return nil
	})
	return out, err
}

func storePolicy(ctx context.Context, tx pgx.Tx, e capacity.PolicyEdit, out *capacity.PolicyEdited) error {
	raw, err := json.Marshal(out.After)
	if err != nil {
		return err
	}
	if err := tx.QueryRow(ctx, `update parking set policy = $2, updated_at = now() where id = $1 returning policy_version`, string(e.At), raw).Scan(&out.Version); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `select seed_horizon($1, $2, 1)`, epochDay(e.Today), string(e.At)); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `select record_event($1, $2, '{}')`, string(e.At), string(feed.ParkingChanged)); err != nil {
		return err
	}
	was, is, err := out.Before.Difference(out.After)
	if err != nil {
		return err
	}
	return noteChange(ctx, tx, e.At, e.By, "policy.changed", was, is)
}

// lawfulAhead is parking.Lawful for a policy that is to be a parking's, under its tariff
// and those that it will go over to.
func lawfulAhead(ctx context.Context, tx pgx.Tx, at id.Parking, present []byte, policy parking.Policy) error {
	if err := lawful(present, policy); err != nil {
		return err
	}
	ahead, err := scheduled(ctx, tx, at)
	if err != nil {
		return err
	}
	for _, s := range ahead {
		p := parking.Parking{Policy: policy, Tariff: s.Tariff}
		if err := p.Lawful(); err != nil {
			return err
		}
	}
	return nil
}

// mostLoads bounds how often a preview asks for more rows.
const mostLoads = 8

// Preview implements capacity.Store.
func (c Capacity) Preview(ctx context.Context, op commit.Op, t id.SpaceType, now time.Time) (missing capacity.Deficit, live []capacity.Candidate, err error) {
	at := op.Parking()
	read := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, c.db.pool, read, func(tx pgx.Tx) error {
		found, err := oneParking(ctx, tx, at)
		if err != nil {
			return err
		}
		w := commit.NewWork(found)
		var rows commit.Rows
		op.Prefetch(&rows)
		applied := commit.ErrMissing
		for range mostLoads {
			loaded, err := load(ctx, tx, map[id.Parking]commit.Rows{at: rows}, nil)
			if err != nil {
				return err
			}
			w.Load(rows, loaded[at])
			if applied = w.Try(op, now); !errors.Is(applied, commit.ErrMissing) {
				break
			}
			rows = w.Missing()
		}
		if applied != nil {
			return applied
		}
		from := timerange.Floor(now)
		if missing, err = overs(ctx, tx, at, t, from); err != nil {
			return err
		}
		for q, n := range w.Overs(t) {
			switch {
			case n > 0 && q >= from:
				missing[q] = n
			default:
				delete(missing, q)
			}
		}
		live, err = candidates(ctx, tx, at, t, missing)
		return err
	})
	return missing, live, unavailable("look at a change of capacity", err)
}

// oneParking describes a parking; there is a fault when there is none.
func oneParking(ctx context.Context, q querier, at id.Parking) (*parking.Parking, error) {
	rows, err := q.Query(ctx, selectParkings+` where p.id = $1`, string(at))
	if err != nil {
		return nil, err
	}
	p, err := pgx.CollectExactlyOneRow(rows, scanParking)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fault.New(fault.NotFound, capacity.CodeParkingNotFound, "There is no such parking.")
	}
	return p, err
}

// lawful is parking.Lawful for a policy that is to be a parking's.
func lawful(rawTariff []byte, policy parking.Policy) error {
	p := parking.Parking{Policy: policy}
	var t tariff.Tariff
	if err := json.Unmarshal(rawTariff, &t); err != nil {
		return err
	}
	p.Tariff = t
	return p.Lawful()
}
