package wire

import "strings"

// Reason is the code of a verdict at a gate: a closed list, the same on the
// edge, in the cloud and in every user interface.
type Reason string

// The reason codes.
const (
	AdmitReservation  Reason = "ADMIT_RESERVATION"   // a cached reservation, its pass and window in order
	AdmitWalkin       Reason = "ADMIT_WALKIN"        // from the allotment
	AdmitPassOffline  Reason = "ADMIT_PASS_OFFLINE"  // signature and window alone: the edge is behind the pass's revision
	AdmitSoftPassback Reason = "ADMIT_SOFT_PASSBACK" // though the pass was in the other state; an incident follows
	AdmitPolicy       Reason = "ADMIT_POLICY"        // the owner's policy, such as an exit that never traps
	AdmitManual       Reason = "ADMIT_MANUAL"        // a person's command
	AdmitEmergency    Reason = "ADMIT_EMERGENCY"     // fire or evacuation

	RefuseUnknown        Reason = "REFUSE_UNKNOWN"
	RefuseBadSignature   Reason = "REFUSE_BAD_SIGNATURE"
	RefuseWrongParking   Reason = "REFUSE_WRONG_PARKING"
	RefuseTooEarly       Reason = "REFUSE_TOO_EARLY"
	RefuseTooLate        Reason = "REFUSE_TOO_LATE"
	RefuseRevoked        Reason = "REFUSE_REVOKED"
	RefuseSuperseded     Reason = "REFUSE_SUPERSEDED"
	RefusePassback       Reason = "REFUSE_PASSBACK"
	RefuseFull           Reason = "REFUSE_FULL"
	RefuseUnpaid         Reason = "REFUSE_UNPAID"
	RefuseLaneClosed     Reason = "REFUSE_LANE_CLOSED"
	RefuseClockUntrusted Reason = "REFUSE_CLOCK_UNTRUSTED"
	RefuseStaleCache     Reason = "REFUSE_STALE_CACHE"
	RefuseVehicleClass   Reason = "REFUSE_VEHICLE_CLASS"

	// Minor version 1.2.
	RefuseAmbiguous Reason = "REFUSE_AMBIGUOUS" // a plate that may be more than one guest's
	RefuseThrottled Reason = "REFUSE_THROTTLED" // too many wrong PINs at this lane
)

// Language is what a driver reads.
type Language string

// The languages that every sentence is there in.
const (
	English Language = "en"
	German  Language = "de"
)

// Languages lists them.
func Languages() []Language { return []Language{English, German} }

// reasons are the codes with what they tell, in the order of the list.
var reasons = []struct {
	code            Reason
	english, german string // for the driver
	operator        string // what the operator does
}{
	{AdmitReservation, "Your pass is good. Please drive through.", "Ihr Ticket ist gültig. Bitte fahren Sie durch.", "none"},
	{AdmitWalkin, "There is room for you. Please drive through.", "Es ist Platz für Sie. Bitte fahren Sie durch.", "none"},
	{AdmitPassOffline, "Your pass is good. Please drive through.", "Ihr Ticket ist gültig. Bitte fahren Sie durch.", "look why the edge is behind"},
	{AdmitSoftPassback, "Please drive through. We look into this pass and write to you.", "Bitte fahren Sie durch. Wir prüfen dieses Ticket und schreiben Ihnen.", "settle the incident"},
	{AdmitPolicy, "Please drive through.", "Bitte fahren Sie durch.", "none; a receivable may follow"},
	{AdmitManual, "Somebody has opened for you. Please drive through.", "Für Sie wurde geöffnet. Bitte fahren Sie durch.", "give the reason, bind the session"},
	{AdmitEmergency, "Emergency. The gates are open: please leave calmly.", "Notfall. Die Schranken sind offen: Bitte verlassen Sie das Parkhaus in Ruhe.", "clear the alarm before gates close again"},
	{RefuseUnknown, "We do not know this code. Show the pass from your mail, or type your plate.", "Wir kennen diesen Code nicht. Zeigen Sie das Ticket aus Ihrer E-Mail, oder geben Sie Ihr Kennzeichen ein.", "find the booking by plate or mail"},
	{RefuseBadSignature, "This is not the pass as we wrote it. Show the one from your mail, or press for help.", "Dieses Ticket ist verändert. Zeigen Sie das aus Ihrer E-Mail, oder drücken Sie für Hilfe.", "several in a row: look for forgeries"},
	{RefuseWrongParking, "This pass is for another parking. It is still good there.", "Dieses Ticket gilt für ein anderes Parkhaus. Dort bleibt es gültig.", "name the way"},
	{RefuseTooEarly, "Your time has not started. Come back when it starts.", "Ihre Zeit hat noch nicht begonnen. Kommen Sie wieder, wenn sie beginnt.", "admit by hand if there is room"},
	{RefuseTooLate, "Your time has ended. Take a ticket here to park, or press for help.", "Ihre Zeit ist vorbei. Ziehen Sie hier einen Parkschein, oder drücken Sie für Hilfe.", "extend or open a walk-in"},
	{RefuseRevoked, "This booking was cancelled. Take a ticket here to park, or press for help.", "Diese Buchung wurde storniert. Ziehen Sie hier einen Parkschein, oder drücken Sie für Hilfe.", "explain who cancelled and when"},
	{RefuseSuperseded, "You changed this booking; this is the old pass. Open the newest mail.", "Sie haben diese Buchung geändert; das ist das alte Ticket. Öffnen Sie die neueste E-Mail.", "send the pass again"},
	{RefusePassback, "This pass is already inside. If that is not you, press for help.", "Dieses Ticket ist schon im Parkhaus. Wenn das nicht Sie sind, drücken Sie für Hilfe.", "compare pictures, set the pass to neutral"},
	{RefuseFull, "No space for walk-ins now. Reserved guests still get in.", "Im Moment kein Platz ohne Buchung. Gäste mit Buchung kommen hinein.", "check the count; grant more if it is wrong"},
	{RefuseUnpaid, "An amount is open. Pay here by card, or wait: the arm opens and a bill follows.", "Ein Betrag ist offen. Zahlen Sie hier mit Karte, oder warten Sie: Die Schranke öffnet, und eine Rechnung folgt.", "none; a receivable follows"},
	{RefuseLaneClosed, "This lane is closed. Take another lane, or press for help.", "Diese Spur ist geschlossen. Nehmen Sie eine andere, oder drücken Sie für Hilfe.", "open the lane or repair it"},
	{RefuseClockUntrusted, "This gate does not know the time just now. Your booking is kept; press for help.", "Diese Schranke kennt gerade die Uhrzeit nicht. Ihre Buchung bleibt; drücken Sie für Hilfe.", "set the edge's clock, look at its battery"},
	{RefuseStaleCache, "This gate has been offline for long and cannot check this. Your booking is kept; press for help.", "Diese Schranke ist lange ohne Verbindung und kann das nicht prüfen. Ihre Buchung bleibt; drücken Sie für Hilfe.", "bring the edge back online"},
	{RefuseVehicleClass, "This booking is for another kind of vehicle. Take the lane for yours, or press for help.", "Diese Buchung ist für eine andere Fahrzeugart. Nehmen Sie deren Spur, oder drücken Sie für Hilfe.", "change the type of space if one is free"},
	{RefuseAmbiguous, "This plate may be that of more than one guest. Show the pass from your mail.", "Dieses Kennzeichen passt zu mehr als einem Gast. Zeigen Sie das Ticket aus Ihrer E-Mail.", "compare pictures, admit by hand"},
	{RefuseThrottled, "Too many wrong codes. Show the pass from your mail, or wait a moment.", "Zu viele falsche Codes. Zeigen Sie das Ticket aus Ihrer E-Mail, oder warten Sie etwas.", "look who is guessing"},
}

// Reasons lists every code.
func Reasons() []Reason {
	out := make([]Reason, len(reasons))
	for i := range reasons {
		out[i] = reasons[i].code
	}
	return out
}

// Known reports whether the code is in the list.
func (r Reason) Known() bool {
	for i := range reasons {
		if reasons[i].code == r {
			return true
		}
	}
	return false
}

// Admits reports whether the verdict opens the gate.
func (r Reason) Admits() bool { return strings.HasPrefix(string(r), "ADMIT_") && r.Known() }

// Refuses reports whether the verdict keeps the gate shut.
func (r Reason) Refuses() bool { return strings.HasPrefix(string(r), "REFUSE_") && r.Known() }

// Sentence is what the display at the gate and every other interface tells the
// driver in English, where nothing more particular (a time, an amount, the next
// parking) is known. It is empty for an unknown code.
func (r Reason) Sentence() string { return r.In(English) }

// In is the sentence in a language; one that is not in Languages is English.
func (r Reason) In(l Language) string {
	for i := range reasons {
		switch {
		case reasons[i].code != r:
		case l == German:
			return reasons[i].german
		default:
			return reasons[i].english
		}
	}
	return ""
}

// Operator is what the operator does about a verdict, in English. It is empty for
// an unknown code.
func (r Reason) Operator() string {
	for i := range reasons {
		if reasons[i].code == r {
			return reasons[i].operator
		}
	}
	return ""
}
