package config

import (
	"regexp"

	"github.com/openlot/openlot/edge/internal/pin"
)

// Staff is somebody who can unlock the screen of a kiosk.
type Staff struct {
	Name string
	PIN  pin.Hash
}

// staffName is what can be typed at a kiosk, in lower case as its pages send it.
var staffName = regexp.MustCompile(`^[a-z0-9]{2,24}$`)

// staff reads who can unlock a kiosk, and whether cash is taken in shifts only.
func (r *reader) staff(o *object, k *Kiosk) {
	had := map[string]bool{}
	for _, n := range o.get("staff").items() {
		one := n.object()
		name, hash := one.need("name", "Write a name, such as anna."), one.need("pin", "Make it with openlot-edge pin.")
		s := Staff{Name: name.text()}
		if name.there() && (!staffName.MatchString(s.Name) || had[s.Name]) {
			name.bad(CodeValue, "Write 2 to 24 of a-z and 0-9, another one for each.", "%q is no name, or is there twice.", s.Name)
		}
		had[s.Name] = true
		if hash.there() {
			var err error
			if s.PIN, err = pin.Parse(hash.text()); err != nil {
				hash.bad(CodeValue, "Make it with openlot-edge pin.", "this is no hash of a PIN. Never write the PIN itself here.")
			}
		}
		one.done()
		k.Staff = append(k.Staff, s)
	}
	shifts := o.get("shifts")
	if k.Shifts = shifts.truth(); k.Shifts && len(k.Staff) == 0 {
		shifts.bad(CodeValue, "Name somebody in staff.", "cash would never be taken: there is nobody who could open a shift.")
	}
}
