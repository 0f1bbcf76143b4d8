package email

import (
	"fmt"

	"github.com/openlot/openlot/cloud/internal/notify"
)

// ending says that the time is almost over, in the words of the account, if any.
func (v *view) ending(m notify.Mail) {
	end, grace := m.EndsAt(), int(m.ExitGrace.Minutes())
	if m.Wishes.German() {
		v.Button = "Zur Buchung"
		v.Subject = fmt.Sprintf("Ihre Zeit in %s endet um %s", m.Name, end)
		v.Heading = [2]string{"Ihre Zeit in " + m.Name, "endet um " + end + "."}
		v.Says = []string{fmt.Sprintf("Buchung %s, %s, %s.", v.Booking, v.Where, m.Span()), "Danach zahlen Sie nach Tarif bis zu der Minute, in der Sie ausfahren."}
		if grace > 0 {
			v.Says[1] = fmt.Sprintf("Bis zu %d Minuten später kostet die Ausfahrt nichts extra. Was darüber hinausgeht, zahlen Sie nach Tarif.", grace)
		}
		return
	}
	v.Subject = fmt.Sprintf("Your time at %s ends at %s", m.Name, end)
	v.Heading = [2]string{"Your time at " + m.Name, "ends at " + end + "."}
	v.Says = []string{fmt.Sprintf("Booking %s at %s, %s.", v.Booking, v.Where, m.Span()), "After that you pay the tariff up to the minute you leave."}
	if grace > 0 {
		v.Says[1] = fmt.Sprintf("Leaving up to %d minutes late costs nothing more. After that you pay the tariff for what is beyond these minutes.", grace)
	}
	v.Button = "See your booking"
}
