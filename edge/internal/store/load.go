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

// file is everything a file holds.
type file struct {
	head   head
	state  *admission.State
	events []wire.Event
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

// load reads and checks every record of the file. bbolt's own check (Tx.Check)
// is not used: on damaged pages it panics in a goroutine of its own, or reports
// four thousand million errors. Damage of any kind is a CorruptError, also where
// bbolt itself would panic.
func load(path string, db *bbolt.DB) (file, error) {
	where := "the buckets"
	f := file{state: admission.NewState()}
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
		if got := records(f.state); got != f.head.Records {
			return fmt.Errorf("%v records, the head says %v", got, f.head.Records)
		}
		return nil
	})
	if err != nil {
		return file{}, &CorruptError{path, where, err}
	}
	return f, nil
}

func (f *file) readMeta(tx *bbolt.Tx) error {
	meta := tx.Bucket(bucketMeta)
	if err := decode(bucketMeta, keyHead, meta.Get(keyHead), &f.head); err != nil {
		return err
	}
	if f.head.Version < 1 || f.head.Version > formatVersion {
		return fmt.Errorf("format version %d, this agent knows %d", f.head.Version, formatVersion)
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
		var c cache
		if err := decode(bucketMeta, keyCache, v, &c); err != nil {
			return err
		}
		f.state.Revision, f.state.Policy, f.state.Keys, f.state.Bays = c.Revision, c.Policy, c.Keys, c.Bays
	}
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
		e, err := wire.Unmarshal[wire.Event](j.raw)
		if err != nil {
			return err
		}
		f.events = append(f.events, e)
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
	return errors.Join(
		readRecords(tx, bucketEntries, func(k []byte, e wire.Entry) error {
			f.state.Entries[e.Reservation] = e
			return sameKey(k, e.Reservation.Bytes())
		}),
		readRecords(tx, bucketAllotments, func(k []byte, a admission.Allotment) error {
			f.state.Allotments[id.SpaceType(k)] = a
			return sameKey(k, []byte(a.SpaceType))
		}),
		readRecords(tx, bucketSessions, func(k []byte, s admission.Session) error {
			f.state.Sessions[s.ID] = s
			return sameKey(k, s.ID.Bytes())
		}),
		readRecords(tx, bucketUses, func(k []byte, u admission.Use) error {
			f.state.Uses[u.Reservation] = u
			return sameKey(k, u.Reservation.Bytes())
		}),
	)
}

func readRecords[T any](tx *bbolt.Tx, bucket []byte, take func(key []byte, v T) error) error {
	return tx.Bucket(bucket).ForEach(func(k, value []byte) error {
		var v T
		if err := decode(bucket, k, value, &v); err != nil {
			return err
		}
		return take(k, v)
	})
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

// Inspection is what a file holds, for people. It names no plate and no pass.
type Inspection struct {
	Path      string       `json:"path"`
	Journal   id.Journal   `json:"journal"`
	Epoch     uint32       `json:"epoch"`
	LastSeq   uint64       `json:"last_seq"`
	AckedSeq  uint64       `json:"acked_seq"`
	Clean     bool         `json:"ended_cleanly"`
	TrustedLo int64        `json:"trusted_lo_ms"`
	Revision  uint64       `json:"revision"`
	Entries   int          `json:"entries"`
	Keys      int          `json:"keys"`
	Sessions  int          `json:"sessions"`
	Uses      int          `json:"uses"`
	Allotment []Allotment  `json:"allotments"`
	Pending   []wire.Event `json:"pending"`
}

// Allotment is an allotment and how much of it is in use.
type Allotment struct {
	SpaceType id.SpaceType `json:"space_type"`
	Units     uint16       `json:"units"`
	Version   uint64       `json:"version"`
	Adopted   uint64       `json:"adopted"`
	Until     int64        `json:"until"` // Unix seconds
}

// Inspect reads a file without changing it. It needs the file for itself.
func Inspect(path string) (Inspection, error) {
	db, err := openDB(path, &bbolt.Options{ReadOnly: true, Timeout: lockWait})
	if err != nil {
		return Inspection{}, err
	}
	f, err := whole(path, db)
	if err := errors.Join(err, db.Close()); err != nil {
		return Inspection{}, err
	}
	out := Inspection{
		Path: path, Journal: f.head.Journal, Epoch: f.head.Epoch, LastSeq: f.head.LastSeq, AckedSeq: f.head.AckedSeq,
		Clean: f.head.Clean, TrustedLo: f.head.Anchor.Lo, Revision: f.state.Revision,
		Entries: len(f.state.Entries), Keys: len(f.state.Keys), Sessions: len(f.state.Sessions), Uses: len(f.state.Uses),
		Pending: f.events,
	}
	for _, a := range f.state.Allotments {
		out.Allotment = append(out.Allotment, Allotment{a.SpaceType, a.Units, a.Version, a.Adopted, a.Until})
	}
	return out, nil
}
