package gatehouse

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// CallsWithin is how old a call for help may be and still be shown: a machine ends each
// that nobody touches after some minutes, and one whose end is not told by then has lost
// its edge, which is an alarm of its own.
const CallsWithin = 2 * time.Hour

// HelpSaid is what a machine's journal says of calls for help.
type HelpSaid struct {
	Parking id.Parking
	Lane    id.Lane
	Note    string // wire.HelpWanted, HelpNoAnswer or HelpOver
	At      time.Time
}

// HelpNoticed is that somebody has seen a call, and the machine has been told.
type HelpNoticed struct {
	Parking id.Parking
	Lane    id.Lane
	By      string
	At      time.Time
}

// Call is somebody at a machine who needs help.
type Call struct {
	Parking    id.Parking
	Lane       id.Lane
	At         time.Time
	Unanswered bool
	NoticedBy  string
}

// Calls are the calls that stand. said is in the order of the journals.
func Calls(said []HelpSaid, noticed []HelpNoticed) []Call {
	type at struct {
		p id.Parking
		l id.Lane
	}
	open := map[at]Call{}
	for _, s := range said {
		k := at{s.Parking, s.Lane}
		c, is := open[k]
		switch s.Note {
		case wire.HelpWanted:
			open[k] = Call{Parking: s.Parking, Lane: s.Lane, At: s.At}
		case wire.HelpNoAnswer:
			if c.Unanswered = true; is {
				open[k] = c
			}
		case wire.HelpOver:
			delete(open, k)
		}
	}
	out := []Call{}
	for k, c := range open {
		for _, n := range noticed {
			if n.Parking == k.p && n.Lane == k.l && !n.At.Before(c.At.Add(-time.Minute)) { // the two clocks differ
				c.NoticedBy = n.By
			}
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Call) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Parking, b.Parking), cmp.Compare(a.Lane, b.Lane))
	})
	return out
}

// todo is a call as something to be looked at.
func (c Call) todo() Todo {
	t := Todo{
		ID: fmt.Sprintf("help:%s:%s:%d", c.Parking, c.Lane, c.At.UnixMilli()), Parking: c.Parking, Kind: "help", Level: "wrong", Code: "help", At: c.At, Lane: c.Lane,
		Detail: fmt.Sprintf("%s: somebody calls for help.", c.Lane),
	}
	switch {
	case c.NoticedBy != "":
		t.Level, t.Code, t.Detail = "info", "help_noticed", fmt.Sprintf("%s: somebody called for help; %s has seen it.", c.Lane, c.NoticedBy)
	case c.Unanswered:
		t.Code, t.Detail = "help_no_answer", fmt.Sprintf("%s: somebody calls for help, and nobody has answered.", c.Lane)
	}
	return t
}
