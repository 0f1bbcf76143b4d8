package gpio

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/edge/internal/lane"
)

// both runs a test in a bubble, with a driver that tells the level of an edge
// and with one that does not.
func both(t *testing.T, test func(t *testing.T, b *bench)) {
	for name, tells := range map[string]bool{"told": true, "read": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, tells)
				test(t, b)
				if b.stop != nil {
					b.stop()
				}
			})
		})
	}
}

func TestTheFirstReadingWaitsUntilTheInputsAreStill(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		dev, err := connect(b.chip, map[int]Gate{0: b.gate}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error)
		go func() { ran <- dev.Run(ctx, func(device.Event) {}) }()
		began := time.Now()
		in, err := dev.Inputs(ctx, 0)
		if err != nil || in != atRest {
			t.Errorf("%+v %v", in, err)
		}
		if d := time.Since(began); d < LoopDebounce || d > 2*LoopDebounce {
			t.Errorf("known after %v", d)
		}
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
}

// A contact that bounces for 20 ms is one event, and so is a loop; what lasts
// less than the debounce is none.
func TestABounceStormIsOneEvent(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		b.start()
		storm := func(r role, end bool) {
			for i := range 20 {
				b.set(r, i%2 == 0)
				time.Sleep(time.Millisecond)
			}
			b.set(r, end)
			time.Sleep(time.Second)
		}
		storm(arming, true)
		want := atRest
		want.Arming = lane.On
		if got := b.take(); len(got) != 1 || got[0].Kind != device.Changed || got[0].Inputs != want {
			t.Errorf("a car arrives: %+v", got)
		}
		storm(button, true)
		if got := b.take(); len(got) != 1 || got[0].Kind != device.Pressed {
			t.Errorf("the button is pressed: %+v", got)
		}
		storm(button, false)
		storm(safety, false)
		if got := b.take(); len(got) != 0 {
			t.Errorf("nothing lasting: %+v", got)
		}
	})
}

// The kernel keeps 16 edges of a line and drops the rest. Whatever the watcher
// missed, the level is right in the end.
func TestALevelIsRightAfterTheQueueOverflowed(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		b.start()
		thaw := b.wire(safety).freeze()
		time.Sleep(2 * resync) // the watcher comes to rest
		for i := range 41 {
			b.set(safety, i%2 == 0)
		}
		thaw()
		time.Sleep(2 * resync)
		if in := b.inputs(); in.Safety != lane.On {
			t.Errorf("after an overflow: %+v", in)
		}
		if err := b.dev.Close(t.Context(), 0); !errors.Is(err, ErrSafety) {
			t.Errorf("close: %v", err)
		}
	})
}

// An edge that never came, as from a driver that lost it, costs a second.
func TestALostEdgeIsMadeGood(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		b.start()
		b.wire(arming).silently(b.gate.Arming.active())
		time.Sleep(resync + 2*LoopDebounce)
		if got := b.take(); len(got) != 1 || got[0].Inputs.Arming != lane.On {
			t.Errorf("%+v", got)
		}
	})
}

func TestAPressIsNotLostNorMadeUp(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		b.set(button, true) // held, or its wire touches ground, when the agent starts
		for _, e := range b.start() {
			if e.Kind == device.Pressed {
				t.Error("pressed at the start")
			}
		}
		b.set(button, false)
		time.Sleep(time.Second)
		b.set(button, true)
		time.Sleep(40 * time.Millisecond)
		b.set(button, false)
		time.Sleep(time.Second)
		if got := b.take(); len(got) != 1 || got[0].Kind != device.Pressed {
			t.Errorf("a short press: %+v", got)
		}
		b.set(button, true)
		time.Sleep(time.Hour)
		if got := b.take(); len(got) != 2 || got[0].Kind != device.Pressed || got[1].Kind != device.Fault || got[1].Text != "button_stuck" {
			t.Errorf("a button that sticks: %+v", got)
		}
	})
}

func TestOpenIsOnePulseThatEnds(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		b.start()
		if err := b.dev.Open(t.Context(), 0); err != nil || !b.is(open) {
			t.Fatalf("open: %v, on %v", err, b.is(open))
		}
		time.Sleep(DefaultPulse / 2)
		if err := b.dev.Open(t.Context(), 0); err != nil {
			t.Fatalf("open again: %v", err)
		}
		time.Sleep(DefaultPulse)
		moves := b.wire(open).moved()
		if len(moves) != 2 || moves[1].at.Sub(moves[0].at) != DefaultPulse {
			t.Errorf("moves %+v", moves)
		}
	})
}

// The barrier is never told to close on a vehicle, on an unknown sensor or in
// an alarm, whatever the agent believes.
func TestCloseIsRefusedUnlessTheLoopIsSurelyFree(t *testing.T) {
	flutter := func(b *bench, r role) {
		for i := range 400 {
			b.set(r, i%2 == 0)
			time.Sleep(5 * time.Millisecond)
		}
	}
	for name, prepare := range map[string]func(b *bench){
		"occupied":          func(b *bench) { b.set(safety, true); time.Sleep(time.Second) },
		"occupied just now": func(b *bench) { b.set(safety, true) },
		"free just now":     func(b *bench) { b.set(safety, true); time.Sleep(time.Second); b.set(safety, false) },
		"free for a moment": func(b *bench) {
			b.set(safety, true)
			time.Sleep(time.Second)
			b.set(safety, false)
			time.Sleep(90 * time.Millisecond)
		},
		"a blip":            func(b *bench) { b.set(safety, true); b.set(safety, false); time.Sleep(50 * time.Millisecond) },
		"fluttering":        func(b *bench) { flutter(b, safety) },
		"cut":               func(b *bench) { b.wire(safety).to(true); time.Sleep(time.Second) }, // the pull-up wins
		"unreadable":        func(b *bench) { b.wire(safety).breaks(errUnplugged) },
		"occupied, no edge": func(b *bench) { b.wire(safety).silently(b.gate.Safety.active()) },
		"fire":              func(b *bench) { b.set(fire, true) },
		"stop":              func(b *bench) { b.set(stop, true) },
		"fire fluttering":   func(b *bench) { flutter(b, fire) },
		"stop unreadable":   func(b *bench) { b.wire(stop).breaks(errUnplugged) },
		"while it opens":    func(b *bench) { _ = b.dev.Open(context.Background(), 0) },
		"just after opening": func(b *bench) {
			_ = b.dev.Open(context.Background(), 0)
			time.Sleep(DefaultPulse + Gap - time.Millisecond)
		},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, b *bench) {
				b.start()
				before := len(b.wire(closing).moved())
				prepare(b)
				if err := b.dev.Close(t.Context(), 0); err == nil {
					t.Error("taken")
				}
				synctest.Wait()
				if b.is(closing) || len(b.wire(closing).moved()) != before {
					t.Errorf("the line moved: %+v", b.wire(closing).moved())
				}
			})
		})
	}
	t.Run("not wired", func(t *testing.T) {
		both(t, func(t *testing.T, b *bench) {
			b.gate.Safety = nil
			b.start()
			if err := b.dev.Close(t.Context(), 0); !errors.Is(err, ErrSafety) {
				t.Errorf("%v", err)
			}
		})
	})
	t.Run("free", func(t *testing.T) {
		both(t, func(t *testing.T, b *bench) {
			b.start()
			if err := b.dev.Close(t.Context(), 0); err != nil || !b.is(closing) {
				t.Errorf("%v, on %v", err, b.is(closing))
			}
		})
	})
}

// A close is dropped at once when a vehicle comes, an alarm, or when the loop
// cannot be read any more.
func TestACloseIsDroppedAtOnce(t *testing.T) {
	for name, happens := range map[string]func(b *bench){
		"a vehicle": func(b *bench) { b.set(safety, true) },
		"a blip":    func(b *bench) { b.set(safety, true); b.set(safety, false) },
		"fire":      func(b *bench) { b.set(fire, true) },
		"stop":      func(b *bench) { b.set(stop, true) },
		"an order":  func(b *bench) { go func() { _ = b.dev.Open(context.Background(), 0) }() },
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, b *bench) {
				b.start()
				if err := b.dev.Close(t.Context(), 0); err != nil {
					t.Fatal(err)
				}
				time.Sleep(100 * time.Millisecond)
				happens(b)
				synctest.Wait()
				if b.is(closing) {
					t.Error("still closing")
				}
			})
		})
	}
}

func TestOpenEndsACloseAndKeepsTheGap(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		b.start()
		if err := b.dev.Close(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if err := b.dev.Open(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		off, on := b.wire(closing).moved(), b.wire(open).moved()
		if len(off) != 2 || len(on) != 1 || on[0].at.Sub(off[1].at) != Gap {
			t.Errorf("close %+v, open %+v", off, on)
		}
	})
}

func TestStopOutranksEverything(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		b.start()
		if err := b.dev.Open(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		b.set(stop, true)
		synctest.Wait()
		if b.is(open) {
			t.Error("the pulse goes on")
		}
		if err := b.dev.Open(t.Context(), 0); !errors.Is(err, device.ErrNotAsked) || !errors.Is(err, ErrStopped) {
			t.Errorf("open: %v", err)
		}
		time.Sleep(time.Second)
		if b.is(open) {
			t.Error("opened in spite of stop")
		}
	})
}

// Nothing moves when the device starts or ends; a line that is taken by another
// is an error that leaves no line behind.
func TestStartAndEndMoveNothing(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		b.start()
		for r := open; r < allRoles; r++ {
			if m := b.wire(r).moved(); len(m) != 0 {
				t.Errorf("%s moved at the start: %+v", r, m)
			}
		}
		if err := b.dev.Open(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if err := b.end(); err != nil {
			t.Errorf("run: %v", err)
		}
		if b.is(open) {
			t.Error("open outlives the device")
		}
		if err := b.dev.Open(t.Context(), 0); !errors.Is(err, device.ErrNotAsked) {
			t.Errorf("open after the end: %v", err)
		}

		if _, err := b.chip.take(*b.gate.Red); err != nil {
			t.Fatal(err)
		}
		other := Gate{Open: at(20)}
		if _, err := connect(b.chip, map[int]Gate{0: other, 1: b.gate}, slog.New(slog.DiscardHandler)); err == nil {
			t.Fatal("connected though a line is taken")
		}
		if b.chip.wire(*other.Open).owned {
			t.Error("the gate before it is still held")
		}
		for r := range red {
			if b.wire(r).owned {
				t.Errorf("%s is still held", r)
			}
		}
	})
}

func TestALostLineIsALostDevice(t *testing.T) {
	for _, r := range []role{arming, safety, open} {
		t.Run(r.String(), func(t *testing.T) {
			both(t, func(t *testing.T, b *bench) {
				b.start()
				b.wire(r).breaks(errUnplugged)
				if r == open {
					if err := b.dev.Open(t.Context(), 0); err == nil || errors.Is(err, device.ErrNotAsked) {
						t.Errorf("open: %v", err)
					}
				}
				if err := <-b.ran; !errors.Is(err, errUnplugged) {
					t.Errorf("run: %v", err)
				}
			})
		})
	}
}

// The gate goes on working while the agent is busy, and what waits is bounded.
func TestASlowAgentHoldsNothingUp(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		busy := make(chan struct{})
		b.start()
		b.handle = func(device.Event) { <-busy }
		for i := range 200 {
			b.set(arming, i%2 == 0)
			time.Sleep(2 * LoopDebounce)
			b.set(button, i%2 == 0)
			time.Sleep(2 * ContactDebounce)
		}
		if err := b.dev.Open(t.Context(), 0); err != nil {
			t.Errorf("open: %v", err)
		}
		close(busy)
		time.Sleep(time.Second)
		got := b.take()
		if len(got) > maxEvents+2 {
			t.Errorf("%d events", len(got))
		}
		for _, e := range slices.Backward(got) {
			if e.Kind == device.Changed {
				if e.Inputs != atRest {
					t.Errorf("the newest levels: %+v", e.Inputs)
				}
				return
			}
		}
		t.Error("the levels were never told")
	})
}

// Random hours at a gate: whatever happens to the inputs and is asked
// for, what is on the lines keeps the rules.
func TestTheLinesKeepTheRules(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 5))
			b := newBench(t, seed%2 == 0)
			b.start()
			for range 300 {
				switch rnd.IntN(4) {
				case 0:
					r := role(rnd.IntN(int(inputRoles)))
					for range rnd.IntN(12) {
						b.set(r, rnd.IntN(2) == 0)
						time.Sleep(time.Duration(rnd.IntN(8)) * time.Millisecond)
					}
				case 1:
					_ = b.dev.Open(t.Context(), 0)
				case 2:
					occupied := b.wire(safety).now() == b.gate.Safety.active() || b.wire(fire).now() == b.gate.Fire.active()
					if err := b.dev.Close(t.Context(), 0); err == nil && occupied {
						t.Fatalf("seed %d: closed on a vehicle or in a fire", seed)
					}
				case 3:
					b.set([]role{safety, fire, stop}[rnd.IntN(3)], false)
				}
				time.Sleep(time.Duration(rnd.IntN(700)) * time.Millisecond)
			}
			if err := b.end(); err != nil {
				t.Errorf("run: %v", err)
			}
			audit(t, b)
		})
	}
}

// audit checks what was on the lines.
func audit(t *testing.T, b *bench) {
	t.Helper()
	type pulse struct {
		role     role
		from, to time.Time
	}
	var pulses []pulse
	for _, r := range []role{open, closing} {
		moves := b.wire(r).moved()
		for i := 0; i+1 < len(moves); i += 2 {
			pulses = append(pulses, pulse{r, moves[i].at, moves[i+1].at})
		}
		if len(moves)%2 != 0 {
			t.Errorf("%s was left on", r)
		}
	}
	if len(pulses) < 5 {
		t.Fatalf("only %d pulses", len(pulses))
	}
	for i, p := range pulses {
		if d := p.to.Sub(p.from); d > MaxPulse {
			t.Errorf("%s for %v", p.role, d)
		}
		for _, q := range pulses[i+1:] {
			if p.from.Before(q.to.Add(Gap)) && q.from.Before(p.to.Add(Gap)) {
				t.Errorf("%s %v-%v and %s %v-%v are too close", p.role, p.from, p.to, q.role, q.from, q.to)
			}
		}
	}
}

func TestLampsAndTickets(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		b.start()
		if err := b.dev.Light(t.Context(), 0, true, time.Second); err != nil || !b.is(green) {
			t.Errorf("green: %v %v", err, b.is(green))
		}
		if err := b.dev.Light(t.Context(), 0, false, time.Second); err != nil || b.is(green) || !b.is(red) {
			t.Errorf("red: %v %v %v", err, b.is(green), b.is(red))
		}
		time.Sleep(time.Second)
		if synctest.Wait(); b.is(red) {
			t.Error("the lamp stays on")
		}
		if err := b.dev.Present(t.Context(), 0, "Welcome.", ""); err != nil {
			t.Error(err)
		}
		if err := b.dev.Present(t.Context(), 0, "Welcome.", "TK1:x"); !errors.Is(err, ErrNoPrinter) {
			t.Errorf("a ticket: %v", err)
		}
		if err := b.dev.Open(t.Context(), 7); !errors.Is(err, device.ErrNotAsked) || !errors.Is(err, ErrNoLine) {
			t.Errorf("another gate: %v", err)
		}
	})
}
