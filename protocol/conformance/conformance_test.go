package conformance_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/openlot/openlot/protocol/conformance"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/wire"
)

var update = flag.Bool("update", false, "write the vectors of the version in development anew")

func TestReference(t *testing.T) { conformance.Run(t, conformance.Reference{}) }

// forgiving accepts everything and changes nothing: the suite must fail it on
// every hostile vector.
type forgiving struct{}

func (forgiving) Recode(_ conformance.Kind, b []byte) ([]byte, error) { return b, nil }

// strict refuses everything.
type strict struct{}

func (strict) Recode(conformance.Kind, []byte) ([]byte, error) { return nil, errors.New("no") }

func TestVectorsCoverEveryKind(t *testing.T) {
	good, hostile := map[conformance.Kind]int{}, map[conformance.Kind]int{}
	for _, v := range conformance.Vectors() {
		impl := conformance.Implementation(strict{})
		if v.Refuse != "" {
			hostile[v.Kind]++
			impl = forgiving{}
		} else {
			good[v.Kind]++
		}
		if _, err := impl.Recode(v.Kind, v.Bytes); (err == nil) != (v.Refuse != "") {
			t.Errorf("%s would not tell a wrong implementation", v.Name)
		}
	}
	for _, k := range conformance.Kinds() {
		if good[k] == 0 || hostile[k] == 0 {
			t.Errorf("%s: %d good and %d hostile vectors", k, good[k], hostile[k])
		}
	}
}

// The files are what this code writes: a change of the encoding shows here.
func TestVectorsAreCurrent(t *testing.T) {
	want := map[string]string{}
	for _, s := range conformance.Samples() {
		b, err := wire.Marshal(s.Message)
		if err != nil {
			t.Fatalf("%s-%s: %v", s.Kind, s.Name, err)
		}
		said, err := cbor.Diagnose(b)
		if err != nil {
			t.Fatal(err)
		}
		want[fmt.Sprintf("%s-%s.hex", s.Kind, s.Name)] = "# " + said + "\n" + wrap(b)
	}
	for name, p := range conformance.SamplePasses() {
		text, err := pass.Sign(p, conformance.TestKey())
		if err != nil {
			t.Fatal(err)
		}
		want["pass-"+name+".txt"] = fmt.Sprintf("# %s %s generation %d %s [%d, %d) no-show %d revision %d\n%s\n", p.Parking, p.Reservation,
			p.Generation, p.SpaceType, p.From.Unix(), p.To.Unix(), p.NoShowAt.Unix(), p.Revision, text)
	}
	for _, h := range hostile(t) {
		name := fmt.Sprintf("refuse/%s-%s", h.kind, h.name)
		if h.kind == conformance.Pass {
			want[name+".txt"] = "# refuse: " + h.reason + "\n" + string(h.bytes) + "\n"
		} else {
			want[name+".hex"] = "# refuse: " + h.reason + "\n" + wrap(h.bytes)
		}
	}
	root := filepath.Join("testdata", "v1")
	if *update {
		if err := os.RemoveAll(root); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(root, "refuse"), 0o755); err != nil {
			t.Fatal(err)
		}
		for name, content := range want {
			if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	for name, content := range want {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Errorf("%v (write new vectors with -update)", err)
		} else if string(got) != content {
			t.Errorf("%s is\n%s\nnot\n%s", name, content, got)
		}
	}
	if got := len(conformance.Vectors()); got != len(want) {
		t.Errorf("%d files for %d vectors", got, len(want))
	}
}

func wrap(b []byte) string {
	var out strings.Builder
	for len(b) > 32 {
		fmt.Fprintf(&out, "%x\n", b[:32])
		b = b[32:]
	}
	fmt.Fprintf(&out, "%x\n", b)
	return out.String()
}

type refused struct {
	kind         conformance.Kind
	name, reason string
	bytes        []byte
}

// hostile makes inputs that must be refused, most of them out of a good one.
func hostile(t *testing.T) []refused {
	t.Helper()
	good := map[string][]byte{}
	for _, s := range conformance.Samples() {
		b, err := wire.Marshal(s.Message)
		if err != nil {
			t.Fatal(err)
		}
		good[fmt.Sprintf("%s-%s", s.Kind, s.Name)] = b
	}
	swap := func(name, old, new string) []byte {
		from, err := hex.DecodeString(old)
		if err != nil {
			t.Fatal(err)
		}
		to, err := hex.DecodeString(new)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Count(good[name], from) != 1 {
			t.Fatalf("%s holds %s %d times:\n%x", name, old, bytes.Count(good[name], from), good[name])
		}
		return bytes.Replace(good[name], from, to, 1)
	}
	raw := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	hash := hex.EncodeToString(func() []byte { h := conformance.SampleHash(); return h[:] }())
	when := "1b0000019e82326000"
	pk, err := pass.Sign(conformance.SamplePasses()["plain"], conformance.TestKey())
	if err != nil {
		t.Fatal(err)
	}
	bent := []byte(pk)
	bent[len(bent)-1] = map[bool]byte{true: '1', false: '0'}[bent[len(bent)-1] == '0']
	return []refused{
		{conformance.Event, "paid-no-id", "a payment without an id", swap("event-paid-cash", "1350019e823260007abc8def000000000061", "1340")},
		{conformance.Event, "paid-nothing", "a payment of nothing", swap("event-paid-cash", "141901e0", "141900")},
		{conformance.Event, "paid-no-currency", "a payment in no currency", swap("event-paid-cash", "1563455552", "1563455551")},
		{conformance.Event, "paid-barter", "a method that does not exist", swap("event-paid-cash", "166463617368", "166463616373")},
		{conformance.Event, "dismissed-no-type", "who takes no unit any more took one of a type", swap("event-dismissed", "0c687374616e64617264", "0c60")},
		{conformance.Sync, "passback-5", "a mode of anti-passback that does not exist", swap("sync-snapshot-gate", "0303040405181e", "0305040405181e")},
		{conformance.Sync, "stage-late", "the first stage does not begin at once", swap("sync-snapshot-gate", "0784a20100020f", "0784a20101020f")},
		{conformance.Sync, "stage-unknown", "a permission that does not exist", swap("sync-snapshot-gate", "0784a20100020f", "0784a201000210")},
		{conformance.Sync, "gate-key-short", "a gate key of 31 bytes", swap("sync-snapshot-gate", "0c5820c0c1", "0c581fc1")},
		{conformance.Sync, "gone-nobody", "who is gone has no session", swap("sync-delta-gone", "50019e823260007abc8def000000000053", "5000000000000000000000000000000000")},
		{conformance.Resume, "empty", "no bytes at all", nil},
		{conformance.Resume, "null", "null instead of a map", raw("f6")},
		{conformance.Resume, "undefined", "undefined instead of a map", raw("f7")},
		{conformance.Resume, "array", "an array instead of a map", raw("811b0000019e82326000")},
		{conformance.Resume, "missing-key", "a key is missing", raw("a0")},
		{conformance.Resume, "null-value", "null instead of a number", raw("a101f6")},
		{conformance.Resume, "float", "a floating-point number", raw("a101f93c00")},
		{conformance.Resume, "text-number", "a text instead of a number", raw("a1016131")},
		{conformance.Resume, "text-key", "a text as key", raw("a1613101")},
		{conformance.Resume, "unknown-key", "an unknown key", raw("a201" + when + "0200")},
		{conformance.Resume, "duplicate-key", "a key twice", raw("a201" + when + "01" + when)},
		{conformance.Resume, "long-integer", "an integer longer than it needs to be", raw("a1011b0000000000000001")},
		{conformance.Resume, "long-map", "a map header longer than it needs to be", raw("b80101" + when)},
		{conformance.Resume, "indefinite-map", "a map of indefinite length", raw("bf01" + when + "ff")},
		{conformance.Resume, "tag", "a tag", raw("c1a101" + when)},
		{conformance.Resume, "tagged-value", "a tag inside", raw("a101c1" + when)},
		{conformance.Resume, "bignum", "a bignum", raw("a101c249010000000000000000")},
		{conformance.Resume, "out-of-range", "an integer above 2^63-1", raw("a1011bffffffffffffffff")},
		{conformance.Resume, "trailing-byte", "a byte after the message", raw("a101" + when + "00")},
		{conformance.Resume, "truncated", "the message ends early", raw("a1011b0000019e8232")},
		{conformance.Resume, "huge-map", "a map header that promises 2^64-1 pairs", raw("bbffffffffffffffff")},
		{conformance.Resume, "depth-bomb", "arrays nested a hundred deep", append(raw("a101"), append(bytes.Repeat([]byte{0x81}, 100), 0x00)...)},
		{conformance.Hello, "swapped-keys", "keys out of order", func() []byte {
			b := bytes.Clone(good["hello-new"])
			return append(append([]byte{b[0]}, b[3:21]...), append(b[1:3], b[21:]...)...)
		}()},
		{conformance.Hello, "short-hash", "a hash of 31 bytes", swap("hello-full", "5820"+hash, "581f"+hash[:62])},
		{conformance.Hello, "long-hash", "a hash of 33 bytes", swap("hello-full", "5820"+hash, "5821"+hash+"00")},
		{conformance.Hello, "hash-array", "a hash as an array of numbers", swap("hello-full", "5820"+hash, "83010203")},
		{conformance.Hello, "ahead", "acknowledges more than it holds", swap("hello-full", "19012c", "190121")},
		{conformance.Hello, "no-edge", "names no edge", swap("hello-new", "50019e823260007abc8def000000000011", "40")},
		{conformance.Hello, "zero-edge", "an id of sixteen zeros", swap("hello-new", "50019e823260007abc8def000000000011", "5000000000000000000000000000000000")},
		{conformance.Hello, "short-edge", "an id of 15 bytes", swap("hello-new", "50019e823260007abc8def000000000011", "4f019e823260007abc8def0000000000")},
		{conformance.Hello, "not-utf8", "a text that is not UTF-8", swap("hello-new", "6f70656e6c6f742d", "6f70656e6c6f74ff")},
		{conformance.Hello, "indefinite-text", "a text of indefinite length", swap("hello-new", "0972"+hex.EncodeToString([]byte("openlot-edge 0.1.0")), "097f72"+hex.EncodeToString([]byte("openlot-edge 0.1.0"))+"ff")},
		{conformance.Event, "kind-0", "no such kind of event", swap("event-entered", "06020767", "06000767")},
		{conformance.Event, "kind-99", "no such kind of event", swap("event-entered", "06020767", "0618630767")},
		{conformance.Event, "seq-0", "a seq of 0", swap("event-started", "0101025001", "0100025001")},
		{conformance.Event, "no-lane", "an entry without a lane", swap("event-entered", "0767656e7472792d31", "0760")},
		{conformance.Event, "bad-lane", "a lane that is no slug", swap("event-entered", "67656e7472792d31", "67656e7472792f31")},
		{conformance.Event, "refusing-admission", "an admission with a refusing reason", swap("event-admitted", "71"+hex.EncodeToString([]byte("ADMIT_RESERVATION")), "6b"+hex.EncodeToString([]byte("REFUSE_FULL")))},
		{conformance.Event, "unknown-reason", "a reason that is not in the list", swap("event-admitted", "71"+hex.EncodeToString([]byte("ADMIT_RESERVATION")), "71"+hex.EncodeToString([]byte("ADMIT_RESERVATIOM")))},
		{conformance.Event, "explicit-false", "a false that is left out when encoded", swap("event-exited", "0ef5", "0ef4")},
		{conformance.Events, "gap", "the second event is missing", dropEvent(t, good["events-all"], 1)},
		{conformance.Events, "none", "no event", keepEvents(t, good["events-all"], 0)},
		{conformance.Events, "epoch-0", "epoch 0", swap("events-all", "02020301", "02000301")},
		{conformance.Beat, "arm-5", "no such state of an arm", swap("beat-full", "67656e7472792d310201", "67656e7472792d310205")},
		{conformance.Beat, "number-as-bool", "a number where a truth value belongs", swap("beat-full", "03f504f505f5", "030104f505f5")},
		{conformance.Applied, "no-journal", "names no journal", raw("a2014002191267")},
		{conformance.Welcome, "verdict", "no such verdict", swap("welcome-rewound", "04677265776f756e64", "04677265776f756e65")},
		{conformance.Welcome, "no-epoch", "accepts without an epoch", swap("welcome-accepted", "0502", "0500")},
		{conformance.Ack, "epoch-0", "epoch 0", swap("ack-full", "0202", "0200")},
		{conformance.Ack, "negative-seq", "a negative number", swap("ack-full", "19012d", "39012d")},
		{conformance.Sync, "kind-3", "no such kind of sync", raw("a501030200030004000501")},
		{conformance.Sync, "part-beyond", "part 1 of 1", raw("a501010200030004010501")},
		{conformance.Sync, "delta-in-parts", "a delta in two parts", raw("a501020200030004000502")},
		{conformance.Sync, "snapshot-with-base", "a snapshot that follows on", raw("a501010201030104000501")},
		{conformance.Sync, "backwards", "a delta that goes back", raw("a501020202030104000501")},
		{conformance.Sync, "empty-list", "an empty list that is left out when encoded", raw("a60101020003000400050106" + "80")},
		{conformance.Sync, "many-entries", "more entries than a part may have", append(raw("a6010102000300040005010699"+"0201"), bytes.Repeat([]byte{0xa0}, 513)...)},
		{conformance.Sync, "reversed-window", "an entry that ends before it begins", swap("sync-delta", "051a6a1dba90", "051a6a1d0000")},
		{conformance.Sync, "generation-0", "an entry of generation 0", swap("sync-delta", "020103687374616e64617264", "020003687374616e64617264")},
		{conformance.Sync, "generation-large", "a generation above 65535", swap("sync-delta", "020103687374616e64617264", "021a0001000003687374616e64617264")},
		{conformance.Event, "until-of-nothing", "only a payment was priced", swap("event-paid-until", "060b", "060c")},
		{conformance.Hello, "machine-3", "no such kind of machine", swap("hello-machine", "0a02", "0a03")},
		{conformance.Sync, "prices-no-edition", "prices without an edition", raw("a70102020103010400050109a2010002000ea3016002600380")},
		{conformance.Sync, "prices-alone", "prices without the policy", raw("a6010202010301040005010ea3016002600381a2010002417b")},
		{conformance.Sync, "quote-tax", "more tax than price", swap("sync-delta-prices", "02190320031880", "02190320031903e8")},
		{conformance.Order, "no-id", "an order without an id", swap("order-full", "0150019e823260007abc8def000000000071", "0140")},
		{conformance.Order, "no-why", "nobody says what for", swap("order-full", "066b7469636b6574206c6f7374", "0660")},
		{conformance.Order, "no-end", "an order that is good for ever", swap("order-full", "071b0000019e82328710", "0720")},
		{conformance.Order, "count-of-open", "a count with a command that counts nothing", swap("order-count", "0465636f756e74", "04646f70656e")},
		{conformance.Event, "order-of-fault", "an answer to an order that is no command", swap("event-commanded-order", "060d", "060a")},
		{conformance.Beat, "loop-4", "no such state of a loop", swap("beat-seen", "05f50601", "05f50604")},
		{conformance.Beat, "safety-sure", "a loop that is not known to be free, and yet free", swap("beat-seen", "04f505f50601", "04f405f50601")},
		{conformance.AskTime, "no-nonce", "a nonce of fifteen bytes", swap("asktime-full", "0250b0", "024fb0")},
		{conformance.AskTime, "zero-nonce", "a nonce of zeros", swap("asktime-full", "b0b1b2b3b4b5b6b7b8b9babbbcbdbebf", "00000000000000000000000000000000")},
		{conformance.Time, "other-nonce", "the signature is over the answer to another question", swap("time-full", "b0b1b2b3b4b5b6b7b8b9babbbcbdbebf", "b1b1b2b3b4b5b6b7b8b9babbbcbdbebf")},
		{conformance.Time, "other-edge", "the signature is over the answer to another edge", swap("time-full", "50019e823260007abc8def000000000011", "50019e823260007abc8def000000000012")},
		{conformance.Time, "other-time", "the signature is over another time", swap("time-full", "03"+when, "031b0000019e82326001")},
		{conformance.Time, "negative", "a time before 1970", swap("time-full", "03"+when, "0320")},
		{conformance.Events, "mark-inside", "a mark that is not after the batch", swap("events-marked", "0301", "0302")},
		{conformance.Events, "trace-outside", "a trace of an event that is not in the batch", swap("events-traced", "0681a20101", "0681a20102")},
		{conformance.Events, "trace-short", "a trace of 24 bytes", swap("events-traced", "025819d0d1", "025818d1")},
		{conformance.Sync, "trace-zero", "a trace without a span", swap("sync-delta-traced", "e0e1e2e3e4e5e6e7", "0000000000000000")},
		{conformance.Sync, "trace-text", "a trace as a text", swap("sync-delta-traced", "0d815819", "0d817819")},
		{conformance.Pass, "empty", "nothing", nil},
		{conformance.Pass, "other-code", "some other code", []byte("HTTPS://EXAMPLE.ORG/")},
		{conformance.Pass, "prefix-only", "nothing after the prefix", []byte("PK1:")},
		{conformance.Pass, "lower-case", "lower case", []byte(strings.ToLower(pk))},
		{conformance.Pass, "truncated", "the end is missing", []byte(pk[:len(pk)-3])},
		{conformance.Pass, "bent", "one character of the signature changed", bent},
		{conformance.Pass, "trailing", "three characters too many", []byte(pk + "000")},
	}
}

func dropEvent(t *testing.T, b []byte, at int) []byte {
	m, err := wire.Unmarshal[wire.EventBatch](b)
	if err != nil {
		t.Fatal(err)
	}
	m.Events = append(m.Events[:at:at], m.Events[at+1:]...)
	out, err := wire.Marshal(&m)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func keepEvents(t *testing.T, b []byte, n int) []byte {
	m, err := wire.Unmarshal[wire.EventBatch](b)
	if err != nil {
		t.Fatal(err)
	}
	m.Events = m.Events[:n]
	out, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := out.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
