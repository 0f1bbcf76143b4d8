package twin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openlot/openlot/firmware-bridge/board"
	"github.com/openlot/openlot/firmware-bridge/smp"
	"github.com/openlot/openlot/firmware-bridge/twin/model"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second // longer than any test waits

func start(t testing.TB, speed float64, gates ...GateConfig) *Twin {
	t.Helper()
	tw, err := New(Config{Name: "test", Port: filepath.Join(t.TempDir(), "port"), Gates: gates, Speed: speed}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- tw.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("the twin ended with %v", err)
		}
		if _, err := os.Lstat(tw.cfg.Port); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the twin left its port behind: %v", err)
		}
	})
	return tw
}

// agent is a client under test with what it was told.
type agent struct {
	*board.Client
	stop func() error // ends it and tells why Run ended
}

func connect(t testing.TB, tw *Twin, wrap func(io.ReadWriteCloser) io.ReadWriteCloser, handle func(*board.Client, board.Event), opts ...board.Option) *agent {
	t.Helper()
	port, err := board.OpenSerial(tw.cfg.Port, 115200)
	if err != nil {
		t.Fatal(err)
	}
	if wrap != nil {
		port = wrap(port)
	}
	c := board.New(port, slog.New(slog.DiscardHandler), opts...)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx, func(e board.Event) { handle(c, e) }) }()
	a := &agent{Client: c}
	a.stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { _ = a.stop() })
	return a
}

func (t *Twin) arrive(tb testing.TB, gate int, credential string, patience time.Duration) *Vehicle {
	tb.Helper()
	var v *Vehicle
	if err := t.do(tb.Context(), func() {
		v = t.vehicles.add(t.gates[gate], "", credential)
		t.step(t.gates[gate], model.Input{Arrive: &model.Arrival{ID: v.number, Credential: credential, Patience: patience}})
	}); err != nil {
		tb.Fatal(err)
	}
	return v
}

func (t *Twin) snapshot(tb testing.TB) State {
	tb.Helper()
	s, err := t.Snapshot(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func wait[T any](tb testing.TB, what string, ch <-chan T) T {
	tb.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(10 * time.Second):
		tb.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

func TestPassThroughTheGate(t *testing.T) {
	tw := start(t, 50, GateConfig{Name: "in"}, GateConfig{Name: "out", Exit: true})
	var mu sync.Mutex
	var loops []string
	var last board.Inputs
	a := connect(t, tw, nil, func(c *board.Client, e board.Event) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case e.Kind == board.Credential:
			if e.Gate == 0 {
				if err := c.Present(context.Background(), 0, "Welcome", "T-1"); err != nil {
					t.Error(err)
				}
			}
			if err := c.Pulse(context.Background(), e.Gate, board.Open, 500*time.Millisecond); err != nil {
				t.Error(err)
			}
		case e.Kind == board.InputsChanged && e.Gate == 0:
			for _, l := range []struct {
				name string
				bit  board.Input
			}{{"A", board.Arming}, {"B", board.Safety}} {
				if was, is := last.Has(l.bit), e.Inputs.Has(l.bit); was != is {
					loops = append(loops, l.name+map[bool]string{true: "+", false: "-"}[is])
				}
			}
			last = e.Inputs
		}
	})
	info, err := a.Hello(t.Context())
	if err != nil || info.ID != "test" || info.Gates != 2 || info.Boot == 0 {
		t.Fatalf("hello: %+v, %v", info, err)
	}
	in := tw.arrive(t, 0, "pass", patience)
	wait(t, "the entry", in.done)
	if s := tw.snapshot(t); len(s.Inside) != 1 || s.Inside[0].Credential != "T-1" {
		t.Errorf("inside: %+v", s.Inside)
	}
	if in.Outcome != Passed || in.Ticket != "T-1" || in.Display != "Welcome" {
		t.Errorf("entered as %+v", in)
	}
	tl := in.Timeline
	if !slices.IsSorted([]int64{1, tl.Arrived, tl.Presented, tl.OpenCommand, tl.ArmOpen, tl.Entered, tl.Cleared}) {
		t.Errorf("the timeline is out of order: %+v", tl)
	}
	if in.CredentialToOpen != tl.OpenCommand-tl.Presented || in.CredentialToOpen <= 0 {
		t.Errorf("credential to open: %d µs", in.CredentialToOpen)
	}
	out := tw.arrive(t, 1, "T-1", patience)
	wait(t, "the exit", out.done)
	if s := tw.snapshot(t); out.Outcome != Passed || len(s.Inside) != 0 || s.Gates[1].Opens != 1 {
		t.Errorf("left as %+v, inside %+v", out, s.Inside)
	}
	_ = a.stop()
	if !slices.Equal(loops, []string{"A+", "B+", "A-", "B-"}) {
		t.Errorf("the loops went %v", loops)
	}
}

func TestRefusedAndBackedOut(t *testing.T) {
	tw := start(t, 100, GateConfig{Name: "in"})
	connect(t, tw, nil, func(c *board.Client, e board.Event) {
		if e.Kind == board.Credential && e.Credential == "bad" {
			if err := c.Present(context.Background(), 0, "We do not know this code.", ""); err != nil {
				t.Error(err)
			}
		}
	})
	refused := tw.arrive(t, 0, "bad", 200*time.Millisecond)
	ignored := tw.arrive(t, 0, "", 20*time.Millisecond)
	wait(t, "the refused one to leave", refused.done)
	wait(t, "the ignored one to leave", ignored.done)
	if refused.Outcome != Refused || refused.Display != "We do not know this code." {
		t.Errorf("refused: %+v", refused)
	}
	if ignored.Outcome != BackedOut || ignored.Timeline.OpenCommand != 0 {
		t.Errorf("ignored: %+v", ignored)
	}
}

// badLine damages what goes over a port, both ways: bits flip, pieces vanish.
type badLine struct {
	io.ReadWriteCloser
	mu  sync.Mutex
	rnd *rand.Rand
}

func (l *badLine) damage(b []byte) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch n := l.rnd.IntN(100); {
	case len(b) == 0 || n >= 10:
		return b
	case n < 4:
		return b[:0]
	case n < 7:
		return b[:l.rnd.IntN(len(b))]
	default:
		b = slices.Clone(b)
		b[l.rnd.IntN(len(b))] ^= 1 << l.rnd.IntN(8)
		return b
	}
}

func (l *badLine) Read(p []byte) (int, error) {
	n, err := l.ReadWriteCloser.Read(p)
	return copy(p, l.damage(p[:n])), err
}

func (l *badLine) Write(p []byte) (int, error) {
	if b := l.damage(p); len(b) > 0 {
		if _, err := l.ReadWriteCloser.Write(b); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// On a line that ruins every tenth piece: a command that succeeded was carried
// out once, one that failed at most once, and every event arrives once and in
// order.
func TestBadLine(t *testing.T) {
	const cars, calls = 25, 120
	tw := start(t, 1000, GateConfig{Name: "a"}, GateConfig{Name: "b"}, GateConfig{Name: "c"})
	var mu sync.Mutex
	var seqs []uint32
	shown := map[string]int{}
	arrived := make(chan struct{}, 4*cars)
	wrap := func(p io.ReadWriteCloser) io.ReadWriteCloser {
		return &badLine{ReadWriteCloser: p, rnd: rand.New(rand.NewPCG(1, 2))}
	}
	a := connect(t, tw, wrap, func(_ *board.Client, e board.Event) {
		mu.Lock()
		defer mu.Unlock()
		seqs = append(seqs, e.Seq)
		if e.Kind == board.Credential {
			shown[e.Credential]++
			arrived <- struct{}{}
		}
	}, board.WithTimeout(50*time.Millisecond))
	if _, err := a.Hello(t.Context()); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var succeeded, failed int
	for range 4 { // concurrent callers
		wg.Go(func() {
			for range calls / 4 {
				// The third gate has no vehicles, so nothing else opens it.
				err := a.Pulse(context.Background(), 2, board.Open, board.MinPulse)
				mu.Lock()
				switch {
				case err == nil:
					succeeded++
				case errors.Is(err, board.ErrTimeout):
					failed++
				default:
					t.Errorf("pulse: %v", err)
				}
				mu.Unlock()
			}
		})
	}
	for i := range cars { // no faster than a board can hold events
		tw.arrive(t, 0, fmt.Sprint("a", i), time.Millisecond)
		tw.arrive(t, 1, fmt.Sprint("b", i), time.Millisecond)
		wait(t, "a credential", arrived)
		wait(t, "another credential", arrived)
	}
	wg.Wait()
	_ = a.stop()
	if opens := int(tw.snapshot(t).Gates[2].Opens); opens < succeeded || opens > succeeded+failed || succeeded < calls/2 {
		t.Errorf("%d commands succeeded, %d failed, the board carried %d out", succeeded, failed, opens)
	}
	for i, s := range seqs {
		if s != uint32(i+1) {
			t.Fatalf("event %d came as number %d", s, i+1)
		}
	}
	if len(shown) != 2*cars {
		t.Errorf("%d credentials were shown, %d came", 2*cars, len(shown))
	}
	for c, n := range shown {
		if n != 1 {
			t.Errorf("credential %s came %d times", c, n)
		}
	}
}

// The board loses its power in the middle of a command's frame.
func TestResetInTheMiddleOfAFrame(t *testing.T) {
	tw := start(t, 100, GateConfig{Name: "in"})
	events := make(chan board.Event, 64)
	a := connect(t, tw, nil, func(_ *board.Client, e board.Event) { events <- e })
	info, err := a.Hello(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // restarted, inputs
		wait(t, "the first events", events)
	}
	if err := a.Set(t.Context(), 0, board.Open, true, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if e := wait(t, "the arm to leave its limit", events); e.Inputs.Has(board.ArmClosed) {
		t.Fatalf("got %+v", e)
	}
	wait(t, "the open limit", events)

	payload, err := board.Encode(board.SetOutput{Boot: info.Boot, Output: board.Red, On: true, LeaseMs: 5000})
	if err != nil {
		t.Fatal(err)
	}
	frame, err := smp.AppendFrames(nil, smp.Packet{Op: smp.Write, Group: board.Group, ID: board.CmdSetOutput, Payload: payload})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.OpenFile(tw.cfg.Port, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	if _, err := raw.Write(frame[:len(frame)/2]); err != nil {
		t.Fatal(err)
	}
	if err := tw.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Write(frame[len(frame)/2:]); err != nil {
		t.Fatal(err)
	}
	e := wait(t, "Restarted", events)
	if e.Kind != board.Restarted || e.Boot == info.Boot || e.Seq != 1 || e.Gate != -1 {
		t.Errorf("after the reset came %+v", e)
	}
	if e = wait(t, "the inputs", events); e.Kind != board.InputsChanged || !e.Inputs.Has(board.ArmOpen) || e.Seq != 2 {
		t.Errorf("then came %+v", e)
	}
	// An answer now shows that the board has taken all that was on the line.
	if now, err := a.Hello(t.Context()); err != nil || now.Boot != e.Boot {
		t.Errorf("hello: %+v, %v", now, err)
	}
	if s := tw.snapshot(t); len(s.Gates[0].Outputs) != 0 {
		t.Errorf("outputs after the reset: %v", s.Gates[0].Outputs)
	}
	if err := a.Pulse(t.Context(), 0, board.Close, 500*time.Millisecond); err != nil {
		t.Errorf("a command for the new boot: %v", err)
	}
}

// closeTold tells when a port has been closed.
type closeTold struct {
	io.ReadWriteCloser
	closed func()
}

func (c *closeTold) Close() error {
	defer c.closed()
	return c.ReadWriteCloser.Close()
}

// An agent dies while it handles an event; the next one gets that event again
// and all that happened in between.
func TestNextAgentTakesOver(t *testing.T) {
	tw := start(t, 100, GateConfig{Name: "in"})
	handling := make(chan struct{})
	release := make(chan struct{})
	hungUp := make(chan struct{})
	first := connect(t, tw, func(p io.ReadWriteCloser) io.ReadWriteCloser {
		return &closeTold{p, sync.OnceFunc(func() { close(hungUp) })}
	}, func(_ *board.Client, e board.Event) {
		if e.Kind == board.Credential {
			close(handling)
			<-release
		}
	})
	v := tw.arrive(t, 0, "one", patience)
	wait(t, "the credential", handling)
	ended := make(chan error, 1)
	if _, err := board.OpenSerial(tw.cfg.Port, 115200); !errors.Is(err, board.ErrPortBusy) {
		t.Errorf("a second agent on the port: %v", err)
	}
	go func() { ended <- first.stop() }()
	// The port is closed before the handler returns, so its event is not
	// acknowledged.
	wait(t, "the port to close", hungUp)
	if err := first.Pulse(t.Context(), 0, board.Open, board.MinPulse); err == nil {
		t.Error("the dying agent opened")
	}
	close(release)
	if err := wait(t, "the first agent", ended); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	got := make(chan string, 10)
	connect(t, tw, nil, func(c *board.Client, e board.Event) {
		if e.Kind == board.Restarted {
			t.Error("the board was taken for restarted")
		}
		if e.Kind == board.Credential {
			got <- e.Credential
			if err := c.Pulse(context.Background(), 0, board.Open, board.MinPulse); err != nil {
				t.Error(err)
			}
		}
	})
	if c := wait(t, "the credential again", got); c != "one" {
		t.Errorf("got %q", c)
	}
	wait(t, "the vehicle", v.done)
	if s := tw.snapshot(t); v.Outcome != Passed || s.Gates[0].Opens != 1 {
		t.Errorf("%+v, %d opens", v, s.Gates[0].Opens)
	}
}

func TestTwinOnATakenPath(t *testing.T) {
	tw := start(t, 1, GateConfig{Name: "in"})
	if _, err := New(tw.cfg, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrPathTaken) {
		t.Errorf("a second twin on the port: %v", err)
	}
	file := filepath.Join(t.TempDir(), "notes")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := tw.cfg
	cfg.Port = file
	if _, err := New(cfg, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrPathTaken) {
		t.Errorf("a twin on somebody's file: %v", err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "mine" {
		t.Errorf("the file: %q, %v", b, err)
	}
}

// What a program waits for between a credential at the reader and its open
// command at the board, without any work of its own.
func BenchmarkCredentialToOpen(b *testing.B) {
	tw := start(b, 1000, GateConfig{Name: "in"})
	connect(b, tw, nil, func(c *board.Client, e board.Event) {
		if e.Kind == board.Credential {
			if err := c.Pulse(context.Background(), 0, board.Open, board.MinPulse); err != nil {
				b.Error(err)
			}
		}
	})
	var us []int64
	for b.Loop() {
		v := tw.arrive(b, 0, "pass", patience)
		wait(b, "the vehicle", v.done)
		us = append(us, v.CredentialToOpen)
	}
	d := distribution(us)
	b.ReportMetric(float64(d.P50), "p50-µs")
	b.ReportMetric(float64(d.P99), "p99-µs")
}
