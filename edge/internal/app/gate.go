package app

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"sync/atomic"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/edge/internal/lane"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// boardWait bounds one command to the device.
const boardWait = 1500 * time.Millisecond

// sameRefusal is how long the same refused credential is not decided again: a
// reader reads a held code many times a second.
const sameRefusal = 2 * time.Second

// signal is what reaches a gate's loop: an event, or that the device came or
// went.
type signal struct {
	event     device.Event
	connected bool
	lost      bool
	order     *asked
	ticket    *ticketAsk
}

// gate is the loop of one lane.
type gate struct {
	parking    id.Parking
	lane       admission.Lane
	number     int // on the device
	zone       *time.Location
	reversible bool
	display    device.Display // or nil
	rec        *recorder
	device     func() device.Gates // nil while there is none
	log        *slog.Logger

	signals chan signal
	turned  atomic.Int64 // clock.Mono of the loop's last turn
	shown   atomic.Pointer[Lane]

	state   lane.State
	mode    admission.Mode
	keep    func(id.Lane, standing) error
	kept    standing
	asking  showing     // to be decided
	bound   *wire.Order // from afar, that it is decided for; nil: nothing of it ends
	overdue error       // that end came while the decision was written down: it has not opened
	current showing     // that is authorised
	refused showing     // the last one that was refused, at since
	since   time.Time
	guard   admission.Guard // against guessing of PINs
	sight   sighting        // the plate of who stands there, if it was read
	said    wire.Reason     // the newest verdict
	told    string          // what the driver reads
	waiting int64           // Unix milliseconds: the arming loop is occupied since; 0: it is not
	changed func()          // the lane looks otherwise than before
	set     string          // the mode that the owner has set last; empty: none
	label   string          // what he has set that people call it
	shut    bool            // outside the opening hours
}

// showing is what a driver did: show a credential, or press the button. The
// zero value is neither.
type showing struct {
	kind   lane.InputKind // Presented or Pressed
	medium device.Medium
	byHand bool       // somebody of the staff opens
	ticket id.Session // of a kiosk that asks for it, and prints it
	text   string     // of a credential; what cannot be read may be empty
}

// Lane is what a lane looks like, for people and for the cloud.
type Lane struct {
	Lane      id.Lane             `json:"lane"`
	Direction admission.Direction `json:"direction"`
	Phase     lane.Phase          `json:"phase"`
	Linked    bool                `json:"linked"`
	Arming    string              `json:"arming"`
	Safety    string              `json:"safety"`
	Arm       string              `json:"arm"`
	Faults    []string            `json:"faults"`
	Mode      string              `json:"mode"`
	Held      bool                `json:"held_open"`
	inputs    lane.Inputs
	wire      wire.LaneStatus
}

func newGate(l admission.Lane, number int) *gate {
	g := &gate{
		lane: l, number: number,
		signals: make(chan signal, 64), // a full one holds back the device's acknowledgements
		state:   lane.New(lane.Defaults(), l.Direction == admission.Exit),
	}
	g.show()
	return g
}

// run handles signals until ctx ends.
func (g *gate) run(ctx context.Context) error {
	beat := time.NewTicker(time.Second)
	defer beat.Stop()
	wake := time.NewTimer(time.Hour)
	defer wake.Stop()
	g.settle()
	for {
		g.turned.Store(int64(g.rec.clock.Mono()))
		if at, ok := g.state.Wake(); ok {
			wake.Reset(time.Until(at))
		} else {
			wake.Stop()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-beat.C: // shows that the loop turns, too
			g.settle()
		case <-wake.C:
			g.step(ctx, lane.Input{Kind: lane.Tick})
		case s := <-g.signals:
			g.signal(ctx, s)
		}
		g.remember()
	}
}

func (g *gate) signal(ctx context.Context, s signal) {
	switch {
	case s.order != nil:
		s.order.done <- g.obey(ctx, s.order.Order, s.order.from)
	case s.ticket != nil:
		s.ticket.done <- g.handOut(ctx, s.ticket.session)
	case s.lost:
		g.step(ctx, lane.Input{Kind: lane.Blinded})
	case s.connected:
		g.sample(ctx)
	case s.event.Kind == device.Changed:
		g.step(ctx, lane.Input{Kind: lane.Sensed, Inputs: s.event.Inputs})
	case s.event.Kind == device.Restarted:
		g.step(ctx, lane.Input{Kind: lane.Restarted})
		g.sample(ctx)
	case s.event.Kind == device.Pressed:
		g.present(ctx, showing{kind: lane.Pressed})
	case s.event.Kind == device.Credential:
		g.present(ctx, showing{kind: lane.Presented, medium: s.event.Medium, text: strings.TrimSpace(s.event.Text)})
	case s.event.Kind == device.Fault:
		g.log.Warn("the device reports a fault", "lane", g.lane.ID, "fault", s.event.Text)
	}
}

func (g *gate) present(ctx context.Context, s showing) {
	switch {
	case g.state.Authorised() && s == g.current && s.kind == lane.Presented:
		return // the same code again, while its own car is passing
	case g.state.Waiting() && (s.kind == lane.Pressed || s.text == ""):
		return // the next driver has shown something already
	case s == g.refused && time.Since(g.since) < sameRefusal:
		return
	}
	g.asking = s
	g.step(ctx, lane.Input{Kind: s.kind})
}

// step feeds the machine and carries out what it wants, in order. An effect may
// feed it again.
func (g *gate) step(ctx context.Context, in lane.Input) {
	var effects []lane.Effect
	before := g.state.Inputs.Arming
	g.state, effects = lane.Step(g.state, in, time.Now())
	g.leaves(before)
	for _, e := range effects {
		g.effect(ctx, e)
	}
	g.show()
}

func (g *gate) effect(ctx context.Context, e lane.Effect) {
	var err error
	switch e.Kind {
	case lane.Decide:
		g.decide(ctx)
	case lane.Raise:
		if err = g.command(ctx, device.Gates.Open); err != nil {
			g.step(ctx, lane.Input{Kind: lane.RaiseFailed})
		}
	case lane.Closed:
		g.refused, g.since = g.asking, time.Now()
		g.tell(ctx, admission.LaneClosed(g.lane), "", false)
	case lane.Stray:
		err = errors.Join(g.rec.fault(g.lane.ID, e.Fault, false), g.strayed(e.Fault, e.Backward))
	case lane.Unsure:
		err = g.rec.fault(g.lane.ID, "passage_unsure", false)
	case lane.CannotTurn: // obey says so
	case lane.DriveUp:
		g.tell(ctx, admission.DriveUp(g.lane.Language), "", false)
	case lane.Open:
		if err = g.command(ctx, device.Gates.Open); err != nil {
			g.step(ctx, lane.Input{Kind: notOpened(err)})
		}
	case lane.Close:
		err = g.command(ctx, device.Gates.Close)
	case lane.Sample:
		g.sample(ctx)
	case lane.Passed:
		err = g.rec.ended(e.Session, true, e.Inferred)
		g.current = showing{}
	case lane.BackedOut:
		err = g.rec.ended(e.Session, false, false)
		g.current = showing{}
	case lane.FaultSet, lane.FaultOver:
		err = g.rec.fault(g.lane.ID, e.Fault, e.Kind == lane.FaultOver)
	}
	if err != nil {
		g.log.Error("a lane's effect was not carried out", "lane", g.lane.ID, "effect", int(e.Kind), "err", err)
	}
}

// notOpened is what an error of Open tells the lane.
func notOpened(err error) lane.InputKind {
	if errors.Is(err, device.ErrNotAsked) {
		return lane.OpenFailed
	}
	return lane.OpenInDoubt
}

// decide asks admission, journals the verdict and only then lets the machine
// open.
func (g *gate) decide(ctx context.Context) {
	credential := admission.Credential{Kind: admission.Button}
	if g.asking.kind != lane.Pressed {
		credential = g.rec.read(g.asking.medium, g.asking.text)
	}
	if g.asking.byHand {
		credential = admission.Credential{Kind: admission.Manual}
	}
	mono := g.rec.clock.Mono()
	req := admission.Request{
		Parking: g.parking, Lane: g.lane, Mode: g.mode, Credential: credential, Zone: g.zone,
		Online: g.rec.online(), Blocked: g.guard.Blocks(mono),
		Fresh: id.New[id.Session](g.rec.clock.Now().Wall),
	}
	if !g.asking.ticket.IsZero() {
		req.Fresh = g.asking.ticket
	}
	var v admission.Verdict
	began := time.Now()
	_, err := g.rec.record(func(s *admission.State, now admission.Time) []admission.Fact {
		req.Now = now
		v = admission.Decide(s, req).Seen(g.sighted())
		return []admission.Fact{v.Fact}
	})
	if g.overdue = g.late(g.bound); g.overdue != nil { // the disk has taken its time
		if err == nil && v.Opens() {
			err = g.rec.ended(v.Fact.Event.Session, false, false)
		}
		if err != nil {
			g.log.Error("that an order came too late to open could not be journalled", "lane", g.lane.ID, "err", err)
		}
		g.step(ctx, lane.Input{Kind: lane.NotAdmitted})
		return
	}
	if err != nil {
		g.log.Error("a decision could not be journalled", "lane", g.lane.ID, "err", err)
		v = g.unjournalled(req)
	}
	g.guard.Note(credential.Kind, v.Reason, mono)
	g.said = v.Reason
	if !g.asking.ticket.IsZero() {
		v.Ticket = "" // the kiosk prints it
	}
	g.rec.metrics.Decided(string(g.lane.ID), string(v.Reason), time.Since(began))
	g.log.Info("decided", "lane", g.lane.ID, "reason", string(v.Reason), "session_id", v.Fact.Event.Session.String(), "reservation_id", v.Fact.Event.Reservation.String())
	if !v.Opens() {
		g.sees(credential)
		g.refused, g.since = g.asking, time.Now()
		g.step(ctx, lane.Input{Kind: lane.NotAdmitted})
		g.tell(ctx, v.Sentence, "", false)
		return
	}
	g.current, g.sight = g.asking, sighting{}
	// The machine opens first; the driver is told while the arm goes up.
	g.step(ctx, lane.Input{Kind: lane.Admitted, Session: v.Fact.Event.Session})
	g.tell(ctx, v.Sentence, v.Ticket, true)
}

// unjournalled is the verdict when the disk is broken or full. An exit opens all
// the same: nobody is trapped by it. Nobody comes in, because nothing could be
// proved later.
func (g *gate) unjournalled(req admission.Request) admission.Verdict {
	if g.lane.Direction == admission.Entry {
		return admission.NotJournalled(g.lane)
	}
	return g.rec.releaseUnwritten(req)
}

// tell shows a sentence and a light. Neither is worth a retry.
func (g *gate) tell(ctx context.Context, text, ticket string, green bool) {
	g.told = text
	if g.display != nil {
		g.display.Show(text)
	}
	for _, show := range []func(device.Gates, context.Context, int) error{
		func(d device.Gates, ctx context.Context, n int) error { return d.Light(ctx, n, green, 3*time.Second) },
		func(d device.Gates, ctx context.Context, n int) error { return d.Present(ctx, n, text, ticket) },
	} {
		if err := g.command(ctx, show); err != nil { // a gate without a printer has a light all the same
			g.log.Warn("the driver could not be told", "lane", g.lane.ID, "err", err)
		}
	}
}

// sample reads the inputs. What the device has reported and the loop has not yet
// handled may be newer than its last step: then they are no reason to let the arm down.
func (g *gate) sample(ctx context.Context) {
	var in lane.Inputs
	err := g.command(ctx, func(d device.Gates, ctx context.Context, n int) (err error) {
		in, err = d.Inputs(ctx, n)
		return err
	})
	if err != nil {
		g.log.Warn("the inputs could not be read", "lane", g.lane.ID, "err", err)
		g.step(ctx, lane.Input{Kind: lane.Blinded})
		return
	}
	g.step(ctx, lane.Input{Kind: lane.Sensed, Inputs: in, Asked: len(g.signals) == 0})
}

func (g *gate) command(ctx context.Context, do func(device.Gates, context.Context, int) error) error {
	d := g.device()
	if d == nil {
		return errNoDevice
	}
	ctx, cancel := context.WithTimeout(ctx, boardWait)
	defer cancel()
	return do(d, ctx, g.number)
}

// show publishes what the lane looks like.
func (g *gate) show() {
	in := g.state.Inputs
	w := g.status()
	l := Lane{
		Lane: g.lane.ID, Direction: g.lane.Direction, Phase: g.state.Phase, Faults: g.state.Faults(),
		Mode: g.mode.String(), Held: g.state.Held(), Linked: w.Linked, Arming: level(in.Arming), Safety: level(in.Safety), inputs: in,
		Arm: arms[w.Arm], wire: w,
	}
	before := g.shown.Swap(&l)
	if g.changed != nil && (before == nil || !reflect.DeepEqual(before.wire, w)) {
		g.changed()
	}
}

// arms are the states of an arm in words.
var arms = map[wire.ArmState]string{wire.ArmUnknown: "unknown", wire.ArmDown: "down", wire.ArmUp: "up", wire.ArmMoving: "moving", wire.ArmFault: "fault"}

// status is the lane as the cloud sees it.
func (g *gate) status() wire.LaneStatus {
	s, in := g.state, g.state.Inputs
	switch {
	case in.Arming != lane.On:
		g.waiting = 0
		if !s.Authorised() {
			g.told = ""
		}
	case g.waiting == 0 && g.rec != nil:
		g.waiting = g.rec.clock.Now().Wall.UnixMilli()
	}
	w := wire.LaneStatus{
		Lane: g.lane.ID, Linked: in != lane.Inputs{}, Arming: in.Arming == lane.On, ArmingUnknown: in.Arming == lane.Unknown,
		Safety: in.Safety != lane.Off, SafetyUnknown: in.Safety == lane.Unknown, HeldOpen: s.HeldOpen(), OutOfService: s.OutOfService(), Halted: s.Halted(),
		Alarm: s.Alarmed(), Mode: g.mode.String(), Faults: s.Faults(), Display: g.told, Waiting: g.waiting, Direction: wire.Inward,
		Reversible: s.Reversible(), Passing: s.Authorised(), Arm: armOf(in),
		Label: g.label, Closed: g.shut && g.lane.Direction == admission.Entry,
	}
	if len(w.Display) > wire.MaxText {
		w.Display = strings.ToValidUTF8(w.Display[:wire.MaxText], "")
	}
	if g.lane.Direction == admission.Exit {
		w.Direction = wire.Outward
	}
	if s.Reversible() { // the others have no loop behind the barrier
		w.Far = map[lane.Level]wire.LoopState{lane.On: wire.LoopOccupied, lane.Off: wire.LoopClear, lane.Unknown: wire.LoopUnknown}[in.Far]
	}
	return w
}

func armOf(in lane.Inputs) wire.ArmState {
	switch {
	case in.ArmOpen == lane.On && in.ArmClosed == lane.On:
		return wire.ArmFault
	case in.ArmClosed == lane.On:
		return wire.ArmDown
	case in.ArmOpen == lane.On:
		return wire.ArmUp
	case in.ArmOpen == lane.Off && in.ArmClosed == lane.Off:
		return wire.ArmMoving
	default:
		return wire.ArmUnknown
	}
}

// How a loop is shown.
const (
	occupied = "occupied"
	free     = "free"
)

func level(l lane.Level) string {
	switch l {
	case lane.On:
		return occupied
	case lane.Off:
		return free
	default:
		return "unknown"
	}
}
