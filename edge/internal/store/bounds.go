package store

import (
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/wire"
)

// DefaultLimit is what a store may take of an SD card: with some 600 bytes for
// an event in both copies, a hundred thousand passages without the cloud.
const DefaultLimit = 256 << 20

// Level says what a store still takes. What tells of money or of a passage is
// taken at every level, as long as the disk does.
type Level string

// The levels of a store.
const (
	Roomy      Level = "ok"
	NearlyFull Level = "nearly_full" // no telemetry: time marks and faults
	Full       Level = "full"        // nobody is let in, either, and refusals are not noted
)

// What a store answers that is nearly full, or full.
var (
	ErrNearlyFull = fault.New(fault.Unavailable, "store_nearly_full", "The store is nearly full. Time marks and faults are not recorded until the cloud has taken what waits.")
	ErrNoRoom     = fault.New(fault.Unavailable, "store_no_room", "The disk has no room for the reservations that the cloud has sent. Those that are there stay.")
	ErrFull       = fault.New(fault.Unavailable, "store_full", "The store is full. Entries refuse and exits open until the cloud has taken what waits.")
)

// nearAt is the share of the limit at which telemetry is no longer taken.
const nearAt = 0.9

// level is what is taken now; s.mu is held. While bbolt takes nothing, the logs
// are all the room there is.
func (s *Store) level() Level {
	left := false // for those who are inside
	if s.trouble.log != nil || s.trouble.bolt != nil {
		if s.spare != nil {
			left = s.spare.filled() >= 0.5
		} else {
			left = s.wal.filled() >= 0.75
		}
	}
	switch {
	case s.trouble.full || left:
		return Full
	case s.trouble.near || s.trouble.bolt != nil:
		return NearlyFull
	default:
		return Roomy
	}
}

// takes says whether facts are recorded at the store's level; s.mu is held.
func (s *Store) takes(facts []admission.Fact) error {
	l := s.level()
	if l == Roomy {
		return nil
	}
	only := true // telemetry
	for _, f := range facts {
		switch f.Event.Kind {
		case wire.TimeMark, wire.LaneFault:
		case wire.Refused:
			only = only && l == Full
		case wire.Admitted:
			if l == Full {
				return ErrFull
			}
			only = false
		default: // money, and whoever comes in or goes out
			only = false
		}
	}
	switch {
	case !only:
		return nil
	case l == Full:
		return ErrFull
	default:
		return ErrNearlyFull
	}
}

// measure notes how much of the limit is in use. s.settling is held.
func (s *Store) measure() {
	s.mu.Lock()
	db := s.db
	s.mu.Unlock()
	used := int64(0)
	_ = view(db, func(tx *bbolt.Tx) error { // when it fails, settling does, too
		st := db.Stats()
		used = tx.Size() - int64(st.FreePageN+st.PendingPageN)*int64(db.Info().PageSize)
		return nil
	})
	if names, err := filepath.Glob(globSafe(unsentPrefix(s.path)) + "*"); err == nil {
		for _, n := range append(names, statePath(s.path), walPath(s.path), sparePath(s.path)) {
			if info, err := os.Stat(n); err == nil {
				used += info.Size()
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble.used = used
	s.trouble.full, s.trouble.near = used >= s.o.limit, float64(used) >= nearAt*float64(s.o.limit)
}
