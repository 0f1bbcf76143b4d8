package soak

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/tariff"
)

// Config is one run.
type Config struct {
	DSN        string        // of a migrated, empty database, as its owner
	Dir        string        // where the edges keep their journals
	Command    []string      // starts a process that calls Work on its standard input and output
	Env        []string      // besides the environment, for Command
	Operations int           // ends after so many; 0: never
	For        time.Duration // ends after so long; 0: never
	Workers    int
	Clients    int           // at once, in each worker
	KillEvery  time.Duration // on average; 0: never
	CheckEvery time.Duration // 0: at the end only
	CrashEvery time.Duration // on average; 0: never

	// Crash ends the database as kill -9 does and starts it again; called with
	// CrashEvery only.
	Crash func(context.Context) error

	Speed float64 // how much faster time passes than outside
	Seed  uint64
	Out   io.Writer // progress
}

// clock is a time that passes faster than the machine's, and is the same in
// every process.
type clock struct {
	Start time.Time
	Speed float64
}

func (c clock) now() time.Time {
	return c.Start.Add(time.Duration(float64(time.Since(c.Start)) * c.Speed)).UTC()
}

// job is what a worker is started with: the first line of its standard input.
// It ends in good order when its standard input does.
type job struct {
	DSN     string
	Dir     string
	Clock   clock
	Worker  int
	Workers int
	Clients int
	Seed    uint64
	Crashes bool // the database may be away for a while
}

// place is a parking of the run.
type place struct {
	parking.Parking
	edge bool // has an edge that sends what it sees
}

// ev is the second space type of the larger parkings.
const ev id.SpaceType = "ev"

// places are few, and some of them tiny, so that everything is contended.
func places() []place {
	var out []place
	for _, capacity := range []int16{2, 3, 6, 9} {
		out = append(out, newPlace(fmt.Sprintf("small-%d", capacity), capacity, 0, capacity > 5))
	}
	for n := range 12 {
		out = append(out, newPlace(fmt.Sprintf("large-%02d", n), 60, 8, true))
	}
	return out
}

func newPlace(slug string, standard, charging int16, edge bool) place {
	policy := parking.DefaultPolicy()
	policy.HorizonDays, policy.AllotmentShare, policy.WalkinAhead = horizonDays, 10, 2*time.Hour
	p := parking.Parking{
		ID: id.Parking(slug), Name: slug, City: "Dresden", Address: "Altmarkt 1", Kind: parking.Underground,
		Latitude: 51.05, Longitude: 13.74, Timezone: "Europe/Berlin", Policy: policy,
		SpaceTypes: []parking.SpaceType{{ID: id.Standard, Class: parking.ClassStandard, Label: "Standard", Capacity: standard}},
		Tariff: tariff.Tariff{
			Format: 1, Version: 1, Currency: currency, IntervalMinutes: 30, Rate: 120, DailyMax: 1800,
			Day: tariff.Calendar, FreeMinutes: 10, TaxBasisPoints: 1900,
		},
	}
	if charging > 0 {
		p.SpaceTypes = append(p.SpaceTypes, parking.SpaceType{ID: ev, Class: parking.ClassEV, Label: "Charging", Capacity: charging})
	}
	return place{p, edge}
}

const (
	currency = "EUR"
	// horizonDays is how far ahead windows are sold; the parent seeds on.
	horizonDays = 3
)
