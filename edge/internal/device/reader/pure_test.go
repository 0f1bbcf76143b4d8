package reader

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/openlot/openlot/edge/internal/device"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func TestAReadingThatIsRepeatedIsOne(t *testing.T) {
	s := Screen{RepeatAfter: 2 * time.Second}
	for _, step := range []struct {
		text string
		at   time.Duration
		want Outcome
	}{
		{"PK1:A", 0, Passed},
		{"PK1:A", time.Second, Repeated},
		{"PK1:B", time.Second, Passed},
		{"PK1:A", 1900 * time.Millisecond, Repeated},
		{"PK1:A", 2 * time.Second, Passed},
	} {
		if _, got := s.Take(step.text, 1, noon.Add(step.at)); got != step.want {
			t.Errorf("%s after %v: %v, want %v", step.text, step.at, got, step.want)
		}
	}
	s.Forget()
	if _, got := s.Take("PK1:A", 1, noon.Add(2*time.Second)); got != Passed {
		t.Errorf("what the lane did not take is %v", got)
	}
}

func TestAFloodIsBounded(t *testing.T) {
	s := Screen{RepeatAfter: 2 * time.Second}
	passed := 0
	for i := range 60_000 { // a minute
		if _, out := s.Take(strings.Repeat("x", 1+i%MaxText), 1, noon.Add(time.Duration(i)*time.Millisecond)); out == Passed {
			passed++
		}
	}
	if passed > 60*perSecond+burst || passed < 60*perSecond-burst {
		t.Errorf("%d texts passed in a minute", passed)
	}
}

func TestJunkIsNoCredential(t *testing.T) {
	for _, c := range []struct {
		medium     device.Medium
		text       string
		confidence float64
		want       Outcome
	}{
		{device.Code, "", 1, Junk},
		{device.Code, strings.Repeat("x", MaxText), 1, Passed},
		{device.Code, strings.Repeat("x", MaxText+1), 1, Junk},
		{device.Code, "a\x00b", 1, Junk},
		{device.Code, "a\x1bb", 1, Junk},
		{device.Code, "a\xff", 1, Junk},
		{device.Plate, "DD-OL 123", 0.8, Passed},
		{device.Plate, "DD-OL 123", 0.79, Unsure},
		{device.Plate, "no plate at all!", 1, Junk},
		{device.PIN, "12345678", 1, Passed},
		{device.PIN, "1234567a", 1, Junk},
		{device.PIN, strings.Repeat("1", 17), 1, Junk},
	} {
		s := Screen{Medium: c.medium, Confidence: 0.8}
		text, got := s.Take(c.text, c.confidence, noon)
		if got != c.want || got != Passed && text != "" {
			t.Errorf("%d bytes of medium %d: %v, want %v", len(c.text), c.medium, got, c.want)
		}
		if got == Passed && c.medium == device.Plate && text != "DDOL123" {
			t.Errorf("the plate is passed on as %d bytes", len(text))
		}
	}
}

func lines(f *Framer, chunks ...string) (out []string) {
	for _, c := range chunks {
		f.Feed([]byte(c), func(s string) { out = append(out, s) })
	}
	return out
}

func TestLinesOfASerialReader(t *testing.T) {
	for name, c := range map[string]struct {
		frame  Framer
		chunks []string
		want   string
	}{
		"CR and LF":      {Framer{}, []string{"a\r\nb\nc\r"}, "a b c"},
		"in pieces":      {Framer{}, []string{"PK", "1:", "A\r", "\nP"}, "PK1:A"},
		"taken off":      {Framer{Prefix: "]Q1", Suffix: "#"}, []string{"]Q1abc#\rabc\r"}, "abc abc"},
		"after too much": {Framer{}, []string{strings.Repeat("x", 5000), "\rgood\r"}, " good"},
		"as much as may": {Framer{Prefix: "]Q1"}, []string{"]Q1" + strings.Repeat("x", MaxText) + "\r"}, strings.Repeat("x", MaxText)},
	} {
		if got := strings.Join(lines(&c.frame, c.chunks...), " "); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func FuzzFramer(f *testing.F) {
	f.Add([]byte("a\r\nb"), "]Q1", "#", 2)
	f.Fuzz(func(t *testing.T, data []byte, prefix, suffix string, cut int) {
		whole, parts := Framer{Prefix: prefix, Suffix: suffix}, Framer{Prefix: prefix, Suffix: suffix}
		want := lines(&whole, string(data))
		cut = max(0, min(cut, len(data)))
		got := lines(&parts, string(data[:cut]), string(data[cut:]))
		if strings.Join(want, "\n") != strings.Join(got, "\n") {
			t.Errorf("cut at %d: %q, whole %q", cut, got, want)
		}
		for _, l := range want {
			if len(l) > MaxText+len(prefix)+len(suffix) || strings.ContainsAny(l, "\r\n") {
				t.Errorf("a line of %d bytes", len(l))
			}
		}
	})
}

// typed is what a keyboard of a layout sends for a text.
func typed(name, text string) (out [][3]int32) {
	l := newLayout(name)
	find := func(m map[uint16]rune, c rune) (uint16, bool) {
		for code := range uint16(128) {
			if m[code] == c {
				return code, true
			}
		}
		return 0, false
	}
	press := func(code uint16, with ...uint16) {
		for _, w := range with {
			out = append(out, [3]int32{eventKey, int32(w), 1})
		}
		out = append(out, [3]int32{4, 4, int32(code)}, [3]int32{eventKey, int32(code), 1}, [3]int32{eventKey, int32(code), 2}, [3]int32{eventKey, int32(code), 0}, [3]int32{eventSync, 0, 0})
		for _, w := range with {
			out = append(out, [3]int32{eventKey, int32(w), 0})
		}
	}
	for _, c := range text {
		if code, ok := find(l.plain, c); ok {
			press(code)
		} else if code, ok := find(l.shift, c); ok {
			press(code, keyLeftShift)
		} else if code, ok := find(l.altGr, c); ok {
			press(code, keyAltGr)
		} else {
			panic("no key types " + string(c))
		}
	}
	press(keyEnter)
	return out
}

func TestWhatIsTypedIsRead(t *testing.T) {
	for _, name := range []string{"us", "de"} {
		for _, text := range []string{"PK1:6BF$K 2/%*+-.:AB", "TK1:abc_DEF=?&()", "user@host{1}[2]~|\\", "1234"} {
			k := NewKeys(name)
			var got []string
			for _, e := range typed(name, text) {
				if line, ok := k.Event(uint16(e[0]), uint16(e[1]), e[2], noon); ok {
					got = append(got, line)
				}
			}
			if len(got) != 1 || got[0] != text {
				t.Errorf("%s keyboard: %q was read as %q", name, text, got)
			}
		}
	}
}

func TestKnownKeysOfTheLayouts(t *testing.T) {
	for _, c := range []struct {
		layout string
		code   uint16
		shift  bool
		want   string
	}{
		{"us", 21, false, "y"},
		{"de", 21, false, "z"},
		{"us", 39, true, ":"},
		{"de", 52, true, ":"},
		{"de", 8, true, "/"},
		{"us", 53, false, "/"},
		{"de", 53, false, "-"},
		{"de", 12, false, "ß"},
		{"us", 71, false, "7"},
		{"us", 82, false, "0"},
		{"de", 78, false, "+"},
	} {
		k := NewKeys(c.layout)
		if c.shift {
			k.Event(eventKey, keyRightShift, 1, noon)
		}
		k.Event(eventKey, c.code, 1, noon)
		if got, _ := k.Event(eventKey, keyEnter, 1, noon); got != c.want {
			t.Errorf("%s, key %d: %q, want %q", c.layout, c.code, got, c.want)
		}
	}
}

func TestKeysAreNotMixedUp(t *testing.T) {
	enter := func(k *Keys, at time.Time) string {
		line, _ := k.Event(eventKey, keyEnter, 1, at)
		return line
	}
	const a, b = 30, 48
	k := NewKeys("us")
	k.Event(eventKey, a, 1, noon)
	k.Event(eventKey, b, 1, noon.Add(11*time.Second))
	if got := enter(k, noon.Add(11*time.Second)); got != "b" {
		t.Errorf("after a pause: %q", got)
	}
	k.Event(eventKey, keyLeftShift, 1, noon)
	k.Event(eventKey, a, 1, noon)
	k.Event(eventSync, syncDropped, 0, noon)
	k.Event(eventKey, b, 1, noon)
	if got := enter(k, noon); got != "b" {
		t.Errorf("after lost events: %q", got)
	}
	k.Event(eventKey, keyCaps, 1, noon)
	k.Event(eventKey, a, 1, noon)
	k.Event(eventKey, 2, 1, noon)
	if got := enter(k, noon); got != "A1" {
		t.Errorf("with caps lock: %q", got)
	}
	k = NewKeys("us")
	for range MaxText + 1 {
		k.Event(eventKey, a, 1, noon)
	}
	if got, ok := k.Event(eventKey, keyEnter, 1, noon); got != "" || !ok {
		t.Errorf("a line that is too long: %d bytes, %v", len(got), ok)
	}
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte{1, 42, 1, 1, 30, 1, 1, 28, 1}, true)
	f.Fuzz(func(t *testing.T, data []byte, german bool) {
		k := NewKeys(map[bool]string{true: "de", false: "us"}[german])
		for i := 0; i+2 < len(data); i += 3 {
			line, _ := k.Event(uint16(data[i]%6), uint16(data[i+1]), int32(int8(data[i+2])), noon)
			if len(line) > MaxText+utf8.UTFMax || !utf8.ValidString(line) || strings.ContainsFunc(line, unicode.IsControl) {
				t.Errorf("a line of %d bytes", len(line))
			}
		}
	})
}

func FuzzBody(f *testing.F) {
	f.Add([]byte(`{"text":"PK1:A"}`), uint8(0))
	f.Add([]byte(`{"plate":"DD-OL 1","confidence":0.5}`), uint8(1))
	f.Add([]byte(`{"plate":"A","confidence":1e999}`), uint8(1))
	f.Fuzz(func(t *testing.T, body []byte, medium uint8) {
		text, confidence, ok := parseBody(body, device.Medium(medium%4))
		if !ok && (text != "" || confidence != 0) || ok && !(confidence >= 0 && confidence <= 1) {
			t.Errorf("%v with confidence %v", ok, confidence)
		}
	})
}
