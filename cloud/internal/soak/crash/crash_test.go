package crash

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// whole makes the test die at everything that is sent. Without it some are left out,
// so that it ends within seconds.
const whole = "OPENLOT_CRASH"

// stride is how far apart the deaths are without it.
const stride = 17

// way is how a process dies, and what its client does then.
type way struct {
	after  bool // at what has taken effect and is not answered; else before it arrives
	atOnce bool // the client asks again before the clock has done anything; else when nothing moves any more
	twice  bool // the next process dies, too, while it clears up
	lives  bool // only its connections are cut
}

func ways() []way {
	return []way{{}, {after: true}, {atOnce: true}, {after: true, atOnce: true}, {twice: true}, {after: true, twice: true}, {lives: true}, {after: true, lives: true}}
}

// A process dies at everything that it sends while money moves. Whatever it leaves,
// the next one takes to the same end: the ledger balances, our books are the bank's,
// no more is taken than was authorised, no hold stands that we do not know, nothing is
// sold without one, no claim has leaked, and who asks again with the same key gets one
// answer and no second hold.
func TestADeathAtAnythingThatIsSentLosesNoMoney(t *testing.T) {
	step := stride
	if os.Getenv(whole) != "" {
		step = 1
	}
	var deaths atomic.Int64
	began := time.Now()
	t.Run("flows", func(t *testing.T) {
		for name, f := range flows() {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := newTown(t, f.holdLife)
				died, asked := 0, map[string]int{}
				for i, how := range ways() {
					for n := 1 + i%step; ; n += step {
						at := w.once(f, how, n)
						if at == "" {
							break
						}
						died++
						asked[at]++
					}
				}
				if step == 1 && (len(asked) < 2 || died < 10*len(ways())/3) {
					t.Errorf("it only died at %v", asked)
				}
				t.Logf("%d deaths, at %v", died, asked)
				deaths.Add(int64(died))
			})
		}
	})
	t.Logf("%d flows, %d deaths in %s", len(flows()), deaths.Load(), time.Since(began).Round(time.Millisecond))
}

// once has the process die at the nth thing that it sends in a new scene, and says
// what that was; nothing when it got through all of it.
func (w *town) once(f flow, how way, n int) (at string) {
	w.t.Helper()
	ctx, since := w.t.Context(), w.now()
	s := f.scene(w)
	w.wire.arm(n, how.after, how.lives)
	first, err := s.act(ctx, w.process)
	heard := err == nil
	if heard || errors.Is(err, errPending) {
		err = w.process.jobs(ctx, w.now())
	}
	at = w.wire.disarm()
	if at == "" && err != nil {
		w.t.Fatal(err)
	}
	defer func() {
		if w.t.Failed() {
			w.t.Logf("the death was %+v, at the %d., %s; first it was answered %q", how, n, at, first)
		}
	}()
	if w.wire.dead() {
		w.restart()
	}
	w.db.Pool().Reset() // of connections that are cut and not found out yet
	if how.twice {
		w.dieClearingUp(n)
	}
	if how.atOnce {
		w.ask(s)
	}
	w.rest()
	said := w.ask(s)
	w.rest()
	if again := w.ask(s); again != said || heard && first != said {
		w.t.Fatalf("%q was answered first (%v), then %q, then %q", first, heard, said, again)
	}
	w.sound(since)
	s.end(said, at == "" || how.atOnce)
	w.tidy()
	return at
}

// dieClearingUp has the process die at something that it sends while the clock runs.
// Where it lives through that, nothing was left to be cleared up.
func (w *town) dieClearingUp(n int) {
	w.t.Helper()
	w.wire.arm(1+n*7%31, n%2 == 0, false)
	for range 3 {
		w.move(time.Minute)
		for _, t := range w.tasks {
			if err := t.Run(w.t.Context(), w.now()); err != nil && !w.wire.dead() {
				w.t.Fatal(err)
			}
		}
		if w.wire.dead() {
			break
		}
	}
	if w.wire.disarm() != "" {
		w.restart()
	}
}

// ask is the client's repetition: until the answer is definite, as the API says.
func (w *town) ask(s scene) string {
	w.t.Helper()
	for range 10 {
		said, err := s.act(w.t.Context(), w.process)
		switch {
		case err == nil:
			return said
		case transient(err):
			w.move(10 * time.Second)
		case fault.Code(err) == "":
			w.t.Fatal(err)
		default:
			return fmt.Sprint("refused: ", fault.Code(err))
		}
	}
	w.t.Fatal("there is never a definite answer")
	return ""
}

// tidy gives up what is still to come, so that each scene has the parking to itself.
func (w *town) tidy() {
	w.t.Helper()
	for _, raw := range w.list(`select id::text from reservation where state = 'confirmed' and $1::timestamptz is not null`) {
		var r id.Reservation
		w.must(raw, r.Scan(raw))
		v, err := w.booking.Cancel(w.t.Context(), r)
		w.must(v, err)
	}
	w.must(nil, w.process.jobs(w.t.Context(), w.now()))
}
