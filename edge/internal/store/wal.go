package store

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// The write-ahead log makes a decision durable with one sync where bbolt needs
// two, and without bbolt's pages. A batch is one record of whole blocks,
// written over zeros or over what bbolt has long committed, in a file whose
// size never changes: a sync then writes no metadata, and a torn write touches
// no earlier record. Records go around in a ring. Block 0 is the header.
const (
	walBlock  = 4096
	walBlocks = 256
	walMagic  = 0x4f4c5731 // OLW1
	walHead   = 4 + 4 + walIDSize + 8 + 4
	walIDSize = 16

	// maxLogged is the longest payload that goes to the log. A longer one, which
	// is a large sync from the cloud, is committed by bbolt at once.
	maxLogged = 64 << 10
)

// walID binds a log to its bbolt file.
type walID [walIDSize]byte

// errNoRoom says that bbolt must commit what the ring still holds.
var errNoRoom = errors.New("the write-ahead log is full")

// disk is what a log needs of its file. Sync returns when everything written is
// on the disk.
type disk interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
	Close() error
}

type dataSynced struct{ *os.File }

func (d dataSynced) Sync() error { return datasync(d.File) }

// wal is the log. One goroutine at a time appends; free may be called beside.
type wal struct {
	disk   disk
	id     walID
	number uint64 // of the newest batch, here or in bbolt
	next   int    // block at which the next record begins
	buf    []byte

	mu   sync.Mutex
	used []extent
}

// extent is where a record lies that bbolt has not committed.
type extent struct {
	number   uint64
	start, n int
}

func walPath(path string) string { return path + "-wal" }

// createWAL makes a new log, or replaces an old one, and does not return before
// its name and all its blocks are on the disk.
func createWAL(path string) (w *wal, err error) {
	f, err := os.OpenFile(walPath(path), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	w = &wal{disk: dataSynced{f}, next: 1}
	if _, err := rand.Read(w.id[:]); err != nil {
		return nil, err
	}
	// Real zeros: a block that was only reserved would cost metadata when it is
	// written first.
	all := make([]byte, walBlocks*walBlock)
	w.record(all[:0:walBlock], 0, nil)
	if _, err := f.Write(all); err != nil {
		return nil, err
	}
	if err := f.Sync(); err != nil {
		return nil, err
	}
	return w, syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// openWAL opens the log of a file, with os.O_RDWR or os.O_RDONLY. os.ErrNotExist says that there is none,
// errDamaged that its header cannot be believed.
func openWAL(path string, flag int) (*wal, error) {
	f, err := os.OpenFile(walPath(path), flag, 0)
	if err != nil {
		return nil, err
	}
	w := &wal{disk: dataSynced{f}, next: 1}
	if err := w.readHeader(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return w, nil
}

func (w *wal) readHeader() error {
	header := make([]byte, walBlock)
	if _, err := w.disk.ReadAt(header, 0); err != nil {
		return fmt.Errorf("%w: the write-ahead log's header: %w", errDamaged, err)
	}
	copy(w.id[:], header[8:])
	if number, payload, ok := w.parse(header); !ok || number != 0 || len(payload) != 0 {
		return fmt.Errorf("%w: the write-ahead log's header", errDamaged)
	}
	return nil
}

// record appends a batch's record, padded to whole blocks, to buf.
func (w *wal) record(buf []byte, number uint64, payload []byte) []byte {
	n := walLength(len(payload)) * walBlock
	start := len(buf)
	buf = slices.Grow(buf, n)[:start+n]
	r := buf[start:]
	clear(r)
	binary.BigEndian.PutUint32(r, walMagic)
	copy(r[8:], w.id[:])
	binary.BigEndian.PutUint64(r[8+walIDSize:], number)
	binary.BigEndian.PutUint32(r[16+walIDSize:], uint32(len(payload)))
	copy(r[walHead:], payload)
	binary.BigEndian.PutUint32(r[4:], crc32.Checksum(r[8:walHead+len(payload)], castagnoli))
	return buf
}

// walLength is how many blocks a payload takes.
func walLength(payload int) int { return (walHead + payload + walBlock - 1) / walBlock }

// parse reads the record at the beginning of b, which holds all that follows it
// in the file. ok is false when there is none of this log, or not all of it.
func (w *wal) parse(b []byte) (number uint64, payload []byte, ok bool) {
	if binary.BigEndian.Uint32(b) != walMagic || walID(b[8:8+walIDSize]) != w.id {
		return 0, nil, false
	}
	length := int(binary.BigEndian.Uint32(b[16+walIDSize:]))
	if length > maxLogged || walHead+length > len(b) ||
		binary.BigEndian.Uint32(b[4:]) != crc32.Checksum(b[8:walHead+length], castagnoli) {
		return 0, nil, false
	}
	return binary.BigEndian.Uint64(b[8+walIDSize:]), b[walHead : walHead+length], true
}

// after reads the payloads of the batches after the one that bbolt committed
// last, in order. A batch that is missing between others is damage: each was on
// the disk before the next was written.
func (w *wal) after(committed uint64) ([][]byte, error) {
	all := make([]byte, walBlocks*walBlock)
	if n, err := w.disk.ReadAt(all, 0); n < len(all) {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	found, newest := map[uint64][]byte{}, committed
	for block := 1; block < walBlocks; block++ {
		if number, payload, ok := w.parse(all[block*walBlock:]); ok && number > committed {
			found[number] = payload
			newest = max(newest, number)
		}
	}
	var out [][]byte
	for number := committed + 1; number <= newest; number++ {
		payload, ok := found[number]
		if !ok {
			return nil, fmt.Errorf("%w: batch %d is missing and batch %d is there", errDamaged, number, newest)
		}
		out = append(out, payload)
	}
	w.number = newest
	return out, nil
}

// append writes the next batch and returns its number when it is on the disk.
func (w *wal) append(payload []byte) (uint64, error) {
	start, n := w.place(len(payload))
	if w.taken(start, n) {
		return 0, errNoRoom
	}
	w.buf = w.record(w.buf[:0], w.number+1, payload)
	if _, err := w.disk.WriteAt(w.buf, int64(start)*walBlock); err != nil {
		return 0, err
	}
	if err := w.disk.Sync(); err != nil {
		return 0, err
	}
	w.number++
	w.next = start + n
	w.mu.Lock()
	defer w.mu.Unlock()
	w.used = append(w.used, extent{w.number, start, n})
	return w.number, nil
}

// place is where a payload goes next, and how many blocks it takes.
func (w *wal) place(payload int) (start, n int) {
	n = walLength(payload)
	if w.next+n > walBlocks {
		return 1, n
	}
	return w.next, n
}

// taken says whether blocks hold what bbolt has not committed.
func (w *wal) taken(start, n int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.used, func(e extent) bool { return start < e.start+e.n && e.start < start+n })
}

// free gives back the blocks of the batches that bbolt has committed.
func (w *wal) free(committed uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.used = slices.DeleteFunc(w.used, func(e extent) bool { return e.number <= committed })
}

func (w *wal) close() error { return w.disk.Close() }
