package email_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"image/png"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openlot/openlot/cloud/internal/devmail"
	"github.com/openlot/openlot/cloud/internal/notify"
	"github.com/openlot/openlot/cloud/internal/notify/email"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func berlin(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// confirmed is a stay in Dresden on Thursday, 11 June 2026, 08:00 to 17:00
// local time.
func confirmed(t *testing.T) notify.Mail {
	from := time.Date(2026, 6, 11, 6, 0, 0, 0, time.UTC)
	to := from.Add(9 * time.Hour)
	return notify.Mail{
		To: "jana@posteo.example", Reservation: id.New[id.Reservation](from), State: reservation.Confirmed, Generation: 1, Confirmed: true,
		Plate: "DDOL417", Parking: "altmarkt", Name: "Altmarkt", Address: "Wilsdruffer Straße 1", City: "Dresden", Zone: berlin(t), SpaceType: "Standard", Space: "12",
		Window: timerange.Range{From: from, To: to}, DriveInFrom: from.Add(-15 * time.Minute), NoShowAt: from.Add(2 * time.Hour), ExitGrace: 15 * time.Minute,
		Missed: money.New(560, "EUR"), Total: money.New(1400, "EUR"), Tax: money.New(224, "EUR"), Held: money.New(1400, "EUR"),
		Lines: []tariff.Line{
			{Label: "9 × 60 min at 2.00 EUR <sic>", From: from, To: to, Amount: money.New(1800, "EUR")},
			{Label: "At most 14.00 EUR on 2026-06-11", From: from, To: to, Amount: money.New(-400, "EUR")},
		},
		Pass: "PK1:6BF%RN-1234567890ABCDEFGHIJKLMNOPQRSTUVWXYZ", ManageURL: "http://localhost:8080/r/1#mt_secret",
	}
}

type inbox struct {
	addr string
	http http.Handler
}

func newInbox(t *testing.T) inbox {
	t.Helper()
	db, _ := postgrestest.New(t)
	store := postgres.NewDevMail(db)
	s, err := devmail.Listen("127.0.0.1:0", store, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return inbox{s.Addr(), devmail.Handler(store)}
}

func (i inbox) get(t *testing.T, path, accept string) (int, string, http.Header) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	i.http.ServeHTTP(w, r)
	return w.Code, w.Body.String(), w.Header()
}

type received struct {
	ID        int64    `json:"id"`
	MessageID string   `json:"message_id"`
	From      string   `json:"from"`
	To        []string `json:"to"`
	Subject   string   `json:"subject"`
	Text      string   `json:"text"`
	HTML      string   `json:"html"`
}

func (i inbox) mails(t *testing.T) (out []received) {
	t.Helper()
	_, body, _ := i.get(t, "/dev/mail", "application/json")
	var list struct {
		Mails []received `json:"mails"`
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatal(err, body)
	}
	for _, m := range list.Mails {
		_, body, _ := i.get(t, fmt.Sprintf("/dev/mail/%d", m.ID), "application/json")
		var full received
		if err := json.Unmarshal([]byte(body), &full); err != nil {
			t.Fatal(err, body)
		}
		out = append(out, full)
	}
	return out
}

func sender(t *testing.T, addr string) *email.Sender {
	t.Helper()
	s, err := email.New(email.Config{Addr: addr, From: "Openlot <noreply@openlot.example>", Security: email.Plain}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func contains(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("the %s does not say %q:\n%s", what, p, text)
		}
	}
}

// The bay may change until the gate tells it, and is told as that.
func TestTheBayIsToldAsTentative(t *testing.T) {
	in := newInbox(t)
	if err := sender(t, in.addr).Send(t.Context(), notify.Confirmation, confirmed(t)); err != nil {
		t.Fatal(err)
	}
	got := in.mails(t)[0]
	contains(t, "text", got.Text, "Standard, probably bay 12; the gate tells you")
	contains(t, "HTML", got.HTML, "Standard, probably bay 12; the gate tells you")
}

func TestAConfirmationSaysWhatADriverNeeds(t *testing.T) {
	in := newInbox(t)
	m := confirmed(t)
	if err := sender(t, in.addr).Send(t.Context(), notify.Confirmation, m); err != nil {
		t.Fatal(err)
	}
	mails := in.mails(t)
	if len(mails) != 1 {
		t.Fatalf("%d mails", len(mails))
	}
	got := mails[0]
	if got.Subject != "Altmarkt is yours: Thu 11 June, 08:00 – 17:00" || got.From != "noreply@openlot.example" || len(got.To) != 1 || got.To[0] != m.To {
		t.Errorf("%+v", got)
	}
	number := email.Number(m.Reservation)
	for what, text := range map[string]string{"text": got.Text, "HTML": html.UnescapeString(got.HTML)} {
		contains(t, what, text, "Altmarkt, Wilsdruffer Straße 1, Dresden", "Thu 11 June, 08:00 – 17:00", "07:45", "10:00", "DDOL417", "Standard",
			"€18.00", "−€4.00", "€14.00", "€2.24", "held on your card", number, m.Pass, m.ManageURL, "You can always drive out", "€5.60 is taken all the same", "9 × 60 min at 2.00 EUR <sic>")
	}
	if strings.Contains(got.HTML, "<sic>") {
		t.Error("the HTML does not escape what it prints")
	}
	if strings.Contains(got.HTML, "http://") && strings.Count(got.HTML, "http://") != strings.Count(got.HTML, "http://localhost:8080/r/1") {
		t.Error("the HTML loads or links something else")
	}
	// The pass is an image within the mail.
	image := regexp.MustCompile(`src="data:image/png;base64,([^"]+)"`).FindStringSubmatch(got.HTML)
	if image == nil {
		t.Fatalf("no image of the pass:\n%s", got.HTML)
	}
	data, err := base64.StdEncoding.DecodeString(image[1])
	if err != nil {
		t.Fatal(err)
	}
	if picture, err := png.Decode(bytes.NewReader(data)); err != nil || picture.Bounds().Dx() < 100 {
		t.Errorf("the image of the pass: %v", err)
	}
}

func TestAPromiseSaysWhereToPay(t *testing.T) {
	in := newInbox(t)
	m := confirmed(t)
	m.Held, m.Missed, m.AtMachine = money.New(0, "EUR"), money.New(0, "EUR"), true
	if err := sender(t, in.addr).Send(t.Context(), notify.Confirmation, m); err != nil {
		t.Fatal(err)
	}
	got := in.mails(t)[0]
	for what, text := range map[string]string{"text": got.Text, "HTML": html.UnescapeString(got.HTML)} {
		contains(t, what, text, "You pay €14.00 at the machine")
		if strings.Contains(text, "card") || strings.Contains(text, "taken") {
			t.Errorf("%s: it is said that a card is charged:\n%s", what, text)
		}
	}
}

func TestAChangeSaysWhatIsNew(t *testing.T) {
	in := newInbox(t)
	m := confirmed(t)
	m.Generation = 2
	if err := sender(t, in.addr).Send(t.Context(), notify.Changed, m); err != nil {
		t.Fatal(err)
	}
	mails := in.mails(t)
	if len(mails) != 1 || mails[0].Subject != "Changed: Altmarkt, Thu 11 June, 08:00 – 17:00" {
		t.Fatalf("%+v", mails)
	}
	for what, text := range map[string]string{"text": mails[0].Text, "HTML": html.UnescapeString(mails[0].HTML)} {
		contains(t, what, text, "Altmarkt is changed:", "Thu 11 June, 08:00 – 17:00", "€14.00", "takes the place of the one you had", m.Pass, m.ManageURL)
	}
	if !strings.Contains(mails[0].HTML, "data:image/png;base64,") {
		t.Error("no image of the pass")
	}
}

func TestTheSameMessageAlwaysHasTheSameID(t *testing.T) {
	in := newInbox(t)
	s, m := sender(t, in.addr), confirmed(t)
	for range 2 {
		if err := s.Send(t.Context(), notify.Confirmation, m); err != nil {
			t.Fatal(err)
		}
	}
	other := m
	other.Generation++
	if err := s.Send(t.Context(), notify.Confirmation, other); err != nil {
		t.Fatal(err)
	}
	m.State = reservation.Cancelled
	if err := s.Send(t.Context(), notify.Cancellation, m); err != nil {
		t.Fatal(err)
	}
	ids := map[string]int{}
	for _, got := range in.mails(t) {
		ids[got.MessageID]++
	}
	if len(ids) != 3 || ids[s.MessageID(notify.Confirmation, m)] != 2 {
		t.Fatalf("%v", ids)
	}
}

func TestACancellationSaysThatNothingWasTaken(t *testing.T) {
	in := newInbox(t)
	m := confirmed(t)
	m.State, m.Pass = reservation.Cancelled, ""
	if err := sender(t, in.addr).Send(t.Context(), notify.Cancellation, m); err != nil {
		t.Fatal(err)
	}
	got := in.mails(t)[0]
	if got.Subject != "Cancelled: Altmarkt, Thu 11 June, 08:00 – 17:00" {
		t.Error(got.Subject)
	}
	contains(t, "text", got.Text, "is cancelled", "€14.00 was held", "Nothing was taken")
	if strings.Contains(got.Text+got.HTML, "PK1:") || strings.Contains(got.Text+got.HTML, "mt_") {
		t.Error("it carries a pass or a token")
	}
}

func TestALateCancellationSaysWhatItCost(t *testing.T) {
	in := newInbox(t)
	m := confirmed(t)
	m.State, m.Pass, m.Taken = reservation.Cancelled, "", money.New(560, "EUR")
	if err := sender(t, in.addr).Send(t.Context(), notify.Cancellation, m); err != nil {
		t.Fatal(err)
	}
	got := in.mails(t)[0]
	for part, text := range map[string]string{"text": strings.Join(strings.Fields(got.Text), " "), "HTML": got.HTML} {
		contains(t, part, text, "is cancelled", "€14.00 was held", "€5.60 is taken", "until 10:00", "rest is given back")
		if strings.Contains(text, "Nothing was taken") {
			t.Errorf("%s says that nothing was taken", part)
		}
	}
}

func TestTheOtherNoticesSayWhatHappenedAndWhatItCosts(t *testing.T) {
	in := newInbox(t)
	s := sender(t, in.addr)
	for kind, x := range map[notify.Kind]struct {
		change  func(*notify.Mail)
		subject string
		says    []string
		never   []string
	}{
		notify.NoShow: {
			func(m *notify.Mail) { m.State, m.Taken = reservation.NoShow, money.New(700, "EUR") }, "We missed you: Altmarkt, Thu 11 June, 08:00 – 17:00",
			[]string{"kept until 10:00", "€7.00 is taken", "The rest is given back", "show the same pass", "http://localhost:8080/r/1#mt_secret"},
			[]string{"€14.00"},
		},
		notify.Walked: {
			func(m *notify.Mail) { m.State = reservation.Walked }, "Sorry: Altmarkt has no space for you, Thu 11 June, 08:00 – 17:00",
			[]string{"We are sorry", "€14.00 was held on your card. It is given back in full", "Wilsdruffer Straße 1"},
			[]string{"mt_secret", "PK1:"},
		},
		notify.Voided: {
			func(m *notify.Mail) { m.State, m.Taken = reservation.Voided, money.New(1400, "EUR") }, "Sorry: Altmarkt has taken your booking back, Thu 11 June, 08:00 – 17:00",
			[]string{"We are sorry", "€14.00 was taken from your card. It is given back"},
			[]string{"mt_secret", "PK1:", "was held"},
		},
		notify.Receipt: {
			func(m *notify.Mail) {
				m.State = reservation.Completed
				m.Receipt = notify.Paper{Number: "altmarkt-17", Due: money.New(1900, "EUR"), Taken: money.New(1400, "EUR"), Owed: money.New(500, "EUR"), PDF: []byte("%PDF-1.3 a receipt")}
			}, "Your receipt: Altmarkt, Thu 11 June, 08:00 – 17:00",
			[]string{"€14.00 was taken", "altmarkt-17 is attached", "€5.00 of €19.00 is still to be paid", "http://localhost:8080/r/1#mt_secret"},
			[]string{"PK1:"},
		},
		notify.Refunded: {
			func(m *notify.Mail) {
				m.State, m.Taken, m.Refunded, m.Refunds = reservation.Completed, money.New(1400, "EUR"), money.New(300, "EUR"), 1
				m.Receipt = notify.Paper{Number: "altmarkt-17", PDF: []byte("%PDF-1.3 a receipt")}
			}, "Money back: Altmarkt, Thu 11 June, 08:00 – 17:00",
			[]string{"Of the €14.00 that was taken from your card, €3.00 is given back", "altmarkt-17", "http://localhost:8080/r/1#mt_secret"},
			[]string{"PK1:"},
		},
		notify.RefundFailed: {
			func(m *notify.Mail) {
				m.State, m.Taken, m.NotRefunded, m.Refunds = reservation.Walked, money.New(1400, "EUR"), money.New(1400, "EUR"), 1
			}, "We could not give you your money back: Altmarkt, Thu 11 June, 08:00 – 17:00",
			[]string{"€14.00 was to be given back", "You do not lose it"},
			[]string{"PK1:"},
		},
		notify.EndsSoon: {
			func(m *notify.Mail) { m.State = reservation.Active }, "Your time at Altmarkt ends at 17:00",
			[]string{"up to 15 minutes late costs nothing more", "http://localhost:8080/r/1#mt_secret"},
			[]string{"PK1:"},
		},
	} {
		m := confirmed(t)
		m.Name = "Altmarkt"
		x.change(&m)
		if err := s.Send(t.Context(), kind, m); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		got := in.mails(t)[0]
		if got.Subject != x.subject {
			t.Errorf("%s: subject %q", kind, got.Subject)
		}
		_, raw, _ := in.get(t, fmt.Sprintf("/dev/mail/%d?raw=1", got.ID), "")
		attached := strings.Contains(raw, `filename="receipt-altmarkt-17.pdf"`) && strings.Contains(raw, base64.StdEncoding.EncodeToString([]byte("%PDF-1.3 a receipt")))
		if attached != kind.HasReceipt() {
			t.Errorf("%s: %s", kind, raw)
		}
		for what, text := range map[string]string{"text": got.Text, "HTML": html.UnescapeString(got.HTML)} {
			contains(t, string(kind)+" "+what, text, append(x.says, email.Number(m.Reservation))...)
			for _, never := range x.never {
				if strings.Contains(text, never) {
					t.Errorf("the %s %s says %q:\n%s", kind, what, never, text)
				}
			}
		}
	}
	if err := s.Send(t.Context(), "birthday", confirmed(t)); !errors.Is(err, notify.ErrPermanent) {
		t.Errorf("a kind that is not known: %v", err)
	}
}

// Every kind of notification can be written.
func TestEveryKindHasItsMail(t *testing.T) {
	in := newInbox(t)
	s := sender(t, in.addr)
	for _, k := range notify.Kinds() {
		if err := s.Send(t.Context(), k, confirmed(t)); err != nil {
			t.Errorf("%s: %v", k, err)
		}
	}
	for _, got := range in.mails(t) {
		if got.Subject == "" || strings.Contains(got.Text, "no value") || len(got.Text) < 100 {
			t.Errorf("%q:\n%s", got.Subject, got.Text)
		}
	}
}

func TestStaysOverMidnightAndClockChangesSaySo(t *testing.T) {
	in := newInbox(t)
	m := confirmed(t)
	m.Window = timerange.Range{From: time.Date(2026, 10, 24, 20, 0, 0, 0, time.UTC), To: time.Date(2026, 10, 25, 9, 0, 0, 0, time.UTC)}
	m.DriveInFrom, m.NoShowAt = m.Window.From.Add(-15*time.Minute), m.Window.From.Add(3*time.Hour)
	if err := sender(t, in.addr).Send(t.Context(), notify.Confirmation, m); err != nil {
		t.Fatal(err)
	}
	contains(t, "text", in.mails(t)[0].Text, "Sat 24 October 22:00 – Sun 25 October 10:00", "at the latest Sun 01:00", "starts in CEST and ends in CET")
}

func TestTheInboxShowsMailWithoutTrustingIt(t *testing.T) {
	in := newInbox(t)
	m := confirmed(t)
	m.Name = `Altmarkt"><script>alert(1)</script>`
	if err := sender(t, in.addr).Send(t.Context(), notify.Confirmation, m); err != nil {
		t.Fatal(err)
	}
	got := in.mails(t)[0]
	code, page, header := in.get(t, fmt.Sprintf("/dev/mail/%d", got.ID), "text/html")
	if code != 200 || strings.Contains(page, "<script") {
		t.Errorf("%d %s", code, page)
	}
	contains(t, "page", page, `sandbox="allow-popups allow-popups-to-escape-sandbox"`, "srcdoc=", "As plain text")
	if csp := header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "script-src") {
		t.Error(csp)
	}
	if _, list, _ := in.get(t, "/dev/mail", "text/html"); strings.Contains(list, "<script") || !strings.Contains(list, "jana@posteo.example") {
		t.Error(list)
	}
	if code, _, _ := in.get(t, "/dev/mail/999", ""); code != http.StatusNotFound {
		t.Errorf("an unknown mail: %d", code)
	}
	if code, raw, header := in.get(t, fmt.Sprintf("/dev/mail/%d?raw=1", got.ID), ""); code != 200 || !regexp.MustCompile(`(?i)message-id:\s+<confirmation\.`).MatchString(raw) || header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d %s", code, raw)
	}
}

func TestTheInboxListensOnLoopbackOnly(t *testing.T) {
	if _, err := devmail.Listen("0.0.0.0:0", nil, time.Now, slog.New(slog.DiscardHandler)); err == nil {
		t.Fatal("a mail server for everybody was opened")
	}
}
