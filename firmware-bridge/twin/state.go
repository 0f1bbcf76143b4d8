package twin

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/openlot/openlot/firmware-bridge/board"
)

const (
	publishEvery = 40 * time.Millisecond
	linkLost     = 5 * time.Second // of the host's silence
	shownInside  = 100
)

// State is what an onlooker sees of a twin.
type State struct {
	Board  string      `json:"board"`
	Boot   uint32      `json:"boot"`
	Speed  float64     `json:"speed"`
	Now    int64       `json:"now_us"`
	Host   bool        `json:"host"` // a host has been heard in the last seconds
	Gates  []GateState `json:"gates"`
	Inside []Inside    `json:"inside"` // the latest
	Count  int         `json:"inside_count"`
	Recent []Vehicle   `json:"recent"` // the latest visits that are over
}

// GateState is one gate.
type GateState struct {
	Name        string     `json:"name"`
	Kind        string     `json:"kind"`      // entry or exit
	Arm         float64    `json:"arm"`       // 0 down, 1 up
	ArmSpeed    float64    `json:"arm_speed"` // per second
	Arming      bool       `json:"arming"`
	Safety      bool       `json:"safety"`
	SafetyFault bool       `json:"safety_fault"`
	Fire        bool       `json:"fire"`
	Outputs     []string   `json:"outputs"`        // that are on
	Opens       uint64     `json:"open_commands"`  // accepted so far
	Closes      uint64     `json:"close_commands"` // accepted so far
	Display     string     `json:"display"`
	Queue       int        `json:"queue"`
	Cars        []CarState `json:"cars"`
}

// CarState is a car in a lane: metres from the arming loop's near edge.
type CarState struct {
	ID    string  `json:"id"`
	Plate string  `json:"plate"`
	X     float64 `json:"x"`
	Speed float64 `json:"speed"` // metres per second
}

// state draws the twin as it is now. Call it in the loop.
func (t *Twin) state() State {
	inside := t.vehicles.inside
	s := State{
		Board: t.cfg.Name, Boot: t.board.Boot(), Speed: t.cfg.Speed, Now: t.now.Microseconds(),
		Host:   t.greeted && t.now-t.heard < linkLost,
		Inside: append([]Inside{}, inside[max(0, len(inside)-shownInside):]...),
		Count:  len(inside), Recent: t.vehicles.recent(),
	}
	for _, g := range t.gates {
		p, in := g.lane.Picture(t.now), g.lane.Inputs()
		gs := GateState{
			Name: g.Name, Kind: "entry", Arm: round(p.Arm), ArmSpeed: round(p.ArmSpeed),
			Arming: in.Has(board.Arming), Safety: in.Has(board.Safety), SafetyFault: g.safetyFault, Fire: g.fire,
			Outputs: []string{}, Opens: g.accepted[board.Open], Closes: g.accepted[board.Close], Display: p.Text, Queue: p.Queue, Cars: []CarState{},
		}
		if g.Exit {
			gs.Kind = "exit"
		}
		for o := range board.Output(board.Outputs) {
			if on, _ := t.board.Output(g.index, o); on {
				gs.Outputs = append(gs.Outputs, o.String())
			}
		}
		for _, c := range p.Cars {
			cs := CarState{ID: vehicleID(c.ID), X: round(c.X), Speed: round(c.Speed)}
			if v, ok := t.vehicles.byNumber[c.ID]; ok {
				cs.Plate = v.Plate
			}
			gs.Cars = append(gs.Cars, cs)
		}
		s.Gates = append(s.Gates, gs)
	}
	return s
}

func round(f float64) float64 { return math.Round(f*1000) / 1000 }

func vehicleID(n uint64) string { return "veh_" + strconv.FormatUint(n, 10) }

func vehicleNumber(id string) (uint64, bool) {
	n, err := strconv.ParseUint(strings.TrimPrefix(id, "veh_"), 10, 64)
	return n, err == nil && vehicleID(n) == id
}

func defaultPlate(n uint64) string { return fmt.Sprintf("DD-OL %d", 100+n%900) }

// watchers get the state when it has changed, the latest one only. They belong
// to the loop.
type watchers struct {
	all   map[chan []byte]struct{}
	dirty bool
	next  time.Duration // not before
}

func (w *watchers) touch() { w.dirty = true }

func (w *watchers) wake() time.Duration {
	if w.dirty && len(w.all) > 0 {
		return w.next
	}
	return math.MaxInt64
}

func (w *watchers) publish(now time.Duration, state func() State) {
	if !w.dirty || len(w.all) == 0 || now < w.next {
		return
	}
	w.dirty, w.next = false, now+publishEvery
	b, err := json.Marshal(state())
	if err != nil {
		return
	}
	for ch := range w.all {
		select { // replace what a slow watcher has not taken
		case <-ch:
		default:
		}
		ch <- b
	}
}

func (w *watchers) add() chan []byte {
	ch := make(chan []byte, 1)
	w.all[ch] = struct{}{}
	w.dirty = true
	return ch
}

func (w *watchers) remove(ch chan []byte) { delete(w.all, ch) }

func (w *watchers) closeAll() {
	for ch := range w.all {
		close(ch)
	}
	clear(w.all)
}
