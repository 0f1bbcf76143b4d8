package sms_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openlot/openlot/cloud/internal/devmail"
	"github.com/openlot/openlot/cloud/internal/notify"
	"github.com/openlot/openlot/cloud/internal/notify/sms"
	"github.com/openlot/openlot/cloud/internal/notify/sms/smstest"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func twilio(t *testing.T, c sms.Config) *sms.Twilio {
	t.Helper()
	s, err := sms.NewTwilio(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// One suite holds for the provider and for the inbox.
func TestTheProviderKeepsToWhatIsExpected(t *testing.T) {
	smstest.Suite(t, func(t *testing.T) smstest.Harness {
		p := smstest.NewProvider(t)
		return smstest.Harness{
			Peer:       twilio(t, p.Config()),
			Delivered:  func(*testing.T) []sms.Message { return p.Messages() },
			LoseAnswer: func() { p.Fail(http.MethodPost, smstest.Fault{Takes: true}) },
		}
	})
}

// forgetful is an inbox whose next answer may be lost.
type forgetful struct {
	postgres.DevMail
	lose *bool
}

func (f forgetful) KeepText(ctx context.Context, t devmail.Text) error {
	if err := f.DevMail.KeepText(ctx, t); err != nil {
		return err
	}
	if *f.lose {
		*f.lose = false
		return errors.New("the connection was lost")
	}
	return nil
}

func TestTheInboxKeepsToWhatIsExpected(t *testing.T) {
	smstest.Suite(t, func(t *testing.T) smstest.Harness {
		db, _ := postgrestest.New(t)
		store := forgetful{postgres.NewDevMail(db), new(bool)}
		return smstest.Harness{
			Peer: devmail.NewPhone(store, time.Now),
			Delivered: func(t *testing.T) (out []sms.Message) {
				t.Helper()
				texts, err := store.Texts(t.Context(), "", 100)
				if err != nil {
					t.Fatal(err)
				}
				for _, x := range slices.Backward(texts) {
					out = append(out, sms.Message{To: x.Recipient, Text: x.Text})
				}
				return out
			},
			LoseAnswer: func() { *store.lose = true },
		}
	})
}

var message = sms.Message{To: "+4915112345678", Text: "Your time ends at 17:00. http://localhost/#/r/rsv_1?token=mt_secret"}

func TestWhatTheProviderSaysOfTheMessageIsFinal(t *testing.T) {
	for _, c := range []struct {
		name string
		f    smstest.Fault
		stop bool
	}{
		{"no such number", smstest.Fault{Status: 400, Code: 21211}, true},
		{"no mobile", smstest.Fault{Status: 400, Code: 21614}, true},
		{"unsubscribed", smstest.Fault{Status: 400, Code: 21610}, true},
		{"unprocessable", smstest.Fault{Status: 422}, true},
		{"gone", smstest.Fault{Status: 410, Body: "not JSON"}, true},
		{"another token", smstest.Fault{Status: 401, Code: 20003}, false},
		{"not paid", smstest.Fault{Status: 402}, false},
		{"suspended", smstest.Fault{Status: 403, Code: 20005}, false},
		{"another account", smstest.Fault{Status: 404, Code: 20404}, false},
		{"busy", smstest.Fault{Status: 429, Code: 20429}, false},
		{"broken", smstest.Fault{Status: 500, Code: 20500}, false},
		{"a proxy's page", smstest.Fault{Status: 502, Body: "<html>+4915112345678</html>"}, false},
		{"away", smstest.Fault{Status: 503}, false},
		{"cut", smstest.Fault{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := smstest.NewProvider(t)
			s := twilio(t, p.Config())
			p.Fail(http.MethodPost, c.f)
			err := s.Take(t.Context(), message)
			if err == nil || errors.Is(err, notify.ErrPermanent) != c.stop {
				t.Fatalf("%v", err)
			}
			for _, secret := range []string{"4915112345678", "mt_secret", smstest.Token} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error says %q: %v", secret, err)
				}
			}
			if len(p.Messages()) != 0 {
				t.Fatalf("taken: %v", p.Messages())
			}
			if err := s.Take(t.Context(), message); err != nil || len(p.Messages()) != 1 {
				t.Fatalf("once it works again: %v, %v", err, p.Messages())
			}
		})
	}
}

// A server error may come after the message was taken, and its list may be away
// when it is asked for: then nothing is sent.
func TestNothingIsSentTwiceWhateverFails(t *testing.T) {
	p := smstest.NewProvider(t)
	s := twilio(t, p.Config())
	p.Fail(http.MethodPost, smstest.Fault{Takes: true, Status: 500})
	if err := s.Take(t.Context(), message); err == nil {
		t.Fatal("a server error was taken for an answer")
	}
	posts := p.Asked(http.MethodPost)
	lists := []smstest.Fault{{Status: 503}, {Status: 401}, {Status: 404}, {Status: 429}, {}, {Status: 200, Body: "{"}, {Status: 302, Body: "http://127.0.0.1:1/"}}
	p.Fail(http.MethodGet, lists...)
	for range lists {
		if err := s.Take(t.Context(), message); err == nil || errors.Is(err, notify.ErrPermanent) {
			t.Fatalf("without knowing what was sent: %v", err)
		}
	}
	if p.Asked(http.MethodPost) != posts {
		t.Fatal("it was sent without knowing")
	}
	if err := s.Take(t.Context(), message); err != nil || len(p.Messages()) != 1 {
		t.Fatalf("%v, taken %v", err, p.Messages())
	}
	// What is said after a message was taken is of no account.
	p.Fail(http.MethodPost, smstest.Fault{Takes: true, Status: 201, Body: "{"})
	other := sms.Message{To: message.To, Text: "another"}
	if err := s.Take(t.Context(), other); err != nil || len(p.Messages()) != 2 {
		t.Fatalf("%v, taken %v", err, p.Messages())
	}
}

func TestAProviderThatHangsIsLeft(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		p := smstest.NewProvider(t)
		p.Fail(method, smstest.Fault{Hangs: true})
		s := twilio(t, p.Config())
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		err := s.Take(ctx, message)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, notify.ErrPermanent) || strings.Contains(err.Error(), "4915112345678") {
			t.Fatalf("%s: %v", method, err)
		}
	}
	p := smstest.NewProvider(t)
	s := twilio(t, p.Config())
	p.Close()
	if err := s.Take(t.Context(), message); err == nil || errors.Is(err, notify.ErrPermanent) || strings.Contains(err.Error(), "4915112345678") {
		t.Fatalf("a provider that is away: %v", err)
	}
}

// The token and the number go to nobody else.
func TestARedirectIsNotFollowed(t *testing.T) {
	asked := 0
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer thief.Close()
	p := smstest.NewProvider(t)
	s := twilio(t, p.Config())
	p.Fail(http.MethodPost, smstest.Fault{Status: 307, Body: thief.URL})
	if err := s.Take(t.Context(), message); err == nil || errors.Is(err, notify.ErrPermanent) || asked > 0 {
		t.Fatalf("%v, asked elsewhere %d times", err, asked)
	}
}

func TestWhoSends(t *testing.T) {
	p := smstest.NewProvider(t)
	c := p.Config()
	service := "MG0123456789abcdef0123456789abcdef"
	for i, from := range []string{smstest.From, "Openlot", service} {
		c.From = from
		if err := twilio(t, c).Take(t.Context(), sms.Message{To: message.To, Text: from}); err != nil || p.Senders()[i] != from {
			t.Fatalf("%s: %v, %v", from, err, p.Senders())
		}
	}
	for what, change := range map[string]func(*sms.Config){
		"no account":       func(c *sms.Config) { c.Account = "" },
		"another account":  func(c *sms.Config) { c.Account = "AC12/../x" },
		"no token":         func(c *sms.Config) { c.Token = "" },
		"no sender":        func(c *sms.Config) { c.From = "" },
		"a long name":      func(c *sms.Config) { c.From = "Openlot Parking" },
		"a number as name": func(c *sms.Config) { c.From = "12345" },
		"no encryption":    func(c *sms.Config) { c.URL = "http://sms.example.org" },
		"a login":          func(c *sms.Config) { c.URL = "https://a:b@sms.example.org" },
		"no address":       func(c *sms.Config) { c.URL = "sms.example.org" },
	} {
		bad := p.Config()
		change(&bad)
		if _, err := sms.NewTwilio(bad); err == nil || strings.Contains(err.Error(), smstest.Token) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := sms.NewTwilio(sms.Config{Account: smstest.Account, Token: "t", From: "Openlot"}); err != nil {
		t.Error(err)
	}
}
