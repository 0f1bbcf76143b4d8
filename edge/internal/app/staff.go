package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/lane"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// StaffSocket is the name of the socket in the data directory on which staff command
// the lanes. Who may write to it is the file's mode: there is no other way in.
const StaffSocket = "staff.sock"

// Fault codes of orders.
const (
	CodeOrderInvalid = "order_invalid"
	CodeUnknownLane  = "lane_unknown"
	CodeCountFarOff  = "count_far_off" // from what is known; see farOff
	CodeNotNow       = "order_not_now" // the lane is not in a state for it
)

// Order is what somebody of the staff wants of a lane.
type Order struct {
	Lane    id.Lane `json:"lane"`
	Command string  `json:"command"`         // open, count, mode_…, or one of Commands
	Count   *int    `json:"count,omitempty"` // how many are inside, with the command count
	By      string  `json:"by"`
	Why     string  `json:"why"`
}

// commands are the lane's, by what people write.
var commands = map[string]lane.Command{
	"hold_open": lane.HoldOpen, "let_go": lane.LetGo, "alarm": lane.Alarm, "reset": lane.Reset,
	"halt": lane.Halt, "resume": lane.Resume, "take_out": lane.TakeOut, "put_back": lane.PutBack, "turn": lane.Turn,
}

// Commands lists what can be commanded.
func Commands() []string {
	out := []string{"open", "count"}
	for name := range commands {
		out = append(out, name)
	}
	for _, m := range []admission.Mode{admission.Open, admission.Full, admission.Closed, admission.ClosedToAll} {
		out = append(out, "mode_"+m.String())
	}
	slices.Sort(out)
	return out
}

// check refuses an order that says too little.
func (o Order) check() error {
	bad := func(field, says string) error {
		return fault.New(fault.Invalid, CodeOrderInvalid, "The order cannot be carried out as it is.").WithField(field, says)
	}
	const longest = 128
	switch {
	case !slices.Contains(Commands(), o.Command):
		return bad("command", "is none of "+strings.Join(Commands(), ", "))
	case o.By == "" || len(o.By) > longest:
		return bad("by", "says who commands it, in at most 128 bytes")
	case o.Why == "" || len(o.Why) > longest:
		return bad("why", "says what for, in at most 128 bytes")
	case (o.Count != nil) != (o.Command == "count") || o.Count != nil && (*o.Count < 0 || *o.Count > 100_000):
		return bad("count", "is how many are inside, from 0 to 100000; it goes with the command count, and with no other")
	}
	return nil
}

// Done is what became of an order that was carried out.
type Done struct {
	Count *Counted `json:"count,omitempty"` // of the command count
}

// Counted is how many were known to be inside before and after a count, and how many
// of them have reservations, which a count does not end.
type Counted struct {
	Was      int `json:"was"`
	Is       int `json:"is"`
	Reserved int `json:"reserved"`
}

type asked struct {
	Order
	from *wire.Order // nil: given at the machine
	done chan outcome
}

type outcome struct {
	Done
	err error
}

// farOff is how far a count may be from what is known. Each vehicle of the difference
// is an event that the cloud counts and sells by, so that a digit too many must not
// fill a parking.
const farOff = 250

// refusal is a fault with what is written down about it.
type refusal struct {
	*fault.Fault
	why string // a code
}

// Unwrap makes it found as the fault that it is.
func (r refusal) Unwrap() error { return r.Fault }

func notNow(why, says string) error {
	return refusal{fault.New(fault.Conflict, CodeNotNow, says), why}
}

// objections are in words what a lane objects.
var objections = map[string]string{
	lane.ObjectOccupied: "Something stands on the loop under the arm: it stays up. Say it again when that has left.",
	lane.ObjectUnknown:  "The loop under the arm gives no answer: the arm stays up, since it is never moved over what cannot be seen.",
	lane.ObjectPassing:  "A vehicle is passing just now.",
	lane.ObjectUnlinked: "The lane's board gives no answer.",
	lane.ObjectStopped:  "The lane does not open: it is stopped.",
	lane.ObjectOneWay:   "The lane leads one way only: it leads as before.",
	lane.ObjectNotEmpty: "The lane is not empty with its arm down: it leads as before.",
	lane.ObjectFire:     "The fire input is still active.",
}

// objects is why a lane will not do something now, or nil.
func (g *gate) objects(o Order) error {
	why := ""
	if command, ofLane := commands[o.Command]; ofLane {
		why = g.state.Objection(command)
	} else if o.Command == "open" {
		why = g.state.ToOpening()
	}
	if why == "" {
		return nil
	}
	return notNow(why, objections[why])
}

// event is the journal's word of an order.
func (g *gate) event(o Order, from *wire.Order, note, code string) wire.Event {
	e := wire.Event{Kind: wire.Commanded, Lane: g.lane.ID, Note: note, By: o.By, Why: o.Why}
	if from != nil {
		e.Order, e.Code = from.ID, code
	}
	return e
}

// obey carries an order out, or puts on record that the lane would not. It is the one
// way for all orders, from wherever they come.
func (g *gate) obey(ctx context.Context, o Order, from *wire.Order) outcome {
	done, err := g.carryOut(ctx, o, from)
	return outcome{done, err}
}

// refuse puts on record that an order was journalled and then not carried out.
func (g *gate) refuse(o Order, from *wire.Order, why string) {
	_, err := g.rec.record(func(*admission.State, admission.Time) []admission.Fact {
		return []admission.Fact{{Event: g.event(o, from, o.Command+wire.NoteRefused, why)}}
	})
	if err != nil {
		g.log.Error("that an order was refused could not be journalled", "lane", g.lane.ID, "command", o.Command, "err", err)
	}
}

// carryOut journals an order, or that it is refused, and then does it.
func (g *gate) carryOut(ctx context.Context, o Order, from *wire.Order) (done Done, err error) {
	note := o.Command
	var against error
	_, err = g.rec.record(func(s *admission.State, now admission.Time) []admission.Fact {
		if against = g.timely(s, from, now); errors.Is(against, errHad) {
			return nil
		}
		if against == nil {
			against = g.objects(o)
		}
		var corrected []admission.Fact
		if o.Command == "count" && against == nil {
			have := s.Inside().Best
			if *o.Count > have+farOff || *o.Count < have-farOff {
				against = refusal{fault.New(fault.Conflict, CodeCountFarOff, fmt.Sprintf("%d are known to be inside. A count corrects that by %d at most; nothing was changed.", have, farOff)), CodeCountFarOff}
				if from == nil {
					return nil
				}
			} else {
				note = wire.CountNote(have, *o.Count)
				done.Count = &Counted{Was: have, Reserved: s.Reserved()}
				corrected, done.Count.Is = admission.Recount(s, g.request(), *o.Count, note, g.fresh)
			}
		}
		if r := (refusal{}); errors.As(against, &r) {
			return []admission.Fact{{Event: g.event(o, from, o.Command+wire.NoteRefused, r.why)}}
		}
		ordered := admission.Fact{Event: g.event(o, from, note, "")}
		return append([]admission.Fact{ordered}, corrected...)
	})
	command, ofLane := commands[o.Command]
	switch {
	case against != nil:
		if err != nil {
			g.log.Error("that an order was refused could not be journalled", "lane", g.lane.ID, "command", o.Command, "err", err)
		}
		return Done{}, against
	// An arm must come up in an emergency whatever the disk does.
	case err != nil && command != lane.Alarm && command != lane.Halt:
		return Done{}, fault.Wrap(err, fault.Unavailable, "journal", "The order could not be written down, so it is not carried out.")
	}
	// The disk may have taken its time. What a count corrects is in the same record: that
	// has happened.
	if late := g.late(from); late != nil && o.Command != "count" {
		g.refuse(o, from, admission.OrderLate)
		return Done{}, late
	}
	g.log.Info("commanded", "lane", g.lane.ID, "command", note)
	switch mode, isMode := strings.CutPrefix(o.Command, "mode_"); {
	case isMode:
		g.mode, _ = admission.ParseMode(mode)
		g.show()
	case o.Command == "open":
		err = g.openByHand(ctx, from)
	case ofLane:
		err = g.order(ctx, command, from)
	default:
		err = nil
	}
	if r := (refusal{}); errors.As(err, &r) {
		g.refuse(o, from, r.why)
	}
	return done, err
}

// order has the lane do what it is told. The end of one from afar binds it until all that
// it writes down is written.
func (g *gate) order(ctx context.Context, c lane.Command, from *wire.Order) error {
	before, held := g.state.Standing(), g.state.HeldOpen()
	if c == lane.HoldOpen || c == lane.LetGo {
		_ = g.rec.fault(g.lane.ID, faultHeldOpen, c == lane.LetGo) // the order itself is written down
		if late := g.late(from); late != nil {
			_ = g.rec.fault(g.lane.ID, faultHeldOpen, !held) // as it was
			return late
		}
	}
	g.step(ctx, lane.Input{Kind: lane.Commanded, Command: c})
	if c == lane.Turn && slices.Equal(before, g.state.Standing()) {
		return notNow(CodeNotNow, "The lane is not empty with its arm down, or leads one way only: it leads as before.")
	}
	if c == lane.Reset && slices.Contains(g.state.Standing(), lane.Alarm) {
		return notNow(lane.ObjectFire, objections[lane.ObjectFire])
	}
	g.direct()
	return nil
}

// faultHeldOpen is journalled while a lane is held open: who passes is not seen for
// sure.
const faultHeldOpen = "held_open"

// openByHand opens for one vehicle. The end of an order from afar binds it until the
// decision is written down, too.
func (g *gate) openByHand(ctx context.Context, from *wire.Order) error {
	g.asking, g.bound, g.overdue = showing{kind: lane.Pressed, byHand: true}, from, nil
	g.step(ctx, lane.Input{Kind: lane.Attended})
	g.bound = nil
	if g.overdue != nil {
		return g.overdue
	}
	if !g.state.Authorised() {
		return notNow(CodeNotNow, "The lane does not open: it is stopped, or its journal cannot be written.")
	}
	return nil
}

// direct has admission know which way the lane leads.
func (g *gate) direct() {
	g.lane.Direction = admission.Entry
	if g.state.Exit() {
		g.lane.Direction = admission.Exit
	}
	g.show()
}

// strayed journals a vehicle that has passed and that nobody let through, as a
// fault tells of it.
func (g *gate) strayed(by string, backward bool) error {
	inward := (g.lane.Direction == admission.Entry) != backward
	_, err := g.rec.record(func(s *admission.State, now admission.Time) []admission.Fact {
		r := g.request()
		r.Now = now
		return admission.Strayed(s, r, inward, by)
	})
	return errors.Join(err, g.rec.adopt())
}

func (g *gate) request() admission.Request {
	return admission.Request{Parking: g.parking, Lane: g.lane, Mode: g.mode, Zone: g.zone, Fresh: g.fresh()}
}

func (g *gate) fresh() id.Session { return id.New[id.Session](g.rec.clock.Now().Wall) }

// Obey has a lane carry out an order.
func (a *Agent) Obey(ctx context.Context, o Order) (Done, error) {
	if err := o.check(); err != nil {
		return Done{}, err
	}
	g := a.gate(o.Lane)
	if g == nil {
		return Done{}, fault.Newf(fault.NotFound, CodeUnknownLane, "There is no lane %q here.", o.Lane)
	}
	return g.ask(ctx, o, nil)
}

// gate is the lane of that name, or nil.
func (a *Agent) gate(l id.Lane) *gate {
	i := slices.IndexFunc(a.gates, func(g *gate) bool { return g.lane.ID == l })
	if i < 0 {
		return nil
	}
	return a.gates[i]
}

// ask has the lane's loop carry out an order, and waits for it.
func (g *gate) ask(ctx context.Context, o Order, from *wire.Order) (Done, error) {
	ask := &asked{o, from, make(chan outcome, 1)}
	select {
	case g.signals <- signal{order: ask}:
	case <-ctx.Done():
		return Done{}, ctx.Err()
	}
	select {
	case became := <-ask.done:
		return became.Done, became.err
	case <-ctx.Done():
		return Done{}, ctx.Err()
	}
}

// runStaff takes orders on the socket until ctx ends.
func (a *Agent) runStaff(ctx context.Context) error {
	path := filepath.Join(a.cfg.DataDir, StaffSocket)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		a.log.Error("staff cannot command the lanes", "err", err)
		return nil // a gate works without
	}
	listen, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err == nil {
		err = os.Chmod(path, 0o660)
	}
	if err != nil {
		a.log.Error("staff cannot command the lanes", "err", err)
		return nil // a gate works without
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", a.takeOrder)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-ctx.Done()
		_ = server.Close() // whoever asks is answered or not; nothing is half done
	}()
	err = server.Serve(listen)
	if ctx.Err() == nil {
		a.log.Error("staff cannot command the lanes any more", "err", err)
	}
	<-ctx.Done()
	<-done
	return nil
}

func (a *Agent) takeOrder(w http.ResponseWriter, r *http.Request) {
	var o Order
	var done Done
	body := json.NewDecoder(io.LimitReader(r.Body, 4096))
	body.DisallowUnknownFields()
	err := body.Decode(&o)
	if err != nil {
		err = fault.Wrap(err, fault.Invalid, CodeOrderInvalid, "The order cannot be read.")
	} else {
		ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
		defer cancel()
		done, err = a.Obey(ctx, o)
	}
	w.Header().Set("Content-Type", "application/json")
	if err == nil {
		_ = json.NewEncoder(w).Encode(done) // who asked may have gone
		return
	}
	f, status := fault.From(err), http.StatusServiceUnavailable
	switch f.Kind {
	case fault.Invalid:
		status = http.StatusUnprocessableEntity
	case fault.NotFound:
		status = http.StatusNotFound
	case fault.Conflict:
		status = http.StatusConflict
	default:
		a.log.Error("an order was not carried out", "err", err)
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"code": f.Code, "detail": f.Detail, "fields": f.Fields}) // who asked may have gone
}
