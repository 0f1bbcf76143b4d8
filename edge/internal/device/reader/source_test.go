package reader

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/openlot/openlot/edge/internal/device"
)

// line is a serial line whose far end is the test.
func line(t *testing.T, path string) *os.File {
	t.Helper()
	far, near, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = far.Close(), near.Close() })
	_ = os.Remove(path)
	if err := os.Symlink(near.Name(), path); err != nil {
		t.Fatal(err)
	}
	return far
}

func send(t *testing.T, far *os.File, text string) {
	t.Helper()
	if _, err := far.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// run runs a reader until the test ends.
func run(t *testing.T, r device.Reader, take func(device.Read) bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx, take) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Error("the reader does not end")
		}
	})
}

func await(t *testing.T, reads chan device.Read) device.Read {
	t.Helper()
	select {
	case r := <-reads:
		return r
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was read")
		return device.Read{}
	}
}

// watched is a log that says when a line with some words was written, and keeps
// everything.
type watched struct {
	mu   sync.Mutex
	all  bytes.Buffer
	word string
	seen chan struct{}
}

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if strings.Contains(string(b), w.word) {
		select {
		case w.seen <- struct{}{}:
		default:
		}
	}
	return w.all.Write(b)
}

func (w *watched) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all.String()
}

func (w *watched) wait(t *testing.T) {
	t.Helper()
	select {
	case <-w.seen:
	case <-time.After(10 * time.Second):
		t.Fatalf("the log does not say %q:\n%s", w.word, w.text())
	}
}

func TestASerialReaderIsReadAndFoundAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scanner")
	far := line(t, path)
	log := &watched{word: "a reader is there", seen: make(chan struct{}, 4)}
	reads := make(chan device.Read, 16)
	run(t, Serial(path, 9600, Framer{Prefix: "]Q1"}, 0, Screen{RepeatAfter: time.Second}, slog.New(slog.NewTextHandler(log, nil))), func(r device.Read) bool {
		reads <- r
		return true
	})
	log.wait(t)
	send(t, far, "]Q1PK1:SECRET\r\n]Q1PK1:SECRET\r\n\x00SECRET\r\nTK1:OTHER\r\n")
	if r := await(t, reads); r.Text != "PK1:SECRET" || r.Medium != device.Code {
		t.Errorf("read %+v", r)
	}
	if r := await(t, reads); r.Text != "TK1:OTHER" {
		t.Errorf("read %+v: repetition and junk are dropped", r)
	}
	_ = far.Close() // unplugged
	far = line(t, path)
	log.wait(t)
	send(t, far, "PK1:AGAIN\r")
	if r := await(t, reads); r.Text != "PK1:AGAIN" {
		t.Errorf("read %+v", r)
	}
	for _, text := range []string{"SECRET", "OTHER", "AGAIN"} {
		if strings.Contains(log.text(), text) {
			t.Errorf("a credential is in the log:\n%s", log.text())
		}
	}
	if !strings.Contains(log.text(), "junk=1") {
		t.Errorf("the junk is not counted:\n%s", log.text())
	}
}

func TestALineWithoutAnEndIsFlushed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scanner")
	far := line(t, path)
	log := &watched{word: "a reader is there", seen: make(chan struct{}, 4)}
	reads := make(chan device.Read, 16)
	run(t, Serial(path, 9600, Framer{}, 50*time.Millisecond, Screen{}, slog.New(slog.NewTextHandler(log, nil))), func(r device.Read) bool {
		reads <- r
		return true
	})
	log.wait(t)
	for _, text := range []string{"PK1:ONE", "PK1:TWO"} {
		send(t, far, text)
		if r := await(t, reads); r.Text != text {
			t.Errorf("read %+v", r)
		}
	}
}

func TestAReaderHasItsPortForItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scanner")
	line(t, path)
	first := &watched{word: "a reader is there", seen: make(chan struct{}, 4)}
	run(t, Serial(path, 9600, Framer{}, 0, Screen{}, slog.New(slog.NewTextHandler(first, nil))), func(device.Read) bool { return true })
	first.wait(t)
	second := &watched{word: "a device is lost", seen: make(chan struct{}, 4)}
	run(t, Serial(path, 9600, Framer{}, 0, Screen{}, slog.New(slog.NewTextHandler(second, nil))), func(device.Read) bool { return true })
	second.wait(t)
}

func TestALaneWithoutRoomIsAskedAgain(t *testing.T) {
	d := desk{log: slog.New(slog.DiscardHandler), now: func() time.Time { return noon }, screen: Screen{RepeatAfter: time.Second}}
	if out := d.take("PK1:A", 1, func(device.Read) bool { return false }); out != Busy {
		t.Errorf("%v", out)
	}
	if out := d.take("PK1:A", 1, func(device.Read) bool { return true }); out != Passed {
		t.Errorf("%v", out)
	}
}
