package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/openlot/openlot/cloud/internal/app"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

type migrateCmd struct{ common }

// Run implements kong's command.
func (c *migrateCmd) Run(ctx context.Context, log *slog.Logger) error {
	_, stop, err := app.Tools(ctx, c.DatabaseURL, c.DataDir, true, log)
	if err != nil {
		return err
	}
	return stop()
}

type importCmd struct {
	common
	File     string `arg:"" help:"GeoJSON FeatureCollection of points with the properties id, name, city, address, tz, kind, capacity, numbered: a list of {space_type, class, label, bays}, whose bays are part of the capacity, and for new parkings dynamic_price: {min_percent, max_percent, occupancy, lead} and pay_at_machine." type:"path"`
	Operator string `help:"Operator that owns the new parkings." default:"Demo operator"`
}

// Run implements kong's command.
func (c *importCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	f, err := os.Open(c.File)
	if err == nil {
		var st os.FileInfo
		if st, err = f.Stat(); err == nil && st.IsDir() {
			err = errors.New("it is a folder")
		}
	}
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "file_unreadable", "The file cannot be read. Nothing was imported.")
	}
	defer func() { _ = f.Close() }() // only read
	return c.with(ctx, log, func(db *postgres.DB) error {
		done, err := app.Import(ctx, db, c.Operator, f, time.Now().UTC())
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%d parkings imported, %d of them new; %d are for sale, %d only listed\n", done.Parkings, done.New, done.ForSale, done.Listed)
		return err
	})
}

type enrollCmd struct {
	common
	Parking string `arg:"" help:"The parking's id."`
}

// Run implements kong's command.
func (c *enrollCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	p, err := id.ParseParking(c.Parking)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "invalid_parking_id", "That is not a parking's id.")
	}
	return c.with(ctx, log, func(db *postgres.DB) error {
		credentials, err := app.Enroll(ctx, db, p, time.Now().UTC())
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(credentials) //nolint:gosec // the secret is what the command is asked for: it is shown here and never again
	})
}

// with runs do on a migrated database.
func (c *common) with(ctx context.Context, log *slog.Logger, do func(*postgres.DB) error) (err error) {
	db, stop, err := app.Tools(ctx, c.DatabaseURL, c.DataDir, false, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	return do(db)
}
