package email

import (
	"fmt"

	"github.com/openlot/openlot/cloud/internal/notify"
)

func (v *view) noticeInEnglish(k notify.Kind, m notify.Mail, when string) {
	back := "Nothing is taken from your card."
	if m.Held.Minor > 0 {
		back = m.Held.Written() + " was held on your card. It is given back in full; your bank may show it for a few days more."
	}
	if m.Taken.Minor > 0 {
		back = m.Taken.Written() + " was taken from your card. It is given back to you in full; you get a mail when it is on its way."
	}
	booking := fmt.Sprintf("Your booking %s at %s, %s", v.Booking, v.Where, when)
	switch k { //nolint:exhaustive // what is about a booking that stands is written elsewhere
	case notify.NoShow:
		v.Subject = fmt.Sprintf("We missed you: %s, %s", m.Name, when)
		v.Heading = [2]string{"We missed you", "at " + m.Name + "."}
		paid := "Nothing is taken from your card: what was held is given back."
		if m.Taken.Minor > 0 {
			paid = m.Taken.Written() + " is taken from what was held on your card, because the space was kept for you."
			if m.Taken.Minor < m.Held.Minor {
				paid += " The rest is given back."
			}
		}
		v.Says = []string{
			booking + ": the space was kept until " + v.By + ". Nobody drove in, so others may use it now.",
			paid,
			"If you still come before it ends, show the same pass. You are let in when there is room, and what was taken counts for your stay.",
			"If you did drive in, there is nothing to do: as soon as the gate has told us, this is put right.",
		}
		v.Button = "See your booking"
	case notify.Walked:
		v.Subject = fmt.Sprintf("Sorry: %s has no space for you, %s", m.Name, when)
		v.Heading = [2]string{"We are sorry: " + m.Name, "has no space for you."}
		v.Says = []string{
			booking + ", cannot be kept, although it was confirmed. This is our mistake and not yours.",
			back,
			"Your pass does not open the gate any more. Please look for another parking nearby.",
		}
	case notify.Voided:
		v.Subject = fmt.Sprintf("Sorry: %s has taken your booking back, %s", m.Name, when)
		v.Heading = [2]string{"We are sorry: " + m.Name, "has taken your booking back."}
		v.Says = []string{booking + ", is not valid any more.", back, "Your pass does not open the gate any more."}
	case notify.Receipt:
		v.Subject = fmt.Sprintf("Your receipt: %s, %s", m.Name, when)
		v.Heading = [2]string{"Your receipt", "for " + m.Name + "."}
		v.Says = []string{
			booking + ".",
			m.Receipt.Taken.Written() + " was taken from your card. Receipt " + m.Receipt.Number + " is attached, with everything that explains it.",
			"Your booking shows it, too: as a page, and in a form that you can recompute.",
		}
		if m.Receipt.Owed.Minor > 0 {
			v.Says[1] += " " + m.Receipt.Owed.Written() + " of " + m.Receipt.Due.Written() + " is still to be paid, because it was more than was held."
		}
		v.Button = "See your booking"
	case notify.Refunded:
		v.Subject = fmt.Sprintf("Money back: %s, %s", m.Name, when)
		v.Heading = [2]string{"You get money back", "from " + m.Name + "."}
		v.Says = []string{
			booking + ".",
			fmt.Sprintf("Of the %s that was taken from your card, %s is given back to the same card. Your bank may take a few days to show it.", m.Taken.Written(), m.Refunded.Written()),
			"Receipt " + m.Receipt.Number + " as it is now is attached.",
		}
		v.Button = "See your booking"
	case notify.RefundFailed:
		v.Subject = fmt.Sprintf("We could not give you your money back: %s, %s", m.Name, when)
		v.Heading = [2]string{"Your money did not", "reach you."}
		v.Says = []string{
			booking + ".",
			m.NotRefunded.Written() + " was to be given back to your card, and your bank did not take it. You do not lose it: the parking knows of it and looks for another way.",
			"If the card has been closed or replaced, tell the parking, and say your booking number.",
		}
		v.Button = "See your booking"
	case notify.Unsecured:
		v.unsecured(m, booking, when)
	case notify.Owing:
		v.owing(m, booking, when)
	}
}

// unsecured says why the price is not held, and that the place is kept all the
// same.
func (v *view) unsecured(m notify.Mail, booking, when string) {
	v.Subject = fmt.Sprintf("About the card for %s, %s", m.Name, when)
	v.Heading = [2]string{"Your place is yours.", "Please look at your card."}
	kept := "Your booking and your pass stay as they are. What is not held by then is paid when you leave."
	switch {
	case m.AsksBank:
		v.Says = []string{booking + ".", "Your bank asks you to confirm before " + v.Total + " is held on your card again. Open your booking to do it.", kept}
	case m.Refused:
		v.Says = []string{booking + ".", "We asked your card to hold " + v.Total + ", and your bank said no. We try again until your time begins.", kept}
	default:
		v.Says = []string{booking + ".", "What was held on your card has run out, and it could not be held again. Nothing was taken.", kept}
	}
	v.Button = "See your booking"
}

// owing says what is still to be paid, and where.
func (v *view) owing(m notify.Mail, booking, when string) {
	owed := m.Owed.Written()
	v.Subject = fmt.Sprintf("Still to be paid: %s, %s", m.Name, when)
	v.Heading = [2]string{owed + " is still", "to be paid."}
	v.Says = []string{
		booking + ": the stay cost more than was held on your card.",
		"We asked your card for " + owed + ", and your bank said no. Nothing of it was taken. Open your booking to pay it, with this card or another one.",
		"We do not ask your card again by ourselves.",
	}
	v.Button = "Pay " + owed
	if m.OwedUnasked {
		v.Says[1] = "We wanted to ask your card for " + owed + ", and could not reach your bank. Nothing of it was taken. Open your booking to pay it, with this card or another one."
	}
	if m.OwedAsks {
		v.Says[1] = "We asked your card for " + owed + ", and your bank wants you to confirm it. Nothing of it was taken yet. Open your booking to confirm, or to pay with another card."
	}
}
