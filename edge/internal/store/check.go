package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"time"

	"go.etcd.io/bbolt"
)

// Check looks at a bbolt file before the agent believes it. A CorruptError is
// what it found; any other error keeps the store from opening.
type Check func(ctx context.Context, path string) error

// How the other process ends.
const (
	checkWhole = 0
	checkInUse = 4
	checkFound = 5
)

// checkMemory is what the other process may take for itself.
const checkMemory = 256 << 20

// CheckBy has another process look, which calls CheckMain: on damaged pages
// bbolt panics in a goroutine of its own, never ends, or takes all memory there
// is. Each of these is a finding then. When no such process can be started, the
// start goes on without.
func CheckBy(command func(ctx context.Context, path string) *exec.Cmd, log *slog.Logger) Check {
	return checkWithin(checkLeast, command, log)
}

// checkLeast is how long a check of a small file may take.
const checkLeast = 10 * time.Second

func checkWithin(least time.Duration, command func(ctx context.Context, path string) *exec.Cmd, log *slog.Logger) Check {
	return func(ctx context.Context, path string) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		limit := least + time.Duration(info.Size()>>22)*time.Second // a slow card reads 4 MiB in a second
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		cmd := command(ctx, path)
		var said bytes.Buffer
		cmd.Stderr, cmd.WaitDelay = &limited{&said, 4 << 10}, time.Second
		if err := cmd.Start(); err != nil {
			log.Warn("the store is not checked: no process for it could be started", "err", err)
			return nil
		}
		err = cmd.Wait()
		var exit *exec.ExitError
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return &CorruptError{path, "the check", fmt.Errorf("no end within %v", limit)}
		case errors.As(err, &exit) && exit.ExitCode() == checkInUse:
			return ErrInUse
		case errors.As(err, &exit) && exit.ExitCode() == checkFound:
			return &CorruptError{path, "the check", errors.New(said.String())}
		default:
			first, _, _ := bytes.Cut(said.Bytes(), []byte("\n"))
			return &CorruptError{path, "the check", fmt.Errorf("%w: %s", err, first)}
		}
	}
}

// limited keeps the beginning of what a process says.
type limited struct {
	to   *bytes.Buffer
	left int
}

func (l *limited) Write(b []byte) (int, error) {
	keep := b[:min(len(b), l.left)]
	l.left -= len(keep)
	l.to.Write(keep)
	return len(b), nil
}

// CheckMain is the other process of CheckBy. It returns how to end.
func CheckMain(path string) int {
	limitMemory(checkMemory)
	err := checkFile(path)
	switch {
	case err == nil:
		return checkWhole
	case errors.Is(err, ErrInUse):
		return checkInUse
	default:
		_, _ = fmt.Fprint(os.Stderr, err) // to the agent
		return checkFound
	}
}

func checkFile(path string) error {
	db, err := openDB(path, &bbolt.Options{ReadOnly: true, Timeout: lockWait})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // only read
	return view(db, func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			return err // the first is enough: there can be thousands of millions
		}
		return errors.Join(checkOverflow(tx), checkElements(path, tx))
	})
}

// checkElements finds what bbolt's check does not: a key or a value that is said to
// be longer than its page. That of a bucket is not read before it is written again.
func checkElements(path string, tx *bbolt.Tx) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	w := walk{f: f, meta: bboltMeta{pageSize: uint64(tx.DB().Info().PageSize), pages: uint64(tx.Size()) / uint64(tx.DB().Info().PageSize)}, seen: map[uint64]bool{}}
	for number := 2; ; number++ {
		p, err := tx.Page(number)
		if p == nil || err != nil {
			return err
		}
		if p.Type != "leaf" && p.Type != "branch" {
			continue
		}
		if !fits(w.page(uint64(number))) {
			return fmt.Errorf("an element of page %d is longer than the page", number)
		}
		number += p.OverflowCount
	}
}

// fits says that all elements of a page lie within it, and those of the pages that
// are values in it.
func fits(page []byte) bool {
	if len(page) < pageHeader {
		return false
	}
	flags, count := binary.LittleEndian.Uint16(page[8:]), int(binary.LittleEndian.Uint16(page[10:]))
	if pageHeader+count*elementSize > len(page) {
		return false
	}
	for i := range count {
		e := page[pageHeader+i*elementSize:]
		if flags == pageBranch {
			if uint64(binary.LittleEndian.Uint32(e))+uint64(binary.LittleEndian.Uint32(e[4:])) > uint64(len(e)) {
				return false
			}
			continue
		}
		_, value, ok := leafElement(e)
		if !ok {
			return false
		}
		if binary.LittleEndian.Uint32(e)&leafBucket == 0 {
			continue
		}
		if len(value) < 16 || binary.LittleEndian.Uint64(value) != 0 && len(value) != 16 {
			return false
		}
		// A page within a page has no number, and bbolt would give away whatever
		// number it finds there.
		if inline := value[16:]; binary.LittleEndian.Uint64(value) == 0 &&
			(!fits(inline) || binary.LittleEndian.Uint64(inline) != 0 || binary.LittleEndian.Uint16(inline[8:]) != pageLeaf || binary.LittleEndian.Uint32(inline[12:]) != 0) {
			return false
		}
	}
	return true
}

// checkOverflow finds what bbolt's check does not: a page in use that goes on into
// pages that count as free. Reading it does no harm; the next commit gives them
// away and then frees them.
func checkOverflow(tx *bbolt.Tx) error {
	for number := 2; ; {
		p, err := tx.Page(number)
		if p == nil || err != nil {
			return err
		}
		number++
		if p.Type == freePage {
			continue
		}
		for range p.OverflowCount {
			next, err := tx.Page(number)
			if err != nil {
				return err
			}
			if next == nil || next.Type == freePage {
				return fmt.Errorf("page %d goes on into a free one", p.ID)
			}
			number++
		}
	}
}

// freePage is how bbolt calls a page that is on its free list.
const freePage = "free"
