package app

import (
	"flag"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/wire"
)

var forgeries = flag.Int("forgeries", 5000, "how many forged passes are shown")

const base45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

// forger has genuine passes and a key of his own.
type forger struct {
	rnd     *rand.Rand
	genuine []string
	own     pass.SigningKey
}

// forge makes a text that is none of the genuine ones.
func (f *forger) forge(t testing.TB, p pass.Pass) string {
	text := f.genuine[f.rnd.IntN(len(f.genuine))]
	switch f.rnd.IntN(6) {
	case 0: // some characters are others
		b := []byte(text)
		for range 1 + f.rnd.IntN(3) {
			b[len(pass.Prefix)+f.rnd.IntN(len(b)-len(pass.Prefix))] = base45[f.rnd.IntN(len(base45))]
		}
		return string(b)
	case 1: // the beginning of one and the end of another, at any place
		other := f.genuine[f.rnd.IntN(len(f.genuine))]
		at := len(pass.Prefix) + f.rnd.IntN(min(len(text), len(other))-len(pass.Prefix))
		return text[:at] + other[at:]
	case 2: // cut off, or with something behind
		if f.rnd.IntN(2) == 0 {
			return text[:f.rnd.IntN(len(text))]
		}
		return text + base45[f.rnd.IntN(len(base45)):]
	case 3: // two characters change places
		b := []byte(text)
		i, j := len(pass.Prefix)+f.rnd.IntN(len(b)-len(pass.Prefix)), len(pass.Prefix)+f.rnd.IntN(len(b)-len(pass.Prefix))
		b[i], b[j] = b[j], b[i]
		return string(b)
	case 4: // the same claims, or better ones, by a key of his own
		p.To = p.To.Add(time.Duration(f.rnd.IntN(1000)) * time.Hour)
		p.Generation += uint16(f.rnd.IntN(3))
		forged, err := pass.Sign(p, f.own)
		if err != nil {
			t.Fatal(err)
		}
		return forged
	default: // its claims with the signature of the genuine one
		forged, err := pass.Sign(p, f.own)
		if err != nil {
			t.Fatal(err)
		}
		at := len(forged) - 96 + 3*f.rnd.IntN(3) // the signature is the last 64 bytes: 96 characters
		return forged[:at] + text[len(text)-(len(forged)-at):]
	}
}

// Nothing that was forged or altered opens a gate, at an entry or at an exit, though
// the forger has genuine passes of this parking before him: expired, of another
// parking, used. make forgeries shows a million.
func TestNoForgeryOpens(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	key, err := pass.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	own, err := pass.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	v, err := pass.NewVerifier([]pass.PublicKey{key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	rec := &recorder{verifier: v}
	s := admission.NewState()
	s.Revision, s.Keys = 10, []wire.PassKey{wire.PassKey(key.Public())}
	f := &forger{rnd: rand.New(rand.NewPCG(1, 2)), own: own} // the same forgeries each time
	good := map[string]bool{}
	var passes []pass.Pass
	add := func(p pass.Pass) {
		text, err := pass.Sign(p, key)
		if err != nil {
			t.Fatal(err)
		}
		passes, f.genuine, good[text] = append(passes, p), append(f.genuine, text), true
	}
	for i := range 4 { // good ones, all still to be used
		p := pass.Pass{
			Parking: parking, Reservation: id.New[id.Reservation](now), Generation: uint16(i + 1), SpaceType: id.Standard,
			From: now.Add(-time.Hour), To: now.Add(time.Hour), NoShowAt: now.Add(time.Hour), Revision: 5,
		}
		s.Entries[p.Reservation] = wire.Entry{
			Reservation: p.Reservation, Generation: p.Generation, SpaceType: p.SpaceType, From: p.From.Unix(), To: p.To.Unix(),
			NoShowAt: p.NoShowAt.Unix(), State: wire.EntryConfirmed, Version: 1,
		}
		add(p)
	}
	for _, in := range []admission.Direction{admission.Entry, admission.Exit} {
		lane := admission.Lane{ID: id.Lane(in + "-1"), Direction: in}
		decide := func(text string) admission.Verdict {
			return admission.Decide(s, admission.Request{
				Parking: parking, Lane: lane, Credential: rec.read(device.Code, text), Now: admission.Time{Lo: now, Hi: now}, Fresh: id.New[id.Session](now),
			})
		}
		if v := decide(f.genuine[0]); !v.Opens() {
			t.Fatalf("a genuine pass: %s", v.Reason)
		}
		shown := 0
		for shown < *forgeries/2 {
			text := f.forge(t, passes[f.rnd.IntN(len(passes))])
			if good[text] {
				continue
			}
			shown++
			switch v := decide(text); {
			case !v.Opens():
			case in == admission.Exit && v.Reason == wire.AdmitPolicy && v.Fact.Event.Reservation.IsZero():
				// A key that this edge does not have, perhaps a newer one: as the button.
			default:
				t.Fatalf("forgery %d opens the %s as %s: %q", shown, in, v.Reason, text)
			}
		}
	}
	// Genuine, and yet good for nothing here.
	for name, change := range map[string]func(*pass.Pass){
		"expired": func(p *pass.Pass) {
			p.From, p.To, p.NoShowAt = now.Add(-9*time.Hour), now.Add(-8*time.Hour), now.Add(-9*time.Hour)
		},
		"of another parking":     func(p *pass.Pass) { p.Parking = "dresden-semperoper" },
		"of an older generation": func(p *pass.Pass) { p.Reservation, p.Generation = passes[3].Reservation, 3 },
		"of a newer generation":  func(p *pass.Pass) { p.Generation = 9 },
	} {
		p := passes[0]
		if change(&p); name == "expired" {
			p.Reservation, p.Revision = id.New[id.Reservation](now), 11
		}
		text, err := pass.Sign(p, key)
		if err != nil {
			t.Fatal(err)
		}
		v := admission.Decide(s, admission.Request{
			Parking: parking, Lane: admission.Lane{ID: "entry-1", Direction: admission.Entry}, Credential: rec.read(device.Code, text),
			Now: admission.Time{Lo: now, Hi: now}, Fresh: id.New[id.Session](now),
		})
		if v.Opens() {
			t.Errorf("%s: %s", name, v.Reason)
		}
	}
	// What the text of a code says is never a plate, a card or a PIN.
	for _, text := range []string{"DDOL123", "12345678", "PLATE:DDOL123", "PIN:12345678", strings.Repeat("1", 8)} {
		if c := rec.read(device.Code, text); c.Kind != admission.Unreadable {
			t.Errorf("the code %q is taken for a credential of kind %d", text, c.Kind)
		}
	}
}
