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

	"github.com/openlot/openlot/cloud/internal/locale"
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
	From, By  string // when the time begins; until when the space is kept
	Early     string // from when the gate lets in where there is room; empty: not before From
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
	r, w, long := m.Wishes.Reader(), m.Wishes, m.Span()
	short := r.WholeWeekday(from) + " " + r.Hour(from) + " – " + r.Hour(to)
	if !notify.SameDay(from, to) {
		short = w.Clock(from, time.Time{}) + " – " + w.Clock(to, time.Time{})
	}
	v := view{
		Where: join(", ", m.Name, m.Address, m.City), When: long, Plate: m.Plate, SpaceType: m.SpaceType,
		From: r.Hour(from), By: w.Clock(m.NoShowAt.In(m.Zone), from),
		Booking: Number(m.Reservation), Total: r.Money(m.Total), Pass: m.Pass,
		PassImage: htmltemplate.URL("cid:" + passImage), //nolint:gosec // a constant, of a scheme that templates do not know
		ManageURL: m.ManageURL, To: m.To, Lang: r.Either(locale.English, locale.German),
		Keep:    r.Either("Keep this address to yourself: whoever has it can cancel.", "Behalten Sie diese Adresse für sich: Wer sie hat, kann stornieren."),
		Closing: r.Either("Sent to "+m.To+" because you reserved a space with Openlot.", "An "+m.To+" geschickt, weil Sie mit Openlot einen Platz gebucht haben."),
	}
	if m.DriveInFrom.Before(m.Window.From) {
		v.Early = w.Clock(m.DriveInFrom.In(m.Zone), from)
	}
	if m.Space != "" && k.HasPass() {
		v.SpaceType = join(", ", m.SpaceType, r.Either("probably bay "+m.Space+"; the gate tells you", "voraussichtlich Platz "+m.Space+"; die Schranke nennt ihn Ihnen"))
	}
	switch k {
	case notify.Cancellation:
		v.Subject = r.Either(fmt.Sprintf("Cancelled: %s, %s", m.Name, long), fmt.Sprintf("Storniert: %s, %s", m.Name, long))
		v.Heading = [2]string{r.Either(m.Name+" is cancelled,", m.Name+" ist storniert,"), short}
	case notify.Changed:
		v.Subject = r.Either(fmt.Sprintf("Changed: %s, %s", m.Name, long), fmt.Sprintf("Geändert: %s, %s", m.Name, long))
		v.Heading = [2]string{r.Either(m.Name+" is changed:", m.Name+" ist geändert:"), short}
		v.Note = r.Either("This code takes the place of the one you had, which does not open the gate any more.",
			"Dieser Code ersetzt den bisherigen, der die Schranke nicht mehr öffnet.")
	case notify.Confirmation:
		v.Subject = r.Either(fmt.Sprintf("%s is yours: %s", m.Name, long), fmt.Sprintf("%s gehört Ihnen: %s", m.Name, long))
		v.Heading = [2]string{r.Either(m.Name+" is yours,", m.Name+" gehört Ihnen,"), short}
	default:
		v.notice(k, m, long)
	}
	v.ZoneNote = zones(r, m.Zone, from, to)
	for _, l := range m.Lines {
		v.Lines = append(v.Lines, line{r.Line(l, m.Zone), part(l, from, w), r.Money(l.Amount)})
	}
	if !m.Tax.IsZero() {
		v.Tax = r.Money(m.Tax)
	}
	v.Kept = m.Kept
	if m.Held.Minor > 0 {
		v.Held = r.Money(m.Held)
	}
	if m.AtMachine {
		v.AtMachine = v.Total
	}
	if m.Taken.Minor > 0 {
		v.Taken = r.Money(m.Taken)
	}
	switch {
	case m.Missed.Minor <= 0:
	case m.Missed.Minor >= m.Total.Minor:
		v.Missed = r.Either("the price is taken", "der Preis wird abgebucht")
	default:
		v.Missed = r.Money(m.Missed) + r.Either(" is taken", " werden abgebucht")
	}
	if m.ExitGrace > 0 {
		v.Grace = fmt.Sprintf(r.Either("%d minutes", "%d Minuten"), int(m.ExitGrace.Minutes()))
	}
	return v
}

// zones says when the times may surprise.
func zones(r locale.Reader, in *time.Location, from, to time.Time) string {
	_, a := from.Zone()
	_, b := to.Zone()
	switch {
	case a != b:
		return fmt.Sprintf(r.Either("The clock is changed during your stay: it starts in %s and ends in %s.",
			"Während Ihrer Zeit wird die Uhr umgestellt: Sie beginnt in %s und endet in %s."), zone(from, r), zone(to, r))
	case in == time.UTC:
		return r.Either("All times are in UTC.", "Alle Zeiten sind in UTC.")
	}
	return ""
}

// notice is what the kinds of mail say that have no template of their own.
func (v *view) notice(k notify.Kind, m notify.Mail, when string) {
	switch {
	case k == notify.EndsSoon:
		v.ending(m)
	case m.Wishes.German():
		v.noticeInGerman(k, m, when)
	default:
		v.noticeInEnglish(k, m, when)
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
func part(l tariff.Line, begin time.Time, w notify.Wishes) string {
	if l.From.IsZero() || l.To.IsZero() {
		return ""
	}
	from, to := l.From.In(begin.Location()), l.To.In(begin.Location())
	return w.Clock(from, begin) + " – " + w.Clock(to, begin)
}

func zone(t time.Time, r locale.Reader) string {
	name, _ := t.Zone()
	if german := map[string]string{"CET": "MEZ", "CEST": "MESZ"}[name]; german != "" && r.German() {
		return german
	}
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
	name := string(k)
	switch {
	case len(v.Says) > 0:
		name = "notice"
	case v.Lang == locale.German:
		name += ".de"
	}
	return t.write(name, v)
}

func (t templates) write(name string, v view) (text, html string, err error) {
	var b bytes.Buffer
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
