package admission

import (
	"fmt"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// phrase names a sentence of this gate that tells more than its reason's own.
type phrase string

// The phrases.
const (
	welcomeGuest   phrase = "welcome_guest"
	welcomeWalkin  phrase = "welcome_walkin"
	bayTold        phrase = "bay"
	goodbye        phrase = "goodbye"
	pressToLeave   phrase = "press_to_leave"
	usedToLeave    phrase = "used_to_leave"
	elsewhere      phrase = "elsewhere"
	startsLater    phrase = "starts_later"
	startsSoonFull phrase = "starts_soon_full"
	ended          phrase = "ended"
	otherParking   phrase = "other_parking"
	usedSince      phrase = "used_since"
	noKeys         phrase = "no_keys"
	noClock        phrase = "no_clock"
	noWalkins      phrase = "no_walkins"
	driveUp        phrase = "drive_up"
	shutUntil      phrase = "shut_until"
)

// texts is everything that this gate says beside the reasons' own sentences: what
// happened, what it means, what to do.
var texts = map[phrase]map[wire.Language]string{
	welcomeGuest:   {wire.English: "Welcome. Your space is waiting.", wire.German: "Willkommen. Ihr Platz wartet."},
	welcomeWalkin:  {wire.English: "Welcome. Keep your ticket: you need it to leave.", wire.German: "Willkommen. Behalten Sie den Parkschein: Sie brauchen ihn zum Ausfahren."},
	bayTold:        {wire.English: " Bay %s.", wire.German: " Platz %s."},
	goodbye:        {wire.English: "Good bye. Drive safely.", wire.German: "Auf Wiedersehen. Gute Fahrt."},
	pressToLeave:   {wire.English: "We cannot read this code. Press the button: the arm opens, and what is owed is settled later.", wire.German: "Wir können das nicht lesen. Drücken Sie den Knopf: Die Schranke öffnet, abgerechnet wird später."},
	usedToLeave:    {wire.English: "This pass has left already. Press the button: the arm opens, and what is owed is settled later.", wire.German: "Dieses Ticket ist schon ausgefahren. Drücken Sie den Knopf: Die Schranke öffnet, abgerechnet wird später."},
	elsewhere:      {wire.English: "This ticket is being used at another lane right now. Wait a moment, or press for help.", wire.German: "Dieses Ticket wird gerade an einer anderen Spur benutzt. Warten Sie etwas, oder drücken Sie für Hilfe."},
	startsLater:    {wire.English: "Your time starts at %s. Come back from %s.", wire.German: "Ihre Zeit beginnt um %s. Kommen Sie ab %s wieder."},
	startsSoonFull: {wire.English: "Your time starts at %s. No space can be given to you before then.", wire.German: "Ihre Zeit beginnt um %s. Vorher ist kein Platz für Sie frei."},
	ended:          {wire.English: "Your time ended at %s. Take a ticket here to park, or press for help.", wire.German: "Ihre Zeit endete um %s. Ziehen Sie hier einen Parkschein, oder drücken Sie für Hilfe."},
	otherParking:   {wire.English: "This pass is for %s. It is still good there.", wire.German: "Dieses Ticket gilt für %s. Dort bleibt es gültig."},
	usedSince:      {wire.English: "This pass was used at %s. If that was not you, press for help.", wire.German: "Dieses Ticket wurde um %s benutzt. Wenn das nicht Sie waren, drücken Sie für Hilfe."},
	noKeys:         {wire.English: "This gate has not reached its office yet and cannot check passes. Press for help.", wire.German: "Diese Schranke hat ihre Zentrale noch nicht erreicht und kann nichts prüfen. Drücken Sie für Hilfe."},
	noClock:        {wire.English: "This gate does not know the time and cannot sell tickets now. Reserved guests still get in.", wire.German: "Diese Schranke kennt die Uhrzeit nicht und gibt keine Parkscheine aus. Gäste mit Buchung kommen hinein."},
	noWalkins:      {wire.English: "This gate has been offline for long and sells no tickets now. Reserved guests still get in.", wire.German: "Diese Schranke ist lange ohne Verbindung und gibt keine Parkscheine aus. Gäste mit Buchung kommen hinein."},
	shutUntil:      {wire.English: "We are closed. We open again: %s. Reserved guests still get in.", wire.German: "Wir haben geschlossen und öffnen wieder: %s Uhr. Gäste mit Buchung kommen hinein."},
	driveUp:        {wire.English: "Please drive up to the barrier first.", wire.German: "Bitte fahren Sie zuerst bis an die Schranke."},
}

const clockTime = "15:04"

// say is a phrase in the lane's language.
func (r Request) say(p phrase, args ...any) string { return tell(r.Lane.Language, p, args...) }

func tell(l wire.Language, p phrase, args ...any) string {
	text, ok := texts[p][l]
	if !ok {
		text = texts[p][wire.English]
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// sendTo adds the bay to a sentence; none: he takes any.
func (r Request) sendTo(bay, sentence string) string {
	if bay == "" {
		return sentence
	}
	return sentence + r.say(bayTold, bay)
}

// own is a reason's own sentence.
func (r Request) own(reason wire.Reason) string { return reason.In(r.Lane.Language) }

// DriveUp is what is told to who shows something before the barrier can see him.
func DriveUp(l wire.Language) string { return tell(l, driveUp) }

// LaneClosed is what is told at a lane that lets nobody through.
func LaneClosed(l Lane) string { return NotJournalled(l).Sentence }

// NotJournalled is the verdict of a lane whose journal cannot be written: nobody
// comes in, because nothing could be proved later.
func NotJournalled(l Lane) Verdict {
	r := Request{Lane: l}
	return r.refuse(wire.RefuseLaneClosed, id.Reservation{}, 0, r.own(wire.RefuseLaneClosed))
}
