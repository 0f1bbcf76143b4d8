package evidence

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/receipt"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/tariff"
)

// Finding is something that is wrong with a pack.
type Finding struct {
	Where string // the file, and the part of it
	Says  string
}

// Verify checks a pack against the public keys: the signature, each file's
// SHA-256, that nothing is added or left out, and that the files agree with each
// other: the pass, the quote, the journal's bytes, the ledger and the receipt,
// which is recomputed by the tariffs in the pack. A pack without findings is
// sound. Whatever the bytes are, it comes to an end.
func Verify(f Files, keys []pass.PublicKey) (Manifest, []Finding) {
	v := &verifier{files: f, keys: keys}
	if !v.read(ManifestFile, &v.m) {
		return v.m, v.findings
	}
	v.signature()
	v.unless(v.m.Format == Format, ManifestFile, "format is %d; this program knows %d", v.m.Format, Format)
	v.listed()
	v.contents()
	return v.m, v.findings
}

type verifier struct {
	files    Files
	keys     []pass.PublicKey
	m        Manifest
	findings []Finding
}

func (v *verifier) find(where, format string, args ...any) {
	v.findings = append(v.findings, Finding{where, fmt.Sprintf(format, args...)})
}

func (v *verifier) unless(ok bool, where, format string, args ...any) {
	if !ok {
		v.find(where, format, args...)
	}
}

// read decodes a file strictly.
func (v *verifier) read(name string, to any) bool {
	content, ok := v.files[name]
	if !ok {
		v.find(name, "is not there")
		return false
	}
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	err := d.Decode(to)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows it")
		}
	}
	if err != nil {
		v.find(name, "cannot be read: %v", err)
		return false
	}
	return true
}

func (v *verifier) signature() {
	text, _ := strings.CutSuffix(string(v.files[SignatureFile]), "\n")
	signature, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || string(v.files[SignatureFile]) != text+"\n" {
		v.find(SignatureFile, "is not base64url")
		return
	}
	check, err := pass.NewVerifier(v.keys)
	if err == nil {
		err = check.VerifyDetached(Purpose, v.files[ManifestFile], signature)
	}
	switch {
	case errors.Is(err, pass.ErrUnknownKey):
		v.find(SignatureFile, "is by a key that is not among those that were given")
	case errors.Is(err, pass.ErrBadSignature):
		v.find(SignatureFile, "is not good: the manifest was altered, or it was not made by the holder of the key")
	case err != nil:
		v.find(SignatureFile, "cannot be read: %v", err)
	}
}

// listed compares the files with the manifest.
func (v *verifier) listed() {
	known := map[string]bool{ManifestFile: true, SignatureFile: true}
	for _, x := range v.m.Files {
		v.unless(!known[x.Name], x.Name, "is listed twice")
		known[x.Name] = true
		content, ok := v.files[x.Name]
		switch {
		case !ok:
			v.find(x.Name, "is not there")
		case len(content) != x.Bytes || digest(content) != x.SHA256:
			v.find(x.Name, "was altered: it is not what the manifest lists")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.files)) {
		v.unless(known[name], name, "is not in the manifest")
	}
}

// contents checks that the files agree with each other.
func (v *verifier) contents() {
	var r Reserved
	if v.read("reservation.json", &r) {
		v.unless(r.ID == v.m.Reservation && r.Parking == v.m.Parking, "reservation.json", "is another reservation than the manifest's")
		v.quote(&r)
		v.pass(&r)
	}
	v.gate()
	v.money()
	v.receipt()
}

// quote checks that the lines of the quote sum to its total.
func (v *verifier) quote(r *Reserved) {
	sum := money.New(0, r.Quote.Total.Currency)
	for _, l := range r.Quote.Lines {
		var err error
		if sum, err = sum.Add(l.Amount); err != nil {
			v.find("reservation.json", "its lines do not add up: %v", err)
			return
		}
	}
	v.unless(sum == r.Quote.Total, "reservation.json", "the lines of the quote sum to %s, its total is %s", sum, r.Quote.Total)
}

// pass checks the pass's own signature, and that it is of this reservation.
func (v *verifier) pass(r *Reserved) {
	const name = "pass.json"
	var p Pass
	if !v.read(name, &p) || p.Text == "" {
		return
	}
	check, err := pass.NewVerifier(v.keys)
	if err != nil {
		return // signature says so
	}
	is, err := check.Verify(p.Text)
	if err != nil {
		v.find(name, "is not signed: %v", err)
		return
	}
	v.unless(is.Reservation == r.ID && is.Parking == r.Parking && is.SpaceType == r.SpaceType && !is.From.After(r.From) && !is.To.Before(r.To) && is.Revision == r.ConfirmedBy,
		name, "is not the pass of this reservation")
	for i, g := range p.Generations {
		v.unless(i == 0 || g.Generation > p.Generations[i-1].Generation, name, "its generations do not follow each other")
		v.unless(g.Generation <= is.Generation, name, "generation %d is later than that of the pass", g.Generation)
	}
}

// gate compares what is said of each journal event with its bytes.
func (v *verifier) gate() {
	const name = "gate.json"
	var g Gate
	if !v.read(name, &g) {
		return
	}
	v.unless(len(g.Applied) == len(g.Events), name, "not every event has the time at which it was applied")
	for i, e := range g.Events {
		where := fmt.Sprintf("%s events[%d]", name, i)
		raw, err := base64.RawURLEncoding.Strict().DecodeString(e.Event)
		if err != nil {
			v.find(where, "is not base64url")
			continue
		}
		is, err := gateEvent(e.Epoch, raw)
		if err != nil {
			v.find(where, "is no journal event: %v", err)
			continue
		}
		v.unless(sameJSON(is, e), where, "is not what its bytes say")
		if i > 0 {
			before := g.Events[i-1]
			v.unless(before.Epoch < e.Epoch || before.Epoch == e.Epoch && before.Seq < e.Seq, where, "is not in the journal's order")
		}
	}
}

func sameJSON(a, b any) bool {
	x, err := encode(a)
	if err != nil {
		return false
	}
	y, err := encode(b)
	return err == nil && bytes.Equal(x, y)
}

// money checks that each movement balances, and is about one of the payments.
func (v *verifier) money() {
	var all []Payment
	var moves []receipt.Movement
	if !v.read("payments.json", &all) || !v.read("ledger.json", &moves) {
		return
	}
	for i, m := range moves {
		where := fmt.Sprintf("ledger.json [%d]", i)
		if err := (ledger.Entry{Kind: m.Kind, Postings: m.Postings}).Check(); err != nil {
			v.find(where, "does not balance: %v", err)
		}
		v.unless(m.Payment.IsZero() || slices.ContainsFunc(all, func(p Payment) bool { return p.ID == m.Payment }), where, "is about a payment that is not in the pack")
	}
}

// receipt recomputes the receipt by the tariffs in the pack.
func (v *verifier) receipt() {
	document, ok := v.files["receipt.json"]
	if !ok {
		v.unless(slices.ContainsFunc(v.m.Missing, func(m Missing) bool { return m.Name == "receipt.json" }), "receipt.json", "is not there, and nobody says why")
		return
	}
	against := receipt.Published{Keys: v.keys}
	for _, name := range slices.Sorted(maps.Keys(v.files)) {
		if !strings.HasPrefix(name, "tariff-") {
			continue
		}
		t, err := tariff.Parse(v.files[name])
		if err != nil {
			v.find(name, "is no tariff: %v", err)
			continue
		}
		v.unless(name == fmt.Sprintf("tariff-%d.json", t.Version), name, "is another edition")
		against.Tariffs = append(against.Tariffs, t)
	}
	r, wrong := receipt.Verify(document, against)
	for _, f := range wrong {
		v.find("receipt.json "+f.Where, "%s", f.Says)
	}
	v.unless(r.Reservation != nil && r.Reservation.ID == v.m.Reservation, "receipt.json", "is of another reservation")
	var moves []receipt.Movement
	if json.Unmarshal(v.files["ledger.json"], &moves) == nil {
		v.unless(reflect.DeepEqual(moves, r.Movements), "receipt.json", "has other movements than the ledger")
	}
}
