package store

import (
	"errors"
	"io"
	"os"

	"go.etcd.io/bbolt"
)

// unsettled opens the log that goes with a loaded file and reads what it holds
// beyond it: writes, and the head after them. The log is nil when there is none
// to go with it, and none is needed: the file is of version 1, or was closed
// cleanly.
func unsettled(path string, h head, flag int) (*wal, []write, head, error) {
	if h.Version < formatVersion {
		return nil, nil, h, nil
	}
	w, err := openWAL(path, flag)
	if err == nil && w.id != h.Log {
		err = errors.Join(errors.New("it belongs to another file"), w.close())
	}
	if err != nil && h.Clean {
		return nil, nil, h, nil
	}
	if err != nil {
		return nil, nil, h, &CorruptError{walPath(path), "the header", err}
	}
	writes, last, err := w.unsettled(h)
	if err != nil {
		return nil, nil, h, errors.Join(&CorruptError{walPath(path), "the batches", err}, w.close())
	}
	return w, writes, last, nil
}

func (w *wal) unsettled(h head) ([]write, head, error) {
	payloads, err := w.after(h.Batch)
	if err != nil {
		return nil, h, err
	}
	var writes []write
	for _, payload := range payloads {
		next, some, err := decodeBatch(payload)
		if err != nil {
			return nil, h, err
		}
		writes, h = append(writes, some...), next
	}
	return writes, h, nil
}

// recoverFile loads a file after it has brought into it what the log holds
// beyond it. It returns the log, a new one if need be.
func recoverFile(path string, db *bbolt.DB) (*wal, file, error) {
	f, err := load(path, db)
	if err != nil {
		return nil, f, err
	}
	w, writes, last, err := unsettled(path, f.head, os.O_RDWR)
	if err != nil {
		return nil, f, err
	}
	if w == nil {
		w, err = createWAL(path)
		return w, f, err
	}
	if last.Batch == f.head.Batch {
		return w, f, nil
	}
	if err := settle(db, writes, last); err != nil {
		return nil, f, errors.Join(err, w.close())
	}
	if f, err = load(path, db); err != nil {
		return nil, f, errors.Join(err, w.close())
	}
	return w, f, nil
}

// settle commits what the log holds to bbolt.
func settle(db *bbolt.DB, writes []write, h head) error {
	return db.Update(func(tx *bbolt.Tx) error {
		if err := applyWrites(tx, writes); err != nil {
			return err
		}
		if err := trim(tx, h.AckedSeq); err != nil {
			return err
		}
		return putHead(tx, h)
	})
}

// whole loads a file without changing it, with what its log holds beyond it.
func whole(path string, db *bbolt.DB) (file, error) {
	f, err := load(path, db)
	if err != nil {
		return f, err
	}
	w, writes, last, err := unsettled(path, f.head, os.O_RDONLY)
	if err != nil || w == nil {
		return f, err
	}
	if err := w.close(); err != nil || last.Batch == f.head.Batch {
		return f, err
	}
	// A copy is settled, as the next start would settle the file.
	copied, err := copyOf(path)
	if err != nil {
		return f, err
	}
	defer func() { _ = os.Remove(copied) }() // in the system's folder for such
	to, err := openDB(copied, &bbolt.Options{Timeout: lockWait, NoSync: true})
	if err != nil {
		return f, err
	}
	if err = settle(to, writes, last); err == nil {
		f, err = load(path, to)
	}
	return f, errors.Join(err, to.Close())
}

func copyOf(path string) (name string, err error) {
	from, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = from.Close() }() // only read
	to, err := os.CreateTemp("", "openlot-edge-*.db")
	if err != nil {
		return "", err
	}
	if _, err = io.Copy(to, from); err == nil {
		err = to.Close()
	}
	return to.Name(), err
}
