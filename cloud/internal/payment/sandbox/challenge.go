package sandbox

import (
	"net/http"
	"strings"

	"github.com/openlot/openlot/cloud/internal/locale"
	"github.com/openlot/openlot/protocol/money"
)

// said is what the page of the second step says; each sentence with what it names put in.
type said struct {
	You, AsksHold, AsksKeep, ToBeHeld, YesHold, YesKeep, No, Back string

	Kept, KeptText, Refused, NotKept, NotHeld, Over, OverText, Paid, PaidText, Held, HeldText string
}

var inEnglish = said{
	You: "Is this you?", AsksHold: "The sandbox bank asks before it holds this amount for {parking}. Nothing is taken now.",
	AsksKeep: "The sandbox bank asks before it lets {parking} keep your card. Nothing is held or taken now.",
	ToBeHeld: "To be held", YesHold: "Yes, hold it", YesKeep: "Yes, keep it", No: "No, refuse", Back: "Back to your booking",
	Kept: "Your card is kept", KeptText: "Nothing is held or taken yet. Go back to your booking.",
	Refused: "Refused", NotKept: "Your card is not kept. Nothing was taken.", NotHeld: "{amount} is not held. Nothing was taken.",
	Over: "Nothing is held any more", OverText: "The hold over {amount} was given back, or ran out. Nothing was taken.",
	Paid: "Paid", PaidText: "{taken} of {amount} was taken when the stay ended.",
	Held: "{amount} is held", HeldText: "Go back to your booking; it goes on there.",
}

var inGerman = said{
	You: "Sind Sie das?", AsksHold: "Die Sandbox-Bank fragt, bevor sie diesen Betrag für {parking} vormerkt. Abgebucht wird jetzt nichts.",
	AsksKeep: "Die Sandbox-Bank fragt, bevor {parking} Ihre Karte hinterlegen darf. Vorgemerkt oder abgebucht wird jetzt nichts.",
	ToBeHeld: "Vorgemerkt werden", YesHold: "Ja, vormerken", YesKeep: "Ja, hinterlegen", No: "Nein, ablehnen", Back: "Zurück zu Ihrer Buchung",
	Kept: "Ihre Karte ist hinterlegt", KeptText: "Vorgemerkt oder abgebucht ist noch nichts. Gehen Sie zurück zu Ihrer Buchung.",
	Refused: "Abgelehnt", NotKept: "Ihre Karte ist nicht hinterlegt. Abgebucht wurde nichts.", NotHeld: "{amount} sind nicht vorgemerkt. Abgebucht wurde nichts.",
	Over: "Vorgemerkt ist nichts mehr", OverText: "{amount} waren vorgemerkt und wurden freigegeben, oder die Zeit lief ab. Abgebucht wurde nichts.",
	Paid: "Bezahlt", PaidText: "Am Ende des Aufenthalts wurden {taken} von {amount} abgebucht.",
	Held: "{amount} sind vorgemerkt", HeldText: "Gehen Sie zurück zu Ihrer Buchung; dort geht es weiter.",
}

// challengeData is what the page shows: in the language that the page before asks for,
// else in the browser's.
func (h *pages) challengeData(r *http.Request, x Hold) map[string]any { //nolint:gocritic // a copy, as from the store
	read := locale.Reader{Language: r.FormValue("lang")}
	if !locale.Known(read.Language) {
		read.Language = locale.Accepted(r.Header.Get("Accept-Language"))
	}
	s := inEnglish
	if read.German() {
		s = inGerman
	}
	values := strings.NewReplacer("{parking}", x.Parking, "{amount}", read.Money(x.Amount), "{taken}", read.Money(money.New(x.Captured, x.Amount.Currency)))
	for _, text := range []*string{&s.AsksHold, &s.AsksKeep, &s.NotHeld, &s.OverText, &s.PaidText, &s.Held} {
		*text = values.Replace(*text)
	}
	return map[string]any{
		"Title": s.You, "Hold": x, "Say": s, "Amount": read.Money(x.Amount), "Return": localPath(r.FormValue("return")),
		"Lang": read.Either(locale.English, locale.German),
	}
}
