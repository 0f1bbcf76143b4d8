package gatehouse

import (
	"slices"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// CommandNow is a command and whether a lane would take it, as far as its last word says.
type CommandNow struct {
	Command string `json:"command"`
	Allowed bool   `json:"allowed"`
	Why     string `json:"why,omitempty"`
}

// Lane is a lane as it was last told of.
type Lane struct {
	ID           id.Lane      `json:"id"`
	Label        string       `json:"label,omitempty"`         // that the owner has set
	Applied      string       `json:"applied_label,omitempty"` // that the lane says it has
	Direction    string       `json:"direction"`
	Reversible   bool         `json:"reversible"`
	Arm          string       `json:"arm"`
	Arming       string       `json:"arming"`
	Safety       string       `json:"safety"`
	Passage      *string      `json:"passage"`
	Linked       bool         `json:"linked"`
	HeldOpen     bool         `json:"held_open"`
	OutOfService bool         `json:"out_of_service"`
	Halted       bool         `json:"halted"`
	Alarm        bool         `json:"alarm"`
	Mode         string       `json:"mode"`
	Closed       bool         `json:"outside_hours,omitempty"`
	WaitingSince *time.Time   `json:"waiting_since,omitempty"`
	Display      string       `json:"display,omitempty"`
	Faults       []string     `json:"faults"`
	AsOf         *time.Time   `json:"as_of"`
	Commands     []CommandNow `json:"commands"`
}

var (
	arms       = [...]string{wire.ArmUnknown: "unknown", wire.ArmDown: "down", wire.ArmUp: "up", wire.ArmMoving: "moving", wire.ArmFault: "fault"}
	directions = [...]string{0: "unknown", wire.Inward: "entry", wire.Outward: "exit"}
	loops      = [...]string{wire.LoopClear: "clear", wire.LoopOccupied: "occupied", wire.LoopUnknown: "unknown"}
)

func loop(occupied, unknown bool) string {
	switch {
	case unknown:
		return "unknown"
	case occupied:
		return "occupied"
	default:
		return "clear"
	}
}

// Shown is a lane's status for people. against is why no command can be given at all:
// edge_away, edge_too_old, or empty.
func Shown(s wire.LaneStatus, at time.Time, against string) Lane {
	l := Lane{
		ID: s.Lane, Direction: directions[s.Direction], Reversible: s.Reversible, Arm: arms[s.Arm], Arming: loop(s.Arming, s.ArmingUnknown),
		Safety: loop(s.Safety, s.SafetyUnknown), Linked: s.Linked, HeldOpen: s.HeldOpen, OutOfService: s.OutOfService, Halted: s.Halted, Alarm: s.Alarm,
		Applied: s.Label, Closed: s.Closed, Mode: s.Mode, Display: s.Display, Faults: s.Faults, AsOf: &at, Commands: Commands(s, against),
	}
	if l.Mode == "" {
		l.Mode = "unknown"
	}
	if l.Faults == nil {
		l.Faults = []string{}
	}
	if s.Far != wire.NoLoop {
		l.Passage = &loops[s.Far]
	}
	if s.Waiting > 0 {
		since := time.UnixMilli(s.Waiting).UTC()
		l.WaitingSince = &since
	}
	return l
}

// names are the commands in the order in which they are shown.
var names = [...]string{
	"open", "hold_open", "let_go", "take_out", "put_back", "halt", "resume", "alarm", "reset", "turn",
	"mode_open", "mode_full", "mode_closed", "mode_closed_to_all", "count",
}

// Known reports whether a lane can be told that.
func Known(command string) bool {
	return slices.Contains(names[:], command)
}

// Commands says of each command whether the lane would take it. It is what the lane's
// own rule says (edge, package lane) of what the cloud has heard; the lane decides for
// itself when it gets the order.
func Commands(s wire.LaneStatus, against string) []CommandNow {
	out := make([]CommandNow, 0, len(names))
	for _, n := range names {
		why := against
		if why == "" {
			why = objection(s, n)
		}
		out = append(out, CommandNow{n, why == "", why})
	}
	return out
}

func objection(s wire.LaneStatus, command string) string {
	is := func(so bool) string {
		if so {
			return "already_so"
		}
		return ""
	}
	switch command {
	case "open":
		switch {
		case !s.Linked:
			return "lane_unlinked"
		case s.Passing:
			return "vehicle_passing"
		case s.Halted:
			return "lane_stopped"
		}
	case "hold_open":
		return is(s.HeldOpen)
	case "let_go":
		if !s.HeldOpen {
			return "already_so"
		}
		if !s.Alarm {
			return lowers(s)
		}
	case "take_out":
		return is(s.OutOfService)
	case "put_back":
		return is(!s.OutOfService && !faulty(s, "not_opening"))
	case "halt":
		return is(s.Halted)
	case "resume":
		return is(!s.Halted)
	case "alarm":
		return is(s.Alarm)
	case "reset":
		if !s.Alarm && !faulty(s, "fire") {
			return "already_so"
		}
		if s.Alarm && !s.HeldOpen {
			return lowers(s)
		}
	case "turn":
		switch {
		case !s.Reversible:
			return "not_reversible"
		case s.Passing, s.Safety, s.Arming, s.ArmingUnknown, s.Far != wire.LoopClear, s.Arm != wire.ArmDown && s.Arm != wire.ArmUnknown:
			return "lane_not_empty"
		}
	case "mode_open", "mode_full", "mode_closed", "mode_closed_to_all":
		return is("mode_"+s.Mode == command)
	}
	return ""
}

// lowers is why an arm must not be let down.
func lowers(s wire.LaneStatus) string {
	switch {
	case s.Halted, s.Arm == wire.ArmDown: // nothing moves
		return ""
	case !s.Linked:
		return "lane_unlinked"
	case s.SafetyUnknown:
		return "loop_unknown"
	case s.Safety:
		return "loop_occupied"
	}
	return ""
}

func faulty(s wire.LaneStatus, fault string) bool {
	return slices.Contains(s.Faults, fault)
}
