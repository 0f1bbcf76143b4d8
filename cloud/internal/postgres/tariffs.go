package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/settings"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/tariff"
)

// Tariffs stores parkings' tariffs, all editions of them, and those to come.
type Tariffs struct{ db *DB }

// NewTariffs is the store over a pool.
func NewTariffs(db *DB) Tariffs { return Tariffs{db} }

// Adopt makes a parking go over to a tariff; what was quoted before keeps its
// price. It returns the one before. Its faults are parking_not_found and those
// of parking.Plan; they change nothing.
func (s Tariffs) Adopt(ctx context.Context, at id.Parking, t tariff.Tariff, by parking.Author) (before tariff.Tariff, err error) {
	done, err := s.Put(ctx, settings.TariffEdit{At: at, Tariff: t, Now: time.Now().UTC(), By: by})
	return done.Before, err
}

// Put makes a parking go over to a tariff, now or at an instant to come.
func (s Tariffs) Put(ctx context.Context, e settings.TariffEdit) (out settings.TariffEdited, err error) {
	err = pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		out = settings.TariffEdited{}
		p, ahead, err := lockTariffs(ctx, tx, e.At)
		if err != nil {
			return err
		}
		out.Before = p.Tariff
		if out.Known, err = p.Plan(e.Tariff, e.From, e.Now, ahead); err != nil {
			return err
		}
		if out.Kept, err = stillAhead(ctx, tx, e.At); err != nil {
			return err
		}
		switch {
		case out.Known:
			return nil
		case e.Preview:
			return errPreview
		case e.From.IsZero():
			return storeTariff(ctx, tx, p, e.Tariff, time.Time{}, e.By)
		}
		raw, err := json.Marshal(e.Tariff)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `insert into tariff_scheduled (parking, version, document, from_at, author, why) values ($1, $2, $3, $4, $5, $6)`,
			string(e.At), int64(e.Tariff.Version), raw, e.From, e.By.Name, e.By.Why); err != nil {
			return err
		}
		return noteChange(ctx, tx, e.At, e.By, "tariff.scheduled", nil, edition(e.Tariff, e.From))
	})
	if errors.Is(err, errPreview) {
		err = nil
	}
	return out, unavailable("change a tariff", err)
}

// lockTariffs describes a parking and what it will go over to. Whoever else changes it
// waits, and sees what this one does.
func lockTariffs(ctx context.Context, tx pgx.Tx, at id.Parking) (*parking.Parking, []parking.Scheduled, error) {
	if _, err := tx.Exec(ctx, `select from parking where id = $1 for no key update`, string(at)); err != nil {
		return nil, nil, err
	}
	p, err := oneParking(ctx, tx, at)
	if err != nil {
		return nil, nil, err
	}
	ahead, err := scheduled(ctx, tx, at)
	return p, ahead, err
}

// edition is how the history names one.
func edition(t tariff.Tariff, from time.Time) map[string]any {
	e := map[string]any{"version": t.Version, "price_from": t.From()}
	if !from.IsZero() {
		e["from"] = from.UTC().Format(time.RFC3339)
	}
	return e
}

// storeTariff puts a tariff in force. from is when it was scheduled for, zero: it was not.
func storeTariff(ctx context.Context, tx pgx.Tx, p *parking.Parking, t tariff.Tariff, from time.Time, by parking.Author) error {
	raw, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `update parking set tariff = $2, updated_at = now() where id = $1`, string(p.ID), raw); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `select record_event($1, $2, '{}')`, string(p.ID), string(feed.ParkingChanged)); err != nil {
		return err
	}
	return noteChange(ctx, tx, p.ID, by, "tariff.adopted", edition(p.Tariff, time.Time{}), edition(t, from))
}

// Editions are all that a parking has had, the newest first; none when there is
// no such parking.
func (s Tariffs) Editions(ctx context.Context, at id.Parking) ([]parking.Edition, error) {
	rows, err := s.db.pool.Query(ctx, `select document, adopted_at from parking_tariff where parking = $1 order by version desc`, string(at))
	if err != nil {
		return nil, unavailable("read tariffs", err)
	}
	all, err := pgx.CollectRows(rows, scanEdition)
	return all, unavailable("read tariffs", err)
}

// scanEdition reads document and adopted_at.
func scanEdition(row pgx.CollectableRow) (e parking.Edition, err error) {
	var raw []byte
	if err := row.Scan(&raw, &e.Adopted); err != nil {
		return e, err
	}
	return e, json.Unmarshal(raw, &e.Tariff)
}

// scheduled are the tariffs that a parking will go over to, by their time.
func scheduled(ctx context.Context, q querier, at id.Parking) ([]parking.Scheduled, error) {
	rows, err := q.Query(ctx, `select document, from_at, author, why, created_at from tariff_scheduled where parking = $1 order by from_at, version`, string(at))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (s parking.Scheduled, err error) {
		var raw []byte
		if err := row.Scan(&raw, &s.From, &s.By, &s.Why, &s.At); err != nil {
			return s, err
		}
		s.From, s.At = s.From.UTC(), s.At.UTC()
		return s, json.Unmarshal(raw, &s.Tariff)
	})
}

// Withdraw takes a scheduled tariff back. Its faults are parking_not_found,
// edition_not_found and tariff_in_force, when it has taken effect.
func (s Tariffs) Withdraw(ctx context.Context, at id.Parking, version uint32, by parking.Author) error {
	err := pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		_, ahead, err := lockTariffs(ctx, tx, at)
		if err != nil {
			return err
		}
		for _, x := range ahead {
			if x.Tariff.Version != version {
				continue
			}
			if _, err := tx.Exec(ctx, `delete from tariff_scheduled where parking = $1 and version = $2`, string(at), int64(version)); err != nil {
				return err
			}
			return noteChange(ctx, tx, at, by, "tariff.withdrawn", edition(x.Tariff, x.From), nil)
		}
		var inForce bool
		if err := tx.QueryRow(ctx, `select exists (select from parking_tariff where parking = $1 and version = $2)`, string(at), int64(version)).Scan(&inForce); err != nil {
			return err
		}
		if inForce {
			return fault.New(fault.Conflict, parking.CodeTariffInForce, "The tariff has taken effect. Go over to another one instead.")
		}
		return fault.New(fault.NotFound, parking.CodeNoEdition, "No such tariff is scheduled.")
	})
	return unavailable("withdraw a tariff", err)
}

// DueTariffs implements schedule.TariffStore.
func (s Tariffs) DueTariffs(ctx context.Context, now time.Time, limit int) ([]id.Parking, error) {
	rows, err := s.db.pool.Query(ctx, `select parking from tariff_scheduled where from_at <= $1 group by parking order by min(from_at), parking limit $2`, now, limit)
	if err != nil {
		return nil, unavailable("look for tariffs that are due", err)
	}
	due, err := pgx.CollectRows(rows, pgx.RowTo[id.Parking])
	return due, unavailable("look for tariffs that are due", err)
}

// TakeEffect implements schedule.TariffStore. Each is taken out of what is scheduled in
// the commit that puts it in force, under the lock of its parking.
func (s Tariffs) TakeEffect(ctx context.Context, at id.Parking, now time.Time) (n int, err error) {
	err = pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		n = 0
		p, ahead, err := lockTariffs(ctx, tx, at)
		if err != nil {
			return err
		}
		for _, x := range ahead {
			if x.From.After(now) {
				continue
			}
			if err := p.Adopt(x.Tariff); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `delete from tariff_scheduled where parking = $1 and version = $2`, string(at), int64(x.Tariff.Version)); err != nil {
				return err
			}
			if err := storeTariff(ctx, tx, p, x.Tariff, x.From, parking.Author{Name: x.By, Why: x.Why}); err != nil {
				return err
			}
			p.Tariff = x.Tariff
			n++
		}
		return nil
	})
	return n, unavailable("put a scheduled tariff in force", err)
}
