package email_test

import (
	"html"
	"strings"
	"testing"

	"github.com/openlot/openlot/cloud/internal/notify"
	"github.com/openlot/openlot/cloud/internal/reservation"
)

// A reminder is in the language and the hours of the account.
func TestAReminderIsAsItsReaderReads(t *testing.T) {
	in := newInbox(t)
	s := sender(t, in.addr)
	for name, x := range map[string]struct {
		wishes  notify.Wishes
		subject string
		says    []string
		never   string
	}{
		"German": {
			notify.Wishes{Language: "de"},
			"Ihre Zeit in Altmarkt endet um 17:00",
			[]string{"Do 11. Juni, 08:00 – 17:00", "Bis zu 15 Minuten später", "Behalten Sie diese Adresse für sich", "weil Sie mit Openlot"},
			"your",
		},
		"twelve hours": {
			notify.Wishes{TwelveHour: true},
			"Your time at Altmarkt ends at 5:00 PM",
			[]string{"Thu 11 June, 8:00 AM – 5:00 PM", "up to 15 minutes late", "because you reserved"},
			"17:00",
		},
	} {
		m := confirmed(t)
		m.Name, m.State, m.Wishes = "Altmarkt", reservation.Active, x.wishes
		if err := s.Send(t.Context(), notify.EndsSoon, m); err != nil {
			t.Fatal(err)
		}
		got := in.mails(t)[0]
		if got.Subject != x.subject {
			t.Errorf("%s: subject %q", name, got.Subject)
		}
		if lang := `<html lang="` + map[bool]string{true: "de", false: "en"}[x.wishes.German()] + `">`; !strings.Contains(got.HTML, lang) {
			t.Errorf("%s: no %s", name, lang)
		}
		for what, text := range map[string]string{"text": got.Text, "HTML": html.UnescapeString(got.HTML)} {
			if what == "text" {
				contains(t, name+" text", text, x.says...)
			} else {
				contains(t, name+" HTML", text, x.says[:2]...)
			}
			if strings.Contains(strings.ToLower(text), x.never) {
				t.Errorf("%s %s says %q", name, what, x.never)
			}
		}
	}
}
