package store

import (
	"bytes"
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
// written over zeros or over what is kept twice elsewhere, in a file whose size
// never changes: a sync then writes no metadata, needs no room on the disk, and a
// torn write touches no earlier record. Records go around in a ring. Block 0 is
// the header. The emergency journal is another such file, for when the log's
// cannot be written: both count the same batches and carry the same id.
const (
	walBlock    = 4096
	walBlocks   = 1024       // of a new log
	spareBlocks = 256        // of a new emergency journal
	walMagic    = 0x4f4c5731 // OLW1
	walHead     = 4 + 4 + walIDSize + 8 + 4
	walIDSize   = 16

	// maxLogged is the longest payload that goes to the log. A longer one, which
	// is a large sync from the cloud, is committed by bbolt at once.
	maxLogged = 64 << 10
)

// walID binds a log to its bbolt file.
type walID [walIDSize]byte

// errCut says that the log is not as long as it was.
var errCut = fmt.Errorf("%w: the log is cut off", errDamaged)

// errNoRoom says that the ring is full of what is still needed.
var errNoRoom = errors.New("the log is full")

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
	blocks int
	next   int // block at which the next record begins
	buf    []byte

	mu   sync.Mutex
	used []extent
}

// extent is where a record lies that is still needed.
type extent struct {
	number   uint64
	start, n int
}

func walPath(path string) string   { return path + "-wal" }
func sparePath(path string) string { return path + "-emergency" }

func newWALID() (i walID) {
	_, _ = rand.Read(i[:]) // it never fails
	return i
}

// createWAL makes a new log, in place of an old one, and does not return before
// its name and all its blocks are on the disk.
func createWAL(path string, i walID, blocks int) (*wal, error) {
	w := &wal{id: i, blocks: blocks, next: 1}
	// Real zeros: a block that was only reserved would cost metadata when it is
	// written first, and might find the disk full.
	all := make([]byte, blocks*walBlock)
	w.record(all[:0:walBlock], 0, binary.BigEndian.AppendUint32(nil, uint32(blocks)))
	if err := replaceFile(path, all); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	w.disk = dataSynced{f}
	return w, nil
}

// replaceFile puts a file into place as a whole: after a crash there is the old
// one or the new one.
func replaceFile(path string, content []byte) error {
	return replaceFrom(path, bytes.NewReader(content))
}

func replaceFrom(path string, content io.Reader) error {
	temp := path + tempSuffix
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return errors.Join(err, removed(temp))
	}
	return syncDir(filepath.Dir(path))
}

// tempSuffix ends the name of a file that is not in place yet.
const tempSuffix = "-new"

// removed removes a file that may be gone already.
func removed(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// openWAL opens a log, with os.O_RDWR or os.O_RDONLY. os.ErrNotExist says that
// there is none, errDamaged that its header cannot be believed: its records can
// then still be read under an id that is known from elsewhere.
func openWAL(path string, flag int) (*wal, error) {
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	w := &wal{disk: dataSynced{f}, blocks: int(min(info.Size()/walBlock, maxBlocks)), next: 1}
	return w, w.readHeader()
}

// maxBlocks bounds what is read of a file that calls itself a log.
const maxBlocks = 16 << 10

func (w *wal) readHeader() error {
	header := make([]byte, walBlock)
	if _, err := w.disk.ReadAt(header, 0); err != nil {
		return fmt.Errorf("%w: the header of the log: %w", errDamaged, err)
	}
	copy(w.id[:], header[8:])
	number, payload, ok := w.parse(header)
	switch {
	case !ok || number != 0 || w.blocks < 2:
		return fmt.Errorf("%w: the header of the log", errDamaged)
	case len(payload) == 4 && int(binary.BigEndian.Uint32(payload)) != w.blocks: // an older version's says nothing
		return errCut
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

// scan reads every whole record that is there.
func (w *wal) scan() (map[uint64][]byte, error) {
	all := make([]byte, w.blocks*walBlock)
	if n, err := w.disk.ReadAt(all, 0); n < len(all) {
		return nil, err
	}
	found := map[uint64][]byte{}
	for block := 1; block < w.blocks; block++ {
		if number, payload, ok := w.parse(all[block*walBlock:]); ok && number > 0 {
			found[number] = bytes.Clone(payload)
		}
	}
	return found, nil
}

// append writes a batch and returns when it is on the disk.
func (w *wal) append(number uint64, payload []byte) error {
	start, n := w.place(len(payload))
	if 1+n > w.blocks || w.taken(start, n) {
		return errNoRoom
	}
	w.buf = w.record(w.buf[:0], number, payload)
	// Whatever becomes of it: what follows does not touch these blocks, which may
	// hold the batch all the same.
	w.next = start + n
	if _, err := w.disk.WriteAt(w.buf, int64(start)*walBlock); err != nil {
		return err
	}
	if err := w.disk.Sync(); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.used = append(w.used, extent{number, start, n})
	return nil
}

// place is where a payload goes next, and how many blocks it takes.
func (w *wal) place(payload int) (start, n int) {
	n = walLength(payload)
	if w.next+n > w.blocks {
		return 1, n
	}
	return w.next, n
}

// taken says whether blocks hold what is still needed.
func (w *wal) taken(start, n int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.used, func(e extent) bool { return start < e.start+e.n && e.start < start+n })
}

// free gives back the blocks of the batches up to one.
func (w *wal) free(number uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.used = slices.DeleteFunc(w.used, func(e extent) bool { return e.number <= number })
}

// filled is the share of the blocks that hold what is still needed.
func (w *wal) filled() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, e := range w.used {
		n += e.n
	}
	return float64(n) / float64(w.blocks-1)
}

func (w *wal) close() error { return w.disk.Close() }
