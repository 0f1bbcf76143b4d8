package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/picture"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// Pictures stores the pictures of parkings.
type Pictures struct{ db *DB }

var _ picture.Store = Pictures{}

// NewPictures is the store over a pool.
func NewPictures(db *DB) Pictures { return Pictures{db} }

// picturesOf are a parking's as parking.Picture has them, photos in their order and then the plan.
const picturesOf = `coalesce((select jsonb_agg(jsonb_build_object('ID', i.id, 'Kind', i.kind, 'Alt', i.alt,
		'Large', jsonb_build_object('Hash', i.id, 'Width', i.width, 'Height', i.height),
		'Small', jsonb_build_object('Hash', i.small, 'Width', i.small_width, 'Height', i.small_height)) order by i.kind, i.place, i.id)
	from picture i where i.parking = p.id), '[]')`

// Pictures implements picture.Store.
func (s Pictures) Pictures(ctx context.Context, at id.Parking) ([]parking.Picture, error) {
	all, err := readPictures(ctx, s.db.pool, at, "")
	return all, unavailable("read pictures", err)
}

func readPictures(ctx context.Context, q querier, at id.Parking, lock string) (all []parking.Picture, err error) {
	rows, err := q.Query(ctx, `select `+picturesOf+` from parking p where p.id = $1`+lock, string(at))
	if err != nil {
		return nil, err
	}
	raw, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[[]byte])
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fault.New(fault.NotFound, capacity.CodeParkingNotFound, "There is no such parking.")
	}
	if err != nil {
		return nil, err
	}
	return all, json.Unmarshal(raw, &all)
}

// PictureFile implements picture.Store.
func (s Pictures) PictureFile(ctx context.Context, at id.Parking, hash string) (body []byte, err error) {
	err = s.db.pool.QueryRow(ctx, `select body from picture_file where parking = $1 and hash = $2`, string(at), hash).Scan(&body)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return body, unavailable("read a picture", err)
}

// ChangePictures implements picture.Store.
func (s Pictures) ChangePictures(ctx context.Context, at id.Parking, by parking.Author, files map[string][]byte, change func([]parking.Picture) ([]parking.Picture, error)) (after []parking.Picture, err error) {
	err = pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		// Locked first, and read then: what is read with the lock is of before it was waited for.
		if _, err := readPictures(ctx, tx, at, ` for no key update of p`); err != nil {
			return err
		}
		before, err := readPictures(ctx, tx, at, "")
		if err != nil {
			return err
		}
		if after, err = change(before); err != nil {
			return err
		}
		notes := picture.Notes(before, after)
		if len(notes) == 0 {
			return nil
		}
		if err := storePictures(ctx, tx, at, after, files); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `select record_event($1, $2, '{}')`, string(at), string(feed.ParkingChanged)); err != nil {
			return err
		}
		for _, n := range notes {
			if err := noteChange(ctx, tx, at, by, n.What, n.Before, n.After); err != nil {
				return err
			}
		}
		return nil
	})
	return after, unavailable("change pictures", err)
}

// storePictures makes what is stored what it is to be. A parking has seven at the most.
func storePictures(ctx context.Context, tx pgx.Tx, at id.Parking, all []parking.Picture, files map[string][]byte) error {
	var ids, named []string
	for _, p := range all {
		ids, named = append(ids, p.ID), append(named, p.Large.Hash, p.Small.Hash)
	}
	if _, err := tx.Exec(ctx, `delete from picture where parking = $1 and id <> all ($2)`, string(at), append([]string{}, ids...)); err != nil {
		return err
	}
	for i, p := range all {
		alt, err := json.Marshal(p.Alt)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `insert into picture (parking, id, kind, place, alt, width, height, small, small_width, small_height)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (parking, id) do update set place = excluded.place, alt = excluded.alt`,
			string(at), p.ID, string(p.Kind), i, alt, p.Large.Width, p.Large.Height, p.Small.Hash, p.Small.Width, p.Small.Height); err != nil {
			return err
		}
	}
	for hash, body := range files {
		if !slices.Contains(named, hash) {
			continue
		}
		if _, err := tx.Exec(ctx, `insert into picture_file (parking, hash, body) values ($1, $2, $3) on conflict do nothing`, string(at), hash, body); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `delete from picture_file where parking = $1 and hash <> all ($2)`, string(at), append([]string{}, named...))
	return err
}
