// Package postgrestest gives tests a migrated database of their own.
package postgrestest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/devpg/pgtest"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/tariff"
)

// DSN makes a migrated database and returns the connection string of its
// owner.
func DSN(t testing.TB) string {
	t.Helper()
	return pgtest.Template(t, "openlot", postgres.SchemaHash(), func(ctx context.Context, dsn string) error {
		return postgres.Migrate(ctx, dsn, slog.New(slog.DiscardHandler))
	})
}

// New makes a migrated database, opens it as the running program does, and
// also returns its owner's connection string.
func New(t testing.TB) (*postgres.DB, string) {
	t.Helper()
	dsn := DSN(t)
	return Open(t, dsn), dsn
}

// Open opens a migrated database as the running program does.
func Open(t testing.TB, dsn string) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), dsn, slog.New(slog.DiscardHandler), postgres.Options{MaxConns: 24})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// Owner opens one connection as the database's owner, for tests that look at
// or plant what the program itself may not touch.
func Owner(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// Parking describes a parking with one standard type, ready to be imported.
func Parking(slug id.Parking, capacity int16) parking.Parking {
	return parking.Parking{
		ID: slug, Name: "Parking " + string(slug), City: "Dresden", Address: "Altmarkt 1", Kind: parking.Underground,
		Latitude: 51.05, Longitude: 13.74, Timezone: "Europe/Berlin", Policy: parking.DefaultPolicy(),
		SpaceTypes: []parking.SpaceType{{ID: id.Standard, Class: parking.ClassStandard, Label: "Standard", Capacity: capacity}},
		Tariff: tariff.Tariff{
			Format: 1, Version: 1, Currency: "EUR", IntervalMinutes: 30, Rate: 120, DailyMax: 1800,
			Day: tariff.Calendar, FreeMinutes: 10, TaxBasisPoints: 1900,
		},
	}
}

// Import stores parkings and seeds their inventory from now on.
func Import(t testing.TB, db *postgres.DB, now time.Time, list ...parking.Parking) {
	t.Helper()
	if _, err := db.ImportParkings(t.Context(), "Test operator", list, now); err != nil {
		t.Fatal(err)
	}
}
