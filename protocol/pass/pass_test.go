package pass

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"

	"github.com/openlot/openlot/protocol/id"
)

func testKey(t testing.TB, first byte) SigningKey {
	t.Helper()
	seed := make([]byte, ed25519.SeedSize)
	for i := range seed {
		seed[i] = first + byte(i)
	}
	k, err := SigningKeyFromSeed(seed)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func verifier(t testing.TB, keys ...SigningKey) *Verifier {
	t.Helper()
	var public []PublicKey
	for _, k := range keys {
		public = append(public, k.Public())
	}
	v, err := NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func testPass(t testing.TB) Pass {
	t.Helper()
	rsv, err := id.Parse[id.Reservation]("rsv_01kf1jvcr0e9ya3w5x0q2m8h7d")
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)
	return Pass{
		Parking: "dresden-altmarkt", Reservation: rsv, Generation: 1, SpaceType: "standard",
		From: from, To: from.Add(9 * time.Hour), NoShowAt: from.Add(time.Hour), Revision: 4711,
	}
}

func sign(t testing.TB, p Pass, k SigningKey) string {
	t.Helper()
	text, err := Sign(p, k)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// golden is the pass of testPass under the key with the seed 00 01 … 1f. It
// must never change: passes in pockets look like this.
const golden = "PK1:RRQT 9P60GO0$+AWKB3UAR098CKW 9PJ0JVC6$C6VCZ-DAECFWEGECDQDFN0UIDFQN1T0UIDFQ7R-0690FUOESMDLEBLKE+NA.O5W8/E7V50T30W50VD0 QECEC2VCYKESH0VE2FN0UIDFG927B13TO6UZWONLAJMQ1/1M%F5A8OZ0U3Q3JB  F%VD%88XLBP9KSM2T+TEA9OGK501AZJ-6PJ%E8D7UJ7T EXCO+RVG5OB V1FT"

func TestGolden(t *testing.T) {
	k := testKey(t, 0)
	if got := sign(t, testPass(t), k); got != golden {
		t.Errorf("got  %s\nwant %s", got, golden)
	}
	if got, err := verifier(t, k).Verify(golden); err != nil || got != testPass(t) {
		t.Errorf("%+v, %v", got, err)
	}
}

// The format is as SPEC.md says, checked without the libraries that made it:
// the bytes one by one, and the signature over the Sig_structure of RFC 9052.
func TestLayout(t *testing.T) {
	k, p := testKey(t, 0), testPass(t)
	raw, ok := decodeBase45(strings.TrimPrefix(golden, Prefix))
	if !ok {
		t.Fatal("the golden pass is not Base45")
	}
	u32 := func(n int64) string { return fmt.Sprintf("1a%08x", n) }
	protected := "a2" + "0127" + "0448" + hex.EncodeToString(k.Public().ID)
	payload := "a5" +
		"03" + "70" + hex.EncodeToString([]byte("dresden-altmarkt")) +
		"04" + u32(p.To.Unix()) +
		"05" + u32(p.From.Unix()) +
		"07" + "50" + hex.EncodeToString(p.Reservation.Bytes()) +
		"3a00010000" + "a4" + "0101" + "0268" + hex.EncodeToString([]byte("standard")) + "03191267" + "04" + u32(p.NoShowAt.Unix())
	size := func(h string) string { return fmt.Sprintf("%02x", len(h)/2) }
	body := "d284" + "4d" + protected + "a0" + "58" + size(payload) + payload + "5840"
	if got := hex.EncodeToString(raw[:len(raw)-64]); got != body {
		t.Fatalf("got  %s\nwant %s", got, body)
	}
	signed, err := hex.DecodeString("84" + "6a" + hex.EncodeToString([]byte("Signature1")) + "4d" + protected + "40" + "58" + size(payload) + payload)
	if err != nil {
		t.Fatal(err)
	}
	if !ed25519.Verify(k.Public().Public, signed, raw[len(raw)-64:]) {
		t.Error("the signature is not over the Sig_structure")
	}
}

func TestRoundTrip(t *testing.T) {
	k := testKey(t, 0)
	v := verifier(t, testKey(t, 1), k)
	slug := rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?`)
	rapid.Check(t, func(rt *rapid.T) {
		from := time.Unix(rapid.Int64Range(0, 1<<32).Draw(rt, "from"), rapid.Int64Range(0, 999_999_999).Draw(rt, "nanos"))
		p := Pass{
			Parking: id.Parking(slug.Draw(rt, "parking")), SpaceType: id.SpaceType(slug.Draw(rt, "type")),
			Reservation: id.New[id.Reservation](from), Generation: rapid.Uint16Min(1).Draw(rt, "generation"),
			Revision: rapid.Uint64Min(1).Draw(rt, "revision"),
			From:     from, To: from.Add(time.Duration(rapid.Int64Range(1, int64(48*time.Hour)).Draw(rt, "long"))),
			NoShowAt: from.Add(time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(rt, "late"))),
		}
		text, err := Sign(p, k)
		if err != nil {
			rt.Fatal(err)
		}
		got, err := v.Verify(text)
		if err != nil {
			rt.Fatal(err)
		}
		// Rounding widens the window by less than a second and never narrows it.
		if got.From.After(p.From) || got.To.Before(p.To) || got.NoShowAt.Before(p.NoShowAt) ||
			p.From.Sub(got.From) >= time.Second || got.To.Sub(p.To) >= time.Second || got.NoShowAt.Sub(p.NoShowAt) >= time.Second {
			rt.Fatalf("instants %+v became %+v", p, got)
		}
		p.From, p.To, p.NoShowAt = got.From, got.To, got.NoShowAt
		if got != p {
			rt.Fatalf("%+v became %+v", p, got)
		}
		if len(text) > 400 {
			rt.Fatalf("%d characters are too many for a QR code that a phone can show", len(text))
		}
	})
}

func TestLargestPassFits(t *testing.T) {
	p := testPass(t)
	p.Parking, p.SpaceType = id.Parking(strings.Repeat("a", 63)), id.SpaceType(strings.Repeat("b", 32))
	p.Generation, p.Revision = 1<<16-1, 1<<64-1
	p.To, p.NoShowAt = time.Unix(latest-1, 0), time.Unix(latest-1, 0)
	if text := sign(t, p, testKey(t, 0)); len(text) > MaxText {
		t.Errorf("%d characters", len(text))
	}
}

func TestSignRefusesNonsense(t *testing.T) {
	for name, spoil := range map[string]func(*Pass){
		"parking":        func(p *Pass) { p.Parking = "Altmarkt" },
		"no parking":     func(p *Pass) { p.Parking = "" },
		"no reservation": func(p *Pass) { p.Reservation = id.Reservation{} },
		"generation":     func(p *Pass) { p.Generation = 0 },
		"revision":       func(p *Pass) { p.Revision = 0 },
		"space type":     func(p *Pass) { p.SpaceType = "" },
		"empty window":   func(p *Pass) { p.To = p.From },
		"reversed":       func(p *Pass) { p.To = p.From.Add(-time.Hour) },
		"no-show":        func(p *Pass) { p.NoShowAt = p.From.Add(-time.Second) },
		"before 1970":    func(p *Pass) { p.From = time.Unix(-1, 0) },
		"zero times":     func(p *Pass) { p.From, p.To, p.NoShowAt = time.Time{}, time.Time{}, time.Time{} },
		"far future":     func(p *Pass) { p.To = time.Unix(latest, 0) },
	} {
		p := testPass(t)
		spoil(&p)
		if text, err := Sign(p, testKey(t, 0)); !errors.Is(err, ErrInvalid) || text != "" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if _, err := Sign(testPass(t), SigningKey{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("no key: %v", err)
	}
}

func TestVerifyTellsWhy(t *testing.T) {
	k := testKey(t, 0)
	v := verifier(t, k)
	good := sign(t, testPass(t), k)
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"empty":            {"", ErrNotAPass},
		"a web address":    {"https://example.org/", ErrNotAPass},
		"a vaccination":    {"HC1:6BF", ErrNotAPass},
		"lower case":       {strings.ToLower(good), ErrNotAPass},
		"a space in front": {" " + good, ErrNotAPass},
		"only the prefix":  {"PK1:", ErrMalformed},
		"not base45":       {good[:20] + "_" + good[21:], ErrMalformed},
		"a line end":       {good + "\n", ErrMalformed},
		"a space behind":   {good + " ", ErrMalformed},
		"truncated":        {good[:len(good)-3], ErrMalformed},
		"half":             {good[:len(good)/2], ErrMalformed},
		"huge":             {good + strings.Repeat("0", 1<<20), ErrMalformed},
		"trailing bytes":   {good + "000", ErrMalformed},
		"another key":      {sign(t, testPass(t), testKey(t, 9)), ErrUnknownKey},
	} {
		p, err := v.Verify(c.text)
		if !errors.Is(err, c.want) || p != (Pass{}) {
			t.Errorf("%s: %+v, %v, want %v", name, p, err, c.want)
		}
	}
	for i := range len(good) {
		if _, err := v.Verify(good[:i]); err == nil {
			t.Fatalf("the first %d characters verify", i)
		}
	}
	none, err := NewVerifier(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := none.Verify(good); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("without keys: %v", err)
	}
}

// A key id is a hint: a foreign key under our id does not help, and does not
// hide the right one.
func TestSharedKeyID(t *testing.T) {
	right, wrong := testKey(t, 0), testKey(t, 9)
	text := sign(t, testPass(t), right)
	imposter := PublicKey{ID: right.Public().ID, Public: wrong.Public().Public}
	v, err := NewVerifier([]PublicKey{imposter})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(text); !errors.Is(err, ErrBadSignature) {
		t.Errorf("imposter alone: %v", err)
	}
	v, err = NewVerifier([]PublicKey{imposter, right.Public()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(text); err != nil {
		t.Errorf("both: %v", err)
	}
	for _, bad := range []PublicKey{{ID: right.Public().ID[:7], Public: right.Public().Public}, {ID: right.Public().ID, Public: right.Public().Public[:31]}, {}} {
		if _, err := NewVerifier([]PublicKey{bad}); !errors.Is(err, ErrKey) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// forge encodes a COSE_Sign1 from arbitrary parts and signs it properly, so
// that only the strictness of the format stands in the way.
func forge(t *testing.T, k SigningKey, protected, unprotected, payload []byte) string {
	t.Helper()
	tbs, err := cbor.Marshal([]any{"Signature1", protected, []byte{}, payload})
	if err != nil {
		t.Fatal(err)
	}
	sig := ed25519.Sign(k.private, tbs)
	raw, err := cbor.Marshal(cbor.Tag{Number: 18, Content: []any{protected, cbor.RawMessage(unprotected), payload, sig}})
	if err != nil {
		t.Fatal(err)
	}
	return Prefix + encodeBase45(raw)
}

// Even the holder of the key has only one way to write a pass: whatever else
// is signed is refused.
func TestOnlyOneEncoding(t *testing.T) {
	k := testKey(t, 0)
	v := verifier(t, k)
	kid := k.Public().ID
	msg, err := testPass(t).message(kid)
	if err != nil {
		t.Fatal(err)
	}
	payload := msg.Payload
	protected := append([]byte{0xa2, 0x01, 0x27, 0x04, 0x48}, kid...)
	empty := []byte{0xa0}
	if _, err := v.Verify(forge(t, k, protected, empty, payload)); err != nil {
		t.Fatalf("the forge does not work: %v", err)
	}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	replace := func(b, old, new []byte) []byte {
		if !bytes.Contains(b, old) {
			t.Fatalf("%x is not in %x", old, b)
		}
		return bytes.Replace(b, old, new, 1)
	}
	claim := func(key string) []byte { b, _ := hex.DecodeString(key); return b }
	for name, text := range map[string]string{
		"alg ES256":              forge(t, k, replace(protected, []byte{0x01, 0x27}, []byte{0x01, 0x26}), empty, payload),
		"alg HS256":              forge(t, k, replace(protected, []byte{0x01, 0x27}, []byte{0x01, 0x05}), empty, payload),
		"alg none":               forge(t, k, join([]byte{0xa1, 0x04, 0x48}, kid), empty, payload),
		"alg as text":            forge(t, k, join([]byte{0xa2, 0x01, 0x65}, []byte("EdDSA"), []byte{0x04, 0x48}, kid), empty, payload),
		"no protected header":    forge(t, k, nil, empty, payload),
		"kid not protected":      forge(t, k, []byte{0xa1, 0x01, 0x27}, join([]byte{0xa1, 0x04, 0x48}, kid), payload),
		"kid too short":          forge(t, k, join([]byte{0xa2, 0x01, 0x27, 0x04, 0x47}, kid[:7]), empty, payload),
		"protected out of order": forge(t, k, join([]byte{0xa2, 0x04, 0x48}, kid, []byte{0x01, 0x27}), empty, payload),
		"one more protected":     forge(t, k, join([]byte{0xa3, 0x01, 0x27, 0x04, 0x48}, kid, []byte{0x05, 0x41, 0x00}), empty, payload),
		"critical header":        forge(t, k, join([]byte{0xa3, 0x01, 0x27, 0x02, 0x81, 0x04, 0x04, 0x48}, kid), empty, payload),
		"an unprotected header":  forge(t, k, protected, []byte{0xa1, 0x18, 0x2a, 0x01}, payload),
		"no payload":             forge(t, k, protected, empty, nil),
		"payload not a map":      forge(t, k, protected, empty, []byte{0x80}),
		"bytes after the claims": forge(t, k, protected, empty, join(payload, []byte{0x00})),
		"an unknown claim":       forge(t, k, protected, empty, join([]byte{0xa6}, payload[1:], []byte{0x08, 0x01})),
		"a claim twice":          forge(t, k, protected, empty, join([]byte{0xa6}, payload[1:], []byte{0x03, 0x61, 0x61})),
		"a claim less":           forge(t, k, protected, empty, replace(replace(payload, []byte{0xa5}, []byte{0xa4}), payload[19:25], nil)),
		"a longer integer":       forge(t, k, protected, empty, replace(payload, []byte{0xa4, 0x01, 0x01}, []byte{0xa4, 0x01, 0x18, 0x01})),
		"generation 0":           forge(t, k, protected, empty, replace(payload, []byte{0xa4, 0x01, 0x01}, []byte{0xa4, 0x01, 0x00})),
		"generation null":        forge(t, k, protected, empty, replace(payload, []byte{0xa4, 0x01, 0x01}, []byte{0xa4, 0x01, 0xf6})),
		"an indefinite map":      forge(t, k, protected, empty, join([]byte{0xbf}, payload[1:], []byte{0xff})),
		"exp as a float":         forge(t, k, protected, empty, replace(payload, payload[20:25], claim("fb41da87a1fa000000"))),
		"exp as a tag":           forge(t, k, protected, empty, replace(payload, payload[20:25], join([]byte{0xc1}, payload[20:25]))),
		"depth":                  forge(t, k, protected, empty, bytes.Repeat([]byte{0x81}, 200)),
	} {
		if p, err := v.Verify(text); !errors.Is(err, ErrMalformed) || p != (Pass{}) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	raw, _ := decodeBase45(strings.TrimPrefix(golden, Prefix))
	for name, b := range map[string][]byte{
		"untagged":            raw[1:],
		"COSE_Sign":           join([]byte{0xd8, 0x62}, raw[1:]),
		"CWT tag around":      join([]byte{0xd8, 0x3d}, raw),
		"tag in two bytes":    join([]byte{0xd8, 0x12}, raw[1:]),
		"indefinite array":    join([]byte{0xd2, 0x9f}, raw[2:], []byte{0xff}),
		"signature one short": join(raw[:len(raw)-65], []byte{0x3f}, raw[len(raw)-64:len(raw)-1]),
	} {
		if _, err := v.Verify(Prefix + encodeBase45(b)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The order of the curve added to the second half of a signature gives a
// signature that sloppy verifiers take for a second one of the same pass.
func TestSignatureMalleability(t *testing.T) {
	k := testKey(t, 0)
	raw, _ := decodeBase45(strings.TrimPrefix(golden, Prefix))
	order, _ := hex.DecodeString("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
	s := raw[len(raw)-32:]
	carry := 0
	for i := range s {
		sum := int(s[i]) + int(order[i]) + carry
		s[i], carry = byte(sum), sum>>8
	}
	if _, err := verifier(t, k).Verify(Prefix + encodeBase45(raw)); !errors.Is(err, ErrBadSignature) {
		t.Errorf("%v", err)
	}
}

// No change of bits or characters gives another text that verifies.
func TestAlteredPassesNeverVerify(t *testing.T) {
	k := testKey(t, 0)
	v := verifier(t, k)
	raw, _ := decodeBase45(strings.TrimPrefix(golden, Prefix))
	for bit := range len(raw) * 8 {
		b := bytes.Clone(raw)
		b[bit/8] ^= 1 << (bit % 8)
		if _, err := v.Verify(Prefix + encodeBase45(b)); err == nil {
			t.Fatalf("bit %d makes no difference", bit)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 30_000 {
		text := []byte(golden)
		for range 1 + rng.IntN(3) {
			text[rng.IntN(len(text))] = base45Alphabet[rng.IntN(len(base45Alphabet))]
		}
		if p, err := v.Verify(string(text)); err == nil && string(text) != golden {
			t.Fatalf("%s verifies as %+v", text, p)
		}
	}
}

func TestSigningKeyText(t *testing.T) {
	k, err := NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseSigningKey(k.Secret())
	if err != nil || !bytes.Equal(again.Seed(), k.Seed()) || !bytes.Equal(again.Public().ID, k.Public().ID) {
		t.Fatalf("%v %v", again, err)
	}
	for _, bad := range []string{"", "openlot-pass-key-1-", k.Secret() + "A", k.Secret() + "\n", k.Secret()[1:], k.Secret()[:60], "openlot-pass-key-1-!!"} {
		_, err := ParseSigningKey(bad)
		if !errors.Is(err, ErrKey) {
			t.Errorf("%q: %v", bad, err)
		}
		if err != nil && strings.Contains(err.Error(), k.Secret()[len(secretPrefix):][:8]) {
			t.Errorf("the error repeats the secret: %v", err)
		}
	}
}

func TestSigningKeyDoesNotLeak(t *testing.T) {
	k := testKey(t, 0x61) // the seed is readable text
	var logged strings.Builder
	for _, h := range []slog.Handler{slog.NewTextHandler(&logged, nil), slog.NewJSONHandler(&logged, nil)} {
		slog.New(h).Info("key", "key", k, "in", struct{ K SigningKey }{k})
	}
	asJSON, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	said := logged.String() + string(asJSON) + fmt.Sprintf("%v %+v %#v %s %q %x", k, k, k, k, k, k) + fmt.Sprintf("%v %#v", []SigningKey{k}, &k)
	for _, secret := range []string{"abcdefgh", "616263646566", "97 98 99", "0x61, 0x62", k.Secret()[25:40]} {
		if strings.Contains(said, secret) {
			t.Errorf("%q shows in %s", secret, said)
		}
	}
	if !strings.Contains(said, hex.EncodeToString(k.Public().ID)) {
		t.Errorf("the key is not named: %s", said)
	}
}

func FuzzVerify(f *testing.F) {
	k := testKey(f, 0)
	v := verifier(f, k)
	f.Add(golden)
	f.Add(golden + "0")
	f.Add("PK1:")
	f.Add("HC1:6BF")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := v.Verify(text)
		if err != nil {
			if p != (Pass{}) {
				t.Errorf("a pass with an error: %+v", p)
			}
			return
		}
		if again, err := Sign(p, k); err != nil || again != text {
			t.Errorf("verified a text that Sign does not write: %q, %v", text, err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	v := verifier(b, testKey(b, 0))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(golden); err != nil {
			b.Fatal(err)
		}
	}
}
