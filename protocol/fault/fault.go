// Package fault carries errors across Openlot's boundaries: a kind that a
// caller can branch on, a stable code that is part of the API, and a sentence
// that is safe to show. The cause stays inside for the log.
package fault

import (
	"errors"
	"fmt"
	"maps"
)

// Kind is the class of a fault; it decides the HTTP status and whether a retry
// can help.
type Kind string

// The kinds.
const (
	Invalid         Kind = "invalid"         // the request can never succeed as it is
	NotFound        Kind = "not_found"       // no such thing, or not the caller's
	Conflict        Kind = "conflict"        // the state of the thing forbids it now
	Forbidden       Kind = "forbidden"       // known caller, not allowed
	Unauthenticated Kind = "unauthenticated" // unknown caller
	Exhausted       Kind = "exhausted"       // a limit is used up; retry later
	Unavailable     Kind = "unavailable"     // a part is missing for now; retry later
	PaymentRequired Kind = "payment_required"
	Internal        Kind = "internal" // ours; opaque to callers
)

// Fault is an error with a kind, a code and a sentence for the person.
type Fault struct {
	Kind   Kind
	Code   string            // stable, snake_case, listed in SPEC or OpenAPI
	Detail string            // safe to show; what happened and what to do
	Fields map[string]string // per offending field: what is wrong, or nil
	cause  error
}

// New makes a fault without a cause.
func New(kind Kind, code, detail string) *Fault {
	return &Fault{Kind: kind, Code: code, Detail: detail}
}

// Newf makes a fault with a formatted detail.
func Newf(kind Kind, code, format string, args ...any) *Fault {
	return New(kind, code, fmt.Sprintf(format, args...))
}

// Wrap makes a fault around a cause that is logged and never shown.
func Wrap(cause error, kind Kind, code, detail string) *Fault {
	return &Fault{Kind: kind, Code: code, Detail: detail, cause: cause}
}

// WithField returns a copy that names one offending field.
func (f *Fault) WithField(name, problem string) *Fault {
	c := *f
	c.Fields = make(map[string]string, len(f.Fields)+1)
	maps.Copy(c.Fields, f.Fields)
	c.Fields[name] = problem
	return &c
}

// Error is the code, the detail and the cause, for logs.
func (f *Fault) Error() string {
	if f.cause != nil {
		return f.Code + ": " + f.Detail + ": " + f.cause.Error()
	}
	return f.Code + ": " + f.Detail
}

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.cause }

// Is makes two faults of the same code equal to errors.Is.
func (f *Fault) Is(target error) bool {
	var t *Fault
	return errors.As(target, &t) && t.Code == f.Code
}

// From finds the fault in an error chain. Any other error becomes an opaque
// internal fault that keeps it as its cause; nil stays nil.
func From(err error) *Fault {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*Fault](err); ok {
		return f
	}
	return Wrap(err, Internal, "internal", "Something on our side went wrong. It is recorded; nothing was changed that you were not told of.")
}

// Code is the code of the fault in the chain, "internal" for any other error
// and "" for nil.
func Code(err error) string {
	if err == nil {
		return ""
	}
	return From(err).Code
}
