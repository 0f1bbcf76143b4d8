package parking

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// CheckTypes says what is wrong with the space types of a parking: each has a
// name, a class and a label of its own; a list of bays is as long as the
// capacity, and no bay is there twice in the parking.
func CheckTypes(types []SpaceType) error {
	names, bays := map[id.SpaceType]bool{}, map[string]bool{}
	for _, t := range types {
		if _, err := id.ParseSpaceType(string(t.ID)); err != nil {
			return fmt.Errorf("space type %q: %w", t.ID, err)
		}
		if names[t.ID] {
			return fmt.Errorf("space type %s is there twice", t.ID)
		}
		names[t.ID] = true
		switch t.Class {
		case ClassStandard, ClassAccessible, ClassEV, ClassMotorcycle, ClassOversize:
		default:
			return fmt.Errorf("space type %s: class %q is not standard, accessible, ev, motorcycle or oversize", t.ID, t.Class)
		}
		if strings.TrimSpace(t.Label) == "" {
			return fmt.Errorf("space type %s has no label", t.ID)
		}
		if len(t.Bays) != 0 && len(t.Bays) != int(t.Capacity) {
			return fmt.Errorf("space type %s has %d bays and a capacity of %d", t.ID, len(t.Bays), t.Capacity)
		}
		for _, b := range t.Bays {
			switch {
			case b == "" || len(b) > wire.MaxBay || strings.TrimSpace(b) != b || strings.ContainsFunc(b, unicode.IsControl):
				return fmt.Errorf("space type %s: %q is not a bay's label of 1 to %d bytes", t.ID, b, wire.MaxBay)
			case bays[b]:
				return fmt.Errorf("bay %q is there twice", b)
			}
			bays[b] = true
		}
	}
	if len(types) > wire.MaxTypes || len(bays) > wire.MaxBays {
		return fmt.Errorf("there are %d space types and %d bays, at most %d and %d are possible", len(types), len(bays), wire.MaxTypes, wire.MaxBays)
	}
	return nil
}
