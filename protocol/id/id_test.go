package id_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"sort"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/protocol/id"
)

func drawID(t *rapid.T) id.Reservation {
	b := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "uuid")
	if bytes.Equal(b, make([]byte, 16)) {
		b[15] = 1
	}
	i, err := id.FromBytes[id.Reservation](b)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		i := drawID(t)
		if got, err := id.Parse[id.Reservation](i.String()); err != nil || got != i {
			t.Fatalf("text %s: %v, %v", i, got, err)
		}
		if got, err := id.FromBytes[id.Reservation](i.Bytes()); err != nil || got != i {
			t.Fatalf("bytes %s: %v, %v", i, got, err)
		}
		asJSON, err := json.Marshal(map[string]any{"id": i})
		if err != nil {
			t.Fatal(err)
		}
		var back struct{ ID id.Reservation }
		if err := json.Unmarshal(asJSON, &back); err != nil || back.ID != i {
			t.Fatalf("JSON %s: %v, %v", asJSON, back.ID, err)
		}
		value, err := i.Value()
		if err != nil {
			t.Fatal(err)
		}
		for _, column := range []any{value, strings.ToUpper(value.(string)), []byte(value.(string)), i.UUID(), i.Bytes()} {
			var got id.Reservation
			if err := got.Scan(column); err != nil || got != i {
				t.Fatalf("column %v: %v, %v", column, got, err)
			}
		}
	})
}

// Text, bytes and Compare sort alike, and by the time of minting.
func TestOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawID(t), drawID(t)
		want := a.Compare(b)
		if got := strings.Compare(a.String(), b.String()); got != want {
			t.Fatalf("%s and %s: text %d, Compare %d", a, b, got, want)
		}
	})
	var minted []string
	start := time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)
	for i := range 100 {
		minted = append(minted, id.New[id.Session](start.Add(time.Duration(i)*time.Millisecond)).String())
	}
	if !sort.StringsAreSorted(minted) {
		t.Error("ids minted later do not sort later")
	}
}

func TestNew(t *testing.T) {
	now := time.Date(2026, 6, 1, 8, 0, 0, 123_456_789, time.UTC)
	seen := map[id.Edge]bool{}
	for range 10_000 {
		e := id.New[id.Edge](now)
		u := e.UUID()
		if u[6]>>4 != 7 || u[8]>>6 != 2 || seen[e] || e.IsZero() {
			t.Fatalf("not a fresh UUIDv7: %x", u)
		}
		seen[e] = true
		if !e.Time().Equal(now.Truncate(time.Millisecond)) {
			t.Fatalf("minted at %v", e.Time())
		}
	}
}

// A known pair pins the text form.
func TestKnownText(t *testing.T) {
	i, err := id.FromBytes[id.Reservation]([]byte{0x01, 0x9e, 0x82, 0x32, 0x60, 0x00, 0x7a, 0xbc, 0x8d, 0xef, 0, 0, 0, 0, 0, 0x41})
	if err != nil || i.String() != "rsv_01kt134r00fay8vvr000000021" {
		t.Errorf("%s, %v", i, err)
	}
	all, err := id.FromBytes[id.Edge](bytes.Repeat([]byte{0xff}, 16))
	if err != nil || all.String() != "edg_7zzzzzzzzzzzzzzzzzzzzzzzzz" {
		t.Errorf("%s, %v", all, err)
	}
	if v, err := i.Value(); err != nil || v != "019e8232-6000-7abc-8def-000000000041" {
		t.Errorf("%v, %v", v, err)
	}
}

func TestMalformed(t *testing.T) {
	for _, s := range []string{
		"", "rsv_", "rsv", "ses_01kt134r00fay8vvr000000021", "RSV_01kt134r00fay8vvr000000021", "rsv_01KT134R00FAY8VVR000000021",
		"rsv_01kt134r00fay8vvr00000002", "rsv_01kt134r00fay8vvr0000000211", "rsv-01kt134r00fay8vvr000000021",
		"rsv_81kt134r00fay8vvr000000021", "rsv_z1kt134r00fay8vvr000000021", // more than 128 bits
		"rsv_01kt134r00fay8vvr00000002u", "rsv_01kt134r00fay8vvr00000002l", "rsv_01kt134r00fay8vvr00000002\x00", "rsv_01kt134r00fay8vvr0000000é",
		"rsv_00000000000000000000000000", // that would be "none"
		" rsv_01kt134r00fay8vvr000000021", "019e8232-6000-7abc-8def-000000000041",
	} {
		if got, err := id.Parse[id.Reservation](s); !errors.Is(err, id.ErrMalformed) || !got.IsZero() {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for _, b := range [][]byte{nil, {}, make([]byte, 15), make([]byte, 16), make([]byte, 17)} {
		if got, err := id.FromBytes[id.Reservation](b); !errors.Is(err, id.ErrMalformed) || !got.IsZero() {
			t.Errorf("%x: %v, %v", b, got, err)
		}
	}
	for _, column := range []any{"", "x", "019e8232-6000-7abc-8def-00000000004g", "019e8232_6000-7abc-8def-000000000041", []byte{1}, 7, 1.5} {
		var got id.Reservation
		if err := got.Scan(column); !errors.Is(err, id.ErrMalformed) || !got.IsZero() {
			t.Errorf("column %v: %v, %v", column, got, err)
		}
	}
}

// No id at all has a form everywhere.
func TestNone(t *testing.T) {
	var none id.Payment
	if !none.IsZero() || none.String() != "" {
		t.Errorf("%q", none)
	}
	if b, err := none.MarshalBinary(); err != nil || b == nil || len(b) != 0 {
		t.Errorf("%v %v", b, err)
	}
	if v, err := none.Value(); err != nil || v != nil {
		t.Errorf("%v %v", v, err)
	}
	for _, clear := range []func(*id.Payment) error{
		func(p *id.Payment) error { return p.Scan(nil) },
		func(p *id.Payment) error { return p.UnmarshalText(nil) },
		func(p *id.Payment) error { return p.UnmarshalBinary(nil) },
	} {
		p := id.New[id.Payment](time.Now())
		if err := clear(&p); err != nil || !p.IsZero() {
			t.Errorf("%v %v", p, err)
		}
	}
}

func TestSlugs(t *testing.T) {
	for _, good := range []string{"a", "0", "dresden-altmarkt", "p--1", strings.Repeat("a", 32)} {
		if _, err := id.ParseParking(good); err != nil {
			t.Errorf("parking %q: %v", good, err)
		}
		if _, err := id.ParseSpaceType(good); err != nil {
			t.Errorf("type %q: %v", good, err)
		}
		if _, err := id.ParseLane(good); err != nil {
			t.Errorf("lane %q: %v", good, err)
		}
	}
	if _, err := id.ParseParking(strings.Repeat("a", 63)); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "-a", "a-", "A", "a_b", "a/b", "a+", "#", "a b", "ä", "a\x00", "a.b", strings.Repeat("a", 64)} {
		if _, err := id.ParseParking(bad); !errors.Is(err, id.ErrMalformed) {
			t.Errorf("parking %q: %v", bad, err)
		}
		if _, err := id.ParseSpaceType(bad); !errors.Is(err, id.ErrMalformed) {
			t.Errorf("type %q: %v", bad, err)
		}
		if _, err := id.ParseLane(bad); !errors.Is(err, id.ErrMalformed) {
			t.Errorf("lane %q: %v", bad, err)
		}
	}
	if _, err := id.ParseLane(strings.Repeat("a", 33)); err == nil {
		t.Error("a lane of 33 letters")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("rsv_01kt134r00fay8vvr000000021")
	f.Add("rsv_7zzzzzzzzzzzzzzzzzzzzzzzzz")
	f.Fuzz(func(t *testing.T, s string) {
		if i, err := id.Parse[id.Reservation](s); err == nil && i.String() != s {
			t.Errorf("%q is a second spelling of %s", s, i)
		}
	})
}
