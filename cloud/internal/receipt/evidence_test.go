package receipt_test

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/evidence"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/webhook"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

// disputed is a stay whose reservation was extended, whose driver was refused
// once, drove in and out, and was charged, with its pack.
func disputed(t *testing.T) (*house, booking.View, evidence.Files) {
	t.Helper()
	h := newHouse(t)
	from := timerange.Floor(time.Now()).Time().Add(time.Hour)
	v, other := h.reserve(from, time.Hour), h.reserve(from, time.Hour)
	longer, err := h.booking.Extend(t.Context(), v.Reservation.ID, booking.ChangeRequest{Key: "extend-0123456789", To: from.Add(2 * time.Hour)})
	h.must(longer, err)
	h.must(nil, h.settle.Void(t.Context(), place, v.Payment.ID))
	in, stranger := from.Add(time.Minute), id.New[id.Session](from)
	s := id.New[id.Session](in)
	h.at(in.Add(time.Second))
	h.see(wire.Event{Kind: wire.Refused, Reservation: v.Reservation.ID, Generation: 1, Reason: wire.RefuseSuperseded, Uncertainty: 80}, in.Add(-time.Second))
	h.see(wire.Event{Kind: wire.Admitted, Session: s, Reservation: v.Reservation.ID, Generation: 2, Reason: wire.AdmitReservation, SpaceType: id.Standard, Uncertainty: 80, Offline: true}, in)
	h.see(wire.Event{Kind: wire.Entered, Session: s, Reservation: v.Reservation.ID, Generation: 2, Reason: wire.AdmitReservation, SpaceType: id.Standard, Uncertainty: 80}, in)
	h.see(wire.Event{Kind: wire.Entered, Session: stranger, Reservation: other.Reservation.ID, Generation: 1, Reason: wire.AdmitReservation, SpaceType: id.Standard}, in)
	out := from.Add(3 * time.Hour)
	h.at(out.Add(time.Second))
	h.see(wire.Event{Kind: wire.Exited, Session: s, Reservation: v.Reservation.ID, Uncertainty: wire.Uncertain}, out)
	h.settled(longer)
	known := webhook.Known{Parking: place, Reservation: v.Reservation.ID, Payment: longer.Payment.ID}
	h.must(nil, postgres.NewNotices(h.db, nil).KeepDispute(t.Context(), "sandbox", "ref", &known,
		payment.Dispute{Ref: "dp_1", State: payment.DisputeOpen, Amount: money.New(700, "EUR"), Reason: "fraudulent"}, out, out))
	return h, longer, h.pack(v.Reservation.ID)
}

func (h *house) pack(r id.Reservation) evidence.Files {
	h.t.Helper()
	f, err := postgres.NewReceipts(h.db).Evidence(h.t.Context(), r)
	h.must(f, err)
	files, err := evidence.Build(f, h.desk.Key, h.now())
	h.must(files, err)
	return files
}

func (h *house) keys() []pass.PublicKey { return []pass.PublicKey{h.desk.Key.Public()} }

// What happened, from the real database, is in the pack, is sound, and nothing of
// it is secret or about anybody else.
func TestThePackOfARealStay(t *testing.T) {
	h, v, files := disputed(t)
	m, wrong := evidence.Verify(files, h.keys())
	for _, f := range wrong {
		t.Errorf("%s %s", f.Where, f.Says)
	}
	want := []string{
		"README.txt", "gate.json", "incidents.json", "ledger.json", "manifest.json", "manifest.sig", "pass.json", "payments.json", "receipt.json", "receipt.pdf", "reservation.json", "tariff-1.json",
	}
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, want) || len(m.Missing) != 0 || m.Reservation != v.Reservation.ID {
		t.Errorf("%q, %+v", got, m)
	}
	for name, parts := range map[string][]string{
		"pass.json":        {v.Pass, `"generation": 1`, `"generation": 2`},
		"gate.json":        {`"kind": "refused"`, `"reason": "REFUSE_SUPERSEDED"`, `"kind": "admitted"`, `"kind": "exited"`, `"earliest": null`, `"offline": true`, `"epoch": 1`},
		"payments.json":    {v.Payment.Ref, `"state": "captured"`, `"state": "voided"`, `"ref": "dp_1"`, `"reason": "fraudulent"`},
		"reservation.json": {"jana@posteo.example", "DDAB123", `"lines"`},
		"README.txt":       {"reservation.changed", "gate lane-1: refused (REFUSE_SUPERSEDED), journal 1/1", "booked: capture"},
	} {
		for _, p := range parts {
			if !bytes.Contains(files[name], []byte(p)) {
				t.Errorf("%s: %q is not in\n%s", name, p, files[name])
			}
		}
	}
	if n := bytes.Count(files["gate.json"], []byte(`"kind"`)); n != 4 {
		t.Errorf("%d events:\n%s", n, files["gate.json"])
	}
	for name, content := range files {
		for _, secret := range []string{v.Token.Reveal(), "mt_", "pm_sandbox"} {
			if bytes.Contains(content, []byte(secret)) {
				t.Errorf("%q is in %s", secret, name)
			}
		}
	}
	// One that is not settled has no receipt, and says so.
	later := h.reserve(timerange.Floor(h.now()).Time().Add(time.Hour), time.Hour)
	m, wrong = evidence.Verify(h.pack(later.Reservation.ID), h.keys())
	if len(wrong) > 0 || len(m.Missing) != 2 || m.Missing[0].Why != "receipt_not_ready" {
		t.Errorf("%+v %+v", m.Missing, wrong)
	}
	if _, err := postgres.NewReceipts(h.db).Evidence(t.Context(), id.New[id.Reservation](time.Now())); fault.Code(err) != booking.CodeReservationNotFound {
		t.Error(err)
	}
}

// Whatever is done to a pack is noticed: to the zip, to a file, to the list of
// files; and what was signed by somebody else is not believed.
func TestAnAlteredPackIsNoticed(t *testing.T) {
	h, _, files := disputed(t)
	document, err := files.Zip()
	h.must(document, err)
	again, err := evidence.Unzip(document)
	h.must(again, err)
	if _, wrong := evidence.Verify(again, h.keys()); len(wrong) > 0 || !maps.EqualFunc(files, again, bytes.Equal) {
		t.Fatalf("%+v", wrong)
	}
	names := slices.Sorted(maps.Keys(files))
	rapid.Check(t, func(t *rapid.T) {
		bent := bytes.Clone(document)
		at := rapid.IntRange(0, len(bent)-1).Draw(t, "byte")
		switch rapid.IntRange(0, 2).Draw(t, "way") {
		case 0:
			bent[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "bits"))
		case 1:
			bent = slices.Delete(bent, at, at+1)
		default:
			bent = slices.Insert(bent, at, 0)
		}
		if unpacked, err := evidence.Unzip(bent); err == nil {
			if _, wrong := evidence.Verify(unpacked, h.keys()); len(wrong) == 0 {
				t.Fatalf("byte %d", at)
			}
		}
		folder := maps.Clone(files)
		name := rapid.SampledFrom(names).Draw(t, "file")
		switch rapid.IntRange(0, 2).Draw(t, "what") {
		case 0:
			folder[name] = bytes.Clone(folder[name])
			folder[name][rapid.IntRange(0, len(folder[name])-1).Draw(t, "at")] ^= 1
		case 1:
			delete(folder, name)
		default:
			folder["extra.txt"] = []byte("x")
		}
		if _, wrong := evidence.Verify(folder, h.keys()); len(wrong) == 0 {
			t.Fatalf("%s", name)
		}
	})
	forger := newKey(t)
	if _, wrong := evidence.Verify(files, []pass.PublicKey{forger.Public()}); !slices.ContainsFunc(wrong, func(f evidence.Finding) bool { return f.Where == evidence.SignatureFile }) {
		t.Errorf("%+v", wrong)
	}
	for name, bad := range map[string][]byte{"nothing": nil, "no zip": []byte("PK"), "twice": append(bytes.Clone(document), document...)} {
		if _, err := evidence.Unzip(bad); err == nil {
			t.Errorf("%s is unpacked", name)
		}
	}
	longer, err := evidence.Files{"../up": nil}.Zip()
	h.must(longer, err)
	if _, err := evidence.Unzip(longer); !errors.Is(err, evidence.ErrSpelling) {
		t.Errorf("a name that leads elsewhere: %v", err)
	}
}

// The holder of the key cannot tell a story whose parts do not fit each other.
func TestAPackWhosePartsDisagreeIsNoticedAlthoughItIsSigned(t *testing.T) {
	h, v, _ := disputed(t)
	for name, bend := range map[string]func(*evidence.Facts){
		"another price": func(f *evidence.Facts) { f.Reservation.Quote.Total.Minor++ },
		"another tariff": func(f *evidence.Facts) {
			f.Editions = slices.Clone(f.Editions)
			f.Editions[0].Rate++
		},
		"a movement that does not balance": func(f *evidence.Facts) { f.Movements[0].Postings[0].Amount.Minor++ },
		"a movement less":                  func(f *evidence.Facts) { f.Movements = f.Movements[1:] },
		"a payment less":                   func(f *evidence.Facts) { f.Payments = f.Payments[1:] },
		"the order of the journal":         func(f *evidence.Facts) { slices.Reverse(f.Journal) },
		"another's receipt":                func(f *evidence.Facts) { f.Reservation.ID = id.New[id.Reservation](time.Now()) },
	} {
		f, err := postgres.NewReceipts(h.db).Evidence(t.Context(), v.Reservation.ID)
		h.must(f, err)
		bend(&f)
		files, err := evidence.Build(f, h.desk.Key, h.now())
		h.must(files, err)
		if _, wrong := evidence.Verify(files, h.keys()); len(wrong) == 0 {
			t.Errorf("%s passes for sound", name)
		}
	}
	// What is said of an event is not what its bytes say.
	f, err := postgres.NewReceipts(h.db).Evidence(t.Context(), v.Reservation.ID)
	h.must(f, err)
	files, err := evidence.Build(f, h.desk.Key, h.now())
	h.must(files, err)
	files["gate.json"] = []byte(strings.Replace(string(files["gate.json"]), `"kind": "refused"`, `"kind": "admitted"`, 1))
	if _, wrong := evidence.Verify(files, h.keys()); !slices.ContainsFunc(wrong, func(f evidence.Finding) bool { return strings.HasPrefix(f.Where, "gate.json events[0]") }) {
		t.Errorf("%+v", wrong)
	}
}
