package pass

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// The examples of RFC 9285, sections 4.3 and 4.4.
func TestBase45Examples(t *testing.T) {
	for plain, text := range map[string]string{
		"":        "",
		"AB":      "BB8",
		"Hello!!": "%69 VD92EX0",
		"base-45": "UJCLQE7W581",
		"ietf!":   "QED8WEX0",
	} {
		if got := encodeBase45([]byte(plain)); got != text {
			t.Errorf("encode %q: %q, want %q", plain, got, text)
		}
		if got, ok := decodeBase45(text); !ok || string(got) != plain {
			t.Errorf("decode %q: %q %v, want %q", text, got, ok, plain)
		}
	}
}

func TestBase45Refuses(t *testing.T) {
	for _, s := range []string{
		"A", "ABCD", // no group has one character
		"GGW", ":::", // 65536 and more: RFC 9285 section 6
		"V5", "::", // 256 and more in two characters
		"bb8", "BB8\n", "B_8", "BBé", "\x00\x00\x00",
	} {
		if got, ok := decodeBase45(s); ok {
			t.Errorf("%q decoded to %x", s, got)
		}
	}
	if got, ok := decodeBase45("FGW"); !ok || !bytes.Equal(got, []byte{0xff, 0xff}) {
		t.Errorf("the largest pair: %x %v", got, ok)
	}
}

func TestBase45RoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
		got, ok := decodeBase45(encodeBase45(b))
		if !ok || !bytes.Equal(got, b) {
			t.Fatalf("%x became %x", b, got)
		}
		// What decodes has exactly one spelling.
		s := rapid.StringMatching(`[0-9A-Z $%*+\-./:]{0,12}`).Draw(t, "text")
		if plain, ok := decodeBase45(s); ok && encodeBase45(plain) != s {
			t.Fatalf("%q is a second spelling of %x", s, plain)
		}
	})
}
