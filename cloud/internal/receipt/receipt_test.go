package receipt_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/receipt"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/tariff"
)

func TestASoundReceiptHasNoFindings(t *testing.T) {
	key := newKey(t)
	bases := map[string]bool{}
	for name, s := range scenes {
		document := s.issue(t, key)
		r, wrong := receipt.Verify(document, receipt.Published{Keys: []pass.PublicKey{key.Public()}})
		for _, f := range wrong {
			t.Errorf("%s: %s %s", name, f.Where, f.Says)
		}
		bases[string(r.Bill.Basis)] = true
		if r.Bill.Due.Minor > 0 && (len(r.Taxes) == 0 || r.Bill.Tax.Minor == 0) {
			t.Errorf("%s: no tax in %+v", name, r.Bill)
		}
		for _, secret := range []string{"example.org", "DDAB123", "+4915112345", "pm_sandbox_ok"} {
			if bytes.Contains(document, []byte(secret)) {
				t.Errorf("%s: %s is on the receipt", name, secret)
			}
		}
	}
	if len(bases) != 9 {
		t.Errorf("not every basis was tried: %v", slices.Sorted(maps.Keys(bases)))
	}
}

func TestTheSameFactsMakeTheSameReceipt(t *testing.T) {
	key := newKey(t)
	f := scenes["stayed too long"].facts(t)
	var first []byte
	for range 3 {
		r, err := receipt.Build(f)
		if err != nil {
			t.Fatal(err)
		}
		if b := sign(t, r, key); first == nil {
			first = b
		} else if !bytes.Equal(first, b) {
			t.Fatal("another document")
		}
	}
}

// Any single altered byte is noticed, wherever it is and whatever it becomes.
func TestAnyAlteredByteIsNoticed(t *testing.T) {
	key := newKey(t)
	against := receipt.Published{Keys: []pass.PublicKey{key.Public()}}
	documents := map[string][]byte{}
	for name, s := range scenes {
		documents[name] = s.issue(t, key)
	}
	names := slices.Sorted(maps.Keys(documents))
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(names).Draw(t, "scene")
		document := bytes.Clone(documents[name])
		at := rapid.IntRange(0, len(document)-1).Draw(t, "at")
		was := document[at]
		switch rapid.IntRange(0, 2).Draw(t, "how") {
		case 0:
			document[at] = rapid.Byte().Draw(t, "byte")
			if document[at] == was {
				return
			}
		case 1:
			document = slices.Delete(document, at, at+1)
		default:
			document = slices.Insert(document, at, rapid.SampledFrom([]byte(" \n0a")).Draw(t, "more"))
		}
		if _, wrong := receipt.Verify(document, against); len(wrong) == 0 {
			t.Fatalf("%s: %q at %d", name, was, at)
		}
	})
}

// onlySaid are the fields that nothing else on the receipt bears upon, so that
// only the signature vouches for them: names, the order in which the books were
// written, and beside the passages the decisions to open.
var onlySaid = regexp.MustCompile(`^(operator|number|issued_at|parking\.(name|address|city)|payments\[\d+\]\.provider|` +
	`payments\[\d+\]\.refunds\[\d+\]\.reason|movements\[\d+\]\.at|observations\[\d+\]\.epoch|observations\[[02]\]!)$`)

// besides are more of them for a bill: the end of a reservation that was
// overstayed, the window of one that nothing was charged for, and the time at which
// the cloud heard of a passage.
var besides = map[bill.Basis]*regexp.Regexp{
	bill.Overstayed: regexp.MustCompile(`^reservation\.to$`),
	bill.Cancelled:  regexp.MustCompile(`^reservation\.(from|to|space_type)$`),
	bill.Walked:     regexp.MustCompile(`^reservation\.(from|to|space_type)$`),
	bill.Used:       regexp.MustCompile(`^stay\.exited_at \(untrusted\)$`),
}

func said(r *receipt.Receipt, path string) bool {
	if r.Stay != nil && r.Stay.ExitClock == receipt.Untrusted && path == "stay.exited_at" {
		path += " (untrusted)"
	}
	more := besides[r.Bill.Basis]
	return onlySaid.MatchString(path) || more != nil && more.MatchString(path)
}

// Whoever holds the key cannot alter a field either, unless it is a name: what
// the receipt says is recomputed from the tariff, the gate's events and the
// movements.
func TestAnAlteredFieldIsNoticedAlthoughItIsSigned(t *testing.T) {
	key := newKey(t)
	for name, s := range scenes {
		against := receipt.Published{Keys: []pass.PublicKey{key.Public()}}
		f := s.facts(t)
		against.Tariffs = f.Tariffs
		r, err := receipt.Build(f)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		tried := 0
		for _, path := range leaves(t, whole) {
			for _, altered := range alter(t, whole, path) {
				var bent receipt.Receipt
				if json.Unmarshal(altered, &bent) != nil {
					continue // it is no receipt any more
				}
				tried++
				if _, wrong := receipt.Verify(sign(t, bent, key), against); len(wrong) == 0 && !said(&r, path) {
					t.Errorf("%s: %s is not noticed", name, path)
				}
			}
		}
		if tried < 40 {
			t.Errorf("%s: only %d alterations", name, tried)
		}
	}
}

// leaves are the paths of all values that are no objects or lists, and of the
// elements of lists.
func leaves(t *testing.T, document []byte) []string {
	t.Helper()
	var out []string
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, w := range v {
				walk(strings.TrimPrefix(path+"."+k, "."), w)
			}
		case []any:
			for i, w := range v {
				out = append(out, fmt.Sprintf("%s[%d]!", path, i))
				walk(fmt.Sprintf("%s[%d]", path, i), w)
			}
		default:
			out = append(out, path)
		}
	}
	walk("", decode(t, document))
	slices.Sort(out)
	return out
}

func decode(t *testing.T, document []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// alter gives the document with the value at a path altered in several ways, or,
// with an exclamation mark, without that element.
func alter(t *testing.T, document []byte, path string) [][]byte {
	t.Helper()
	steps := strings.FieldsFunc(strings.TrimSuffix(path, "!"), func(r rune) bool { return strings.ContainsRune(".[]", r) })
	drop := strings.HasSuffix(path, "!")
	var out [][]byte
	for way := 0; ; way++ {
		root := decode(t, document)
		more := true
		var set func(v any, steps []string) any
		set = func(v any, steps []string) any {
			if len(steps) == 0 {
				v, more = other(v, way)
				return v
			}
			switch v := v.(type) {
			case map[string]any:
				v[steps[0]] = set(v[steps[0]], steps[1:])
			case []any:
				var i int
				if _, err := fmt.Sscan(steps[0], &i); err != nil {
					t.Fatal(err)
				}
				if drop && len(steps) == 1 {
					more = way == 0
					return slices.Delete(v, i, i+1)
				}
				v[i] = set(v[i], steps[1:])
			}
			return v
		}
		root = set(root, steps)
		if !more {
			return out
		}
		b, err := json.Marshal(root)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
}

// other is another value of the same kind; the second result is false when there
// are no more.
func other(v any, way int) (any, bool) {
	switch v := v.(type) {
	case json.Number:
		n, err := v.Int64()
		return n + []int64{1, -1, 100}[way%3], err == nil && way < 3
	case bool:
		return !v, way == 0
	case string:
		if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return at.Add([]time.Duration{time.Second, -time.Second, time.Hour}[way%3]).Format(time.RFC3339Nano), way < 3
		}
		if v == "" {
			return "x", way == 0
		}
		last := len(v) - 1
		return v[:last] + map[bool]string{true: "1", false: "2"}[v[last] != '1'], way == 0
	default:
		return v, false
	}
}

func TestAReceiptByAnotherKeyOrTariffIsNoticed(t *testing.T) {
	key, other := newKey(t), newKey(t)
	s := scenes["stayed too long"]
	document := s.issue(t, key)
	published := s.facts(t).Tariffs
	cheaper := published[0]
	cheaper.Rate--
	for name, x := range map[string]struct {
		against receipt.Published
		where   string
	}{
		"no key":          {receipt.Published{}, "signature"},
		"another key":     {receipt.Published{Keys: []pass.PublicKey{other.Public()}}, "signature"},
		"another tariff":  {receipt.Published{Keys: []pass.PublicKey{key.Public()}, Tariffs: []tariff.Tariff{cheaper}}, "tariffs[0]"},
		"its own":         {receipt.Published{Keys: []pass.PublicKey{other.Public(), key.Public()}, Tariffs: published}, ""},
		"another version": {receipt.Published{Keys: []pass.PublicKey{key.Public()}, Tariffs: []tariff.Tariff{{Version: 9}}}, "tariffs[0]"},
	} {
		_, wrong := receipt.Verify(document, x.against)
		if x.where == "" && len(wrong) > 0 || x.where != "" && (len(wrong) != 1 || wrong[0].Where != x.where) {
			t.Errorf("%s: %+v", name, wrong)
		}
	}
}

// Whatever is given as a receipt, there is an answer.
func FuzzVerify(f *testing.F) {
	key, err := pass.SigningKeyFromSeed(make([]byte, 32))
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range scenes {
		f.Add(s.issue(f, key))
	}
	f.Add([]byte(`{"receipt":{"stay":{},"reservation":{},"bill":{"basis":"used","parts":[{}]},"movements":[{"postings":[{}]}],"tariffs":[{}]},"signature":""}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		_, wrong := receipt.Verify(document, receipt.Published{Keys: []pass.PublicKey{key.Public()}})
		again, other := receipt.Verify(document, receipt.Published{})
		if len(other) == 0 {
			t.Fatalf("sound without a key: %+v", again)
		}
		_ = wrong
	})
}

func TestThereIsNoReceiptBeforeAllIsSettled(t *testing.T) {
	s := scenes["in time"]
	for name, x := range map[string]struct {
		change func(*receipt.Facts)
		code   string
	}{
		"settled":      {func(*receipt.Facts) {}, ""},
		"confirmed":    {func(f *receipt.Facts) { f.Reservation.State = reservation.Confirmed }, "receipt_not_ready"},
		"inside":       {func(f *receipt.Facts) { f.Reservation.State = reservation.Active }, "receipt_not_ready"},
		"in again":     {func(f *receipt.Facts) { f.Session.State = "inside" }, "receipt_not_ready"},
		"not captured": {func(f *receipt.Facts) { f.Payments[0].State = payment.CaptureRequested }, "receipt_not_ready"},
		"giving back":  {func(f *receipt.Facts) { f.Payments[0].Refunds = []payment.Refunding{{State: payment.RefundRequested}} }, "receipt_not_ready"},
		"not voided":   {func(f *receipt.Facts) { f.Payments[0].State = payment.VoidRequested }, "receipt_not_ready"},
		"never paid":   {func(f *receipt.Facts) { f.Reservation.State, f.Bill = reservation.Expired, nil }, "no_receipt"},
		"no bill":      {func(f *receipt.Facts) { f.Bill = nil }, "no_receipt"},
	} {
		f := s.facts(t)
		x.change(&f)
		if _, err := receipt.Build(f); fault.Code(err) != x.code {
			t.Errorf("%s: %v, want %q", name, err, x.code)
		}
	}
}

// Receipts outlive programs: one that was issued stays sound.
func TestAReceiptThatWasIssuedStaysSound(t *testing.T) {
	document, err := os.ReadFile("testdata/v1.json")
	if err != nil {
		t.Fatal(err)
	}
	key, err := pass.SigningKeyFromSeed(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	r, wrong := receipt.Verify(document, receipt.Published{Keys: []pass.PublicKey{key.Public()}, Tariffs: []tariff.Tariff{lot().Tariff}})
	if len(wrong) > 0 || r.Bill.Due != eur(840) || r.Sums.WrittenOff != eur(120) {
		t.Errorf("%+v %+v", wrong, r.Sums)
	}
}
