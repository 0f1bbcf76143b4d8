package email

import (
	"fmt"

	"github.com/openlot/openlot/cloud/internal/notify"
)

func (v *view) noticeInGerman(k notify.Kind, m notify.Mail, when string) {
	r := m.Wishes.Reader()
	back := "Von Ihrer Karte wird nichts abgebucht."
	if m.Held.Minor > 0 {
		back = r.Money(m.Held) + " waren auf Ihrer Karte vorgemerkt. Sie werden ganz freigegeben; Ihre Bank zeigt sie vielleicht noch ein paar Tage."
	}
	if m.Taken.Minor > 0 {
		back = r.Money(m.Taken) + " wurden von Ihrer Karte abgebucht. Sie bekommen alles zurück, und eine Mail, sobald es unterwegs ist."
	}
	booking := fmt.Sprintf("Ihre Buchung %s, %s, %s", v.Booking, v.Where, when)
	v.Button = "Zur Buchung"
	switch k { //nolint:exhaustive // what is about a booking that stands is written elsewhere
	case notify.NoShow:
		v.Subject = fmt.Sprintf("Sie haben uns gefehlt: %s, %s", m.Name, when)
		v.Heading = [2]string{"Sie haben uns gefehlt,", m.Name + "."}
		paid := "Von Ihrer Karte wird nichts abgebucht: Was vorgemerkt war, wird freigegeben."
		if m.Taken.Minor > 0 {
			paid = r.Money(m.Taken) + " von dem, was auf Ihrer Karte vorgemerkt war, werden abgebucht, weil der Platz für Sie frei blieb."
			if m.Taken.Minor < m.Held.Minor {
				paid += " Der Rest wird freigegeben."
			}
		}
		v.Says = []string{
			booking + ": Der Platz blieb bis " + v.By + " frei. Es kam niemand, darum dürfen ihn jetzt andere nutzen.",
			paid,
			"Kommen Sie noch vor dem Ende, zeigen Sie denselben Pass. Sie kommen hinein, wenn Platz ist, und was abgebucht wurde, zählt für Ihren Aufenthalt.",
			"Sind Sie doch hineingefahren, ist nichts zu tun: Sobald die Schranke es gemeldet hat, wird das berichtigt.",
		}
	case notify.Walked:
		v.Subject = fmt.Sprintf("Es tut uns leid: %s hat keinen Platz für Sie, %s", m.Name, when)
		v.Heading = [2]string{"Es tut uns leid: " + m.Name, "hat keinen Platz für Sie."}
		v.Says = []string{
			booking + ", kann nicht eingehalten werden, obwohl sie bestätigt war. Der Fehler liegt bei uns und nicht bei Ihnen.",
			back,
			"Ihr Pass öffnet die Schranke nicht mehr. Bitte suchen Sie einen anderen Parkplatz in der Nähe.",
		}
		v.Button = ""
	case notify.Voided:
		v.Subject = fmt.Sprintf("Es tut uns leid: %s hat Ihre Buchung zurückgenommen, %s", m.Name, when)
		v.Heading = [2]string{"Es tut uns leid: " + m.Name, "hat Ihre Buchung zurückgenommen."}
		v.Says = []string{booking + ", gilt nicht mehr.", back, "Ihr Pass öffnet die Schranke nicht mehr."}
		v.Button = ""
	case notify.Receipt:
		v.Subject = fmt.Sprintf("Ihre Quittung: %s, %s", m.Name, when)
		v.Heading = [2]string{"Ihre Quittung", "für " + m.Name + "."}
		v.Says = []string{
			booking + ".",
			r.Money(m.Receipt.Taken) + " wurden von Ihrer Karte abgebucht. Die Quittung " + m.Receipt.Number + " hängt an, mit allem, was sie erklärt.",
			"Ihre Buchung zeigt sie auch: als Seite und in einer Form, die sich nachrechnen lässt.",
		}
		if m.Receipt.Owed.Minor > 0 {
			v.Says[1] += " " + r.Money(m.Receipt.Owed) + " von " + r.Money(m.Receipt.Due) + " sind noch zu zahlen, weil es mehr war, als vorgemerkt war."
		}
	case notify.Refunded:
		v.Subject = fmt.Sprintf("Geld zurück: %s, %s", m.Name, when)
		v.Heading = [2]string{"Sie bekommen Geld zurück", "von " + m.Name + "."}
		v.Says = []string{
			booking + ".",
			fmt.Sprintf("Von den %s, die abgebucht wurden, gehen %s auf dieselbe Karte zurück. Bis Ihre Bank es zeigt, können ein paar Tage vergehen.", r.Money(m.Taken), r.Money(m.Refunded)),
			"Die Quittung " + m.Receipt.Number + ", wie sie jetzt ist, hängt an.",
		}
	case notify.RefundFailed:
		v.Subject = fmt.Sprintf("Ihr Geld kam nicht bei Ihnen an: %s, %s", m.Name, when)
		v.Heading = [2]string{"Ihr Geld kam", "nicht bei Ihnen an."}
		v.Says = []string{
			booking + ".",
			r.Money(m.NotRefunded) + " sollten auf Ihre Karte zurück, und Ihre Bank hat sie nicht angenommen. Verloren ist das Geld nicht: Der Parkplatz weiß davon und sucht einen anderen Weg.",
			"Ist die Karte gekündigt oder ersetzt, sagen Sie es dem Parkplatz und nennen Sie Ihre Buchungsnummer.",
		}
	case notify.Unsecured:
		v.unsecuredInGerman(m, booking, when)
	case notify.Owing:
		v.owingInGerman(m, booking, when)
	}
}

func (v *view) unsecuredInGerman(m notify.Mail, booking, when string) {
	v.Subject = fmt.Sprintf("Zu Ihrer Karte für %s, %s", m.Name, when)
	v.Heading = [2]string{"Ihr Platz gehört Ihnen.", "Bitte sehen Sie nach Ihrer Karte."}
	kept := "Ihre Buchung und Ihr Pass bleiben, wie sie sind. Was bis dahin nicht vorgemerkt ist, zahlen Sie bei der Ausfahrt."
	switch {
	case m.AsksBank:
		v.Says = []string{booking + ".", "Ihre Bank möchte, dass Sie bestätigen, bevor " + v.Total + " wieder auf Ihrer Karte vorgemerkt werden. Öffnen Sie dafür Ihre Buchung.", kept}
	case m.Refused:
		v.Says = []string{booking + ".", "Wir wollten " + v.Total + " auf Ihrer Karte vormerken, und Ihre Bank hat abgelehnt. Bis Ihre Zeit beginnt, fragen wir noch einmal.", kept}
	default:
		v.Says = []string{booking + ".", "Was auf Ihrer Karte vorgemerkt war, ist abgelaufen und ließ sich nicht erneuern. Abgebucht wurde nichts.", kept}
	}
}

func (v *view) owingInGerman(m notify.Mail, booking, when string) {
	owed := m.Wishes.Reader().Money(m.Owed)
	v.Subject = fmt.Sprintf("Noch zu zahlen: %s, %s", m.Name, when)
	v.Heading = [2]string{owed + " sind noch", "zu zahlen."}
	asked := "Wir haben " + owed + " von Ihrer Karte erbeten, und Ihre Bank hat abgelehnt. Abgebucht wurde davon nichts. Öffnen Sie Ihre Buchung, um mit dieser oder einer anderen Karte zu zahlen."
	if m.OwedUnasked {
		asked = "Wir wollten " + owed + " von Ihrer Karte erbitten und konnten Ihre Bank nicht erreichen. Abgebucht wurde davon nichts. Öffnen Sie Ihre Buchung, um mit dieser oder einer anderen Karte zu zahlen."
	}
	if m.OwedAsks {
		asked = "Wir haben " + owed + " von Ihrer Karte erbeten, und Ihre Bank möchte, dass Sie bestätigen. Abgebucht ist davon noch nichts. Öffnen Sie Ihre Buchung, um zu bestätigen oder mit einer anderen Karte zu zahlen."
	}
	v.Says = []string{booking + ": Der Aufenthalt kostete mehr, als auf Ihrer Karte vorgemerkt war.", asked, "Von selbst fragen wir Ihre Karte nicht noch einmal."}
	v.Button = owed + " zahlen"
}
