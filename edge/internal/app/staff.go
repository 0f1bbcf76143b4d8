package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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

// obey carries an order out, or puts on record that the lane would not: it stands in
// the journal already.
func (g *gate) obey(ctx context.Context, o Order) outcome {
	done, err := g.carryOut(ctx, o)
	if fault.Code(err) == CodeNotNow {
		refused := wire.Event{Kind: wire.Commanded, Lane: g.lane.ID, Note: o.Command + wire.NoteRefused, By: o.By, Why: o.Why}
		_, unwritten := g.rec.record(func(*admission.State, admission.Time) []admission.Fact { return []admission.Fact{{Event: refused}} })
		if unwritten != nil {
			g.log.Error("that an order was refused could not be journalled", "lane", g.lane.ID, "command", o.Command, "err", unwritten)
		}
	}
	return outcome{done, err}
}

// carryOut journals an order and then does it.
func (g *gate) carryOut(ctx context.Context, o Order) (done Done, err error) {
	note := o.Command
	var far error
	_, err = g.rec.record(func(s *admission.State, _ admission.Time) []admission.Fact {
		var corrected []admission.Fact
		if o.Command == "count" {
			have := s.Inside().Best
			if *o.Count > have+farOff || *o.Count < have-farOff {
				far = fault.New(fault.Conflict, CodeCountFarOff, fmt.Sprintf("%d are known to be inside. A count corrects that by %d at most; nothing was changed.", have, farOff))
				return nil
			}
			note = wire.CountNote(have, *o.Count)
			done.Count = &Counted{Was: have, Reserved: s.Reserved()}
			corrected, done.Count.Is = admission.Recount(s, g.request(), *o.Count, note, g.fresh)
		}
		ordered := admission.Fact{Event: wire.Event{Kind: wire.Commanded, Lane: g.lane.ID, Note: note, By: o.By, Why: o.Why}}
		return append([]admission.Fact{ordered}, corrected...)
	})
	if far != nil {
		return done, far
	}
	command, ofLane := commands[o.Command]
	// An arm must come up in an emergency whatever the disk does.
	if err != nil && command != lane.Alarm && command != lane.Halt {
		return Done{}, fault.Wrap(err, fault.Unavailable, "journal", "The order could not be written down, so it is not carried out.")
	}
	g.log.Info("commanded", "lane", g.lane.ID, "command", note)
	switch mode, isMode := strings.CutPrefix(o.Command, "mode_"); {
	case isMode:
		g.mode, _ = admission.ParseMode(mode)
		g.show()
	case o.Command == "open":
		return done, g.openByHand(ctx)
	case ofLane:
		return done, g.order(ctx, command)
	}
	return done, nil
}

func (g *gate) order(ctx context.Context, c lane.Command) error {
	before := g.state.Standing()
	if c == lane.HoldOpen || c == lane.LetGo {
		_ = g.rec.fault(g.lane.ID, faultHeldOpen, c == lane.LetGo) // the order itself is written down
	}
	g.step(ctx, lane.Input{Kind: lane.Commanded, Command: c})
	if c == lane.Turn && slices.Equal(before, g.state.Standing()) {
		return fault.New(fault.Conflict, CodeNotNow, "The lane is not empty with its arm down, or leads one way only: it leads as before.")
	}
	if c == lane.Reset && slices.Contains(g.state.Standing(), lane.Alarm) {
		return fault.New(fault.Conflict, CodeNotNow, "The fire input is still active.")
	}
	g.direct()
	return nil
}

// faultHeldOpen is journalled while a lane is held open: who passes is not seen for
// sure.
const faultHeldOpen = "held_open"

func (g *gate) openByHand(ctx context.Context) error {
	if g.state.Authorised() {
		return fault.New(fault.Conflict, CodeNotNow, "A vehicle is passing just now.")
	}
	g.asking = showing{kind: lane.Pressed, byHand: true}
	g.step(ctx, lane.Input{Kind: lane.Attended})
	if !g.state.Authorised() {
		return fault.New(fault.Conflict, CodeNotNow, "The lane does not open: it is stopped, or its journal cannot be written.")
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

// standing is what of the orders for a lane holds until another one.
type standing struct {
	Mode     string   `json:"mode"`
	Commands []string `json:"commands"`
}

func (s standing) equal(o standing) bool {
	return s.Mode == o.Mode && slices.Equal(s.Commands, o.Commands)
}

func (g *gate) standing() standing {
	s := standing{Mode: g.mode.String(), Commands: []string{}}
	for _, c := range g.state.Standing() {
		for name, is := range commands {
			if is == c {
				s.Commands = append(s.Commands, name)
			}
		}
	}
	return s
}

// remember writes down what holds, where it has changed.
func (g *gate) remember() {
	now := g.standing()
	if now.equal(g.kept) {
		return
	}
	if err := g.keep(g.lane.ID, now); err != nil {
		g.log.Error("what holds for a lane could not be written down: it would not hold after a start", "lane", g.lane.ID, "err", err)
	}
	g.kept = now
}

// restore brings a lane to where the orders left it.
func (g *gate) restore(s standing) {
	if m, ordered := admission.ParseMode(s.Mode); ordered {
		g.mode = m
	}
	var list []lane.Command
	for _, name := range s.Commands {
		if c, known := commands[name]; known {
			list = append(list, c)
		}
	}
	cfg := lane.Defaults()
	cfg.Reversible = g.reversible
	g.state = lane.Restored(cfg, g.lane.Direction == admission.Exit, list)
	g.kept = g.standing()
	g.direct()
}

// ordersFile keeps what holds for the lanes, in the data directory.
const ordersFile = "lanes.json"

// orders is that file.
type orders struct {
	mu   sync.Mutex
	path string
	all  map[id.Lane]standing
}

// openOrders reads the file. One that cannot be read holds nothing: the lanes are
// then as configured, which is the safer of the two, and it is told.
func openOrders(dir string, log *slog.Logger) *orders {
	o := &orders{path: filepath.Join(dir, ordersFile), all: map[id.Lane]standing{}}
	text, err := os.ReadFile(o.path)
	if err == nil {
		err = json.Unmarshal(text, &o.all)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		log.Error("what held for the lanes cannot be read: they are as configured", "err", err)
		o.all = map[id.Lane]standing{}
	}
	return o
}

func (o *orders) of(l id.Lane) standing {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all[l]
}

// keep writes down what holds for a lane before it returns.
func (o *orders) keep(l id.Lane, s standing) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all[l] = s
	text, err := json.MarshalIndent(o.all, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(o.path), ordersFile+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), o.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	dir, err := os.Open(filepath.Dir(o.path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Obey has a lane carry out an order.
func (a *Agent) Obey(ctx context.Context, o Order) (Done, error) {
	if err := o.check(); err != nil {
		return Done{}, err
	}
	i := slices.IndexFunc(a.gates, func(g *gate) bool { return g.lane.ID == o.Lane })
	if i < 0 {
		return Done{}, fault.Newf(fault.NotFound, CodeUnknownLane, "There is no lane %q here.", o.Lane)
	}
	ask := &asked{o, make(chan outcome, 1)}
	select {
	case a.gates[i].signals <- signal{order: ask}:
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
