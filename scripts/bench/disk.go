package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"time"
)

const (
	// pageSize is what the reference writes and syncs: one page, in place.
	pageSize = 4096
	// pageEvery is how often it does so. It costs the disk a small part of what
	// the load costs it.
	pageEvery = 50 * time.Millisecond
	// stallAfter is how long it takes when the disk stands still. A journal's
	// commit is two such syncs after one another, so that a disk as slow as
	// this cannot open a gate within 20 ms whatever the program does.
	stallAfter = 10 * time.Millisecond
)

// disk is the reference of the run: a page that is overwritten and synced again
// and again beside the edges' files, with no program of ours in between. What it
// takes is the least that any journal on this disk takes.
type disk struct {
	file   *os.File
	syncs  samples
	stalls []span // in order; read after watch has ended
}

// span is a time in which something went on.
type span struct{ from, to time.Time }

// openDisk prepares the page in a directory.
func openDisk(dir string) (*disk, error) {
	f, err := os.Create(filepath.Join(dir, "reference.page"))
	if err != nil {
		return nil, fmt.Errorf("prepare the reference: %w", err)
	}
	d := &disk{file: f}
	if _, _, err := d.sync(); err != nil {
		return nil, err
	}
	return d, nil
}

// sync overwrites the page and waits for the disk.
func (d *disk) sync() (from, to time.Time, err error) {
	from = time.Now()
	if _, err := d.file.WriteAt(make([]byte, pageSize), 0); err != nil {
		return from, from, fmt.Errorf("write the reference: %w", err)
	}
	if err := datasync(d.file); err != nil {
		return from, from, fmt.Errorf("sync the reference: %w", err)
	}
	return from, time.Now(), nil
}

// watch measures until ctx ends, and closes the file.
func (d *disk) watch(ctx context.Context) error {
	tick := time.NewTicker(pageEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return d.file.Close()
		case <-tick.C:
		}
		from, to, err := d.sync()
		if err != nil {
			return err
		}
		d.syncs.add(to.Sub(from))
		if to.Sub(from) >= stallAfter {
			d.stalls = append(d.stalls, span{from, to})
		}
	}
}

// stalled is the share of a time in which the disk stood still.
func (d *disk) stalled(of time.Duration) float64 {
	sum := time.Duration(0)
	for _, s := range d.stalls {
		sum += s.to.Sub(s.from)
	}
	return float64(sum) / float64(of)
}

// stood reports whether the disk stood still at any moment of a span.
func (d *disk) stood(s span) bool {
	// The first stall that ends after the span begins is the only one that can
	// be the first to overlap it.
	i := sort.Search(len(d.stalls), func(i int) bool { return d.stalls[i].to.After(s.from) })
	return i < len(d.stalls) && d.stalls[i].from.Before(s.to)
}

// undisturbed are the durations of those spans in which the disk never stood
// still.
func (d *disk) undisturbed(spans []span) *samples {
	s := &samples{}
	for _, sp := range spans {
		if !d.stood(sp) {
			s.all = append(s.all, sp.to.Sub(sp.from))
		}
	}
	return s
}
