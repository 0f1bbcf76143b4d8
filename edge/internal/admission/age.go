package admission

import (
	"slices"
	"time"

	"github.com/openlot/openlot/protocol/wire"
)

// Mode is how far a lane is open. It concerns entries: whoever leaves is let out
// in each.
type Mode uint8

// The modes of a lane.
const (
	Open        Mode = iota
	Full             // no walk-ins: there is no room
	Closed           // no walk-ins; who has reserved comes in
	ClosedToAll      // nobody comes in
)

// modes are the modes as people write them.
var modes = [...]string{Open: "open", Full: "full", Closed: "closed", ClosedToAll: "closed_to_all"}

// String is the mode as people write it.
func (m Mode) String() string { return modes[m] }

// ParseMode reads a mode.
func ParseMode(text string) (m Mode, ok bool) {
	i := slices.Index(modes[:], text)
	return Mode(max(i, 0)), i >= 0
}

// age is how long this edge has not heard from its cloud, at the least. Where that
// is not known it is nothing: doubt speaks for who has paid.
func (s *State) age(r Request) time.Duration {
	if r.Online || s.Heard == 0 {
		return 0
	}
	return max(r.Now.Lo.Sub(time.UnixMilli(s.Heard)), 0)
}

// may reports whether something is allowed at the age of the cache.
func (s *State) may(what wire.Allow, r Request) bool {
	stages := s.Policy.Stages
	if len(stages) == 0 {
		stages = wire.DefaultStages()
	}
	age, allowed := s.age(r), wire.Allow(0)
	for _, g := range stages {
		if age >= time.Duration(g.After)*time.Second {
			allowed = g.Allow
		}
	}
	return allowed&what == what
}
