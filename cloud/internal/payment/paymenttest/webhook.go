package paymenttest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/payment"
)

// webhook is one about a hold that stands, with its headers in lower case; no
// announcer when the provider sends none.
func (h Harness) webhook(t *testing.T, at time.Time) (payment.Announcer, payment.Request, payment.Outcome, map[string]string, []byte) {
	t.Helper()
	announcer, is := h.Provider.(payment.Announcer)
	if is != (h.Webhook != nil) {
		t.Fatalf("it sends webhooks: %v; the harness makes some: %v", is, h.Webhook != nil)
	}
	if !is {
		return nil, payment.Request{}, payment.Outcome{}, nil, nil
	}
	r, o := h.hold(t, h.OK)
	event, body := h.Webhook(t, r, o)
	headers := map[string]string{}
	for name, value := range h.Sign(event, body, at) {
		headers[strings.ToLower(name)] = value
	}
	return announcer, r, o, headers, body
}

// reader looks headers up as HTTP does.
func reader(headers map[string]string) func(string) string {
	return func(name string) string { return headers[strings.ToLower(name)] }
}

func webhookRead(t *testing.T, h Harness) {
	now := time.Now()
	a, r, o, headers, body := h.webhook(t, now)
	if a == nil {
		return
	}
	n, err := a.Notice(reader(headers), body, now)
	if err != nil || n.Sense() != nil {
		t.Fatalf("%+v: %v, %v", n, err, n.Sense())
	}
	if n.Event == "" || n.Kind == "" || n.Key != r.Key || n.Parking != r.Parking || n.Ref != o.Ref || n.About != payment.AboutHold || n.At.IsZero() {
		t.Fatalf("%+v is about %+v with key %s", n, o, r.Key)
	}
	again, err := a.Notice(reader(headers), body, now.Add(time.Second))
	if err != nil || again.Event != n.Event {
		t.Fatalf("sent again it is %+v, %v", again, err)
	}
}

// Every byte of a webhook is signed, and so is its time.
func webhookForged(t *testing.T, h Harness) {
	now := time.Now()
	a, _, _, headers, body := h.webhook(t, now)
	if a == nil {
		return
	}
	forged := func(what string, headers map[string]string, body []byte) {
		t.Helper()
		if n, err := a.Notice(reader(headers), body, now); err == nil || errors.Is(err, payment.ErrStale) {
			t.Fatalf("%s: %+v, %v", what, n, err)
		} else if !errors.Is(err, payment.ErrForged) {
			t.Fatalf("%s is no forgery: %v", what, err)
		}
	}
	for i := range body {
		changed := append([]byte{}, body...)
		changed[i] ^= 1
		forged("a changed byte", headers, changed)
	}
	forged("a byte more", headers, append(append([]byte{}, body...), ' '))
	forged("nothing", headers, nil)
	forged("no signature", nil, body)
	other := h.Sign("another event", body, now.Add(time.Minute)) // of another time, or event
	for name := range headers {
		without, mixed := map[string]string{}, map[string]string{}
		for n, v := range headers {
			mixed[n] = v
			if n != name {
				without[n] = v
			}
		}
		forged("no "+name, without, body)
		for n, v := range other {
			if strings.EqualFold(n, name) && len(headers) > 1 {
				mixed[name] = v
				forged("the "+name+" of another", mixed, body)
			}
		}
	}
}

func webhookStale(t *testing.T, h Harness) {
	now := time.Now()
	a, _, _, headers, body := h.webhook(t, now)
	if a == nil {
		return
	}
	for _, off := range []time.Duration{payment.WebhookTolerance + 2*time.Second, -payment.WebhookTolerance - 2*time.Second, 24 * time.Hour} {
		if n, err := a.Notice(reader(headers), body, now.Add(off)); !errors.Is(err, payment.ErrStale) {
			t.Errorf("signed %s ago: %+v, %v", off, n, err)
		}
	}
	for _, off := range []time.Duration{payment.WebhookTolerance - 2*time.Second, 2*time.Second - payment.WebhookTolerance} {
		if _, err := a.Notice(reader(headers), body, now.Add(off)); err != nil {
			t.Errorf("signed %s ago: %v", off, err)
		}
	}
}

func webhookEmpty(t *testing.T, h Harness) {
	now := time.Now()
	a, _, _, _, _ := h.webhook(t, now)
	if a == nil {
		return
	}
	for _, body := range []string{"", "{}", "[]", "null", "\x00", `{"id": 7}`} {
		if n, err := a.Notice(header(h.Sign("evt", []byte(body), now)), []byte(body), now); !errors.Is(err, payment.ErrMalformed) {
			t.Errorf("%q: %+v, %v", body, n, err)
		}
	}
}

func header(of map[string]string) func(string) string {
	lower := map[string]string{}
	for name, value := range of {
		lower[strings.ToLower(name)] = value
	}
	return reader(lower)
}
