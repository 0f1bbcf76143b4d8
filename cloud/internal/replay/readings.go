package replay

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/openlot/openlot/protocol/fault"
)

// Reading is what a display showed.
type Reading struct {
	At   time.Time
	Free int
}

// CodeReadings is the fault of readings that cannot be used.
const CodeReadings = "readings_invalid"

// Read reads one car park's column of a table: its first column is the time, and an
// empty cell means that nothing changed.
func Read(r io.Reader, column string) ([]Reading, error) {
	table := csv.NewReader(r)
	head, err := table.Read()
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, CodeReadings, "The readings cannot be read.")
	}
	at := slices.Index(head, column)
	if at < 1 {
		return nil, fault.Newf(fault.Invalid, CodeReadings, "There is no column %q in the readings.", column)
	}
	var out []Reading
	for {
		row, err := table.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fault.Wrap(err, fault.Invalid, CodeReadings, "The readings cannot be read.")
		}
		cell := row[at]
		if cell == "" {
			if len(out) == 0 {
				continue // nothing is known yet
			}
			cell = strconv.Itoa(out[len(out)-1].Free)
		}
		when, err := time.Parse("2006-01-02T15:04Z07:00", row[0])
		free, problem := strconv.Atoi(cell)
		if err = errors.Join(err, problem); err != nil || len(out) > 0 && !when.After(out[len(out)-1].At) {
			return nil, fault.Wrap(fmt.Errorf("%s: %w", row[0], err), fault.Invalid, CodeReadings, "A reading has a time after the one before, and a number.")
		}
		out = append(out, Reading{when.UTC(), free})
	}
	if len(out) == 0 {
		return nil, fault.Newf(fault.Invalid, CodeReadings, "There are no readings of %q.", column)
	}
	return out, nil
}

// Move moves readings by whole weeks, so that the first is in the week that begins on a
// day (UTC).
func Move(all []Reading, week time.Time) []Reading {
	const length = 7 * 24 * time.Hour
	first := all[0].At.Truncate(24 * time.Hour)
	away := week.Sub(first)
	away -= ((away % length) + length) % length // whole weeks, towards the past
	out := make([]Reading, len(all))
	for i, r := range all {
		out[i] = Reading{r.At.Add(away), r.Free}
	}
	return out
}
