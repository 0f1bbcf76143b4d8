// Package problem answers HTTP requests that failed, in the form of RFC 9457.
//
// There is one table from faults to statuses and one writer. What is shown is
// what the fault says is safe to show; any other error is answered as an opaque
// 500, and whoever called Write logs its cause once.
package problem

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/openlot/openlot/protocol/fault"
)

// ContentType is the media type of a problem.
const ContentType = "application/problem+json"

// RequestIDHeader names the request. Write takes the id from the response's
// header, so that whoever assigned it needs no further agreement with us.
const RequestIDHeader = "X-Request-Id"

// typeBase in front of a code is a problem's type.
const typeBase = "https://openlot.dev/problems/"

// Problem is the body of a failed answer.
type Problem struct {
	Type      string            `json:"type"`
	Title     string            `json:"title"` // the code in words
	Status    int               `json:"status"`
	Detail    string            `json:"detail"`
	Code      string            `json:"code"`             // stable; callers branch on it
	Fields    map[string]string `json:"fields,omitempty"` // what is wrong, by field
	RequestID string            `json:"request_id,omitempty"`
}

// kinds is the status of each kind of fault.
var kinds = map[fault.Kind]int{
	fault.Invalid:         http.StatusUnprocessableEntity,
	fault.NotFound:        http.StatusNotFound,
	fault.Conflict:        http.StatusConflict,
	fault.Forbidden:       http.StatusForbidden,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Exhausted:       http.StatusTooManyRequests,
	fault.Unavailable:     http.StatusServiceUnavailable,
	fault.PaymentRequired: http.StatusPaymentRequired,
	fault.Internal:        http.StatusInternalServerError,
}

// Codes whose status is not that of their kind: the request could not even be
// read.
const (
	CodeMalformedJSON    = "malformed_json"
	CodeMalformedQuery   = "malformed_query"
	CodeBodyTooLarge     = "body_too_large"
	CodeUnsupportedMedia = "unsupported_media_type"
	CodeNotAcceptable    = "not_acceptable"
	CodeMethodNotAllowed = "method_not_allowed"
	CodeRouteNotFound    = "route_not_found"
)

var codes = map[string]int{
	CodeMalformedJSON:    http.StatusBadRequest,
	CodeMalformedQuery:   http.StatusBadRequest,
	CodeBodyTooLarge:     http.StatusRequestEntityTooLarge,
	CodeUnsupportedMedia: http.StatusUnsupportedMediaType,
	CodeNotAcceptable:    http.StatusNotAcceptable,
	CodeMethodNotAllowed: http.StatusMethodNotAllowed,
	// Payment providers look at the status alone.
	"webhook_stale":     http.StatusBadRequest,
	"webhook_malformed": http.StatusBadRequest,
	"link_expired":      http.StatusGone,
	"challenge_expired": http.StatusGone,
}

// retryAfter is when, in seconds, the same request may be sent again.
var retryAfter = map[string]string{"request_in_progress": "1"}

// Of is the problem that an error is answered with, without a request id.
func Of(err error) Problem {
	f := fault.From(err)
	status, known := kinds[f.Kind]
	if !known || f.Kind == fault.Internal {
		f, status = fault.From(errOpaque{}), http.StatusInternalServerError
	}
	if s, special := codes[f.Code]; special {
		status = s
	}
	return Problem{
		Type: typeBase + f.Code, Title: title(f.Code), Status: status,
		Detail: f.Detail, Code: f.Code, Fields: f.Fields,
	}
}

// Status is the HTTP status of an error: 200 for nil.
func Status(err error) int {
	if err == nil {
		return http.StatusOK
	}
	return Of(err).Status
}

// Write answers the request with err, which must not be nil. It does not log.
func Write(w http.ResponseWriter, r *http.Request, err error) {
	p := Of(err)
	p.RequestID = w.Header().Get(RequestIDHeader)
	body, encodeErr := json.Marshal(p)
	if encodeErr != nil { // strings and an int: it cannot fail
		body = []byte(`{"code":"internal","status":500}`)
	}
	h := w.Header()
	h.Set("Content-Type", ContentType)
	h.Set("Cache-Control", "no-store")
	h.Del("Content-Length")
	switch after, listed := retryAfter[p.Code]; {
	case listed:
		h.Set("Retry-After", after)
	case h.Get("Retry-After") != "":
	case p.Status == http.StatusServiceUnavailable, p.Status == http.StatusTooManyRequests:
		h.Set("Retry-After", "2")
	}
	if p.Status == http.StatusUnauthorized && h.Get("WWW-Authenticate") == "" {
		h.Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(append(body, '\n')) // the caller is gone if it fails
	}
}

// errOpaque stands for every error that is not for callers' eyes.
type errOpaque struct{}

func (errOpaque) Error() string { return "opaque" }

func title(code string) string {
	words := strings.ReplaceAll(code, "_", " ")
	if words == "" {
		return words
	}
	return strings.ToUpper(words[:1]) + words[1:]
}
