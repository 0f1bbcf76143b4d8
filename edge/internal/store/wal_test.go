package store

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// memoryDisk is a disk whose power may be cut: what was not synced is there in
// any part, sector by sector.
type memoryDisk struct {
	data   []byte
	before []span // what the writes since the last sync have replaced
	fail   error
}

type span struct {
	at  int
	old []byte
}

func (d *memoryDisk) ReadAt(b []byte, at int64) (int, error) { return copy(b, d.data[at:]), nil }

func (d *memoryDisk) WriteAt(b []byte, at int64) (int, error) {
	if int(at)+len(b) > len(d.data) {
		return 0, errors.New("the file would grow")
	}
	d.before = append(d.before, span{int(at), bytes.Clone(d.data[at:][:len(b)])})
	return copy(d.data[at:], b), nil
}

func (d *memoryDisk) Sync() error {
	if d.fail == nil {
		d.before = nil
	}
	return d.fail
}

func (d *memoryDisk) Close() error { return nil }

// cut cuts the power: of what was not synced, the sectors that are kept.
func (d *memoryDisk) cut(keep func() bool) {
	const sector = 512
	for _, s := range slices.Backward(d.before) {
		for at := 0; at < len(s.old); at += sector {
			if !keep() {
				copy(d.data[s.at+at:], s.old[at:min(at+sector, len(s.old))])
			}
		}
	}
	d.before, d.fail = nil, nil
}

// memoryBlocks is how large the logs of these tests are.
const memoryBlocks = 256

func newMemoryLog() (*wal, *memoryDisk) {
	d := &memoryDisk{data: make([]byte, memoryBlocks*walBlock)}
	w := &wal{disk: d, id: walID{7}, blocks: memoryBlocks, next: 1}
	copy(d.data, w.record(nil, 0, nil))
	return w, d
}

// Whatever the power cut leaves of the batch that was under way, every batch
// that was durable and that bbolt does not have is read back, in order, and
// nothing that was never written is.
func TestAPowerCutLosesNoDurableBatch(t *testing.T) {
	cuts, torn := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		w, d := newMemoryLog()
		var behind [][]byte // durable, and not in bbolt; the newest has this number
		number := uint64(0)
		settle := func(n int) {
			behind = behind[n:]
			w.free(number - uint64(len(behind)))
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			payload := bytes.Repeat([]byte{byte(number)}, rapid.SampledFrom([]int{0, 1, 300, 300, walBlock - walHead, walBlock, walBlock, 3 * walBlock, 3 * walBlock, maxLogged}).Draw(t, "payload"))
			if rapid.IntRange(0, 3).Draw(t, "settle") == 0 {
				settle(rapid.IntRange(0, len(behind)).Draw(t, "through"))
			}
			if w.taken(w.place(len(payload))) {
				settle(len(behind))
			}
			if rapid.IntRange(0, 4).Draw(t, "cut") != 0 {
				if err := w.append(number+1, payload); err != nil {
					t.Fatal(err)
				}
				number++
				behind = append(behind, payload)
				continue
			}
			// The power goes while the batch is written.
			d.fail = errors.New("no power")
			if err := w.append(number+1, payload); err == nil {
				t.Fatal("durable without a sync")
			}
			cuts++
			seed := rapid.Uint64().Draw(t, "sectors")
			sectors := rand.New(rand.NewPCG(seed, 1))
			all := seed%4 == 0 // were written, and nobody was told
			d.cut(func() bool { return all || sectors.IntN(2) == 0 })
			committed := number - uint64(len(behind))
			next := &wal{disk: d, blocks: memoryBlocks, next: 1}
			if err := next.readHeader(); err != nil {
				t.Fatal(err)
			}
			got := after(t, next, committed)
			if len(got) == len(behind)+1 && bytes.Equal(got[len(behind)], payload) {
				behind = append(behind, payload)
			} else {
				torn++
			}
			if !slices.EqualFunc(got, behind, bytes.Equal) {
				t.Fatalf("%d batches came back, want %d", len(got), len(behind))
			}
			// The next start settles them before it writes, and leaves out a number.
			number = committed + uint64(len(got)) + 1
			w, behind = next, nil
		}
	})
	if cuts < 50 || torn < 20 {
		t.Errorf("%d power cuts, %d torn batches: too few to prove anything", cuts, torn)
	}
}

// after are the batches after one, as far as their numbers run on.
func after(t interface{ Fatal(...any) }, w *wal, committed uint64) (out [][]byte) {
	found, err := w.scan()
	if err != nil {
		t.Fatal(err)
	}
	for number := committed + 1; found[number] != nil; number++ {
		out = append(out, found[number])
	}
	for number := range found {
		if number > committed+uint64(len(out)) {
			t.Fatal("a batch is missing and a later one is there")
		}
	}
	return out
}

// What bbolt has not committed is never written over.
func TestAFullLogRefuses(t *testing.T) {
	w, _ := newMemoryLog()
	payload := make([]byte, 10*walBlock)
	n := 0
	for {
		if err := w.append(uint64(n+1), payload); errors.Is(err, errNoRoom) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if got := after(t, w, 0); len(got) != n || n != (memoryBlocks-1)/11 {
		t.Fatalf("%d of %d batches are there", len(got), n)
	}
	w.free(1)
	if err := w.append(uint64(n+1), payload); err != nil {
		t.Fatalf("there is room for one: %v", err)
	}
	if err := w.append(uint64(n+2), payload); !errors.Is(err, errNoRoom) {
		t.Fatalf("there was room for one only: %v", err)
	}
}
