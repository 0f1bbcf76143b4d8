package email

import (
	"bytes"
	"embed"
	"fmt"
	htmltemplate "html/template"
	"strings"
	texttemplate "text/template"
	"time"

	"rsc.io/qr"

	"github.com/openlot/openlot/cloud/internal/notify"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/tariff"
)

// passImage names the QR image within the message.
const passImage = "pass@openlot"

// view is what the templates print: words, all decided here.
type view struct {
	Subject   string
	Heading   [2]string // two lines
	Where     string    // name, address and city
	When      string    // the window on one line
	Note      string    // set when something about the pass is to be known
	ZoneNote  string    // set when the times may surprise
	Plate     string
	SpaceType string
	From, By  string // drive in from; at the latest
	Booking   string
	Lines     []line
	Total     string
	Tax       string
	Held      string // empty when nothing is held
	Kept      bool   // the card is kept, and nothing held yet
	AtMachine string // what is to be paid at the machine; empty: nothing
	Taken     string // empty when nothing is taken
	Missed    string // what is taken if nobody comes; empty: nothing
	Grace     string // how much later leaving costs nothing; empty for none
	Pass      string
	PassImage htmltemplate.URL
	ManageURL string
	To        string
	Says      []string // paragraphs of a notice
	Button    string   // what the link to the booking is called in a notice; empty: no link
	Lang      string   // of the words
	Keep      string   // that the link is a secret
	Closing   string   // why there is this mail
}

type line struct{ What, When, Amount string }

func newView(k notify.Kind, m notify.Mail) view {
	from, to := m.Window.From.In(m.Zone), m.Window.To.In(m.Zone)
	short := from.Format("Monday 15:04") + " – " + to.Format("15:04")
	long := from.Format("Mon 2 January, 15:04") + " – " + to.Format("15:04")
	if !notify.SameDay(from, to) {
		short = from.Format("Mon 15:04") + " – " + to.Format("Mon 15:04")
		long = from.Format("Mon 2 January 15:04") + " – " + to.Format("Mon 2 January 15:04")
	}
	v := view{
		Where: join(", ", m.Name, m.Address, m.City), When: long, Plate: m.Plate, SpaceType: m.SpaceType,
		From: notify.Clock(m.DriveInFrom.In(m.Zone), from), By: notify.Clock(m.NoShowAt.In(m.Zone), from),
		Booking: Number(m.Reservation), Total: m.Total.Written(), Pass: m.Pass,
		PassImage: htmltemplate.URL("cid:" + passImage), //nolint:gosec // a constant, of a scheme that templates do not know
		ManageURL: m.ManageURL, To: m.To, Lang: "en", Keep: "Keep this address to yourself: whoever has it can cancel.",
		Closing: "Sent to " + m.To + " because you reserved a space with Openlot.",
	}
	if m.Space != "" && k.HasPass() {
		v.SpaceType = join(", ", m.SpaceType, "probably bay "+m.Space+"; the gate tells you")
	}
	switch k {
	case notify.Cancellation:
		v.Subject = fmt.Sprintf("Cancelled: %s, %s", m.Name, long)
		v.Heading = [2]string{m.Name + " is cancelled,", short}
	case notify.Changed:
		v.Subject = fmt.Sprintf("Changed: %s, %s", m.Name, long)
		v.Heading = [2]string{m.Name + " is changed:", short}
		v.Note = "This code takes the place of the one you had, which does not open the gate any more."
	case notify.Confirmation:
		v.Subject = fmt.Sprintf("%s is yours: %s", m.Name, long)
		v.Heading = [2]string{m.Name + " is yours,", short}
	default:
		v.notice(k, m, long)
	}
	_, a := from.Zone()
	_, b := to.Zone()
	switch {
	case v.Lang != "en": // its words say it themselves
	case a != b:
		v.ZoneNote = "The clock is changed during your stay: it starts in " + zone(from) + " and ends in " + zone(to) + "."
	case m.Zone == time.UTC:
		v.ZoneNote = "All times are in UTC."
	}
	for _, l := range m.Lines {
		v.Lines = append(v.Lines, line{l.Label, part(l, from), l.Amount.Written()})
	}
	if !m.Tax.IsZero() {
		v.Tax = m.Tax.Written()
	}
	v.Kept = m.Kept
	if m.Held.Minor > 0 {
		v.Held = m.Held.Written()
	}
	if m.AtMachine {
		v.AtMachine = v.Total
	}
	if m.Taken.Minor > 0 {
		v.Taken = m.Taken.Written()
	}
	switch {
	case m.Missed.Minor <= 0:
	case m.Missed.Minor >= m.Total.Minor:
		v.Missed = "the price is taken"
	default:
		v.Missed = m.Missed.Written() + " is taken"
	}
	if m.ExitGrace > 0 {
		v.Grace = fmt.Sprintf("%d minutes", int(m.ExitGrace.Minutes()))
	}
	return v
}

// notice is what the kinds of mail say that have no template of their own.
func (v *view) notice(k notify.Kind, m notify.Mail, when string) {
	back := "Nothing is taken from your card."
	if m.Held.Minor > 0 {
		back = m.Held.Written() + " was held on your card. It is given back in full; your bank may show it for a few days more."
	}
	if m.Taken.Minor > 0 {
		back = m.Taken.Written() + " was taken from your card. It is given back to you in full; you get a mail when it is on its way."
	}
	booking := fmt.Sprintf("Your booking %s at %s, %s", v.Booking, v.Where, when)
	switch k {
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
	default: // it ends soon
		v.ending(m)
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

// Number is the booking number that a driver reads to a person: the last six
// characters of the reservation's id, in two groups.
func Number(r id.Reservation) string {
	s := strings.ToUpper(r.String())
	if len(s) < 6 {
		return ""
	}
	return s[len(s)-6:len(s)-3] + " " + s[len(s)-3:]
}

// part is the part of the stay that a line is about.
func part(l tariff.Line, begin time.Time) string {
	if l.From.IsZero() || l.To.IsZero() {
		return ""
	}
	from, to := l.From.In(begin.Location()), l.To.In(begin.Location())
	return notify.Clock(from, begin) + " – " + notify.Clock(to, begin)
}

func zone(t time.Time) string {
	name, _ := t.Zone()
	if strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") {
		return "UTC" + name
	}
	return name
}

func join(sep string, parts ...string) string {
	var said []string
	for _, p := range parts {
		if p != "" {
			said = append(said, p)
		}
	}
	return strings.Join(said, sep)
}

// draw draws the pass: ink on white, with the quiet edge that readers need.
func draw(pass string) ([]byte, error) {
	code, err := qr.Encode(pass, qr.M)
	if err != nil {
		return nil, fmt.Errorf("draw the pass: %w", err)
	}
	code.Scale = 6
	return code.PNG(), nil
}

//go:embed templates/*
var files embed.FS

type templates struct {
	text *texttemplate.Template
	html *htmltemplate.Template
}

func parse() (t templates, err error) {
	if t.text, err = texttemplate.ParseFS(files, "templates/*.txt"); err != nil {
		return t, err
	}
	t.html, err = htmltemplate.ParseFS(files, "templates/*.html")
	return t, err
}

func (t templates) render(k notify.Kind, v view) (text, html string, err error) {
	var b bytes.Buffer
	name := string(k)
	if len(v.Says) > 0 {
		name = "notice"
	}
	if err := t.text.ExecuteTemplate(&b, name+".txt", v); err != nil {
		return "", "", fmt.Errorf("write the mail: %w", err)
	}
	text = b.String()
	b.Reset()
	if err := t.html.ExecuteTemplate(&b, name+".html", v); err != nil {
		return "", "", fmt.Errorf("write the mail: %w", err)
	}
	return text, b.String(), nil
}
