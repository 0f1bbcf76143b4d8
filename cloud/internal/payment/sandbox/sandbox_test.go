package sandbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/paymenttest"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSandboxIsAProvider(t *testing.T) {
	db, _ := postgrestest.New(t)
	paymenttest.Suite(t, func(t *testing.T) paymenttest.Harness {
		store := &brittle{Store: postgres.NewSandbox(db)}
		var ahead atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		p := sandbox.New(store, sandbox.Options{Now: now, Webhooks: sandbox.Webhooks{Secret: secret}})
		return paymenttest.Harness{
			PayOut: func(*testing.T) { ahead.Store(int64(48 * time.Hour)) },
			Webhook: func(_ *testing.T, r payment.Request, o payment.Outcome) (string, []byte) {
				return "evt_1", event("evt_1", r, o)
			},
			Sign: func(event string, body []byte, at time.Time) map[string]string {
				return sandbox.Sign(secret, event, body, at)
			},
			NoIncrement: sandbox.NoIncrement, Absent: sandbox.Absent,
			Break:    func(_ *testing.T, f paymenttest.Fault) { store.next.Store(&f) },
			Provider: p, OK: sandbox.OK, Declined: sandbox.Declined, Unknown: "pm_card_visa",
			SecondFactor: sandbox.SecondFactor, Timeout: sandbox.Timeout, Flaky: sandbox.Flaky,
			Complete: func(t *testing.T, ref string, passed bool) {
				if _, err := p.Complete(t.Context(), ref, passed); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

var secret = []byte("shared by the sandbox and us")

// event is the body of a webhook about a hold.
func event(name string, r payment.Request, o payment.Outcome) []byte {
	return fmt.Appendf(nil, `{"id": %q, "type": "hold.changed", "created": %d, "data": {"ref": %q, "key": %q, "parking_id": %q, "state": %q}}`,
		name, time.Now().Unix(), o.Ref, r.Key, r.Parking, o.State)
}

// brittle are books that fail on demand, once.
type brittle struct {
	sandbox.Store
	next atomic.Pointer[paymenttest.Fault]
}

var errBroken = errors.New("the connection is lost")

func (b *brittle) run(do func() (sandbox.Hold, error)) (sandbox.Hold, error) {
	f := b.next.Swap(nil)
	if f != nil && *f == paymenttest.Before {
		return sandbox.Hold{}, errBroken
	}
	h, err := do()
	if f != nil {
		return sandbox.Hold{}, errBroken
	}
	return h, err
}

func (b *brittle) PlaceHold(ctx context.Context, h sandbox.Hold) (sandbox.Hold, error) {
	return b.run(func() (sandbox.Hold, error) { return b.Store.PlaceHold(ctx, h) })
}

func (b *brittle) ChangeHold(ctx context.Context, ref, kind, key string, change func(sandbox.Hold) (sandbox.Hold, error)) (sandbox.Hold, error) {
	return b.run(func() (sandbox.Hold, error) { return b.Store.ChangeHold(ctx, ref, kind, key, change) })
}

// Every call of this method does its work, and its first answer is an error.
func TestAServerErrorHidesWhatWasDone(t *testing.T) {
	db, _ := postgrestest.New(t)
	p := sandbox.New(postgres.NewSandbox(db), sandbox.Options{})
	r := request(sandbox.ServerError)
	if _, err := p.Authorize(t.Context(), r); !errors.Is(err, payment.ErrNoAnswer) {
		t.Fatalf("the first answer: %v", err)
	}
	o, err := p.Find(t.Context(), r.Key)
	if err != nil || o.State != payment.Authorized {
		t.Fatalf("it does not stand: %+v, %v", o, err)
	}
	if again, err := p.Authorize(t.Context(), r); err != nil || again != o {
		t.Fatalf("asked again: %+v, %v", again, err)
	}
	if _, err := p.Capture(t.Context(), o.Ref, r.Amount, "c"); !errors.Is(err, payment.ErrNoAnswer) {
		t.Fatalf("the first answer to the capture: %v", err)
	}
	if c, err := p.Capture(t.Context(), o.Ref, r.Amount, "c"); err != nil || c.Captured != r.Amount {
		t.Fatalf("captured again: %+v, %v", c, err)
	}
}

func TestAMethodThatWasNeverSavedIsDeclined(t *testing.T) {
	db, _ := postgrestest.New(t)
	p := sandbox.New(postgres.NewSandbox(db), sandbox.Options{})
	waits, err := p.SaveMethod(t.Context(), payment.SaveRequest{Key: "waits", Parking: "altmarkt", Method: sandbox.SecondFactor})
	if err != nil {
		t.Fatal(err)
	}
	early := request(waits.Ref) // its second step was not taken
	made := request("pm_sandbox_saved_X_ok")
	for what, call := range map[string]func() (payment.Outcome, error){
		"hold":  func() (payment.Outcome, error) { return p.Authorize(t.Context(), made) },
		"early": func() (payment.Outcome, error) { return p.Authorize(t.Context(), early) },
	} {
		if o, err := call(); err != nil || o.State != payment.Declined || o.DeclineCode != sandbox.CodeUnknownMethod || o.Captured.Minor != 0 {
			t.Errorf("%s: %+v, %v", what, o, err)
		}
	}
}

func request(method string) payment.Request {
	r := id.New[id.Reservation](time.Now())
	return payment.Request{Key: r.String(), Parking: "altmarkt", Reservation: r, Amount: money.New(1500, "EUR"), Method: method}
}

func TestALapsedHoldIsGone(t *testing.T) {
	db, _ := postgrestest.New(t)
	now := time.Now()
	p := sandbox.New(postgres.NewSandbox(db), sandbox.Options{HoldLife: time.Hour, Now: func() time.Time { return now }})
	r := request(sandbox.OK)
	o, err := p.Authorize(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	if _, err := p.Capture(t.Context(), o.Ref, r.Amount, "late"); !errors.Is(err, payment.ErrRefused) {
		t.Fatalf("a lapsed hold was captured: %v", err)
	}
	if found, err := p.Find(t.Context(), r.Key); err != nil || found.State != payment.Voided {
		t.Fatalf("%+v, %v", found, err)
	}
}

func TestFlakyFailsTwiceThenHolds(t *testing.T) {
	db, _ := postgrestest.New(t)
	p := sandbox.New(postgres.NewSandbox(db), sandbox.Options{})
	r := request(sandbox.Flaky)
	for i := range 2 {
		if _, err := p.Authorize(t.Context(), r); !errors.Is(err, payment.ErrTemporary) {
			t.Fatalf("call %d: %v", i+1, err)
		}
	}
	if o, err := p.Authorize(t.Context(), r); err != nil || o.State != payment.Authorized {
		t.Fatalf("%+v, %v", o, err)
	}
}

func get(t *testing.T, h http.Handler, target, accept string) (int, string, http.Header) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body, _ := io.ReadAll(w.Result().Body)
	return w.Code, string(body), w.Header()
}

func post(t *testing.T, h http.Handler, target string, form url.Values, site string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", site)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestBooksArePublishedAsPageAndJSON(t *testing.T) {
	db, _ := postgrestest.New(t)
	p := sandbox.New(postgres.NewSandbox(db), sandbox.Options{})
	h := p.Handler()
	if code, body, _ := get(t, h, "/dev/sandbox", "text/html"); code != 200 || !strings.Contains(body, "No hold yet") {
		t.Fatalf("empty books: %d %s", code, body)
	}
	mine, other := request(sandbox.OK), request(sandbox.Declined)
	other.Parking = "frauenkirche"
	for _, r := range []payment.Request{mine, other} {
		if _, err := p.Authorize(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	found, _ := p.Find(t.Context(), mine.Key)
	if _, err := p.Capture(t.Context(), found.Ref, money.New(900, "EUR"), "c"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Refund(t.Context(), payment.RefundRequest{Key: "r", Ref: found.Ref, Amount: money.New(250, "EUR"), Reason: "goodwill"}); err != nil {
		t.Fatal(err)
	}
	for _, ask := range [][2]string{{"/dev/sandbox/holds?parking_id=altmarkt", ""}, {"/dev/sandbox?parking_id=altmarkt", "application/json"}} {
		code, body, header := get(t, h, ask[0], ask[1])
		var books struct {
			Holds []struct {
				Ref           string `json:"ref"`
				Key           string `json:"key"`
				ParkingID     string `json:"parking_id"`
				ReservationID string `json:"reservation_id"`
				Method        string `json:"method"`
				State         string `json:"state"`
				Amount        int64  `json:"amount"`
				Captured      int64  `json:"captured"`
				Refunded      int64  `json:"refunded"`
				Refunds       []struct {
					Key    string `json:"key"`
					Amount int64  `json:"amount"`
				} `json:"refunds"`
				Currency string `json:"currency"`
			} `json:"holds"`
		}
		if err := json.Unmarshal([]byte(body), &books); err != nil || code != 200 || header.Get("Content-Type") != "application/json" {
			t.Fatalf("%s: %d %v %s", ask, code, err, body)
		}
		if len(books.Holds) != 1 {
			t.Fatalf("%s lists %d holds", ask, len(books.Holds))
		}
		x := books.Holds[0]
		if x.Key != mine.Key || x.ReservationID != mine.Reservation.String() || x.ParkingID != "altmarkt" || x.State != "captured" ||
			x.Amount != 1500 || x.Captured != 900 || x.Currency != "EUR" || x.Method != sandbox.OK || x.Ref != found.Ref ||
			x.Refunded != 250 || len(x.Refunds) != 1 || x.Refunds[0].Key != "r" || x.Refunds[0].Amount != 250 {
			t.Fatalf("%+v", x)
		}
	}
	code, body, _ := get(t, h, "/dev/sandbox", "text/html")
	if code != 200 || !strings.Contains(body, "card_declined") || !strings.Contains(body, "9.00 EUR") || !strings.Contains(body, "2.50 EUR") {
		t.Fatalf("%d %s", code, body)
	}
}

func TestTheChallengePageAsksAndTakesOneAnswer(t *testing.T) {
	db, _ := postgrestest.New(t)
	p := sandbox.New(postgres.NewSandbox(db), sandbox.Options{BaseURL: "http://localhost:8080/"})
	h := p.Handler()
	r := request(sandbox.SecondFactor)
	o, err := p.Authorize(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if want := "http://localhost:8080/dev/sandbox/challenge/" + o.Ref; o.NextAction != want {
		t.Fatalf("the driver is sent to %q", o.NextAction)
	}
	page := "/dev/sandbox/challenge/" + o.Ref
	if code, body, _ := get(t, h, page+"?return=/r/1", ""); code != 200 || !strings.Contains(body, "€15.00") || !strings.Contains(body, `value="confirm"`) || !strings.Contains(body, `value="/r/1"`) {
		t.Fatalf("%d %s", code, body)
	}
	if code, _ := post(t, h, page, url.Values{"answer": {"confirm"}}, "cross-site"); code != http.StatusForbidden {
		t.Fatalf("another site may answer for the driver: %d", code)
	}
	if code, _ := post(t, h, page, url.Values{"answer": {"perhaps"}}, "same-origin"); code != http.StatusUnprocessableEntity {
		t.Fatalf("answered %d", code)
	}
	code, body := post(t, h, page, url.Values{"answer": {"confirm"}, "return": {"//evil.example"}}, "same-origin")
	if code != 200 || strings.Contains(body, "evil") || !strings.Contains(body, "€15.00 is held") {
		t.Fatalf("%d %s", code, body)
	}
	if code, _ := post(t, h, page, url.Values{"answer": {"confirm"}}, "same-origin"); code != 200 {
		t.Fatalf("the same answer twice: %d", code)
	}
	if code, _ := post(t, h, page, url.Values{"answer": {"refuse"}}, "same-origin"); code != http.StatusConflict {
		t.Fatalf("a changed mind: %d", code)
	}
	if found, err := p.Find(t.Context(), r.Key); err != nil || found.State != payment.Authorized {
		t.Fatalf("%+v, %v", found, err)
	}
	if code, _, _ := get(t, h, "/dev/sandbox/challenge/none", ""); code != http.StatusNotFound {
		t.Fatalf("an unknown hold: %d", code)
	}
}

// The bank asks and answers in the language of the page that sent the driver.
func TestTheChallengePageIsInTheDriversLanguage(t *testing.T) {
	db, _ := postgrestest.New(t)
	p := sandbox.New(postgres.NewSandbox(db), sandbox.Options{BaseURL: "http://localhost:8080/"})
	h := p.Handler()
	for answer, says := range map[string]string{"confirm": "15,00\u00a0€ sind vorgemerkt", "refuse": "15,00\u00a0€ sind nicht vorgemerkt"} {
		o, err := p.Authorize(t.Context(), request(sandbox.SecondFactor))
		if err != nil {
			t.Fatal(err)
		}
		page := "/dev/sandbox/challenge/" + o.Ref
		_, body, _ := get(t, h, page+"?lang=de&return=/r/1", "")
		for _, want := range []string{`<html lang="de">`, "Sind Sie das?", "15,00\u00a0€", `name="lang" value="de"`, "Nein, ablehnen"} {
			if !strings.Contains(body, want) {
				t.Errorf("%q is not in %s", want, body)
			}
		}
		if strings.Contains(body, "The sandbox bank") {
			t.Errorf("English: %s", body)
		}
		if _, body, _ := get(t, h, page+"?lang=xx", ""); !strings.Contains(body, `<html lang="en">`) || !strings.Contains(body, "Is this you?") {
			t.Errorf("an unknown language: %s", body)
		}
		code, body := post(t, h, page, url.Values{"answer": {answer}, "return": {"/r/1"}, "lang": {"de"}}, "same-origin")
		if code != 200 || !strings.Contains(body, says) || !strings.Contains(body, "Zurück zu Ihrer Buchung") {
			t.Errorf("%s: %d %s", answer, code, body)
		}
	}
}
