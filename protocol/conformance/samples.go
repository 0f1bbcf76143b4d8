package conformance

import (
	"time"

	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/wire"
)

// Sample is a message with every field in use, or one that shows a case.
type Sample struct {
	Kind    Kind
	Name    string
	Message interface{ Validate() error }
}

// minted gives the samples' ids: version 7, of 2026-06-01 08:00 UTC, told apart
// by their last byte.
func minted[I id.ID[K], K id.Kind](last byte) I {
	i, err := id.FromBytes[I, K]([]byte{0x01, 0x9e, 0x82, 0x32, 0x60, 0x00, 0x7a, 0xbc, 0x8d, 0xef, 0, 0, 0, 0, 0, last})
	if err != nil {
		panic("conformance: " + err.Error())
	}
	return i
}

// morning is 2026-06-01 08:00 UTC, when the samples play.
const morning = 1780300800

// SampleHash is a running hash that no journal has.
func SampleHash() wire.Hash {
	var h wire.Hash
	for i := range h {
		h[i] = byte(0xa0 + i)
	}
	return h
}

// SampleNonce is the nonce of the question in the samples.
func SampleNonce() wire.Nonce {
	var n wire.Nonce
	for i := range n {
		n[i] = byte(0xb0 + i)
	}
	return n
}

// SampleTrace is the trace of the samples.
func SampleTrace() wire.Trace {
	var t wire.Trace
	for i := range t[:24] {
		t[i] = byte(0xd0 + i)
	}
	t[24] = 1
	return t
}

func sampleTime() *wire.Time {
	t := &wire.Time{Edge: minted[id.Edge](0x11), Nonce: SampleNonce(), ServerTime: morning * 1000}
	signature, err := TestKey().SignDetached(wire.TimePurpose, t.Signed())
	if err != nil {
		panic("conformance: " + err.Error())
	}
	t.Signature = signature
	return t
}

// SampleEvents are a journal: seq 1 and on, every kind of event.
func SampleEvents() []wire.Event {
	entry := minted[id.Session](0x51)
	walkin := minted[id.Session](0x52)
	rsv := minted[id.Reservation](0x41)
	events := []wire.Event{
		{Kind: wire.Started, Inferred: true, Uncertainty: wire.Uncertain, Offline: true},
		{Kind: wire.TimeMark, TrustedLo: morning * 1000},
		{Kind: wire.AllotmentAdopted, SpaceType: id.Standard, Version: 3, Units: 12},
		{Kind: wire.Admitted, Lane: "entry-1", Session: entry, Reservation: rsv, Generation: 1, Reason: wire.AdmitReservation, SpaceType: id.Standard, TrustedLo: morning * 1000},
		{Kind: wire.Entered, Lane: "entry-1", Session: entry},
		{Kind: wire.Admitted, Lane: "entry-1", Session: walkin, Reason: wire.AdmitWalkin, SpaceType: "ev", Offline: true},
		{Kind: wire.BackedOut, Lane: "entry-1", Session: walkin, Offline: true},
		{Kind: wire.Refused, Lane: "entry-1", Reservation: rsv, Generation: 1, Reason: wire.RefusePassback},
		{Kind: wire.LaneFault, Lane: "exit-1", Note: "arm_stuck"},
		{Kind: wire.Released, Lane: "exit-1", Session: entry, Reservation: rsv, Generation: 1, Reason: wire.AdmitReservation},
		{Kind: wire.Exited, Lane: "exit-1", Session: entry, Reservation: rsv, Inferred: true},
	}
	number(events)
	return events
}

// NewerEvents are a journal with the kinds of event that version 1.1 added.
func NewerEvents() []wire.Event {
	stay, walkin := minted[id.Session](0x51), minted[id.Session](0x52)
	events := []wire.Event{
		{Kind: wire.Paid, Lane: "kiosk-1", Session: stay, Payment: minted[id.Payment](0x61), Amount: 480, Currency: "EUR", Method: wire.Cash, Offline: true},
		{Kind: wire.Paid, Lane: "exit-1", Session: walkin, Payment: minted[id.Payment](0x62), Amount: 1_000_000_000, Currency: "JPY", Method: wire.Card},
		{Kind: wire.Dismissed, Lane: "entry-1", Session: walkin, SpaceType: id.Standard},
	}
	number(events)
	return events
}

func number(events []wire.Event) {
	for i := range events {
		e := &events[i]
		e.Seq, e.Boot, e.Mono, e.Wall = uint64(i+1), minted[id.Boot](0x31), uint64(1000*i), morning*1000+int64(1000*i)
	}
}

// Samples lists messages of every kind.
func Samples() []Sample {
	journal, boot := minted[id.Journal](0x21), minted[id.Boot](0x31)
	batch := &wire.EventBatch{Journal: journal, Epoch: 2, First: 1}
	var out []Sample
	for _, e := range SampleEvents() {
		raw, err := wire.Marshal(&e)
		if err != nil {
			panic("conformance: " + err.Error())
		}
		batch.Events = append(batch.Events, raw)
		out = append(out, Sample{Event, eventName(e), &e})
	}
	newer := &wire.EventBatch{Journal: journal, Epoch: 2, First: 1}
	for _, e := range NewerEvents() {
		raw, err := wire.Marshal(&e)
		if err != nil {
			panic("conformance: " + err.Error())
		}
		newer.Events = append(newer.Events, raw)
		out = append(out, Sample{Event, eventName(e), &e})
	}
	marked := *batch
	marked.Events, marked.Mark = batch.Events[:1], batch.Events[1]
	traced := *batch
	traced.Events = batch.Events[3:5]
	traced.First, traced.Traces = 4, []wire.EventTrace{{Place: 1, Trace: SampleTrace()}}
	bay := SampleEvents()[3]
	bay.SpaceType, bay.Bay = "ev", "12"
	commanded := SampleEvents()[8]
	commanded.Kind, commanded.Note, commanded.By, commanded.Why = wire.Commanded, "hold_open", "A1", "delivery"
	ordered, declined := commanded, commanded
	ordered.Order, declined.Order = minted[id.Order](0x71), minted[id.Order](0x72)
	declined.Note, declined.Code = "let_go"+wire.NoteRefused, "loop_unknown"
	priced := sampleEntry(0x42, wire.EntryActive)
	priced.Quote = &wire.Quote{Tariff: 3, Total: 800, Tax: 128, Currency: "EUR", Percent: 120, Covered: 800, Early: 51}
	unpriced := sampleEntry(0x43, wire.EntryConfirmed)
	unpriced.Quote = &wire.Quote{Currency: "EUR"}
	until := wire.Event{
		Seq: 1, Boot: boot, Mono: 1000, Wall: morning * 1000, Kind: wire.Paid, Lane: "kiosk-1", Session: minted[id.Session](0x52), Payment: minted[id.Payment](0x62),
		Amount: 510, Currency: "EUR", Method: wire.Cash, Until: morning*1000 - 42_000,
	}
	cash := wire.Event{
		Seq: 1, Boot: boot, Mono: 1000, Wall: morning * 1000, Lane: "kiosk-1", Currency: "EUR", Shift: minted[id.Shift](0x81), By: "anna",
	}
	filled, found, opened, closed := cash, cash, cash, cash
	filled.Kind, filled.Note, filled.Payment, filled.Amount = wire.CashMoved, wire.CashFilled, minted[id.Payment](0x63), 1000
	found.Kind, found.Note, found.Payment, found.Amount = wire.CashMoved, wire.CashFound, minted[id.Payment](0x64), 200
	found.By, found.Shift = "", id.Shift{}
	opened.Kind, opened.Amount = wire.ShiftOpened, 19_000
	closed.Kind, closed.Amount, closed.Expected, closed.Taken, closed.Given = wire.ShiftClosed, 4990, 5000, 6000, 980
	closed.Stays, closed.Payments, closed.Why = 19_020, 12, "a coin fell down"
	help := wire.Event{Seq: 1, Boot: boot, Mono: 1000, Wall: morning * 1000, Kind: wire.HelpCalled, Lane: "kiosk-1", Note: wire.HelpWanted}
	byShop, ofCredit, slip := until, until, until
	byShop.Method, byShop.Shop, byShop.Serial, byShop.Amount = wire.ShopPays, 7, 42, 200
	ofCredit.Method, ofCredit.Credit = wire.CreditPays, minted[id.Payment](0x63)
	ofCredit.CreditOf = minted[id.Session](0x51)
	slip.Note, slip.Amount = wire.NoteSlip, 110
	ambiguous, throttled := SampleEvents()[7], SampleEvents()[7]
	ambiguous.Reservation, ambiguous.Generation, ambiguous.Reason = id.Reservation{}, 0, wire.RefuseAmbiguous
	throttled.Reservation, throttled.Generation, throttled.Reason = id.Reservation{}, 0, wire.RefuseThrottled
	key := SampleGateKey()
	out = append(out, settingsSamples(journal, boot)...)
	return append(out,
		Sample{Hello, "full", &wire.Hello{
			Edge: minted[id.Edge](0x11), Journal: journal, Boot: boot, LastSeq: 300, AckedSeq: 290, AckedHash: SampleHash(),
			Revision: 4711, Software: "openlot-edge 0.1.0",
		}},
		Sample{Hello, "new", &wire.Hello{Edge: minted[id.Edge](0x11), Journal: journal, Boot: boot, Software: "openlot-edge 0.1.0"}},
		Sample{Hello, "machine", &wire.Hello{
			Minor: 5, Edge: minted[id.Edge](0x11), Journal: journal, Boot: boot, Revision: 4711, Software: "openlot-edge 0.1.0", Machine: wire.MachinePriced,
		}},
		Sample{Event, "paid-until", &until},
		Sample{Event, "cash-filled", &filled},
		Sample{Event, "cash-found", &found},
		Sample{Event, "shift-opened", &opened},
		Sample{Event, "shift-closed", &closed},
		Sample{Event, "help-called", &help},
		Sample{Order, "notice", &wire.Order{
			ID: minted[id.Order](0x74), Journal: journal, Lane: "kiosk-1", Command: wire.CommandNotice, By: "A1", Why: "I am coming", NotAfter: (morning + 10) * 1000,
		}},
		Sample{Event, "paid-shop", &byShop}, Sample{Event, "paid-credit", &ofCredit}, Sample{Event, "paid-slip", &slip},
		Sample{Sync, "delta-shops", &wire.Sync{
			Kind: wire.Delta, Base: 4710, Through: 4711, Parts: 1, Policy: &wire.Policy{EarlyEntry: 1800, ExitGrace: 600},
			Prices: &wire.Prices{Name: "Altmarkt", Zone: "Europe/Berlin", Editions: []wire.Edition{{Since: 0, Document: []byte(sampleTariff)}}, Shops: []wire.Shop{
				{Number: 1, Name: "Bäckerei am Markt", Gives: wire.GivesMinutes, Value: 60, Until: morning + 30*86_400},
				{Number: 7, Name: "Kino", Gives: wire.GivesPercent, Value: 50, Most: 500, Until: morning},
				{Number: wire.MaxShop, Name: "Theater", Gives: wire.GivesAmount, Value: 200, Until: morning},
			}},
		}},
		Sample{Sync, "delta-prices", &wire.Sync{
			Kind: wire.Delta, Base: 4710, Through: 4711, Parts: 1, Policy: &wire.Policy{EarlyEntry: 1800, ExitGrace: 600},
			Entries: []wire.Entry{priced, unpriced}, Prices: &wire.Prices{Name: "Altmarkt", Zone: "Europe/Berlin", Editions: []wire.Edition{
				{Since: morning * 1000, Document: []byte(sampleTariff)}, {Since: 0, Document: []byte(sampleTariff)},
			}},
		}},
		Sample{Events, "all", batch},
		Sample{Events, "newer", newer},
		Sample{Events, "marked", &marked},
		Sample{Events, "traced", &traced},
		Sample{AskTime, "full", &wire.AskTime{Edge: minted[id.Edge](0x11), Nonce: SampleNonce()}},
		Sample{Time, "full", sampleTime()},
		Sample{Beat, "full", &wire.Beat{
			Journal: journal, Boot: boot, LastSeq: 300, Revision: 4711, Mono: 86_400_000, Wall: morning * 1000, Uncertainty: 50,
			Lanes: []wire.LaneStatus{{Lane: "entry-1", Arm: wire.ArmDown, Linked: true}, {Lane: "exit-1", Arm: wire.ArmMoving, Arming: true, Safety: true, Linked: true}},
		}},
		Sample{Beat, "seen", &wire.Beat{
			Journal: journal, Boot: boot, LastSeq: 300, Revision: 4711, Mono: 86_400_000, Wall: morning * 1000, Uncertainty: 50,
			Lanes: []wire.LaneStatus{
				{Lane: "entry-1", Arm: wire.ArmDown, Arming: true, Linked: true, Mode: "open", Direction: wire.Inward, Waiting: morning*1000 - 6000, Display: "Drive up to the barrier, please.", Passing: true},
				{
					Lane: "exit-2", Arm: wire.ArmUp, Safety: true, Linked: true, Far: wire.LoopClear, ArmingUnknown: true, SafetyUnknown: true, HeldOpen: true,
					OutOfService: true, Halted: true, Alarm: true, Mode: "closed_to_all", Faults: []string{"fire"}, Direction: wire.Outward, Reversible: true,
				},
			},
		}},
		Sample{Beat, "no-lanes", &wire.Beat{Journal: journal, Boot: boot, Wall: morning * 1000, Uncertainty: wire.Uncertain}},
		Sample{Applied, "full", &wire.Applied{Journal: journal, Revision: 4711}},
		Sample{Welcome, "accepted", &wire.Welcome{
			Journal: journal, Boot: boot, Verdict: wire.Accepted, Epoch: 2, AppliedSeq: 290, AppliedHash: SampleHash(),
			ServerTime: morning * 1000, BeatSeconds: 5,
		}},
		Sample{Welcome, "rewound", &wire.Welcome{Journal: journal, Boot: boot, Verdict: wire.Rewound, ServerTime: morning * 1000}},
		Sample{Welcome, "retired", &wire.Welcome{Journal: journal, Boot: boot, Verdict: wire.Retired, ServerTime: morning * 1000}},
		Sample{Welcome, "foreign", &wire.Welcome{Journal: journal, Boot: boot, Verdict: wire.Foreign, ServerTime: morning * 1000}},
		Sample{Ack, "full", &wire.Ack{Journal: journal, Epoch: 2, Seq: 301, Hash: SampleHash(), ServerTime: morning * 1000}},
		Sample{Resume, "full", &wire.Resume{ServerTime: morning * 1000}},
		Sample{Sync, "snapshot", &wire.Sync{
			Kind: wire.Snapshot, Through: 4711, Parts: 1, Policy: &wire.Policy{EarlyEntry: 1800, ExitGrace: 600},
			Entries:    []wire.Entry{sampleEntry(0x41, wire.EntryConfirmed), sampleEntry(0x42, wire.EntryActive), sampleEntry(0x43, wire.EntryDone)},
			Allotments: []wire.Allotment{{SpaceType: id.Standard, Version: 3, Units: 12, Until: morning + 86400}},
			Keys:       []wire.PassKey{wire.PassKey(TestKey().Public())},
		}},
		Sample{Sync, "snapshot-bays", &wire.Sync{
			Kind: wire.Snapshot, Through: 4711, Parts: 1, Policy: &wire.Policy{EarlyEntry: 1800, ExitGrace: 600},
			Entries: []wire.Entry{sampleInBay("12")}, Bays: []wire.Bays{{SpaceType: "ev", Labels: []string{"11", "12"}}},
		}},
		Sample{Sync, "snapshot-gate", &wire.Sync{
			Kind: wire.Snapshot, Through: 4711, Parts: 1,
			Policy: &wire.Policy{
				EarlyEntry: 1800, ExitGrace: 600, EntryPassback: wire.PassbackTimed, ExitPassback: wire.PassbackOff, PassbackMinutes: 30,
				PayFirst: 900, Stages: wire.DefaultStages(),
			},
			Entries: []wire.Entry{sampleHashed()}, GateKey: key[:],
		}},
		Sample{Event, "refused-ambiguous", &ambiguous},
		Sample{Event, "refused-throttled", &throttled},
		Sample{Event, "admitted-bay", &bay},
		Sample{Event, "commanded", &commanded},
		Sample{Event, "commanded-order", &ordered},
		Sample{Event, "commanded-refused", &declined},
		Sample{Order, "full", &wire.Order{
			ID: minted[id.Order](0x71), Journal: journal, Lane: "exit-1", Command: "open", By: "A1", Why: "ticket lost", NotAfter: (morning + 10) * 1000,
		}},
		Sample{Order, "count", &wire.Order{
			ID: minted[id.Order](0x73), Journal: journal, Lane: "exit-1", Command: "count", By: "A1", Why: "walked through", NotAfter: (morning + 10) * 1000, Count: 212,
		}},
		Sample{Sync, "snapshot-empty", &wire.Sync{Kind: wire.Snapshot, Parts: 1}},
		Sample{Sync, "snapshot-last-part", &wire.Sync{Kind: wire.Snapshot, Through: 4711, Part: 1, Parts: 2, Entries: []wire.Entry{sampleEntry(0x44, wire.EntryNoShow)}}},
		Sample{Sync, "delta", &wire.Sync{Kind: wire.Delta, Base: 4710, Through: 4711, Parts: 1, Entries: []wire.Entry{sampleEntry(0x41, wire.EntryRevoked)}}},
		Sample{Sync, "delta-gone", &wire.Sync{Kind: wire.Delta, Base: 4710, Through: 4711, Parts: 1, Gone: []id.Session{minted[id.Session](0x52), minted[id.Session](0x53)}}},
		Sample{Sync, "delta-traced", &wire.Sync{
			Kind: wire.Delta, Base: 4710, Through: 4711, Parts: 1, Entries: []wire.Entry{sampleEntry(0x41, wire.EntryConfirmed)}, Traces: []wire.Trace{SampleTrace()},
		}},
		Sample{Sync, "delta-nothing-ours", &wire.Sync{Kind: wire.Delta, Base: 4711, Through: 4712, Parts: 1}},
	)
}

func eventName(e wire.Event) string {
	switch e.Kind {
	case wire.Admitted:
		if e.Reservation.IsZero() {
			return "admitted-walkin"
		}
		return "admitted"
	case wire.Entered:
		return "entered"
	case wire.BackedOut:
		return "backed-out"
	case wire.Released:
		return "released"
	case wire.Exited:
		return "exited"
	case wire.Refused:
		return "refused"
	case wire.TimeMark:
		return "time-mark"
	case wire.AllotmentAdopted:
		return "allotment-adopted"
	case wire.Started:
		return "started"
	case wire.LaneFault:
		return "lane-fault"
	case wire.Paid:
		return "paid-" + string(e.Method)
	case wire.Dismissed:
		return "dismissed"
	default:
		panic("conformance: a kind of event without a sample")
	}
}

func sampleEntry(last byte, state wire.EntryState) wire.Entry {
	e := wire.Entry{
		Reservation: minted[id.Reservation](last), Generation: 1, SpaceType: id.Standard,
		From: morning, To: morning + 9*3600, NoShowAt: morning + 3600, State: state, Version: 2,
	}
	if state == wire.EntryActive {
		e.Plate, e.Session = "DDOL123", minted[id.Session](0x52)
	}
	return e
}

func sampleInBay(label string) wire.Entry {
	e := sampleEntry(0x45, wire.EntryConfirmed)
	e.SpaceType, e.Bay = "ev", label
	return e
}

// SampleGateKey is the gate key of the samples; a parking MUST NOT use it.
func SampleGateKey() credential.Key {
	var k credential.Key
	for i := range k {
		k[i] = byte(0xc0 + i)
	}
	return k
}

func sampleHashed() wire.Entry {
	e, k := sampleEntry(0x46, wire.EntryConfirmed), SampleGateKey()
	e.Credentials = []credential.Hash{k.PIN(k.Code(e.Reservation, e.Generation)), k.Plate("DDOL123"), k.Card("04a2b3c4d5e6f7")}
	e.Neutral = morning * 1000
	return e
}

// SamplePasses are passes by name, to be signed by TestKey.
func SamplePasses() map[string]pass.Pass {
	from := time.Unix(morning, 0).UTC()
	plain := pass.Pass{
		Parking: "dresden-altmarkt", Reservation: minted[id.Reservation](0x41), Generation: 1, SpaceType: id.Standard,
		From: from, To: from.Add(9 * time.Hour), NoShowAt: from.Add(time.Hour), Revision: 4711,
	}
	large := plain
	large.Parking, large.SpaceType = "a-parking-with-the-longest-name-that-a-slug-may-have-63-letters", "a-space-type-of-32-letters-in-it"
	large.Generation, large.Revision = 65535, 1<<64-1
	return map[string]pass.Pass{"plain": plain, "large": large}
}

// sampleTariff is a document that tariff.Parse reads.
const sampleTariff = `{"format":1,"version":3,"currency":"EUR","rate":200,"interval_minutes":60,"free_minutes":0,"daily_max":1400,"day":"calendar","tax_basis_points":1900}`
