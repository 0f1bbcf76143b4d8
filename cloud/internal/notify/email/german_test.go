package email_test

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/locale"
	"github.com/openlot/openlot/cloud/internal/notify"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// english are words that no German sentence has.
var english = regexp.MustCompile(`(?i)\b(the|your|you|is|from|until|held|taken|booking|space|leave|cancel|free|hours?|minutes|day|June|Thu|Thursday)\b`)

func inGerman(t *testing.T) notify.Mail {
	m := confirmed(t)
	m.Wishes.Language = locale.German
	m.Lines = []tariff.Line{
		{Rule: tariff.RuleRate, Label: "9 × 60 min at 2.00 EUR", Quantity: 9, Minutes: 60, Rate: 200, From: m.Window.From, To: m.Window.To, Amount: money.New(1800, "EUR")},
		{Rule: tariff.RuleDailyMax, Label: "At most 14.00 EUR on 2026-06-11", Rate: 1400, From: m.Window.From, To: m.Window.To, Amount: money.New(-400, "EUR")},
	}
	m.Receipt = notify.Paper{Number: "altmarkt-17", Due: money.New(1900, "EUR"), Taken: money.New(1400, "EUR"), Owed: money.New(500, "EUR"), PDF: []byte("%PDF-1.3 a receipt")}
	m.Owed, m.NotRefunded, m.Refunded = money.New(480, "EUR"), money.New(300, "EUR"), money.New(300, "EUR")
	return m
}

// Whoever reads German gets no sentence of English, whatever the mail is about and
// however the money stands.
func TestEveryMailCanBeInGerman(t *testing.T) {
	in := newInbox(t)
	s := sender(t, in.addr)
	tag := regexp.MustCompile(`<[^>]*>`)
	for _, k := range notify.Kinds() {
		for name, change := range map[string]func(*notify.Mail){
			"held":       func(*notify.Mail) {},
			"taken":      func(m *notify.Mail) { m.Taken = money.New(560, "EUR") },
			"at machine": func(m *notify.Mail) { m.Held, m.Missed, m.AtMachine = money.New(0, "EUR"), money.New(0, "EUR"), true },
			"kept":       func(m *notify.Mail) { m.Held, m.Kept, m.Missed = money.New(0, "EUR"), true, m.Total },
			"asked":      func(m *notify.Mail) { m.AsksBank, m.OwedAsks = true, true },
			"refused":    func(m *notify.Mail) { m.Refused, m.OwedUnasked = true, true },
			"lapsed":     func(m *notify.Mail) { m.Payment, m.ExitGrace = payment.Lapsed, 0 },
			"in UTC":     func(m *notify.Mail) { m.Zone = time.UTC },
			"in October": func(m *notify.Mail) {
				m.Window = timerange.Range{From: time.Date(2026, 10, 24, 20, 0, 0, 0, time.UTC), To: time.Date(2026, 10, 25, 9, 0, 0, 0, time.UTC)}
			},
		} {
			m := inGerman(t)
			change(&m)
			if err := s.Send(t.Context(), k, m); err != nil {
				t.Fatal(err)
			}
			got := in.mails(t)[0]
			for what, text := range map[string]string{"subject": got.Subject, "text": got.Text, "HTML": tag.ReplaceAllString(html.UnescapeString(got.HTML), " ")} {
				text = strings.NewReplacer(m.Pass, "", m.ManageURL, "").Replace(text)
				if found := english.FindString(text); found != "" {
					t.Errorf("%s, %s: the %s says %q:\n%s", k, name, what, found, text)
				}
			}
			if !strings.Contains(got.HTML, `<html lang="de">`) {
				t.Errorf("%s is not marked as German", k)
			}
		}
	}
}

func TestAConfirmationInGermanSaysTheSame(t *testing.T) {
	in := newInbox(t)
	m := inGerman(t)
	if err := sender(t, in.addr).Send(t.Context(), notify.Confirmation, m); err != nil {
		t.Fatal(err)
	}
	got := in.mails(t)[0]
	if got.Subject != "Altmarkt gehört Ihnen: Do 11. Juni, 08:00 – 17:00" {
		t.Error(got.Subject)
	}
	for what, text := range map[string]string{"text": got.Text, "HTML": html.UnescapeString(got.HTML)} {
		contains(t, what, text, "Do 11. Juni, 08:00 – 17:00", "08:00", "07:45", "10:00", "DDOL417", "18,00\u00a0€", "−4,00\u00a0€", "14,00\u00a0€", "2,24\u00a0€",
			"vorgemerkt", m.Pass, m.ManageURL, "Hinaus kommen Sie immer", "9 × 60 min zu 2,00\u00a0€", "Höchstens 14,00\u00a0€ am 11.6.2026", "5,60\u00a0€ werden abgebucht", "voraussichtlich Platz 12")
	}
}

func TestTwelveHoursAreCountedInEveryMail(t *testing.T) {
	in := newInbox(t)
	m := confirmed(t)
	m.Wishes.TwelveHour, m.State = true, reservation.Confirmed
	if err := sender(t, in.addr).Send(t.Context(), notify.Confirmation, m); err != nil {
		t.Fatal(err)
	}
	got := in.mails(t)[0]
	if got.Subject != "Altmarkt is yours: Thu 11 June, 8:00 AM – 5:00 PM" || strings.Contains(got.Text, "17:00") {
		t.Errorf("%s\n%s", got.Subject, got.Text)
	}
}
