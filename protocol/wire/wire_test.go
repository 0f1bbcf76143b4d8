package wire_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"

	"github.com/openlot/openlot/protocol/conformance"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// What is sent arrives as it was, whatever the fields hold.
func TestRoundTrip(t *testing.T) {
	instant := rapid.Int64Range(0, 1<<43-1)
	lane := rapid.SampledFrom([]id.Lane{"entry-1", "exit-1", "x"})
	spaceType := rapid.SampledFrom([]id.SpaceType{"standard", "ev"})
	text := rapid.StringN(0, -1, 32)
	rapid.Check(t, func(t *rapid.T) {
		journal, boot := drawID[id.Journal](t), drawID[id.Boot](t)
		same(t, &wire.Hello{
			Minor: rapid.Uint8().Draw(t, "minor"), Edge: drawID[id.Edge](t), Journal: journal, Boot: boot,
			LastSeq: 1<<63 + 7, AckedSeq: rapid.Uint64Max(1<<63).Draw(t, "acked"), AckedHash: drawHash(t), Revision: rapid.Uint64().Draw(t, "rev"), Software: text.Draw(t, "software"),
		})
		same(t, &wire.Welcome{
			Minor: rapid.Uint8().Draw(t, "minor"), Journal: journal, Boot: boot, Verdict: rapid.SampledFrom([]wire.Verdict{wire.Accepted, wire.Rewound, wire.Retired, wire.Foreign}).Draw(t, "verdict"),
			Epoch: rapid.Uint32Min(1).Draw(t, "epoch"), AppliedSeq: rapid.Uint64().Draw(t, "seq"), AppliedHash: drawHash(t), ServerTime: instant.Draw(t, "time"), BeatSeconds: rapid.Uint16Min(1).Draw(t, "beat"),
		})
		same(t, &wire.Ack{Journal: journal, Epoch: rapid.Uint32Min(1).Draw(t, "epoch"), Seq: rapid.Uint64().Draw(t, "seq"), Hash: drawHash(t), ServerTime: instant.Draw(t, "time")})
		same(t, &wire.Applied{Journal: journal, Revision: rapid.Uint64().Draw(t, "rev")})
		same(t, &wire.Resume{ServerTime: instant.Draw(t, "time")})
		same(t, &wire.Beat{
			Journal: journal, Boot: boot, LastSeq: rapid.Uint64().Draw(t, "seq"), Mono: rapid.Uint64().Draw(t, "mono"), Wall: rapid.Int64().Draw(t, "wall"),
			Uncertainty: rapid.Uint32().Draw(t, "unc"),
			Lanes: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) wire.LaneStatus {
				return wire.LaneStatus{Lane: lane.Draw(t, "lane"), Arm: wire.ArmState(rapid.IntRange(0, 4).Draw(t, "arm")), Arming: rapid.Bool().Draw(t, "a"), Safety: rapid.Bool().Draw(t, "s"), Linked: rapid.Bool().Draw(t, "l")}
			}), 1, 64).Draw(t, "lanes"),
		})
		same(t, &wire.Event{
			Seq: rapid.Uint64Min(1).Draw(t, "seq"), Boot: boot, Mono: rapid.Uint64().Draw(t, "mono"), Wall: instant.Draw(t, "wall"), Uncertainty: rapid.Uint32().Draw(t, "unc"),
			Kind: wire.Admitted, Lane: lane.Draw(t, "lane"), Session: drawID[id.Session](t), Reservation: rapid.SampledFrom([]id.Reservation{{}, drawID[id.Reservation](t)}).Draw(t, "rsv"),
			Generation: rapid.Uint16().Draw(t, "gen"), Reason: wire.AdmitPassOffline, SpaceType: spaceType.Draw(t, "type"), Offline: rapid.Bool().Draw(t, "off"),
			Inferred: rapid.Bool().Draw(t, "inf"), TrustedLo: instant.Draw(t, "lo"), Note: text.Draw(t, "note"), Bay: rapid.StringN(0, -1, wire.MaxBay).Draw(t, "bay"),
		})
		same(t, &wire.Sync{
			Kind: wire.Delta, Base: 3, Through: rapid.Uint64Min(3).Draw(t, "through"), Parts: 1, Policy: &wire.Policy{EarlyEntry: rapid.Uint32().Draw(t, "early")},
			Entries: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) wire.Entry {
				from := rapid.Int64Range(-1<<40, 1<<40).Draw(t, "from")
				return wire.Entry{
					Reservation: drawID[id.Reservation](t), Generation: rapid.Uint16Min(1).Draw(t, "gen"), SpaceType: spaceType.Draw(t, "type"), From: from, To: from + 1,
					NoShowAt: rapid.Int64().Draw(t, "noshow"), State: wire.EntryState(rapid.IntRange(1, 5).Draw(t, "state")), Bay: rapid.StringN(0, -1, wire.MaxBay).Draw(t, "bay"), Version: rapid.Uint32().Draw(t, "version"),
				}
			}), 1, 5).Draw(t, "entries"),
			Allotments: []wire.Allotment{{SpaceType: "ev", Version: rapid.Uint64Min(1).Draw(t, "v"), Units: rapid.Uint16().Draw(t, "u"), Until: rapid.Int64().Draw(t, "until")}},
			Keys:       []wire.PassKey{{ID: make([]byte, 8), Public: rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key")}},
		})
	})
}

func drawID[I id.ID[K], K id.Kind](t *rapid.T) I {
	b := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")
	b[15] |= 1
	i, err := id.FromBytes[I, K](b)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func drawHash(t *rapid.T) wire.Hash {
	return wire.Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash"))
}

func same[M any, P interface {
	*M
	Validate() error
}](t *rapid.T, m P) {
	b, err := wire.Marshal(m)
	if err != nil {
		t.Fatalf("%T: %v", m, err)
	}
	again, err := wire.Marshal(m)
	if err != nil || !bytes.Equal(b, again) {
		t.Fatalf("%T is encoded in two ways", m)
	}
	got, err := wire.Unmarshal[M, P](b)
	if err != nil {
		t.Fatalf("%T %x: %v", m, b, err)
	}
	if !reflect.DeepEqual(&got, (*M)(m)) {
		t.Fatalf("sent %+v, got %+v", m, got)
	}
}

// Fields that are not in use cost no bytes.
func TestAbsentFieldsAreLeftOut(t *testing.T) {
	b, err := wire.Marshal(&wire.Event{Seq: 1, Boot: id.New[id.Boot](time.Now()), Kind: wire.Started})
	if err != nil {
		t.Fatal(err)
	}
	var keys map[int]any
	if err := cbor.Unmarshal(b, &keys); err != nil {
		t.Fatal(err)
	}
	if len(keys) != 6 {
		t.Errorf("keys %v", keys)
	}
	for _, s := range conformance.Samples() {
		if s.Kind != conformance.Sync || s.Name != "delta" {
			continue
		}
		b, err := wire.Marshal(s.Message)
		if err != nil {
			t.Fatal(err)
		}
		var sync map[int]any
		if err := cbor.Unmarshal(b, &sync); err != nil {
			t.Fatal(err)
		}
		entry := sync[6].([]any)[0].(map[any]any)
		if _, ok := entry[uint64(9)]; ok || entry[uint64(8)] != nil || sync[7] != nil || sync[8] != nil || sync[9] != nil {
			t.Errorf("%v", sync)
		}
	}
}

// Every cut and every flipped bit of every message is refused, or is another
// message in its one encoding.
func TestDamagedMessages(t *testing.T) {
	for _, v := range conformance.Vectors() {
		if v.Refuse != "" || v.Kind == conformance.Pass || len(v.Bytes) > 600 {
			continue
		}
		for i := range v.Bytes {
			if _, err := (conformance.Reference{}).Recode(v.Kind, v.Bytes[:i]); !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("%s cut at %d: %v", v.Name, i, err)
			}
		}
		for bit := range len(v.Bytes) * 8 {
			b := bytes.Clone(v.Bytes)
			b[bit/8] ^= 1 << (bit % 8)
			again, err := (conformance.Reference{}).Recode(v.Kind, b)
			if err != nil && !errors.Is(err, wire.ErrMalformed) || err == nil && !bytes.Equal(again, b) {
				t.Fatalf("%s bit %d: %v", v.Name, bit, err)
			}
		}
	}
}

func TestTooLarge(t *testing.T) {
	huge := append([]byte{0xa1, 0x01, 0x5a, 0x00, 0x02, 0x00, 0x00}, make([]byte, 1<<17)...)
	if _, err := wire.Unmarshal[wire.Resume](huge); !errors.Is(err, wire.ErrMalformed) {
		t.Error(err)
	}
	s := &wire.Sync{Kind: wire.Snapshot, Parts: 1}
	for range wire.MaxEntries {
		s.Entries = append(s.Entries, wire.Entry{
			Reservation: id.New[id.Reservation](time.Now()), Session: id.New[id.Session](time.Now()), Generation: 1<<16 - 1, SpaceType: id.SpaceType(strings.Repeat("a", 32)),
			From: 1 << 33, To: 1<<33 + 1, NoShowAt: 1 << 33, State: wire.EntryActive, Plate: strings.Repeat("P", wire.MaxPlate), Version: 1<<32 - 1,
		})
	}
	for range wire.MaxTypes {
		s.Allotments = append(s.Allotments, wire.Allotment{SpaceType: id.SpaceType(strings.Repeat("a", 32)), Version: 1<<64 - 1, Units: 1<<16 - 1, Until: 1 << 33})
	}
	for range wire.MaxKeys {
		s.Keys = append(s.Keys, wire.PassKey{ID: make([]byte, 8), Public: make([]byte, 32)})
	}
	if b, err := wire.Marshal(s); err != nil {
		t.Errorf("the fullest sync of %d entries does not fit: %d bytes, %v", wire.MaxEntries, len(b), err)
	}
	s.Entries = append(s.Entries, s.Entries[0])
	if _, err := wire.Marshal(s); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("an entry too many: %v", err)
	}
	batch := &wire.EventBatch{Journal: id.New[id.Journal](time.Now()), Epoch: 1, First: 1}
	for range wire.MaxBatch {
		batch.Events = append(batch.Events, make([]byte, wire.MaxEvent))
	}
	if _, err := wire.Marshal(batch); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a batch above the message limit: %v", err)
	}
}

// An edge that took such a time as its own could journal nothing any more.
func TestAServerTimeIsOneThatEventsCanCarry(t *testing.T) {
	now := time.Now()
	journal := id.New[id.Journal](now)
	for _, ms := range []int64{-1, 1 << 43, 1 << 62} {
		for _, m := range []interface{ Validate() error }{
			&wire.Welcome{Journal: journal, Verdict: wire.Foreign, ServerTime: ms},
			&wire.Welcome{Journal: journal, Verdict: wire.Accepted, Epoch: 1, BeatSeconds: 2, ServerTime: ms},
			&wire.Ack{Journal: journal, Epoch: 1, ServerTime: ms}, &wire.Resume{ServerTime: ms},
		} {
			if m.Validate() == nil {
				t.Errorf("%T takes the server time %d", m, ms)
			}
		}
	}
	if err := (&wire.Resume{ServerTime: now.UnixMilli()}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestValidate(t *testing.T) {
	good := func() wire.Event {
		return wire.Event{Seq: 1, Boot: id.New[id.Boot](time.Now()), Kind: wire.Admitted, Lane: "entry-1", Session: id.New[id.Session](time.Now()), Reason: wire.AdmitWalkin, SpaceType: "standard"}
	}
	if e := good(); e.Validate() != nil {
		t.Fatal(e.Validate())
	}
	for name, spoil := range map[string]func(*wire.Event){
		"seq": func(e *wire.Event) { e.Seq = 0 }, "boot": func(e *wire.Event) { e.Boot = id.Boot{} }, "wall": func(e *wire.Event) { e.Wall = -1 },
		"far wall": func(e *wire.Event) { e.Wall = 1 << 43 }, "trusted": func(e *wire.Event) { e.TrustedLo = -1 }, "lane": func(e *wire.Event) { e.Lane = "Entry" },
		"type": func(e *wire.Event) { e.SpaceType = "" }, "bad type on an entry": func(e *wire.Event) { e.Kind, e.SpaceType = wire.Entered, "A" },
		"reason": func(e *wire.Event) { e.Reason = "ADMIT_X" }, "no reason": func(e *wire.Event) { e.Reason = "" }, "refusing": func(e *wire.Event) { e.Reason = wire.RefuseFull },
		"released refusing": func(e *wire.Event) { e.Kind, e.Reason = wire.Released, wire.RefuseFull }, "refused admitting": func(e *wire.Event) { e.Kind = wire.Refused },
		"refused nowhere": func(e *wire.Event) { e.Kind, e.Reason, e.Lane = wire.Refused, wire.RefuseFull, "" },
		"exit of nobody":  func(e *wire.Event) { e.Kind, e.Session = wire.Exited, id.Session{} }, "back-out of nobody": func(e *wire.Event) { e.Kind, e.Session = wire.BackedOut, id.Session{} },
		"time mark": func(e *wire.Event) { e.Kind = wire.TimeMark }, "adoption": func(e *wire.Event) { e.Kind = wire.AllotmentAdopted },
		"fault without name": func(e *wire.Event) { e.Kind = wire.LaneFault }, "long note": func(e *wire.Event) { e.Note = strings.Repeat("a", 257) },
		"note": func(e *wire.Event) { e.Note = "\xff" }, "kind": func(e *wire.Event) { e.Kind = 200 },
	} {
		e := good()
		spoil(&e)
		if _, err := wire.Marshal(&e); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A decoder's memory is bounded by what it was sent, also for bytes made to
// hurt.
func TestAllocationsAreBounded(t *testing.T) {
	for name, b := range map[string][]byte{
		"map of 2^64-1":       {0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"array of 2^32":       {0xa1, 0x06, 0x9b, 0, 0, 0, 1, 0, 0, 0, 0},
		"bytes of 2^40":       {0xa1, 0x01, 0x5b, 0, 0, 1, 0, 0, 0, 0, 0},
		"text of 2^63":        {0xa1, 0x01, 0x7b, 0x80, 0, 0, 0, 0, 0, 0, 0},
		"empty entries":       append([]byte{0xa1, 0x06, 0x99, 0x02, 0x00}, bytes.Repeat([]byte{0xa0}, 512)...),
		"nested":              bytes.Repeat([]byte{0x81}, wire.MaxMessage),
		"nested maps":         bytes.Repeat([]byte{0xa1, 0x01}, wire.MaxMessage/2),
		"lists of lists":      append([]byte{0xa1, 0x06, 0x99, 0x02, 0x00}, bytes.Repeat(append([]byte{0x98, 100}, make([]byte, 100)...), 512)...),
		"a key over and over": append([]byte{0xb8, 0x20}, bytes.Repeat([]byte{0x06, 0x80}, 32)...),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := wire.Unmarshal[wire.Sync](b)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		} else if said := len(err.Error()); said > 1000 {
			t.Errorf("%s: an error of %d bytes for %d bytes", name, said, len(b))
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 256<<10 {
			t.Errorf("%s: %d bytes of memory for %d bytes", name, used, len(b))
		}
	}
}

func TestBatchDecode(t *testing.T) {
	var raw [][]byte
	for _, e := range conformance.SampleEvents() {
		b, err := wire.Marshal(&e)
		if err != nil {
			t.Fatal(err)
		}
		raw = append(raw, b)
	}
	b := wire.EventBatch{Journal: id.New[id.Journal](time.Now()), Epoch: 1, First: 1, Events: raw}
	got, err := b.Decode()
	if err != nil || !reflect.DeepEqual(got, conformance.SampleEvents()) {
		t.Errorf("%v %v", got, err)
	}
	b.First = 2
	if _, err := b.Decode(); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a shifted batch: %v", err)
	}
	b.First, b.Events = 1, [][]byte{raw[0], raw[0]}
	if _, err := b.Decode(); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a seq twice: %v", err)
	}
	b.Events = [][]byte{{0xff}}
	if _, err := b.Decode(); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("no event: %v", err)
	}
}

// The running hash is over the hash before and the event's bytes.
func TestHash(t *testing.T) {
	var h wire.Hash
	h = h.Next([]byte("a"))
	if want := sha256.Sum256(append(make([]byte, 32), 'a')); h != wire.Hash(want) {
		t.Errorf("%x", h)
	}
	if next := h.Next([]byte("b")); next != wire.Hash(sha256.Sum256(append(h[:], 'b'))) {
		t.Errorf("%x", next)
	}
}

func TestReasons(t *testing.T) {
	seen := map[wire.Reason]bool{}
	for _, r := range wire.Reasons() {
		if seen[r] || !r.Known() || r.Admits() == r.Refuses() {
			t.Errorf("%s", r)
		}
		seen[r] = true
		s := r.Sentence()
		if s == "" || strings.Count(s, ".") > 3 || len(s) > 120 {
			t.Errorf("%s: %q", r, s)
		}
		for _, never := range []string{"nvalid", "try again later", "oops", "!"} {
			if strings.Contains(s, never) {
				t.Errorf("%s says %q", r, never)
			}
		}
	}
	for _, r := range []wire.Reason{"", "ADMIT_", "ADMIT_X", "REFUSE_X", "admit_walkin"} {
		if r.Known() || r.Admits() || r.Refuses() || r.Sentence() != "" {
			t.Errorf("%q", r)
		}
	}
}
