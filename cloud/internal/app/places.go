package app

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/openlot/openlot/cloud/internal/listing"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/places"
	"github.com/openlot/openlot/protocol/fault"
)

// CodePlacesInvalid is the fault code of a gazetteer that cannot be used.
const CodePlacesInvalid = "places_invalid"

// listed are the parkings of the listing, as far as places are found by them.
type listed struct{ *listing.Listing }

// Parkings implements places.Described.
func (l listed) Parkings() []places.Parking {
	var out []places.Parking
	l.Each(func(p *parking.Parking) bool {
		out = append(out, places.Parking{ID: p.ID, Name: p.Name, Address: p.Address, City: p.City, At: places.Point{Lat: p.Latitude, Lon: p.Longitude}})
		return true
	})
	// Always the same of the same: of equals the first is the name of a place.
	slices.SortFunc(out, func(a, b places.Parking) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return out
}

// directory is where places are found: those of the listing's parkings, and of files that
// the operator has.
func directory(l *listing.Listing, files []string, log *slog.Logger) (*places.Directory, error) {
	if len(files) == 0 {
		return places.NewDirectory(listed{l}, nil), nil
	}
	var all []places.Place
	for _, name := range files {
		found, err := readPlaces(name)
		if err == nil && len(all)+len(found) > places.MaxPlaces {
			err = fmt.Errorf("more than %d places with the files before it", places.MaxPlaces)
		}
		if err != nil {
			return nil, fault.Wrap(err, fault.Invalid, CodePlacesInvalid, fmt.Sprintf("The file of places %s (--places) cannot be used: %v.", name, err))
		}
		all = append(all, found...)
	}
	log.Info("the gazetteer is loaded", "component", "places", "files", len(files), "places", len(all))
	return places.NewDirectory(listed{l}, places.New(all)), nil
}

func readPlaces(name string) ([]places.Place, error) {
	in, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }() // only read
	return places.ReadGeoNames(in)
}
