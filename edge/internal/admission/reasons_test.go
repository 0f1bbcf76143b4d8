package admission_test

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// longestSentence is what a display shows.
const longestSentence = 120

// The closed list, as the domain has it, and the two of version 1.2. Each is
// reached by something that can happen at a gate; each tells the driver something
// in each language, and the operator what to do.
func TestEveryReasonIsReachedAndTold(t *testing.T) {
	now := known(eight.Add(time.Minute))
	button := admission.Credential{Kind: admission.Button}
	other := func(f func(*admission.Pass)) admission.Credential {
		p := passOf(resOne)
		f(&p)
		return genuine(p)
	}
	type scene struct {
		state *admission.State
		req   admission.Request
	}
	at := func(l admission.Lane, c admission.Credential, now admission.Time) admission.Request {
		return admission.Request{Parking: parking, Lane: l, Credential: c, Now: now, Fresh: id.New[id.Session](now.Lo), Zone: time.UTC}
	}
	lorry := entry
	lorry.Only = []id.SpaceType{"oversize"}
	closed := at(entry, button, now)
	closed.Mode = admission.Closed
	blocked := at(entry, pin("00000000"), now)
	blocked.Blocked = true
	owing := setPolicy(world(nil), func(p *wire.Policy) { p.PayFirst = 60 })
	ses := enter(owing, button, known(eight.Add(-time.Hour)))
	inside := world(nil)
	enter(inside, genuine(passOf(resOne)), now)
	scenes := map[wire.Reason]scene{
		wire.AdmitReservation:     {world(nil), at(entry, genuine(passOf(resOne)), now)},
		wire.AdmitWalkin:          {world(nil), at(entry, button, now)},
		wire.AdmitPassOffline:     {world(nil), at(entry, other(func(p *admission.Pass) { p.Reservation, p.Revision = resOther, 51 }), now)},
		wire.AdmitSoftPassback:    {world(nil), at(exit, genuine(passOf(resOne)), now)},
		wire.AdmitPolicy:          {world(nil), at(exit, button, now)},
		wire.AdmitManual:          {world(nil), at(entry, admission.Credential{Kind: admission.Manual}, now)},
		wire.AdmitEmergency:       {world(nil), at(exit, admission.Credential{Kind: admission.Evacuation}, now)},
		wire.RefuseUnknown:        {world(nil), at(entry, genuine(passOf(resOther)), now)},
		wire.RefuseBadSignature:   {world(nil), at(entry, admission.Credential{Kind: admission.BadSignature}, now)},
		wire.RefuseWrongParking:   {world(nil), at(entry, other(func(p *admission.Pass) { p.Parking = "dresden-semperoper" }), now)},
		wire.RefuseTooEarly:       {world(nil), at(entry, genuine(passOf(resOne)), known(eight.Add(-time.Hour)))},
		wire.RefuseTooLate:        {world(nil), at(entry, genuine(passOf(resOne)), known(eight.Add(3*time.Hour)))},
		wire.RefuseRevoked:        {world(setEntry(wire.EntryRevoked)), at(entry, genuine(passOf(resOne)), now)},
		wire.RefuseSuperseded:     {world(nil), at(entry, other(func(p *admission.Pass) { p.Generation = 1 }), now)},
		wire.RefusePassback:       {inside, at(entry, genuine(passOf(resOne)), now)},
		wire.RefuseFull:           {world(func(s *admission.State) { clear(s.Allotments) }), at(entry, button, now)},
		wire.RefuseUnpaid:         {owing, at(exit, admission.Credential{Kind: admission.Ticket, Session: ses}, now)},
		wire.RefuseLaneClosed:     {world(nil), closed},
		wire.RefuseClockUntrusted: {world(nil), at(entry, button, admission.Time{Lo: eight})},
		wire.RefuseStaleCache:     {admission.NewState(), at(entry, admission.Credential{Kind: admission.UnknownKey}, now)},
		wire.RefuseVehicleClass:   {world(nil), at(lorry, genuine(passOf(resOne)), now)},
		wire.RefuseAmbiguous:      {keyed(guestBy(resOne, gateKey.Plate("AB0XY")), guestBy(resOther, gateKey.Plate("ABDXY"))), at(entry, plate("ABOXY"), now)},
		wire.RefuseThrottled:      {keyed(), blocked},
	}
	domain := strings.Fields(`ADMIT_RESERVATION ADMIT_WALKIN ADMIT_PASS_OFFLINE ADMIT_SOFT_PASSBACK ADMIT_POLICY ADMIT_MANUAL ADMIT_EMERGENCY
		REFUSE_UNKNOWN REFUSE_BAD_SIGNATURE REFUSE_WRONG_PARKING REFUSE_TOO_EARLY REFUSE_TOO_LATE REFUSE_REVOKED REFUSE_SUPERSEDED REFUSE_PASSBACK
		REFUSE_FULL REFUSE_UNPAID REFUSE_LANE_CLOSED REFUSE_CLOCK_UNTRUSTED REFUSE_STALE_CACHE REFUSE_VEHICLE_CLASS`)
	for _, code := range domain {
		if !slices.Contains(wire.Reasons(), wire.Reason(code)) {
			t.Errorf("%s is missing", code)
		}
	}
	if len(wire.Reasons()) != len(domain)+2 || len(scenes) != len(wire.Reasons()) {
		t.Errorf("%d reasons, %d of them shown here", len(wire.Reasons()), len(scenes))
	}
	for _, code := range wire.Reasons() {
		if code.Operator() == "" {
			t.Errorf("%s: the operator is told nothing", code)
		}
		told := map[string]wire.Language{}
		for _, l := range wire.Languages() {
			r := scenes[code].req
			r.Lane.Language = l
			v := admission.Decide(scenes[code].state, r)
			if v.Reason != code {
				t.Errorf("%s: decided %s", code, v.Reason)
			}
			if v.Fact.Event.Reason != code || v.Opens() != code.Admits() {
				t.Errorf("%s: journalled %s, opens %v", code, v.Fact.Event.Reason, v.Opens())
			}
			for _, text := range []string{v.Sentence, code.In(l)} {
				if n := utf8.RuneCountInString(text); n == 0 || n > longestSentence || strings.Contains(text, "%!") {
					t.Errorf("%s in %s: %q", code, l, text)
				}
			}
			if before, same := told[v.Sentence]; same {
				t.Errorf("%s is the same in %s and %s: %q", code, before, l, v.Sentence)
			}
			told[v.Sentence] = l
			if l != wire.English && code.In(l) == code.In(wire.English) {
				t.Errorf("%s itself is in English in %s", code, l)
			}
		}
		r := scenes[code].req
		r.Lane.Language = "xx"
		if v := admission.Decide(scenes[code].state, r); told[v.Sentence] != wire.English {
			t.Errorf("%s in a language that there is not: %q", code, v.Sentence)
		}
	}
	if admission.DriveUp(wire.German) == admission.DriveUp(wire.English) {
		t.Error("who has to drive up is told so in one language")
	}
}

// A lane that is not open refuses who has no reservation, then everybody; who
// leaves is let out in each mode.
func TestWhatAModeOfTheLaneRefuses(t *testing.T) {
	now := known(eight.Add(time.Minute))
	button := admission.Credential{Kind: admission.Button}
	for mode, want := range map[admission.Mode][3]wire.Reason{
		admission.Open:        {wire.AdmitWalkin, wire.AdmitReservation, wire.AdmitWalkin},
		admission.Full:        {wire.RefuseFull, wire.AdmitReservation, wire.RefuseFull},
		admission.Closed:      {wire.RefuseLaneClosed, wire.AdmitReservation, wire.RefuseLaneClosed},
		admission.ClosedToAll: {wire.RefuseLaneClosed, wire.RefuseLaneClosed, wire.RefuseLaneClosed},
	} {
		decide := func(s *admission.State, l admission.Lane, c admission.Credential, now admission.Time) wire.Reason {
			return admission.Decide(s, admission.Request{Parking: parking, Lane: l, Mode: mode, Credential: c, Now: now, Fresh: id.New[id.Session](eight)}).Reason
		}
		missed := known(eight.Add(90 * time.Minute)) // declared a no-show: he needs a unit
		for i, got := range []wire.Reason{
			decide(world(nil), entry, button, now),
			decide(world(nil), entry, genuine(passOf(resOne)), now),
			decide(world(setEntry(wire.EntryNoShow)), entry, genuine(passOf(resOne)), missed),
		} {
			if got != want[i] {
				t.Errorf("mode %d, case %d: %s, want %s", mode, i, got, want[i])
			}
		}
		s := world(nil)
		enter(s, genuine(passOf(resOne)), now)
		if got := decide(s, exit, genuine(passOf(resOne)), now); got != wire.AdmitReservation {
			t.Errorf("mode %d keeps a guest in: %s", mode, got)
		}
		if got := decide(s, exit, button, now); got != wire.AdmitPolicy {
			t.Errorf("mode %d: the button at an exit: %s", mode, got)
		}
		if got := decide(s, entry, admission.Credential{Kind: admission.Manual}, now); got != wire.AdmitManual {
			t.Errorf("mode %d: a person's command: %s", mode, got)
		}
	}
}
