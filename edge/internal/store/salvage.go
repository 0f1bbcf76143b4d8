package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"os"

	"github.com/fxamacker/cbor/v2"
)

// pieces are what can still be read of a damaged bbolt file.
type pieces struct {
	head   head
	writes []write
}

// salvage walks the pages of a damaged bbolt file without bbolt, which panics,
// hangs or runs out of memory on some of them: every page is looked at once, and
// only records whose checksum is right count. Of both trees that the file may
// hold, the older is read first: of a record that is in both, the newer counts.
func salvage(path string) pieces {
	f, err := os.Open(path)
	if err != nil {
		return pieces{}
	}
	defer func() { _ = f.Close() }() // only read
	var out pieces
	for _, m := range readMetas(f) {
		w := walk{f: f, meta: m, seen: map[uint64]bool{}}
		w.buckets(m.root, 0)
		for _, c := range w.found {
			if bytes.Equal(c.bucket, bucketMeta) && bytes.Equal(c.key, keyHead) {
				var h head
				if cbor.Unmarshal(c.payload, &h) == nil && h.Version <= formatVersion {
					out.head = laterHead(out.head, h)
				}
				continue
			}
			out.writes = append(out.writes, c)
		}
	}
	return out
}

// bboltMeta is one of the two heads of a bbolt file, as far as it matters here.
type bboltMeta struct{ pageSize, root, pages, tx uint64 }

// How bbolt lays out a page: id 8, flags 2, count 2, overflow 4 bytes, then the
// elements. Numbers are in the machine's order, which is little-endian wherever
// the agent runs.
const (
	pageHeader  = 16
	pageBranch  = 0x01
	pageLeaf    = 0x02
	bboltMagic  = 0xED0CDAED
	metaLength  = 64
	elementSize = 16 // of a branch: pos 4, ksize 4, page 8; of a leaf: flags 4, pos 4, ksize 4, vsize 4
	leafBucket  = 0x01
	maxDepth    = 32
	maxOverflow = maxRecord/4096 + 1
)

// readMetas reads both heads, the older one first.
func readMetas(f io.ReaderAt) []bboltMeta {
	var out []bboltMeta
	for _, at := range []int64{0, 4096} {
		b := make([]byte, pageHeader+metaLength)
		if _, err := f.ReadAt(b, at); err != nil {
			continue
		}
		b = b[pageHeader:]
		sum := fnv.New64a()
		_, _ = sum.Write(b[:56]) // it never fails
		size := uint64(binary.LittleEndian.Uint32(b[8:]))
		if binary.LittleEndian.Uint32(b) != bboltMagic || sum.Sum64() != binary.LittleEndian.Uint64(b[56:]) || size < 1024 || size > 64<<10 {
			continue
		}
		m := bboltMeta{size, binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[40:]), binary.LittleEndian.Uint64(b[48:])}
		if len(out) > 0 && out[0].tx > m.tx {
			out = append([]bboltMeta{m}, out...)
		} else {
			out = append(out, m)
		}
	}
	return out
}

// walk is one look at one tree.
type walk struct {
	f     io.ReaderAt
	meta  bboltMeta
	seen  map[uint64]bool
	found []write
}

// page reads a page that was not looked at yet, with what overflows from it.
func (w *walk) page(number uint64) []byte {
	if number < 2 || number >= w.meta.pages || w.seen[number] {
		return nil
	}
	w.seen[number] = true
	b := make([]byte, w.meta.pageSize)
	if n, err := w.f.ReadAt(b, int64(number*w.meta.pageSize)); n < len(b) && err != nil {
		return nil
	}
	over := uint64(binary.LittleEndian.Uint32(b[12:]))
	if binary.LittleEndian.Uint64(b) != number || over > maxOverflow {
		return nil
	}
	if over > 0 {
		b = make([]byte, (over+1)*w.meta.pageSize)
		if n, _ := w.f.ReadAt(b, int64(number*w.meta.pageSize)); n < len(b) {
			return nil
		}
	}
	return b
}

// leaves calls f for every key of a tree that can be reached.
func (w *walk) leaves(page []byte, depth int, f func(flags uint32, key, value []byte)) {
	if len(page) < pageHeader || depth > maxDepth {
		return
	}
	flags, count := binary.LittleEndian.Uint16(page[8:]), int(binary.LittleEndian.Uint16(page[10:]))
	for i := range count {
		at := pageHeader + i*elementSize
		if at+elementSize > len(page) {
			return
		}
		e := page[at:]
		switch flags {
		case pageBranch:
			w.leaves(w.page(binary.LittleEndian.Uint64(e[8:])), depth+1, f)
		case pageLeaf:
			key, value, ok := leafElement(e)
			if ok {
				f(binary.LittleEndian.Uint32(e), key, value)
			}
		}
	}
}

func leafElement(e []byte) (key, value []byte, ok bool) {
	pos, k, v := uint64(binary.LittleEndian.Uint32(e[4:])), uint64(binary.LittleEndian.Uint32(e[8:])), uint64(binary.LittleEndian.Uint32(e[12:]))
	if pos+k+v > uint64(len(e)) {
		return nil, nil, false
	}
	return e[pos : pos+k], e[pos+k : pos+k+v], true
}

// buckets reads the records of all buckets under a root.
func (w *walk) buckets(root uint64, depth int) {
	w.leaves(w.page(root), depth, func(flags uint32, name, value []byte) {
		if flags&leafBucket == 0 || len(value) < 16 {
			return
		}
		page := value[16:] // inline
		if at := binary.LittleEndian.Uint64(value); at != 0 {
			page = w.page(at)
		}
		w.leaves(page, depth+1, func(_ uint32, key, value []byte) {
			if payload, err := unframe(name, key, value); err == nil {
				w.found = append(w.found, write{bytes.Clone(name), bytes.Clone(key), bytes.Clone(payload)})
			}
		})
	})
}

// sound follows the newer tree of a bbolt file without bbolt: every page of it is
// there, is itself, is met once, and holds its elements. On a tree that goes around
// in a circle bbolt takes all memory there is.
func sound(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	metas := readMetas(f)
	if len(metas) == 0 {
		return nil // bbolt says so itself
	}
	w := walk{f: f, meta: metas[len(metas)-1], seen: map[uint64]bool{}}
	if err := w.soundFrom(w.meta.root, 0); err != nil {
		return &CorruptError{path, "its pages", err}
	}
	return nil
}

func (w *walk) soundFrom(number uint64, depth int) error {
	page := w.page(number)
	if page == nil || depth > maxDepth || !fits(page) {
		return fmt.Errorf("%w: page %d", errDamaged, number)
	}
	flags, count := binary.LittleEndian.Uint16(page[8:]), int(binary.LittleEndian.Uint16(page[10:]))
	if flags != pageBranch && flags != pageLeaf {
		return fmt.Errorf("%w: page %d is of kind %d", errDamaged, number, flags)
	}
	for i := range count {
		e := page[pageHeader+i*elementSize:]
		next := uint64(0)
		if flags == pageBranch {
			next = binary.LittleEndian.Uint64(e[8:])
		} else if binary.LittleEndian.Uint32(e)&leafBucket != 0 {
			if _, value, _ := leafElement(e); binary.LittleEndian.Uint64(value) != 0 { // it fits
				next = binary.LittleEndian.Uint64(value)
			}
		}
		if next == 0 {
			continue
		}
		if err := w.soundFrom(next, depth+1); err != nil {
			return err
		}
	}
	return nil
}
