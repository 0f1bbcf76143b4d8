package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"github.com/openlot/openlot/protocol/id"
)

// Option is a choice of who opens a store.
type Option func(*options)

type options struct {
	check       Check
	limit       int64
	reserved    int64
	walBlocks   int
	spareBlocks int
	settleWait  time.Duration
	retryWait   time.Duration
}

func defaults() options {
	return options{limit: DefaultLimit, walBlocks: walBlocks, spareBlocks: spareBlocks, settleWait: settleWait, retryWait: retryWait}
}

// WithCheck has the bbolt file looked at by another process before it is opened.
func WithCheck(c Check) Option { return func(o *options) { o.check = c } }

// WithLimit bounds what the store may take on the disk, in bytes; see Level.
func WithLimit(bytes int64) Option { return func(o *options) { o.limit = bytes } }

// WithReserved gives the bbolt file so many bytes of the disk from the start, so
// that it does not have to grow on a disk that others have filled.
func WithReserved(bytes int64) Option { return func(o *options) { o.reserved = bytes } }

// files are a store's files, opened and in accord with each other.
type files struct {
	db      *bbolt.DB
	wal     *wal
	spare   *wal // nil: it could not be made
	file    file
	fresh   bool
	clean   bool // the run before ended cleanly
	rebuilt *Rebuilt
}

// openFiles looks at what there is, rebuilds what is damaged, settles what the
// logs hold and brings the second copy up to date.
func openFiles(ctx context.Context, path string, o options, until uint64, log *slog.Logger, now func() time.Time) (*files, error) {
	by := lookBy{check: o.check, until: until}
	f, err := by.open(ctx, path, o, log, now)
	if !errors.Is(err, errDamaged) {
		return f, err
	}
	// Damage that no reading has found, but a first commit.
	if errors.Is(err, errStuck) {
		if err := another(path); err != nil {
			return nil, err
		}
	}
	by.distrust = err
	return by.open(ctx, path, o, log, now)
}

func (by lookBy) open(ctx context.Context, path string, o options, log *slog.Logger, now func() time.Time) (_ *files, err error) {
	v, db, err := look(ctx, path, by)
	if err != nil {
		return nil, err
	}
	f := &files{db: db, file: v.file, clean: v.file.head.Clean}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	if v.origin == fromNothing {
		if err := f.create(path, now()); err != nil {
			return nil, fmt.Errorf("create %s: %w", path, err)
		}
	}
	if !v.believed() {
		r, err := v.rebuild(path, now())
		if err != nil {
			return nil, err
		}
		log.Error("the store was damaged and has been rebuilt", "damage", r.Damage, "lost", r.Lost, "kept", r.Kept)
		f.rebuilt, f.clean = &r, false
	}
	if f.db == nil {
		if f.db, err = openDB(path, &bbolt.Options{Timeout: lockWait, PageSize: 4096}); err != nil {
			return nil, err
		}
	}
	if v.origin == fromBolt && len(v.batches) > 0 {
		if err := guarded(func() error { return settle(f.db, v.batches) }); err != nil {
			return nil, fmt.Errorf("settle the write-ahead log of %s: %w", path, err)
		}
	}
	if err := f.begin(path, o, v, log); err != nil {
		return nil, err
	}
	return f, f.remap(path)
}

// create writes a new store's bbolt file and puts it in place as a whole.
func (f *files) create(path string, now time.Time) error {
	f.fresh, f.clean = true, true
	f.file.head = head{Version: formatVersion, Journal: id.New[id.Journal](now), Log: newWALID(), Clean: true}
	temp := path + tempSuffix
	if err := removed(temp); err != nil {
		return err
	}
	if err := f.file.writeTo(temp); err != nil {
		return errors.Join(err, removed(temp))
	}
	return errors.Join(os.Rename(temp, path), syncDir(filepath.Dir(path)))
}

// begin makes the logs ready for a new run and says so in the head.
func (f *files) begin(path string, o options, v *survey, log *slog.Logger) (err error) {
	h := &f.file.head
	if h.Log == (walID{}) {
		h.Log = newWALID()
	}
	if f.fresh || v.logBad {
		f.wal, err = createWAL(walPath(path), h.Log, o.walBlocks)
	} else {
		f.wal, err = openWAL(walPath(path), os.O_RDWR)
	}
	if err != nil {
		return fmt.Errorf("the write-ahead log of %s: %w", path, err)
	}
	if v.spare {
		f.spare, err = openWAL(sparePath(path), os.O_RDWR)
	} else {
		f.spare, err = createWAL(sparePath(path), h.Log, o.spareBlocks)
	}
	if err != nil {
		f.spare = nil
		log.Error("there is no emergency journal", "err", err)
	}
	// The number of a batch that was torn is not used again: later records could
	// complete what is left of it.
	h.Version, h.Clean, h.Batch = formatVersion, false, max(h.Batch, v.last)+1
	err = guarded(func() error {
		return f.db.Update(func(tx *bbolt.Tx) error { return errors.Join(createBuckets(tx), putHead(tx, *h)) })
	})
	if err != nil {
		return fmt.Errorf("write the head of %s: %w", path, err)
	}
	// What no reading finds may show after the first commit.
	if err := sound(path); err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	reserveFile(path, o.reserved, log)
	return removed(path + tempSuffix) // of a rebuild that was cut off
}

// reserveFile gives the bbolt file its blocks on the disk.
func reserveFile(path string, least int64, log *slog.Logger) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		var info os.FileInfo
		if info, err = f.Stat(); err == nil {
			err = reserve(f, max(info.Size(), least))
		}
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		log.Warn("the store has no room reserved on the disk", "err", err)
	}
}

// settle commits what the logs hold to bbolt.
func settle(db *bbolt.DB, batches []logged) error {
	return db.Update(func(tx *bbolt.Tx) error {
		var h head
		for _, b := range batches {
			if err := applyWrites(tx, b.writes); err != nil {
				return err
			}
			h = b.head
		}
		if err := trim(tx, h.AckedSeq); err != nil {
			return err
		}
		return putHead(tx, h)
	})
}

func (f *files) close() error {
	var err error
	if f.db != nil {
		err = closeDB(f.db)
	}
	for _, w := range []*wal{f.wal, f.spare} {
		if w != nil {
			err = errors.Join(err, w.close())
		}
	}
	return err
}

// closeWait is how long a bbolt that has panicked is waited for.
const closeWait = 3 * time.Second

var errStuck = errors.New("bbolt does not let go of the file")

// closeDB closes a file that may be in any state.
func closeDB(db *bbolt.DB) error {
	done := make(chan error, 1)
	go func() { done <- guarded(db.Close) }()
	select {
	case err := <-done:
		return err
	case <-time.After(closeWait):
		return errStuck
	}
}
