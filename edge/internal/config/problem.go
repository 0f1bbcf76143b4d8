package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity says what a problem means.
type Severity string

// The severities. With an Error the agent does not start.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Code names a kind of problem; codes are never renamed.
type Code string

// The codes of what the file alone shows.
const (
	CodeSyntax     Code = "syntax"            // not YAML, or too large
	CodeUnknownKey Code = "unknown_key"       // nothing has this name
	CodeTwice      Code = "duplicate_key"     // a key is there twice
	CodeMissing    Code = "missing"           // a key is needed
	CodeType       Code = "wrong_type"        // a list where a text belongs, and the like
	CodeValue      Code = "bad_value"         // the value cannot be
	CodeDuplicate  Code = "duplicate_id"      // two things have one id
	CodeReference  Code = "unknown_reference" // an id that nothing has
	CodeGateTwice  Code = "gate_twice"        // two lanes on one gate
	CodeLineTwice  Code = "line_twice"        // two gates on one GPIO line
	CodePortTwice  Code = "port_twice"        // two devices on one port
	CodeShared     Code = "shared"            // a reader or display at two lanes
	CodeUnused     Code = "unused"            // a gate, reader or display without a lane
	CodeWiring     Code = "wiring"            // a wiring that is not safe or cannot be
	CodePulse      Code = "pulse_range"       // a pulse that is too short or too long
	CodeNoOpen     Code = "no_open"           // a gate that cannot be asked to open
	CodeBlind      Code = "blind_lane"        // a lane without loops
	CodeNoSafety   Code = "no_safety"         // a gate without a safety loop
	CodeReversible Code = "reversible"        // a reversible lane that cannot see both its sides
	CodeNoArming   Code = "no_arming"         // an entry without an arming loop
	CodeNoFire     Code = "no_fire"           // a gate without a fire input
	CodeSimulated  Code = "simulated"         // devices that are not there
	CodePlain      Code = "plain_http"        // a token that crosses a network unencrypted
)

// Problem is one thing that is wrong.
type Problem struct {
	File     string   `json:"file,omitempty"`
	Line     int      `json:"line,omitempty"` // from 1; 0: nowhere in a file
	Key      string   `json:"key,omitempty"`  // such as lanes[0].gate.device, or a flag
	Severity Severity `json:"severity"`
	Code     Code     `json:"code"`
	Text     string   `json:"text"`          // what is wrong
	Fix      string   `json:"fix,omitempty"` // what would be right
}

// String is one line for people.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		}
		b.WriteString(": ")
	}
	if p.Severity == Warning {
		b.WriteString("warning: ")
	}
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.Text)
	if p.Fix != "" {
		b.WriteString(" " + p.Fix)
	}
	fmt.Fprintf(&b, " [%s]", p.Code)
	return b.String()
}

// Problems is an error if one of them is.
type Problems []Problem

// Error is a line for each.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

// Errors are those that keep the agent from starting.
func (p Problems) Errors() Problems {
	return slices.DeleteFunc(slices.Clone(p), func(one Problem) bool { return one.Severity != Error })
}

// sorted puts them in the file's order, each once.
func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Key, b.Key))
	})
	return slices.Compact(p)
}
