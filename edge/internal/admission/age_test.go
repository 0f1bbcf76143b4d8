package admission_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// longGuests is a world that heard from its cloud at eight, with reservations that
// last for two weeks: resOne on a pass, plate and PIN.
func longGuests() *admission.State {
	e := guestBy(resOne, gateKey.Plate("DDOL123"))
	e.To, e.NoShowAt = eight.Add(14*24*time.Hour).Unix(), eight.Add(14*24*time.Hour).Unix()
	s := keyed(e)
	a := s.Allotments[id.Standard]
	a.Until, a.Units = e.To, 100
	s.Allotments[id.Standard] = a
	s.Hear(eight)
	return s
}

func longPass(r id.Reservation, revision uint64) admission.Credential {
	p := passOf(r)
	p.To, p.Revision = eight.Add(14*24*time.Hour), revision
	return genuine(p)
}

// What an old cache still allows is the policy's table, and unless it says
// otherwise this one.
func TestWhatAnOldCacheAllows(t *testing.T) {
	type allowed struct{ cached, unknown, plate, pin, walkin, hearsay bool }
	all := allowed{true, true, true, true, true, false}
	short := allowed{true, true, true, true, true, true}
	long := allowed{true, true, true, true, false, true}
	beyond := allowed{true, false, false, false, false, true}
	own := []wire.Stage{{After: 0, Allow: wire.AllowWalkins}, {After: 3600, Allow: wire.AllowUnsigned}}
	for _, c := range []struct {
		name   string
		age    time.Duration
		online bool
		stages []wire.Stage
		want   allowed
	}{
		{"just heard", 0, false, nil, all},
		{"nine minutes", 9 * time.Minute, false, nil, all},
		{"ten minutes", 10 * time.Minute, false, nil, short},
		{"almost four hours", 4*time.Hour - time.Second, false, nil, short},
		{"four hours", 4 * time.Hour, false, nil, long},
		{"almost three days", 72*time.Hour - time.Second, false, nil, long},
		{"three days", 72 * time.Hour, false, nil, beyond},
		{"ten days", 240 * time.Hour, false, nil, beyond},
		{"ten days without a word, and now online", 240 * time.Hour, true, nil, all},
		{"an owner's own", time.Minute, false, own, allowed{cached: true, walkin: true, hearsay: true}},
		{"an owner's own, later", time.Hour, false, own, allowed{cached: true, plate: true, pin: true, hearsay: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := known(eight.Add(c.age + 50*time.Millisecond))
			opens := func(cred admission.Credential, change func(*admission.State)) bool {
				s := longGuests()
				s.Policy.Stages = c.stages
				if change != nil {
					change(s)
				}
				return admission.Decide(s, admission.Request{Parking: parking, Lane: entry, Credential: cred, Now: now, Online: c.online}).Opens()
			}
			got := allowed{
				opens(longPass(resOne, 40), nil), opens(longPass(resOther, 51), nil), opens(plate("DDOL123"), nil),
				opens(pin(gateKey.Code(resOne, 2)), nil), opens(admission.Credential{Kind: admission.Button}, nil),
				// The cloud's last word was that he is inside.
				opens(longPass(resOne, 40), func(s *admission.State) {
					e := s.Entries[resOne]
					e.State, e.Session = wire.EntryActive, id.New[id.Session](eight)
					s.Entries[resOne] = e
				}),
			}
			if got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
			// What this edge has seen itself counts at any age.
			s := longGuests()
			s.Policy.Stages = c.stages
			enter(s, longPass(resOne, 40), known(eight))
			ask := func(l admission.Lane, cred admission.Credential) admission.Verdict {
				return admission.Decide(s, admission.Request{Parking: parking, Lane: l, Credential: cred, Now: now, Online: c.online})
			}
			if v := ask(entry, longPass(resOne, 40)); v.Reason != wire.RefusePassback {
				t.Errorf("who is inside: %s", v.Reason)
			}
			for _, cred := range []admission.Credential{longPass(resOne, 40), plate("DDOL123"), {Kind: admission.Button}} {
				if v := ask(exit, cred); !v.Opens() {
					t.Errorf("an exit at this age: %s", v.Reason)
				}
			}
			e := s.Entries[resOne]
			e.State, e.Version = wire.EntryRevoked, e.Version+1
			s = longGuests()
			s.Entries[resOne] = e
			if v := ask(entry, longPass(resOne, 40)); v.Reason != wire.RefuseRevoked {
				t.Errorf("a cancelled reservation at this age: %s", v.Reason)
			}
		})
	}
}

// A paid pass opens while the cloud is away for three days, whether the cache knows
// it or it was sold meanwhile, and whatever is known of the time after a power cut.
func TestAPaidPassOpensForThreeDaysWithoutTheCloud(t *testing.T) {
	for age := time.Duration(0); age < 72*time.Hour; age += 17 * time.Minute {
		for name, c := range map[string]admission.Credential{"cached": longPass(resOne, 40), "sold meanwhile": longPass(resOther, 1<<40)} {
			for _, now := range []admission.Time{known(eight.Add(age)), {Lo: eight.Add(age)}, {Lo: eight}} {
				v := admission.Decide(longGuests(), admission.Request{Parking: parking, Lane: entry, Credential: c, Now: now})
				if !v.Opens() {
					t.Fatalf("%s after %v: %s", name, age, v.Reason)
				}
			}
		}
	}
}

// The cloud was heard when something was journalled online, and never later than
// what the trusted clock said then.
func TestWhenTheCloudWasHeard(t *testing.T) {
	s := admission.NewState()
	mark := func(at time.Time, offline bool) {
		s.Apply(admission.Fact{Event: wire.Event{Kind: wire.TimeMark, TrustedLo: at.UnixMilli(), Offline: offline}}, &admission.Changes{})
	}
	mark(eight, false)
	mark(eight.Add(time.Hour), true)
	mark(eight.Add(-time.Hour), false)
	if s.Heard != eight.UnixMilli() {
		t.Errorf("heard at %v, want %v", time.UnixMilli(s.Heard).UTC(), eight)
	}
}
