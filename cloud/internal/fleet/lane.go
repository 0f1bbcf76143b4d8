package fleet

import (
	"fmt"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/protocol/wire"
)

// ClassLane is the class of incident that a lane has told of: a vehicle that nobody
// let through, a barrier that does not do what it is told, an alarm, or that the staff
// took a lane out of service.
const ClassLane = "lane"

// ClassCount is the class of incident that somebody of the staff has counted who is
// inside, with what was corrected by it: there was no vehicle that passed.
const ClassCount = "count"

// laneSays are the faults that somebody at the parking has to know of, with what has
// been settled about them already. Others come and go by themselves, and when one is
// over nobody has to be told.
var laneSays = map[string]string{
	"tailgate":           "a vehicle followed another that was let through; it was let pass, and counted",
	"wrong_way":          "a vehicle passed against the lane's direction; it was counted",
	"unexpected_passage": "a vehicle passed that nobody let through; it was counted",
	"passage_unsure":     "a vehicle may have passed; the count is one more or less",
	"arm_was_up":         "the arm was up while nobody watched; the count is not sure any more",
	"not_opening":        "the barrier does not open",
	"not_closing":        "the barrier does not close; whoever passes is counted",
	"obstructed":         "something has stood under the arm for long; it stays up",
	"sensor_fault":       "the limit switches contradict each other; the lane closes no more",
	"fire":               "a fire alarm; the barrier stays open until somebody resets it",
}

// laneFault puts on record what a lane tells of.
func laneFault(w *commit.Work, e *wire.Event, now time.Time) {
	if says, ok := laneSays[e.Note]; ok {
		raise(w, ClassLane, e, fmt.Sprintf("%s: %s: %s", e.Lane, e.Note, says), now)
	}
}

// commanded puts on record that the staff had a lane stop serving, or all of it stand
// open, and that they counted. Other commands are daily work: they are listed, with who
// and why.
func commanded(w *commit.Work, e *wire.Event, now time.Time) {
	class, did := ClassLane, e.Note
	switch was, n, counted := wire.ParseCountNote(e.Note); {
	case counted && was < 0: // an edge that did not say it yet
		class, did = ClassCount, fmt.Sprintf("%d inside were counted", n)
	case counted:
		class, did = ClassCount, fmt.Sprintf("%d inside were counted, where %d were known", n, was)
	case e.Note != "alarm" && e.Note != "halt" && e.Note != "take_out":
		return
	}
	said := []string{fmt.Sprintf("%s: %s, by %s", e.Lane, did, e.By)}
	if e.Why != "" {
		said = append(said, e.Why)
	}
	raise(w, class, e, strings.Join(said, ": "), now)
}

// corrects reports whether an event is no passage but what a count corrected. It
// changes what is inside as a passage does, and no incident tells of it: the count's
// does.
func corrects(e *wire.Event) bool {
	_, _, counted := wire.ParseCountNote(e.Note)
	return passage(e) && counted
}
