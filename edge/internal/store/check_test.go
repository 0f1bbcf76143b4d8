package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// A check that hangs, dies or takes all memory is a finding and not the end.
func TestAnyEndOfTheCheckIsAFinding(t *testing.T) {
	path, _ := cutAfter(t, 2, 4)
	log := slog.New(slog.DiscardHandler)
	for name, script := range map[string]string{
		"hangs":     "sleep 60",
		"dies":      "kill -9 $$",
		"panics":    "echo 'panic: page 7 already freed' >&2; exit 2",
		"too large": fmt.Sprintf("echo 'fatal error: runtime: out of memory' >&2; yes | head -c 100000 >&2; exit %d", checkFound),
	} {
		t.Run(name, func(t *testing.T) {
			check := checkWithin(300*time.Millisecond, func(ctx context.Context, _ string) *exec.Cmd {
				return exec.CommandContext(ctx, "sh", "-c", script)
			}, log)
			damaged := filepath.Join(t.TempDir(), "edge.db")
			copyFile(t, path, damaged)
			copyAll(t, path, damaged)
			s, err := Open(damaged, log, time.Now, WithCheck(check))
			if err == nil || s != nil {
				// What it rebuilds is checked by the same, so that only the second look can
				// come to an end.
				must(t, s.close())
			}
			if r := s.Rebuilt(); r == nil || len(r.Lost) > 0 || r.Sessions != 4 {
				t.Errorf("%+v", r)
			}
		})
	}
	// Another agent's file is not damaged.
	inUse := checkWithin(time.Second, func(ctx context.Context, _ string) *exec.Cmd {
		return exec.CommandContext(ctx, "sh", "-c", fmt.Sprintf("exit %d", checkInUse))
	}, log)
	if _, err := Open(path, log, time.Now, WithCheck(inUse)); !errors.Is(err, ErrInUse) {
		t.Errorf("in use: %v", err)
	}
	// Without a process there is no check, and a start all the same.
	none := CheckBy(func(ctx context.Context, _ string) *exec.Cmd { return exec.CommandContext(ctx, "/nowhere") }, log)
	s, err := Open(path, log, time.Now, WithCheck(none))
	must(t, err)
	must(t, s.close())
}

// bbolt's own check, in a process of its own, finds what reading does not: a page
// that is in use and counts as free.
func TestTheCheckFindsWhatReadingDoesNot(t *testing.T) {
	path, _ := cutAfter(t, 30, 31)
	check := checkHere()
	must(t, check(t.Context(), path))
	b, err := os.ReadFile(path)
	must(t, err)
	// The newer head's freelist: its first page number becomes that of a page in use.
	newer := 0
	if txOf(b, 1) > txOf(b, 0) {
		newer = 1
	}
	freelist, root := metaWord(b, newer, 32), metaWord(b, newer, 16)
	at := int(freelist)*4096 + 16
	for i := range 8 {
		b[at+i] = byte(root >> (8 * i))
	}
	must(t, os.WriteFile(path, b, 0o600))
	db, err := openDB(path, nil)
	must(t, err)
	_, err = load(path, db, false)
	must(t, errors.Join(err, db.Close()))
	if err := check(t.Context(), path); !corrupt(err) {
		t.Errorf("the check: %v", err)
	}
}

// Nor does bbolt's own check see that a page in use counts the free one behind it
// as its own.
func TestAPageThatGoesOnIntoAFreeOneIsFound(t *testing.T) {
	path, _, _ := atWork(t, 150, false)
	db, err := openDB(path, &bbolt.Options{ReadOnly: true, PreLoadFreelist: true})
	must(t, err)
	victim := 0
	must(t, db.View(func(tx *bbolt.Tx) error {
		for number := 2; ; number++ {
			p, err := tx.Page(number)
			must(t, err)
			next, err := tx.Page(number + 1)
			must(t, err)
			if next == nil {
				return nil
			}
			if p.Type == "leaf" && p.OverflowCount == 0 && next.Type == freePage {
				victim = number
			}
		}
	}))
	must(t, db.Close())
	if victim == 0 {
		t.Fatal("no page in use is followed by a free one: this test shows nothing")
	}
	b, err := os.ReadFile(path)
	must(t, err)
	b[victim*4096+12] = 1
	must(t, os.WriteFile(path, b, 0o600))
	if err := checkHere()(t.Context(), path); !corrupt(err) {
		t.Errorf("the check: %v", err)
	}
}

// A bucket whose value is said to be longer than its page is read without harm and
// written with it: the check finds it, and a start without a check survives it.
func TestABucketThatIsLongerThanItsPageIsFound(t *testing.T) {
	path, p, _ := atWork(t, 150, false)
	b, err := os.ReadFile(path)
	must(t, err)
	newer := 0
	if txOf(b, 1) > txOf(b, 0) {
		newer = 1
	}
	root := int(metaWord(b, newer, 16)) * 4096
	b[root+16+12+2] = 0x80 // the value of the first bucket: 8 MiB more
	must(t, os.WriteFile(path, b, 0o600))
	if err := checkHere()(t.Context(), path); !corrupt(err) {
		t.Errorf("the check: %v", err)
	}
	s, err := Open(path, slog.New(slog.DiscardHandler), time.Now, driveOptions)
	must(t, err)
	if s.Rebuilt() == nil {
		t.Error("a start without a check has not noticed it")
	}
	must(t, s.close())
	v, _, err := look(t.Context(), path, lookBy{readOnly: true, keep: true})
	must(t, err)
	must(t, p.kept(&v.file))
}

// A bucket that lies within its parent's page has no page number. One that is
// there all the same would be given away with the first commit.
func TestAnInlinePageWithANumberIsFound(t *testing.T) {
	path, p, _ := atWork(t, 150, false)
	b, err := os.ReadFile(path)
	must(t, err)
	newer := 0
	if txOf(b, 1) > txOf(b, 0) {
		newer = 1
	}
	root := metaWord(b, newer, 16)
	page := b[root*4096:][:4096]
	// After the name of the bucket come its root, zero, its sequence and the page.
	at := bytes.Index(page, bucketMeta) + len(bucketMeta) + 16
	page[at] = byte(root)
	must(t, os.WriteFile(path, b, 0o600))
	s, err := Open(path, slog.New(slog.DiscardHandler), time.Now, driveOptions, WithCheck(checkHere()))
	must(t, err)
	if s.Rebuilt() == nil {
		t.Error("it was believed")
	}
	must(t, s.close())
	v, _, err := look(t.Context(), path, lookBy{readOnly: true, keep: true})
	must(t, err)
	must(t, p.kept(&v.file))
}

func metaWord(b []byte, meta, at int) (w uint64) {
	for i := range 8 {
		w |= uint64(b[meta*4096+16+at+i]) << (8 * i)
	}
	return w
}

func txOf(b []byte, meta int) uint64 { return metaWord(b, meta, 48) }
