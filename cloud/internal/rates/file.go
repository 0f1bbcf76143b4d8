package rates

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

const (
	lookEvery = time.Minute // how soon a new file is seen
	maxFile   = 4 << 20
)

// File gives out the rates of a file that may be replaced while it is read from.
type File struct {
	name string
	now  func() time.Time
	log  *slog.Logger

	mu     sync.Mutex
	rates  Rates
	looked time.Time
	stamp  time.Time // of the file that was read, or could not be
}

// Open reads a file; what is wrong with it is said at once.
func Open(name string, now func() time.Time, log *slog.Logger) (*File, error) {
	f := &File{name: name, now: now, log: log.With("component", "rates"), looked: now()}
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("rates: %w", err)
	}
	f.stamp = info.ModTime()
	if f.rates, err = read(name); err != nil {
		return nil, fmt.Errorf("rates %s: %w", name, err)
	}
	return f, nil
}

func read(name string) (Rates, error) {
	in, err := os.Open(name)
	if err != nil {
		return Rates{}, err
	}
	defer func() { _ = in.Close() }() // only read
	raw, err := io.ReadAll(io.LimitReader(in, maxFile))
	if err != nil {
		return Rates{}, err
	}
	return Parse(raw)
}

// Latest are the rates that may be shown now; nobody's: there are none. A file that
// cannot be read leaves those that were there, which grow old.
func (f *File) Latest() (Rates, bool) {
	if f == nil {
		return Rates{}, false
	}
	now := f.now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.looked) >= lookEvery {
		f.looked = now
		f.look()
	}
	return f.rates, f.rates.Current(now)
}

func (f *File) look() {
	info, err := os.Stat(f.name)
	if err == nil && info.ModTime().Equal(f.stamp) {
		return
	}
	var fresh Rates
	if err == nil {
		f.stamp = info.ModTime() // also of a bad one: it is said once
		fresh, err = read(f.name)
	}
	if err != nil {
		f.log.Warn("the file of rates cannot be read; the ones before are kept", "err", err)
		return
	}
	f.rates = fresh
}
