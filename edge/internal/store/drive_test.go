package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// DriveEnv tells a child process of these tests to drive a store: its path, the
// number of events, and whether the log fails on the way.
const DriveEnv = "OPENLOT_TEST_DRIVE_STORE"

// ChildDrives is that child. Everything is done by one thread, so that "the Nth
// write" means the same in every run, and everything that was promised is printed
// at the moment it was.
func ChildDrives(spec string) int {
	runtime.LockOSThread()
	parts := strings.Split(spec, ",")
	n, err := strconv.Atoi(parts[1])
	if err != nil {
		return 2
	}
	d := drive{path: parts[0], events: n, failing: parts[2] == "failing", out: os.Stdout}
	if err := d.run(); err != nil {
		d.say("error %v", err)
		return 1
	}
	return 0
}

// drive is a day at a small parking, in a few hundred events: vehicles come and
// go, the cloud acknowledges, sends syncs and asks for a new journal, bbolt takes
// over, and the second copy is brought up to date.
type drive struct {
	path    string
	events  int
	failing bool
	out     io.Writer

	s       *Store
	n       int
	inside  []admission.Session
	refused int
}

func (d *drive) say(format string, args ...any) {
	_, _ = fmt.Fprintf(d.out, format+"\n", args...) // who reads it misses it
}

// driveLog is small, so that it goes around.
const driveLog = 48

func driveOptions(o *options) {
	o.walBlocks, o.spareBlocks, o.settleWait, o.retryWait = driveLog, 24, time.Hour, time.Hour
}

func (d *drive) open() error {
	var err error
	for range 4 { // as the service manager would
		if d.s, err = Open(d.path, slog.New(slog.DiscardHandler), time.Now, driveOptions); err == nil {
			return nil
		}
	}
	return err
}

func (d *drive) run() error {
	if err := d.open(); err != nil {
		return err
	}
	d.say("open")
	for step := 0; d.n < d.events; step++ {
		if d.refused > d.events/4 {
			return errors.New("the gate does not go on working")
		}
		d.mend()
		if d.failing && step == d.events/3 {
			d.s.wal.disk = &failing{disk: d.s.wal.disk, left: 12}
		}
		d.step(step)
	}
	d.mend()
	d.s.mu.Lock()
	d.s.closed, d.s.head.Clean = true, true
	d.s.mu.Unlock()
	d.s.commit()
	err := errors.Join(d.s.failed(), d.s.close())
	d.say("done %d", d.refused)
	return err
}

// mend is what the settler does when something has failed.
func (d *drive) mend() {
	if d.s.failed() != nil {
		d.s.revive(context.Background())
	}
}

func (d *drive) step(step int) {
	switch {
	case step%11 == 10:
		d.s.settleNow()
	case step%17 == 16:
		d.ack()
	case step == d.events/2:
		// As NewJournal does it.
		settled := d.do(nil, func() (*operation, error) {
			d.s.mu.Lock()
			defer d.s.mu.Unlock()
			return d.s.enqueue(&operation{settle: true}), d.s.usable()
		})
		if settled {
			d.do(nil, func() (*operation, error) {
				d.s.mu.Lock()
				defer d.s.mu.Unlock()
				return d.s.restart()
			})
		}
	case step%61 == 60:
		m := &wire.Sync{Kind: wire.Snapshot, Through: uint64(step), Parts: 1}
		for range 20 {
			m.Entries = append(m.Entries, wire.Entry{Reservation: id.New[id.Reservation](time.Now()), Generation: 1, SpaceType: id.Standard, State: wire.EntryConfirmed, From: 1, To: 2})
		}
		d.do(nil, func() (*operation, error) {
			d.s.mu.Lock()
			defer d.s.mu.Unlock()
			op, _, err := d.s.sync(m, func(*admission.State) []admission.Fact { return nil })
			return op, err
		})
	case step%3 == 2 && len(d.inside) > 4:
		ses := d.inside[0]
		if d.record(wire.Exited, ses) {
			d.inside = d.inside[1:]
		}
	default:
		ses := admission.Session{ID: id.New[id.Session](time.Now()), Reservation: id.New[id.Reservation](time.Now())}
		if d.record(wire.Admitted, ses) {
			d.inside = append(d.inside, ses)
		}
	}
}

// record journals and says so, as a gate would act.
func (d *drive) record(kind wire.EventKind, ses admission.Session) bool {
	now := time.Now()
	f := admission.Fact{Event: wire.Event{
		Boot: id.New[id.Boot](now), Wall: now.UnixMilli(), Kind: kind, Lane: "entry-1", Session: ses.ID, Reservation: ses.Reservation,
		SpaceType: id.Standard,
	}}
	if kind == wire.Admitted {
		f.Event.Reason = wire.AdmitReservation
	}
	d.n++
	var events []wire.Event
	return d.do(func() { d.say("acted %d %s", kind, events[0].Session) }, func() (op *operation, err error) {
		events, op, err = d.s.stage(func(*admission.State) []admission.Fact { return []admission.Fact{f} })
		return op, err
	})
}

// do has one operation written.
func (d *drive) do(then func(), stage func() (*operation, error)) bool {
	op, err := stage()
	if err == nil && op != nil {
		d.s.commit()
		err = <-op.done
	}
	if err != nil {
		d.refused++
		return false
	}
	if then != nil {
		then()
	}
	return true
}

// ack is the cloud's word on half of what waits.
func (d *drive) ack() {
	p := d.s.Position()
	raw, err := d.s.Pending(p.AckedSeq, 1000, 1<<20)
	if err != nil || len(raw) < 2 {
		return
	}
	h := p.AckedHash
	var last wire.Event
	var told []string
	for _, r := range raw[:len(raw)/2] {
		h = h.Next(r)
		if last, err = wire.Unmarshal[wire.Event](r); err != nil {
			return
		}
		told = append(told, fmt.Sprintf("%d/%s", last.Kind, last.Session))
	}
	// The cloud has them, whatever becomes of its word.
	d.say("cloud %s", strings.Join(told, " "))
	_ = d.s.Ack(last.Seq, h) // it says so again otherwise
}

// failing is a disk that takes half of what is written and then fails, a few
// times.
type failing struct {
	disk
	left int
}

func (f *failing) WriteAt(b []byte, at int64) (int, error) {
	if f.left > 0 {
		f.left--
		n, _ := f.disk.WriteAt(b[:len(b)/2], at)
		return n, errors.New("input/output error")
	}
	return f.disk.WriteAt(b, at)
}

// promised is what a drive has said until now.
type promised struct {
	order  []string        // kind/session of every event that was acted upon
	cloud  map[string]bool // what the cloud has
	inside map[string]bool
	gone   map[string]bool
	done   bool
	said   string // the last line
}

func newPromised() *promised {
	return &promised{cloud: map[string]bool{}, inside: map[string]bool{}, gone: map[string]bool{}}
}

// hear takes one line.
func (p *promised) hear(line string) {
	p.said = line
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "acted":
		kind, ses, _ := strings.Cut(rest, " ")
		p.order = append(p.order, kind+"/"+ses)
		if kind == strconv.Itoa(int(wire.Exited)) {
			delete(p.inside, ses)
			p.gone[ses] = true
		} else {
			p.inside[ses] = true
		}
	case "cloud":
		for e := range strings.FieldsSeq(rest) {
			p.cloud[e] = true
		}
	case "done":
		p.done = true
	}
}

// kept says what a store has forgotten of it.
func (p *promised) kept(f *file) error {
	journal := make(map[string]int, len(f.journal))
	var order []string
	for _, j := range f.journal {
		e, err := wire.Unmarshal[wire.Event](j.raw)
		if err != nil {
			return err
		}
		key := fmt.Sprintf("%d/%s", e.Kind, e.Session)
		if journal[key]++; journal[key] > 1 {
			return fmt.Errorf("event %s is there twice", key)
		}
		order = append(order, key)
	}
	at := 0
	for _, key := range p.order {
		if journal[key] == 0 {
			if !p.cloud[key] {
				return fmt.Errorf("event %s is lost", key)
			}
			continue
		}
		for at < len(order) && order[at] != key {
			at++
		}
		if at == len(order) {
			return fmt.Errorf("event %s is out of order", key)
		}
	}
	for ses, s := range f.state.Sessions {
		if p.gone[ses.String()] {
			return fmt.Errorf("%v has left and is inside", ses)
		}
		if !s.Reservation.IsZero() && f.state.Uses[s.Reservation].State != admission.UseInside {
			return fmt.Errorf("the pass of %v would open again: %+v, %+v", ses, s, f.state.Uses[s.Reservation])
		}
	}
	for ses := range p.inside {
		i, err := id.Parse[id.Session](ses)
		if err != nil {
			return err
		}
		if _, there := f.state.Sessions[i]; !there && !p.leaving(f, ses) {
			return fmt.Errorf("%s is inside and forgotten", ses)
		}
	}
	return nil
}

// leaving says that an exit which nobody acted upon yet is journalled.
func (p *promised) leaving(f *file, ses string) bool {
	for _, j := range f.journal {
		if e, err := wire.Unmarshal[wire.Event](j.raw); err == nil && e.Kind == wire.Exited && e.Session.String() == ses {
			return true
		}
	}
	return false
}
