package config

import (
	"net/netip"
	"slices"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// Kiosk is a machine that takes money. Its devices are simulated for now: drivers of
// real ones go in their place.
type Kiosk struct {
	ID        id.Lane
	Label     string // on its front
	Languages []wire.Language
	Help      string // whom the help key calls
	Allow     []netip.Prefix
	Devices   string // simulated
	Coins     []int64
	Notes     []int64
	Staff     []Staff
	Shifts    bool    // cash is taken in shifts only
	Filled    int     // coins of each kind in a new simulated device
	Lane      id.Lane // at which it stands and gives tickets; or empty
}

// kiosk reads the section kiosk.
func (r *reader) kiosk(n *node, c *Config) {
	if !n.there() {
		return
	}
	o := n.object()
	k := &Kiosk{}
	name := o.need("id", "Write the machine's id, such as kiosk-1.")
	if name.there() {
		var err error
		if k.ID, err = id.ParseLane(name.text()); err != nil {
			name.bad(CodeValue, "Write 1 to 32 of a-z, 0-9 and inner hyphens.", "%q is no machine's id.", name.text())
		}
	}
	k.Label = o.get("label").text()
	for _, l := range o.get("languages").items() {
		if l := wire.Language(l.choice(words()...)); !slices.Contains(k.Languages, l) {
			k.Languages = append(k.Languages, l)
		}
	}
	if len(k.Languages) == 0 {
		k.Languages = wire.Languages()
	}
	k.Help = o.get("help").text()
	for _, a := range o.get("allow").items() {
		p, err := netip.ParsePrefix(a.text())
		if err != nil || p.Bits() == 0 {
			a.bad(CodeValue, "Write a network, such as 192.168.7.12/32.", "%q is no network, or is all there is.", a.text())
			continue
		}
		k.Allow = append(k.Allow, p)
	}
	devices := o.need("devices", "Write simulated.")
	if devices.there() {
		k.Devices = devices.choice("simulated")
		r.note("kiosk.devices", Warning, CodeSimulated, "Only for trials and demonstrations.", "the devices are simulated: whoever is at this machine puts in money that is not there.")
	}
	k.Coins = o.values64("coins", []int64{10, 20, 50, 100, 200})
	k.Notes = o.values64("notes", []int64{500, 1000, 2000})
	k.Filled = o.get("filled").number(0, 500, 50)
	r.staff(o, k)
	if at := o.get("lane"); at.there() {
		if i := slices.IndexFunc(c.Lanes, func(l Lane) bool { return string(l.ID) == at.text() }); i < 0 || c.Lanes[i].Direction != admission.Entry && !c.Lanes[i].Reversible {
			at.bad(CodeValue, "Write the id of an entry, or leave it out.", "%q is no lane that leads in.", at.text())
		} else {
			k.Lane = c.Lanes[i].ID
		}
	}
	o.done()
	c.Kiosk = k
}

// values64 reads what coins or notes are worth.
func (o *object) values64(name string, unset []int64) (out []int64) {
	n := o.get(name)
	if !n.there() {
		return unset
	}
	for _, v := range n.items() {
		out = append(out, int64(v.number(1, 100_000, 1)))
	}
	return out
}

func words() (out []string) {
	for _, l := range wire.Languages() {
		out = append(out, string(l))
	}
	return out
}
