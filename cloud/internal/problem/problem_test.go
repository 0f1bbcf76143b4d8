package problem

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/openlot/openlot/protocol/fault"
)

func write(t *testing.T, err error) (*httptest.ResponseRecorder, Problem) {
	t.Helper()
	w := httptest.NewRecorder()
	w.Header().Set(RequestIDHeader, "req-1")
	Write(w, httptest.NewRequest(http.MethodPost, "/reserve", nil), err)
	var p Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("body %q: %v", w.Body, err)
	}
	return w, p
}

func TestEveryKindHasItsStatus(t *testing.T) {
	for _, c := range []struct {
		kind   fault.Kind
		code   string
		status int
		retry  bool
	}{
		{fault.Invalid, "window_empty", 422, false},
		{fault.Invalid, CodeMalformedJSON, 400, false},
		{fault.Invalid, CodeMalformedQuery, 400, false},
		{fault.Invalid, CodeBodyTooLarge, 413, false},
		{fault.Invalid, CodeUnsupportedMedia, 415, false},
		{fault.NotFound, "reservation_not_found", 404, false},
		{fault.Conflict, "sold_out", 409, false},
		{fault.Conflict, "request_in_progress", 409, true},
		{fault.Forbidden, "not_yours", 403, false},
		{fault.Unauthenticated, "login_needed", 401, false},
		{fault.Exhausted, "too_many_requests", 429, true},
		{fault.Unavailable, "database_unavailable", 503, true},
		{fault.PaymentRequired, "payment_declined", 402, false},
	} {
		w, p := write(t, fmt.Errorf("in some call: %w", fault.New(c.kind, c.code, "What happened.")))
		if w.Code != c.status || p.Status != c.status || p.Code != c.code || p.Detail != "What happened." {
			t.Errorf("%s %s: status %d, body %+v; want %d", c.kind, c.code, w.Code, p, c.status)
		}
		if p.Type != "https://openlot.dev/problems/"+c.code || p.RequestID != "req-1" || p.Title == "" {
			t.Errorf("%s: type %q, request id %q, title %q", c.code, p.Type, p.RequestID, p.Title)
		}
		if w.Header().Get("Content-Type") != ContentType || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", c.code, w.Header())
		}
		if (w.Header().Get("Retry-After") != "") != c.retry {
			t.Errorf("%s: Retry-After %q", c.code, w.Header().Get("Retry-After"))
		}
	}
}

func TestWhatIsNotForCallersStaysInside(t *testing.T) {
	for name, err := range map[string]error{
		"any error":       errors.New("dial 10.0.0.3:5432: password of openlot wrong"),
		"internal fault":  fault.New(fault.Internal, "ledger_broken", "password of openlot wrong"),
		"a new kind":      fault.New("novel", "novel", "password of openlot wrong"),
		"a hidden cause":  fault.Wrap(errors.New("password of openlot wrong"), fault.Internal, "internal", "x"),
		"wrapped in text": fmt.Errorf("password: %w", errors.New("wrong")),
	} {
		w, p := write(t, err)
		if w.Code != 500 || p.Code != "internal" || strings.Contains(w.Body.String(), "password") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	w, _ := write(t, fault.Wrap(errors.New("password wrong"), fault.Unavailable, "database_unavailable", "Away."))
	if strings.Contains(w.Body.String(), "password") {
		t.Errorf("the cause is shown: %s", w.Body)
	}
}

func TestFieldsAreNamed(t *testing.T) {
	_, p := write(t, fault.New(fault.Invalid, "request_invalid", "Wrong.").WithField("contact.email", "is no e-mail address"))
	if p.Fields["contact.email"] != "is no e-mail address" {
		t.Fatalf("fields %v", p.Fields)
	}
}

func TestHeadHasNoBody(t *testing.T) {
	w := httptest.NewRecorder()
	Write(w, httptest.NewRequest(http.MethodHead, "/parkings", nil), errors.New("x"))
	if w.Code != 500 || w.Body.Len() != 0 {
		t.Fatalf("%d %q", w.Code, w.Body)
	}
}
