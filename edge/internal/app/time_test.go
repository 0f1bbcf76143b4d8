package app

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/clock"
	"github.com/openlot/openlot/edge/internal/cloudtest"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/wire"
)

// machine is one boot of a machine without a battery: its system clock woke up in
// 1970, and nothing it runs on survives the next boot.
func machine(name string) clock.Machine {
	m := clock.ThisMachine()
	began := time.Now()
	m.Read = func() clock.Reading { return clock.Reading{Machine: name, Elapsed: time.Since(began) + time.Minute} }
	m.Wall = func() time.Time { return time.Unix(0, 0).Add(time.Since(began)) }
	m.Synced = func() (clock.Advice, bool) { return clock.Advice{}, false }
	m.Battery = func() (time.Time, bool) { return time.Time{}, false }
	return m
}

// After a power cut, without a network and with a system clock in 1970, a guest
// comes in and everybody gets out; when the cloud is back it is told when that was,
// before it is told what.
func TestAfterAPowerCutTheCloudIsToldWhenItWas(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.machine = machine("first")
	s.start(true)
	s.board.arrive(entry1)
	s.board.show(entry1, "")
	s.board.opened(entry1)
	ticket := s.board.toldAt(entry1).ticket
	s.board.driveThrough(entry1)
	s.applied(wire.Entered, 1)
	before := len(s.applied(wire.TimeMark, 1))
	lo := s.agent.rec.clock.Now().Lo
	s.stop()

	s.net.Cut()
	s.machine, s.board = machine("second"), newBoard(t)
	s.start(false)
	if now := s.agent.rec.clock.Now(); now.Lo.Before(lo) || !now.Hi.IsZero() {
		t.Fatalf("after a power cut: %+v, want the bound %v and no upper one", now, lo)
	}
	s.board.arrive(entry1)
	s.board.show(entry1, s.pass(s.guest.Reservation, 5))
	entered := time.Now()
	s.board.opened(entry1)
	s.board.toldAt(entry1)
	s.board.driveThrough(entry1)
	s.board.arrive(exit1)
	s.board.show(exit1, ticket)
	s.board.opened(exit1)
	s.board.toldAt(exit1)
	s.board.driveThrough(exit1)
	s.net.Heal()
	out := s.applied(wire.Exited, 1)[0]
	in := s.applied(wire.Entered, 2)[1]
	s.applied(wire.TimeMark, before+1)
	if !in.Vague() || !out.Vague() {
		t.Fatalf("nobody can have known the time: %+v, %+v", in, out)
	}
	s.cloud.Look(func(c *cloudtest.Cloud) {
		for _, b := range c.Batches {
			events, err := b.Decode()
			if err != nil {
				t.Fatal(err)
			}
			mark, err := b.DecodeMark()
			if err != nil {
				t.Fatal(err)
			}
			wire.Place(events, mark)
			for _, e := range events {
				if e.Vague() && e.Boot == in.Boot {
					t.Errorf("event %d of kind %d was sent and nothing says when it was", e.Seq, e.Kind)
				}
				if e.Seq == in.Seq && e.Time().Sub(entered).Abs() > 5*time.Second {
					t.Errorf("the guest came at %v and is placed at %v", entered, e.Time())
				}
			}
		}
	})
}

// More than fits a batch happens before the time is known: each batch brings what
// places it.
func TestEveryBatchBringsItsMark(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.machine = machine("only")
	s.net.Cut()
	s.start(false)
	for range 3 * wire.MaxBatch {
		if err := s.agent.rec.fault("entry-1", "test", false); err != nil {
			t.Fatal(err)
		}
	}
	s.net.Heal()
	s.timed()
	s.cloud.Look(func(c *cloudtest.Cloud) {
		n := 0
		for _, b := range c.Batches {
			events, err := b.Decode()
			if err != nil {
				t.Fatal(err)
			}
			mark, err := b.DecodeMark()
			if err != nil {
				t.Fatal(err)
			}
			wire.Place(events, mark)
			n += len(events)
			if slices.ContainsFunc(events, func(e wire.Event) bool { return e.Vague() }) {
				t.Errorf("a batch of %d events from %d on is not placed", len(events), b.First)
			}
		}
		if n < 3*wire.MaxBatch {
			t.Errorf("only %d events came", n)
		}
	})
}

// An answer that somebody kept, or that somebody else signed, says nothing.
func TestOnlyTheSignedAnswerToItsOwnQuestionIsTaken(t *testing.T) {
	t.Parallel()
	other, err := pass.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*site){
		"kept":              func(s *site) { s.cloud.Set(cloudtest.Faults{OldTimes: true}) },
		"signed by another": func(s *site) { s.cloud.Signs(other) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.machine = machine("only")
			s.start(true)
			was := s.agent.rec.clock.Anchor()
			s.stop()
			asked := 0
			s.cloud.Look(func(c *cloudtest.Cloud) { asked = len(c.Asked) })
			s.machine, s.board = machine("again"), newBoard(t)
			spoil(s)
			s.start(false)
			s.cloud.Wait("two more questions", func(c *cloudtest.Cloud) bool { return len(c.Asked) >= asked+2 })
			if now := s.agent.rec.clock.Now(); now.Source == clock.Signed || now.Lo.UnixMilli() > was.Lo+60_000 {
				t.Errorf("it was believed: %+v", now)
			}
		})
	}
}

// T2: whatever a system clock does, by a second or ten years, either way, during a
// boot or between two: while the time is known no pass opens that ended longer ago
// than the interval is wide, and none is refused that is good on either side of it.
// What is journalled as surely passed has passed, and nobody is kept in.
func TestClockJumpsDecideNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		built := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		truth := built.Add(1000 * time.Hour)
		off := time.Duration(0) // of the system's clock
		mono, boots := time.Minute, 0
		reading := func() clock.Reading { return clock.Reading{Machine: string(rune('a' + boots)), Elapsed: mono} }
		m := clock.Machine{
			Read: reading, Wall: func() time.Time { return truth.Add(off) },
			Synced:  func() (clock.Advice, bool) { return clock.Advice{}, false },
			Battery: func() (time.Time, bool) { return truth.Add(off), true },
		}
		c := clock.New(clock.Anchor{}, built, m)
		lo := c.Now().Lo
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			passed := time.Duration(rapid.Int64Range(0, int64(3*time.Hour)).Draw(t, "passed"))
			truth, mono = truth.Add(passed), mono+passed
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				off = rapid.SampledFrom([]time.Duration{time.Second, time.Hour, 24 * time.Hour, 365 * 24 * time.Hour, 3650 * 24 * time.Hour}).Draw(t, "jump")
				if rapid.Bool().Draw(t, "back") {
					off = -off
				}
				c.Compare()
			case 1:
				c.Answered(truth.UnixMilli(), time.Duration(rapid.Int64Range(0, int64(5*time.Second)).Draw(t, "rtt")))
			case 2:
				c = clock.New(c.Anchor(), built, m)
			case 3:
				a := c.Anchor()
				boots, mono = boots+1, time.Minute
				c = clock.New(a, built, m)
			}
			now := c.Now()
			if now.Lo.Before(lo) || now.Lo.After(truth) {
				t.Fatalf("the lower bound was %v and is %v; it is %v", lo, now.Lo, truth)
			}
			lo = now.Lo
			state := admission.NewState()
			ask := func(from, to time.Time, d admission.Direction) admission.Verdict {
				r := id.New[id.Reservation](built)
				return admission.Decide(state, admission.Request{
					Parking: parking, Lane: admission.Lane{ID: "lane", Direction: d, SpaceType: id.Standard},
					Credential: admission.Credential{Kind: admission.Genuine, Pass: admission.Pass{
						Parking: parking, Reservation: r, Generation: 1, SpaceType: id.Standard, From: from, To: to, NoShowAt: to, Revision: 1,
					}},
					Now: admission.Time{Lo: now.Lo, Hi: now.Hi}, Fresh: id.New[id.Session](built),
				})
			}
			epsilon := now.Hi.Sub(now.Lo) + time.Second
			if v := ask(truth.Add(-time.Hour), truth.Add(time.Second), admission.Entry); !v.Opens() {
				t.Fatalf("a pass that is good at %v is refused for %s by %+v", truth, v.Reason, now)
			}
			if v := ask(truth.Add(-10*time.Hour), truth.Add(-epsilon), admission.Entry); now.Source == clock.Signed && v.Opens() {
				t.Fatalf("a pass that ended %v before %v opens by %+v", epsilon, truth, now)
			}
			if v := ask(truth.AddDate(-1, 0, 0), truth.AddDate(0, -1, 0), admission.Exit); !v.Opens() {
				t.Fatalf("somebody is kept in: %s", v.Reason)
			}
		}
	})
}
