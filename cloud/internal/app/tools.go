package app

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/river"
)

func migrate(ctx context.Context, dsn string, log *slog.Logger) error {
	if err := postgres.Migrate(ctx, dsn, log); err != nil {
		return err
	}
	return river.Migrate(ctx, dsn, log)
}

// Imported is what an import did.
type Imported struct {
	Parkings int `json:"parkings"`  // in the file
	New      int `json:"new"`       // of which were not known before
	ForSale  int `json:"for_sale"`  // of which have a capacity
	Listed   int `json:"list_only"` // of which have none
}

// Import reads GeoJSON car parks and stores them for an operator, all or none.
func Import(ctx context.Context, db *postgres.DB, operator string, file io.Reader, now time.Time) (Imported, error) {
	list, err := parking.ReadGeoJSON(file)
	if err != nil {
		return Imported{}, err
	}
	out := Imported{Parkings: len(list)}
	for _, p := range list {
		if len(p.SpaceTypes) > 0 {
			out.ForSale++
		} else {
			out.Listed++
		}
	}
	out.New, err = db.ImportParkings(ctx, operator, list, now)
	return out, err
}
