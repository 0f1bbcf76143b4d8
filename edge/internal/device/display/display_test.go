package display

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/creack/pty"
)

func TestAPageFitsTheDisplay(t *testing.T) {
	for _, c := range []struct {
		text, charset string
		columns, rows int
		want          string
	}{
		{"Welcome.", "ascii", 10, 2, "Welcome.            "},
		{"Please drive in.", "ascii", 8, 2, "Please  drive   "},
		{"Willkommen, fünf Plätze", "cp437", 12, 2, "Willkommen, f\x81nf Pl\x84tze "},
		{"Plätze", "latin1", 8, 1, "Pl\xe4tze  "},
		{"Plätze", "ascii", 8, 1, "Plaetze "},
		{"abcdefghijk", "ascii", 4, 2, "abcdefgh"},
		{"a\x1b[2Jb \x0c\n車", "ascii", 8, 1, "a [2Jb ?"},
		{"", "ascii", 8, 1, "        "},
	} {
		if got := string(Page(c.text, c.columns, c.rows, c.charset)); got != c.want {
			t.Errorf("%q on %dx%d: %q, want %q", c.text, c.columns, c.rows, got, c.want)
		}
	}
}

func FuzzPage(f *testing.F) {
	f.Add("Please drive up to the barrier first.", 20, 2, uint8(1))
	f.Fuzz(func(t *testing.T, text string, columns, rows int, charset uint8) {
		columns, rows = 8+max(0, columns)%73, 1+max(0, rows)%8
		page := Page(text, columns, rows, []string{"ascii", "latin1", "cp437"}[charset%3])
		if len(page) != columns*rows {
			t.Errorf("%d bytes for %dx%d", len(page), columns, rows)
		}
		for _, b := range page {
			if b < 0x20 || b == 0x7f {
				t.Errorf("a control byte %#x", b)
			}
		}
	})
}

func TestTheDriverReadsTheNewestSentence(t *testing.T) {
	far, near, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = far.Close(), near.Close() }()
	path := filepath.Join(t.TempDir(), "display")
	if err := os.Symlink(near.Name(), path); err != nil {
		t.Fatal(err)
	}
	d := New(Config{Port: path, Baud: 9600, Columns: 10, Rows: 2, Charset: "ascii", Clear: "\x0c", Idle: "Hello", HoldFor: 50 * time.Millisecond}, slog.New(slog.DiscardHandler))
	for range 1000 {
		d.Show("old") // nobody looks yet: it waits for nothing
	}
	d.Show("Drive in.")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	got := make([]byte, 21)
	for _, want := range []string{"\x0cHello               ", "\x0cDrive in.           ", "\x0cHello               "} {
		if _, err := io.ReadFull(far, got); err != nil || string(got) != want {
			t.Fatalf("shown %q, want %q; %v", got, want, err)
		}
	}
}
