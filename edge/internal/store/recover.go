package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/openlot/openlot/edge/internal/admission"
)

// logged is a batch as a log holds it.
type logged struct {
	head   head
	writes []write
}

// origin is what a survey builds on.
type origin uint8

const (
	fromNothing origin = iota // a new store
	fromBolt                  // the bbolt file is whole
	fromCopy                  // the bbolt file is not; the second copy and the log are
	fromPieces                // neither is enough: whatever can be read
)

// survey is what the files of a store hold together, and which of them cannot be
// believed. It changes none of them.
type survey struct {
	origin  origin
	file    file
	batches []logged // beyond what the origin had; file contains them
	damage  []string // for people
	lost    []string // what was there once and is nowhere now, for people
	logBad  bool     // the log is to be made anew
	spare   bool     // the emergency journal is as it should be
	last    uint64   // the highest number of a batch that was seen
}

// lookBy are the choices of who looks.
type lookBy struct {
	check    Check  // looks at the bbolt file first; nil: nobody
	readOnly bool   // the bbolt file is opened for reading, and not kept
	keep     bool   // the events are wanted
	until    uint64 // batches with a higher number were answered with a failure
	distrust error  // what bbolt came to grief over in its file, which is left alone then
}

// look reads everything. The opened bbolt file comes back when it can be used.
func look(ctx context.Context, path string, by lookBy) (v *survey, db *bbolt.DB, err error) {
	v = &survey{file: file{state: admission.NewState()}}
	if db, err = v.bolt(ctx, path, by); err != nil {
		return nil, nil, err
	}
	defer func() {
		if db != nil && (err != nil || by.readOnly || v.origin == fromCopy || v.origin == fromPieces) {
			err, db = errors.Join(err, db.Close()), nil
		}
	}()
	copied, copyErr := readState(path)
	log, spare := openRing(walPath(path)), openRing(sparePath(path))
	defer log.close()
	defer spare.close()
	if v.origin == fromNothing && len(v.damage) == 0 {
		if errors.Is(copyErr, os.ErrNotExist) && len(log.own()) == 0 {
			return v, db, nil // there is no store, or one whose first start was cut off
		}
		v.damage = append(v.damage, path+" is gone")
	}
	if copyErr != nil && !errors.Is(copyErr, os.ErrNotExist) {
		v.damage = append(v.damage, copyErr.Error())
	}
	whole := v.origin == fromBolt && v.try(v.follow(log, spare, by.until, copied.head.Batch))
	if !whole && copyErr == nil {
		v.origin, v.file = fromCopy, file{head: copied.head, state: admission.NewState(), keep: true}
		whole = v.try(v.file.adopt(path, copied)) && v.try(v.follow(log, spare, by.until, copied.head.Batch))
		if whole {
			whole = v.try(v.guests(path))
		}
	}
	if !whole {
		v.piece(path, copied, log, spare, by.until)
	}
	v.file.forgetAcked()
	return v, db, nil
}

// try notes what is wrong, if something is.
func (v *survey) try(err error) bool {
	if err != nil {
		v.damage = append(v.damage, err.Error())
	}
	return err == nil
}

// bolt loads the bbolt file. No handle and no damage: there is no such file.
func (v *survey) bolt(ctx context.Context, path string, by lookBy) (*bbolt.DB, error) {
	if info, err := os.Stat(path); errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	damaged := func(err error) error {
		if c := new(CorruptError); !errors.As(err, &c) {
			return err
		}
		v.damage = append(v.damage, err.Error())
		return nil
	}
	if by.distrust != nil {
		return nil, damaged(&CorruptError{path, "a commit", by.distrust})
	}
	if by.check != nil {
		if err := by.check(ctx, path); err != nil {
			return nil, damaged(err)
		}
	}
	if err := sound(path); err != nil {
		return nil, damaged(err)
	}
	db, err := openDB(path, &bbolt.Options{ReadOnly: by.readOnly, Timeout: lockWait})
	if err != nil {
		return nil, damaged(err)
	}
	f, err := load(path, db, by.keep)
	if err != nil {
		return nil, errors.Join(damaged(err), db.Close())
	}
	v.origin, v.file = fromBolt, f
	return db, nil
}

func corrupt(err error) bool {
	c := new(CorruptError)
	return errors.As(err, &c)
}

// ring is one of the two logs as it was found.
type ring struct {
	w   *wal
	err error // it is not there, or its header is damaged
}

func openRing(path string) ring {
	w, err := openWAL(path, os.O_RDONLY)
	return ring{w, err}
}

func (r ring) close() {
	if r.w != nil {
		_ = r.w.close() // it was only read
	}
}

// own are its records, as its header names them.
func (r ring) own() map[uint64][]byte {
	if r.err != nil {
		return nil
	}
	found, err := r.w.scan()
	if err != nil {
		return nil
	}
	return found
}

// of are its records that go with a store. A damaged header hides none of them.
func (r ring) of(i walID) (map[uint64][]byte, error) {
	if r.w == nil {
		return nil, r.err
	}
	if r.err == nil && r.w.id != i {
		return nil, errors.New("it belongs to another file")
	}
	r.w.id = i
	found, err := r.w.scan()
	return found, errors.Join(err, r.err)
}

// rings reads what both logs hold beyond a head, in order, as far as it can be
// decoded. An error says that the log is missing, and that it is missed.
func (v *survey) rings(h head, log, spare ring, until uint64) ([]logged, error) {
	v.logBad, v.spare = false, false
	if v.origin == fromBolt && h.Version < 2 {
		v.logBad = true // that version had none
		return nil, nil
	}
	found, err := log.of(h.Log)
	more, spareErr := spare.of(h.Log)
	v.logBad, v.spare = err != nil, spareErr == nil
	if found == nil {
		found = map[uint64][]byte{}
	}
	// A batch that is in both is the same: it failed in the log, perhaps after it
	// was written.
	maps.Copy(found, more)
	var out []logged
	for _, number := range slices.Sorted(maps.Keys(found)) {
		if v.last = max(v.last, number); number <= h.Batch || until != 0 && number > until {
			continue
		}
		b, err := decodeBatch(found[number])
		if err != nil || b.head.Batch != number {
			continue // that it is missing shows by its number
		}
		out = append(out, b)
	}
	// A damaged header hides nothing, and a clean end has left nothing in it.
	if err != nil && (len(found) == 0 || errors.Is(err, errCut)) && (v.origin != fromBolt || !h.Clean) {
		return out, fmt.Errorf("the write-ahead log: %w", err)
	}
	return out, nil
}

// follow puts the batches of the logs after the file's own. A batch that is
// missing from between others is damage: each was on the disk before the next was
// written. So is an end before what the second copy has.
func (v *survey) follow(log, spare ring, until, least uint64) error {
	f := v.file
	batches, err := v.rings(f.head, log, spare, until)
	if err != nil {
		return err
	}
	for _, b := range batches {
		if b.head.Batch != f.head.Batch+1 {
			return fmt.Errorf("batch %d is missing and batch %d is there", f.head.Batch+1, b.head.Batch)
		}
		if err := f.fold(b); err != nil {
			return err
		}
	}
	if f.head.Batch < least {
		return fmt.Errorf("the file ends with batch %d, the second copy with %d", f.head.Batch, least)
	}
	if v.origin == fromCopy {
		f.head.Records[0] = len(f.state.Entries) // it holds no reservations
	}
	if err := f.whole(); err != nil {
		return err
	}
	v.file, v.batches = f, batches
	return nil
}

// laterHead is the newer of two heads.
func laterHead(a, b head) head {
	if b.Batch >= a.Batch {
		return b
	}
	return a
}

// piece puts together what can be read, when something is surely missing: the
// newest word on every record, every event that was kept, in a journal of its
// own. Who is inside stays inside and what was used stays used.
func (v *survey) piece(path string, copied copied, log, spare ring, until uint64) {
	damagedBolt := v.origin != fromBolt
	v.origin = fromPieces
	f := file{state: admission.NewState(), keep: true}
	events := map[uint64]journalled{}
	use := func(w write) {
		if j, is := w.event(); is {
			events[j.seq] = j
			return
		}
		_ = f.take(w.bucket, w.key, w.payload) // what cannot be read is missing
	}
	newest := head{}
	pieces := salvage(path)
	if copied.head.Version != 0 {
		newest = copied.head
		for _, w := range copied.writes {
			use(w)
		}
	}
	newest = laterHead(newest, pieces.head)
	for _, w := range pieces.writes {
		use(w)
	}
	if newest.Log == (walID{}) && log.err == nil {
		newest.Log = log.w.id
	}
	// From the second copy on, or from as far back as they go.
	batches, err := v.rings(head{Log: newest.Log, Batch: copied.head.Batch}, log, spare, until)
	if err != nil {
		v.lost = append(v.lost, "what the write-ahead log held: up to a second of events")
	}
	for _, b := range batches {
		if b.head.Journal != newest.Journal && newest.Version != 0 {
			continue
		}
		newest = laterHead(newest, b.head)
		for _, w := range b.writes {
			use(w)
		}
	}
	unsent, _ := readUnsent(path, newest.Journal, newest.AckedSeq)
	for _, j := range unsent {
		events[j.seq] = j
	}
	f.head = head{
		Version: formatVersion, Journal: newID(), Anchor: newest.Anchor, Batch: max(newest.Batch, v.last), Log: newWALID(), Clean: true,
	}
	v.logBad = true
	v.renumber(&f, events, newest)
	f.replay()
	// Who is inside has used his pass, whatever became of the record of it.
	for _, ses := range f.state.Sessions {
		if _, known := f.state.Uses[ses.Reservation]; !known && !ses.Reservation.IsZero() {
			f.state.Uses[ses.Reservation] = admission.Use{Reservation: ses.Reservation, Session: ses.ID, State: admission.UseInside, At: ses.Since}
		}
	}
	var changes admission.Changes
	f.state.Distrust(&changes)
	v.file, v.batches = f, nil
	v.file.head.Records = records(f.state)
	if copied.head.Version == 0 && damagedBolt {
		v.lost = append(v.lost, "of those inside and of the used passes, what no readable page and no event tells")
	}
}

// renumber gives the events that are left to a new journal.
func (v *survey) renumber(f *file, events map[uint64]journalled, old head) {
	want, missing := old.AckedSeq+1, uint64(0)
	for _, seq := range slices.Sorted(maps.Keys(events)) {
		if seq <= old.AckedSeq {
			continue
		}
		missing += seq - want
		want = seq + 1
		j, err := events[seq].renumbered(f.head.LastSeq+1, f.head.LastHash)
		if err != nil {
			missing++
			continue
		}
		f.journal = append(f.journal, j)
		f.head.LastSeq, f.head.LastHash = j.seq, j.hash
	}
	if want <= old.LastSeq {
		missing += old.LastSeq + 1 - want
	}
	if missing > 0 {
		v.lost = append(v.lost, fmt.Sprintf("%d events that the cloud may not have", missing))
	}
}

// guests adds the reservations that can still be read to a file that is rebuilt
// from the second copy, which has none of them. They count as incomplete, so that
// the cloud sends all of them again. An error says that the damaged file had more
// than the log does.
func (v *survey) guests(path string) error {
	pieces := salvage(path)
	if h := pieces.head; h.Journal == v.file.head.Journal && h.LastSeq > v.file.head.LastSeq {
		return fmt.Errorf("event %d is the last in the log, the damaged file had %d", v.file.head.LastSeq, h.LastSeq)
	}
	for _, w := range pieces.writes {
		if slices.Equal(w.bucket, bucketEntries) {
			_ = v.file.take(w.bucket, w.key, w.payload) // what cannot be read is missing
		}
	}
	// What the log says of them is newer.
	for _, b := range v.batches {
		for _, w := range b.writes {
			if slices.Equal(w.bucket, bucketEntries) {
				_ = v.file.take(w.bucket, w.key, w.payload) // as above
			}
		}
	}
	v.file.state.Revision = 0
	v.file.head.Records = records(v.file.state)
	return nil
}

// believed says that nothing is to be rebuilt.
func (v *survey) believed() bool { return v.origin == fromNothing || v.origin == fromBolt }
