package email_test

import (
	"html"
	"strings"
	"testing"

	"github.com/openlot/openlot/cloud/internal/notify"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/money"
)

// What is not held is told by what happened, and the place is said to be kept.
func TestWhatIsNotHeldIsSaid(t *testing.T) {
	in := newInbox(t)
	s := sender(t, in.addr)
	ids, of := map[string]bool{}, confirmed(t).Reservation
	for name, x := range map[string]struct {
		change func(*notify.Mail)
		says   string
	}{
		"lapsed":   {func(m *notify.Mail) { m.Payment = payment.Lapsed }, "has run out"},
		"declined": {func(m *notify.Mail) { m.Refused = true }, "your bank said no"},
		"asked":    {func(m *notify.Mail) { m.AsksBank = true }, "asks you to confirm before €14.00 is held"},
	} {
		m := confirmed(t)
		m.Reservation = of
		x.change(&m)
		if err := s.Send(t.Context(), notify.Unsecured, m); err != nil {
			t.Fatal(err)
		}
		got := in.mails(t)[0]
		for what, text := range map[string]string{"text": got.Text, "HTML": html.UnescapeString(got.HTML)} {
			contains(t, name+" "+what, text, x.says, "Your place is yours", "http://localhost:8080/r/1#mt_secret")
			if strings.Contains(text, "PK1:") {
				t.Errorf("%s: the pass is in it", name)
			}
		}
		ids[got.MessageID] = true
	}
	if len(ids) != 3 {
		t.Errorf("different mails have one id: %v", ids)
	}
	owes := confirmed(t)
	owes.Owed = money.New(480, "EUR")
	for says, change := range map[string]func(m *notify.Mail){
		"your bank said no":         func(*notify.Mail) {},
		"wants you to confirm":      func(m *notify.Mail) { m.OwedAsks = true },
		"could not reach your bank": func(m *notify.Mail) { m.OwedUnasked = true },
	} {
		owes.OwedAsks, owes.OwedUnasked = false, false
		change(&owes)
		if err := s.Send(t.Context(), notify.Owing, owes); err != nil {
			t.Fatal(err)
		}
		got := in.mails(t)[0]
		for what, text := range map[string]string{"text": got.Text, "HTML": html.UnescapeString(got.HTML)} {
			contains(t, "owing "+what, text, says, "€4.80 is still", "http://localhost:8080/r/1#mt_secret")
		}
		ids[got.MessageID] = true
	}
	if len(ids) != 5 {
		t.Errorf("different mails have one id: %v", ids)
	}
	m := confirmed(t)
	m.Held, m.Kept = money.Amount{}, true
	if err := s.Send(t.Context(), notify.Confirmation, m); err != nil {
		t.Fatal(err)
	}
	got := in.mails(t)[0]
	contains(t, "confirmation", got.Text, "nothing is held yet")
	contains(t, "confirmation's HTML", got.HTML, "nothing is held yet")
}
