package lane

import (
	"flag"
	"fmt"
	"hash/maphash"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write STATES.md anew")

// drawn is how many steps from the start the diagram is drawn of, with the inputs of
// passages; four steps more add nothing to it.
const drawn = 10

// ways are the phases that one step leads to from another, with what does.
type ways map[[2]Phase]map[string]bool

func (w ways) walk(all []move, steps int) {
	now := time.Unix(1000, 0).UTC()
	seed, seen := maphash.MakeSeed(), map[uint64]struct{}{} // two that are taken for one are not worth a second seed
	frontier := []world{{State: New(quick(), false)}, {State: New(quick(), true)}}
	for range steps {
		var next []world
		for _, from := range frontier {
			for _, m := range all {
				to, at := from, now.Add(m.after)
				// What time alone does is not the input's doing: a lane is woken when it wants to be.
				if !w.step(&to, move{m.after, Input{Kind: Tick}}, at) || m.in.Kind != Tick && !w.step(&to, m, at) {
					continue // for the searches to say
				}
				c := to.canonical(at)
				k := maphash.Comparable(seed, c)
				if _, known := seen[k]; !known {
					seen[k] = struct{}{}
					next = append(next, c)
				}
			}
		}
		frontier = next
	}
}

// step takes a move and notes where it leads.
func (w ways) step(on *world, m move, at time.Time) bool {
	from := on.Phase
	if on.step(m, at) != nil {
		return false
	}
	if way := [2]Phase{from, on.Phase}; from != on.Phase {
		if w[way] == nil {
			w[way] = map[string]bool{}
		}
		w[way][cause(m)] = true
	}
	return true
}

// cause is a move in a few words.
func cause(m move) string {
	if m.in.Kind != Sensed {
		return map[InputKind]string{
			Tick: "time", Blinded: "board lost", Restarted: "board restarted", Presented: "credential", Attended: "staff",
			Admitted: "admitted", NotAdmitted: "not admitted", OpenFailed: "not opened", OpenInDoubt: "not surely opened", RaiseFailed: "not raised",
		}[m.in.Kind]
	}
	in := m.in.Inputs
	switch {
	case in.Arming == On && in.Safety == On:
		return "A and B"
	case in.Arming == On:
		return "A"
	case in.Safety == On:
		return "B"
	case in.ArmClosed == On:
		return "free, arm down"
	}
	return "free, arm up"
}

// diagram draws the ways.
func (w ways) diagram() string {
	text := "stateDiagram-v2\n    [*] --> idle\n"
	for _, from := range Phases() {
		for _, to := range Phases() {
			if causes := w[[2]Phase{from, to}]; causes != nil {
				text += fmt.Sprintf("    %s --> %s: %s\n", from, to, strings.Join(slices.Sorted(maps.Keys(causes)), " / "))
			}
		}
	}
	return text
}

func TestTheDiagramIsTheMachine(t *testing.T) {
	w := ways{}
	w.walk(themes()["passages"], drawn)
	want := "# Phases of a lane\n\nDrawn by `go test ./internal/lane -update` from what the machine does within ten steps of an ordinary lane. A is the\n" +
		"arming loop in front of the barrier, B the safety loop under its arm, where they are occupied. Commands, alarms,\n" +
		"unknown levels and lanes that lead the other way are not drawn; doc.go has the rules that hold in all of them.\n\n```mermaid\n" + w.diagram() + "```\n"
	if *update {
		if err := os.WriteFile("STATES.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("STATES.md")
	if err != nil || string(got) != want {
		t.Errorf("STATES.md is not the machine (%v): write it anew with -update", err)
	}
}
