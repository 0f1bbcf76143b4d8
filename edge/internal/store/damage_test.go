package store

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// atWork drives a store of so many events in this process and leaves it as a
// power cut would; cleanly: as an orderly end would. p is what was promised, and
// settled what was when bbolt had everything for the last time.
func atWork(t *testing.T, events int, cleanly bool) (path string, p, settled *promised) {
	t.Helper()
	live, image := filepath.Join(t.TempDir(), "edge.db"), filepath.Join(t.TempDir(), "edge.db")
	var said bytes.Buffer
	d := &drive{path: live, events: events, out: &said}
	must(t, d.open())
	upTo := 0
	for step := 0; d.n < events; step++ {
		d.step(step)
		if d.s.mu.Lock(); len(d.s.behind) == 0 {
			upTo = said.Len()
		}
		d.s.mu.Unlock()
	}
	if cleanly {
		d.s.mu.Lock()
		d.s.closed, d.s.head.Clean = true, true
		d.s.mu.Unlock()
		d.s.commit()
	}
	copyFile(t, live, image)
	copyAll(t, live, image)
	must(t, d.s.close())
	p, settled = newPromised(), newPromised()
	at := 0
	for line := range strings.Lines(said.String()) {
		p.hear(strings.TrimSpace(line))
		if at += len(line); at <= upTo || cleanly || strings.HasPrefix(line, "cloud") {
			settled.hear(strings.TrimSpace(line))
		}
	}
	return image, p, settled
}

// harms are ways in which a page of 4096 bytes goes bad.
var harms = map[string]func(r *rand.Rand, b []byte) []byte{
	"a bit": func(r *rand.Rand, b []byte) []byte {
		b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		return b
	},
	"a byte of a page's head": func(r *rand.Rand, b []byte) []byte {
		b[r.IntN(max(len(b)/4096, 1))*4096+r.IntN(min(96, len(b)))] = byte(r.IntN(256))
		return b
	},
	"zeros": func(r *rand.Rand, b []byte) []byte {
		clear(page(r, b))
		return b
	},
	"noise": func(r *rand.Rand, b []byte) []byte {
		p := page(r, b)
		for i := range p {
			p[i] = byte(r.IntN(256))
		}
		return b
	},
	"another page": func(r *rand.Rand, b []byte) []byte {
		copy(page(r, b), page(r, b))
		return b
	},
	"swapped": func(r *rand.Rand, b []byte) []byte {
		x, y := page(r, b), page(r, b)
		z := bytes.Clone(x)
		copy(x, y)
		copy(y, z)
		return b
	},
	"another page under its number": func(r *rand.Rand, b []byte) []byte {
		x, y := page(r, b), page(r, b)
		if len(x) > 8 && len(y) > 8 {
			copy(x[8:], y[8:])
		}
		return b
	},
	"cut off": func(r *rand.Rand, b []byte) []byte { return b[:r.IntN(len(b))] },
	"half of it": func(r *rand.Rand, b []byte) []byte {
		clear(b[r.IntN(len(b)):])
		return b
	},
}

// page is one that is in use, mostly: the tail of a file is zeros.
func page(r *rand.Rand, b []byte) []byte {
	for range 20 {
		at := r.IntN(max(len(b)/4096, 1)) * 4096
		p := b[at:min(at+4096, len(b))]
		if bytes.IndexFunc(p, func(r rune) bool { return r != 0 }) >= 0 {
			return p
		}
	}
	return b[:min(4096, len(b))]
}

// checkHere is the check in a process of its own, as the agent has it.
func checkHere() Check {
	return CheckBy(func(ctx context.Context, path string) *exec.Cmd {
		return exec.CommandContext(ctx, os.Args[0], "check-store", path)
	}, slog.New(slog.DiscardHandler))
}

// Whatever happens to the pages of one file, a start ends soon, and what it then
// holds is what was there: every event that was acted upon and not acknowledged,
// everybody who is inside, and no pass that opens again. When a second file goes
// with it, what is missing is said, unless it was in the newest records of the log.
func TestTenThousandDamages(t *testing.T) {
	rounds := 80 / Slower
	if *full {
		rounds = 10_000
	}
	r := rand.New(rand.NewPCG(3, 3))
	noticed, harmless, pieces, longest := map[string]int{}, 0, 0, time.Duration(0)
	work := filepath.Join(t.TempDir(), "edge.db")
	for _, cleanly := range []bool{false, true} {
		image, p, settled := atWork(t, 150, cleanly)
		var files []string
		names, err := filepath.Glob(image + "*")
		must(t, err)
		for _, n := range names {
			if !strings.HasSuffix(n, "-lock") {
				files = append(files, n)
			}
		}
		var kinds []string
		for k := range harms {
			kinds = append(kinds, k)
		}
		for round := range rounds / 2 {
			old, err := filepath.Glob(filepath.Dir(work) + "/*")
			must(t, err)
			for _, n := range old {
				must(t, os.Remove(n))
			}
			for _, n := range files {
				copyFile(t, n, work+strings.TrimPrefix(n, image))
			}
			// Mostly bbolt's file; every tenth time two.
			victims := []string{image}
			if round%4 == 3 {
				victims[0] = files[r.IntN(len(files))]
			}
			if round%10 == 9 {
				victims = append(victims, files[r.IntN(len(files))])
			}
			var what []string
			for _, n := range victims {
				kind := kinds[r.IntN(len(kinds))]
				to := work + strings.TrimPrefix(n, image)
				b, err := os.ReadFile(to)
				must(t, err)
				if len(b) == 0 {
					continue
				}
				must(t, os.WriteFile(to, harms[kind](r, b), 0o600))
				what = append(what, filepath.Base(n)+": "+kind)
			}
			began := time.Now()
			s, err := Open(work, slog.New(slog.DiscardHandler), time.Now, driveOptions, WithCheck(checkHere()))
			if err != nil {
				t.Fatalf("%v: it does not start: %v", what, err)
			}
			longest = max(longest, time.Since(began))
			rebuilt := s.Rebuilt()
			enterNow(t, s)
			must(t, s.close())
			if rebuilt == nil {
				harmless++
			} else {
				noticed[what[0][strings.Index(what[0], ": ")+2:]]++
			}
			v, _, err := look(t.Context(), work, lookBy{readOnly: true, keep: true})
			must(t, err)
			if !v.believed() {
				t.Fatalf("%v: what was rebuilt is not believed: %v", what, v.damage)
			}
			// The end of a log whose newest records are gone looks like the power cut
			// that it was written for: what only they had, for a second, is gone.
			promises := p
			if slices.Contains(victims, walPath(image)) || slices.Contains(victims, sparePath(image)) {
				promises = settled
			}
			err = promises.kept(&v.file)
			if len(victims) == 2 && slices.Contains(victims, image) && promises == settled && err != nil {
				pieces++ // and with bbolt's file as well, nobody can tell
				continue
			}
			switch {
			case err != nil && (len(victims) == 1 || rebuilt == nil || len(rebuilt.Lost) == 0):
				t.Fatalf("%v: %v, and said was %+v", what, err, rebuilt)
			case err != nil:
				pieces++
			}
		}
	}
	n := 0
	for _, c := range noticed {
		n += c
	}
	t.Logf("%d damages: %d noticed and rebuilt %v, %d harmless, %d of two files after which something was missing and said; the longest start took %v", rounds, n, noticed, harmless, pieces, longest)
	if n < rounds/5 {
		t.Errorf("only %d of %d were noticed", n, rounds)
	}
}

// enterNow lets somebody in, in a store that nobody runs.
func enterNow(t *testing.T, s *Store) {
	t.Helper()
	d := &drive{s: s, out: io.Discard, events: 10}
	d.step(0)
	if d.refused > 0 || len(d.inside) != 1 {
		t.Fatalf("it does not go on: %v", s.failed())
	}
	s.View(func(st *admission.State) {
		if _, there := st.Sessions[d.inside[0].ID]; !there {
			t.Fatal("it does not know whom it let in")
		}
	})
}

// BenchmarkStart is a start with a hundred thousand cached reservations, with the
// check in a process of its own.
func BenchmarkStart(b *testing.B) {
	path := filepath.Join(b.TempDir(), "edge.db")
	f := file{state: admission.NewState(), head: head{Version: formatVersion, Journal: newID(), Log: newWALID(), Clean: true}}
	for range 100_000 {
		r := id.New[id.Reservation](time.Now())
		f.state.Entries[r] = wire.Entry{Reservation: r, Generation: 1, SpaceType: id.Standard, State: wire.EntryConfirmed, From: 1, To: 2, Version: 1}
	}
	f.head.Records = records(f.state)
	if err := f.writeTo(path); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := Open(path, slog.New(slog.DiscardHandler), time.Now, WithCheck(checkHere()))
		if err != nil {
			b.Fatal(err)
		}
		if err := s.close(); err != nil {
			b.Fatal(err)
		}
	}
}
