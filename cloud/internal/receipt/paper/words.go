package paper

import (
	"fmt"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/receipt"
)

// words are what a sheet says in one language.
type words struct {
	receipt, page, cost, total, paid, asPDF, asJSON, lang string

	reservation, stay, reserved, in, out   string
	inferred, clockChanged                 string
	givenUp, grace, vat, version, check    string
	percentOf, atLeast, noMore             string
	held, released, bankShows, captured    string
	cash, lessChange, terminal, credit     string
	shops                                  string
	refunded, owed, beyondHold, writtenOff string
	overpaid, backToYou, nothing           string
	untrusted, doubt                       string
	why                                    map[bill.Basis]string // what each basis means
	refundedFor                            map[string]string     // why something was given back
}

var english = words{
	receipt: "Receipt", page: "Page %d", cost: "What it cost", total: "Total", paid: "How it was paid", asPDF: "Save as PDF", asJSON: "Save as JSON", lang: "en",
	reservation: "The reservation", stay: "The stay", reserved: "Reserved", in: "In", out: "Out",
	inferred:     "Not every passage of this stay was seen. What was not seen is not charged.",
	clockChanged: "The clock was changed during this stay; time is counted as it passed.",
	givenUp:      "You gave the reservation up when its space was not kept any longer. %d %% of the price that was agreed is charged.",
	grace:        ", less the %d minutes that are forgiven", vat: "includes %s VAT", version: "version %d",
	check: "This receipt is signed, and it can be recomputed without us: from the published tariff%s and what the gate recorded. " +
		"Save it as JSON and run openlot receipt verify --keys with the keys that the cloud publishes at /keys.",
	percentOf: "%d %% of it", atLeast: "At least this is due, and no more than was agreed", noMore: "No more than was held on your card",
	held: "Held on your card", released: "Given back untouched", bankShows: "your bank may show it for a few days more", captured: "Taken from your card",
	cash: "Paid in cash", lessChange: "less the change", terminal: "Paid by card at a machine", credit: "Kept for you", shops: "Taken off by shops",
	refunded: "Refunded to your card", owed: "Still to be paid", beyondHold: "it could not be taken from the hold", writtenOff: "Not asked for any more",
	overpaid: "Charged too much", backToYou: "it is given back to you", nothing: "Nothing was held or taken",
	untrusted: "the gate's clock was not to be trusted: nothing is charged for the doubt",
	doubt:     "give or take %d minutes, counted in your favour",
	why: map[bill.Basis]string{
		bill.Quoted:       "The price that was agreed when you reserved. It stands whether or not all of the time was used.",
		bill.Overstayed:   "You left after the end of your time, so the tariff counts from its beginning until you left%s.",
		bill.QuotedAndNew: "You left after the end of your time: what was agreed stands, and the time beyond it%s costs what it costs now.",
		bill.Shortened:    "You left before the end of your time, and what you did not use is not charged: the tariff counts from its beginning until you left.",
		bill.Used:         "The tariff for the time between your entry and your exit.",
		bill.Missed:       "Nobody came, and the space was kept for you. %d %% of the price that was agreed is charged.",
		bill.Unwatched:    "The price that was agreed when you reserved.",
		bill.Cancelled:    "You gave the reservation up in time. It costs nothing.",
		bill.Walked:       "The parking had no space for you after all. You pay nothing, and we are sorry.",
		bill.Voided:       "The operator took the reservation back. You pay nothing.",
		bill.NotSeen:      "The gate did not see enough of this stay to price it. You pay nothing.",
	},
	refundedFor: map[string]string{
		payment.ReasonWalked:  "the parking had no space for you",
		payment.ReasonVoided:  "the operator took the reservation back",
		payment.ReasonLessDue: "less was due than had been taken",
		"operator":            "the operator decided so",
	},
}

var german = words{ //nolint:gosec // a text, and no password
	receipt: "Quittung", page: "Seite %d", cost: "Was es kostete", total: "Summe", paid: "Wie bezahlt wurde", asPDF: "Als PDF sichern", asJSON: "Als JSON sichern", lang: "de",
	reservation: "Die Buchung", stay: "Der Aufenthalt", reserved: "Gebucht", in: "Hinein", out: "Hinaus",
	inferred:     "Nicht jede Durchfahrt dieses Aufenthalts wurde gesehen. Was nicht gesehen wurde, wird nicht berechnet.",
	clockChanged: "Während des Aufenthalts wurde die Uhr umgestellt; gezählt wird die Zeit, die verging.",
	givenUp:      "Sie haben die Buchung aufgegeben, als der Platz nicht mehr freigehalten wurde. Berechnet werden %d %% des vereinbarten Preises.",
	grace:        ", abzüglich der %d Minuten Nachsicht", vat: "enthält %s MwSt.", version: "Fassung %d",
	check: "Diese Quittung ist unterschrieben und lässt sich ohne uns nachrechnen: aus dem veröffentlichten Tarif%s und dem, was die Schranke aufgezeichnet hat. " +
		"Sichern Sie sie als JSON und rufen Sie openlot receipt verify --keys mit den Schlüsseln auf, die die Cloud unter /keys veröffentlicht.",
	percentOf: "%d %% davon", atLeast: "Mindestens das ist fällig, und nicht mehr als vereinbart", noMore: "Nicht mehr, als auf Ihrer Karte vorgemerkt war",
	held: "Auf Ihrer Karte vorgemerkt", released: "Unberührt freigegeben", bankShows: "Ihre Bank zeigt es vielleicht noch ein paar Tage", captured: "Von Ihrer Karte abgebucht",
	cash: "Bar bezahlt", lessChange: "abzüglich des Wechselgelds", terminal: "Mit Karte am Automaten bezahlt", credit: "Für Sie aufgehoben", shops: "Von Geschäften übernommen",
	refunded: "Auf Ihre Karte zurück", owed: "Noch zu zahlen", beyondHold: "es ließ sich nicht vom Vorgemerkten abbuchen", writtenOff: "Wird nicht mehr verlangt",
	overpaid: "Zu viel berechnet", backToYou: "Sie bekommen es zurück", nothing: "Nichts wurde vorgemerkt oder abgebucht",
	untrusted: "der Uhr der Schranke war nicht zu trauen: Für den Zweifel wird nichts berechnet",
	doubt:     "auf %d Minuten genau, zu Ihren Gunsten gerechnet",
	why: map[bill.Basis]string{
		bill.Quoted:       "Der Preis, der bei der Buchung vereinbart war. Er gilt, ob die Zeit ganz genutzt wurde oder nicht.",
		bill.Overstayed:   "Sie sind nach dem Ende Ihrer Zeit ausgefahren, darum zählt der Tarif von ihrem Beginn bis zu Ihrer Ausfahrt%s.",
		bill.QuotedAndNew: "Sie sind nach dem Ende Ihrer Zeit ausgefahren: Was vereinbart war, gilt, und die Zeit danach%s kostet, was sie jetzt kostet.",
		bill.Shortened:    "Sie sind vor dem Ende Ihrer Zeit ausgefahren, und was Sie nicht genutzt haben, wird nicht berechnet: Der Tarif zählt vom Beginn bis zu Ihrer Ausfahrt.",
		bill.Used:         "Der Tarif für die Zeit zwischen Ihrer Einfahrt und Ihrer Ausfahrt.",
		bill.Missed:       "Es kam niemand, und der Platz blieb für Sie frei. Berechnet werden %d %% des vereinbarten Preises.",
		bill.Unwatched:    "Der Preis, der bei der Buchung vereinbart war.",
		bill.Cancelled:    "Sie haben die Buchung rechtzeitig aufgegeben. Sie kostet nichts.",
		bill.Walked:       "Der Parkplatz hatte doch keinen Platz für Sie. Sie zahlen nichts, und es tut uns leid.",
		bill.Voided:       "Der Betreiber hat die Buchung zurückgenommen. Sie zahlen nichts.",
		bill.NotSeen:      "Die Schranke hat von diesem Aufenthalt nicht genug gesehen, um ihn zu berechnen. Sie zahlen nichts.",
	},
	refundedFor: map[string]string{
		payment.ReasonWalked:  "der Parkplatz hatte keinen Platz für Sie",
		payment.ReasonVoided:  "der Betreiber hat die Buchung zurückgenommen",
		payment.ReasonLessDue: "es war weniger fällig, als abgebucht war",
		"operator":            "der Betreiber hat es so entschieden",
	},
}

// sure says how well a time is known, when that matters.
func (w *words) sure(ms *uint32, c receipt.Clock) string {
	switch {
	case c == receipt.Untrusted:
		return w.untrusted
	case ms != nil && *ms >= 60_000:
		return fmt.Sprintf(w.doubt, (*ms+59_999)/60_000)
	default:
		return ""
	}
}
