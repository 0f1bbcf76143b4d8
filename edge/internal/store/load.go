package store

import (
	"bytes"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/fxamacker/cbor/v2"
	"go.etcd.io/bbolt"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// file is everything the files of a store hold together.
type file struct {
	head    head
	state   *admission.State
	journal []journalled // not acknowledged; in order; only if it was asked for
	keep    bool         // it was
	room    struct {     // that a record is read into
		entry     wire.Entry
		allotment admission.Allotment
		session   admission.Session
		use       admission.Use
	}
}

// guarded turns a panic of bbolt, and a fault in its mapped file, into an
// error: damaged pages can point anywhere.
func guarded(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errDamaged, p)
		}
	}()
	return f()
}

// view is a guarded read transaction. It is rolled back also after a fault.
func view(db *bbolt.DB, f func(*bbolt.Tx) error) error {
	return db.View(func(tx *bbolt.Tx) error { return guarded(func() error { return f(tx) }) })
}

// openDB opens the file, guarded.
func openDB(path string, o *bbolt.Options) (db *bbolt.DB, err error) {
	err = guarded(func() (err error) {
		db, err = bbolt.Open(path, 0o600, o)
		return err
	})
	if err != nil {
		return nil, classify(path, err)
	}
	return db, nil
}

// load reads and checks every record of the bbolt file; keep keeps the events.
// Damage of any kind is a CorruptError, also where bbolt itself would panic.
func load(path string, db *bbolt.DB, keep bool) (file, error) {
	where := "the buckets"
	f := file{state: admission.NewState(), keep: keep}
	err := view(db, func(tx *bbolt.Tx) error {
		for _, b := range buckets {
			if where = string(b); tx.Bucket(b) == nil {
				return errors.New("the bucket is missing")
			}
		}
		where = "the head"
		if err := f.readMeta(tx); err != nil {
			return err
		}
		where = "the journal"
		if err := f.readJournal(tx); err != nil {
			return err
		}
		where = "the state"
		if err := f.readState(tx); err != nil {
			return err
		}
		return f.whole()
	})
	switch {
	case errors.Is(err, ErrNewer):
		return file{}, err // nothing is wrong with it
	case err != nil:
		return file{}, &CorruptError{path, where, err}
	}
	return f, nil
}

func (f *file) readMeta(tx *bbolt.Tx) error {
	meta := tx.Bucket(bucketMeta)
	if err := decode(bucketMeta, keyHead, meta.Get(keyHead), &f.head); err != nil {
		return err
	}
	if f.head.Version < 1 {
		return errors.New("format version 0")
	}
	if f.head.Version > formatVersion {
		return ErrNewer
	}
	// A record whose key has changed would be missing without a trace.
	err := meta.ForEach(func(k, _ []byte) error {
		if !bytes.Equal(k, keyHead) && !bytes.Equal(k, keyCache) {
			return fmt.Errorf("there is no record %s/%x", bucketMeta, k)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if v := meta.Get(keyCache); v != nil {
		payload, err := unframe(bucketMeta, keyCache, v)
		if err != nil {
			return err
		}
		if err := f.take(bucketMeta, keyCache, payload); err != nil {
			return err
		}
	}
	f.state.Heard = f.head.Heard
	return nil
}

// readJournal checks that the events run from the acknowledged one to the last
// and that their hashes chain.
func (f *file) readJournal(tx *bbolt.Tx) error {
	seq, hash := f.head.AckedSeq, f.head.AckedHash
	err := tx.Bucket(bucketJournal).ForEach(func(k, v []byte) error {
		j, err := readJournalled(k, v)
		if err != nil {
			return err
		}
		seq, hash = seq+1, hash.Next(j.raw)
		if j.seq != seq || j.hash != hash {
			return fmt.Errorf("event %d does not follow on", j.seq)
		}
		if f.keep {
			f.journal = append(f.journal, j)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if seq != f.head.LastSeq || hash != f.head.LastHash {
		return fmt.Errorf("the journal ends at %d, the head says %d", seq, f.head.LastSeq)
	}
	return nil
}

func (f *file) readState(tx *bbolt.Tx) error {
	for _, bucket := range [][]byte{bucketEntries, bucketAllotments, bucketSessions, bucketUses} {
		err := tx.Bucket(bucket).ForEach(func(k, value []byte) error {
			payload, err := unframe(bucket, k, value)
			if err != nil {
				return err
			}
			return f.take(bucket, k, payload)
		})
		if err != nil {
			return err
		}
	}
	types := map[id.SpaceType]id.SpaceType{} // a hundred thousand entries share a few names
	for r, e := range f.state.Entries {
		if known, ok := types[e.SpaceType]; ok {
			e.SpaceType = known
			f.state.Entries[r] = e
		} else {
			types[e.SpaceType] = e.SpaceType
		}
	}
	return nil
}

func decode(bucket, key, value []byte, v any) error {
	p, err := unframe(bucket, key, value)
	if err != nil {
		return err
	}
	if err := cbor.Unmarshal(p, v); err != nil {
		return fmt.Errorf("%s/%x: %w", bucket, key, err)
	}
	return nil
}
