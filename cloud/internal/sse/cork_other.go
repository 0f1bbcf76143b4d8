//go:build !linux

package sse

import "net/http"

// Corked is what Cork returns.
type Corked struct{}

// Cork does nothing here.
func Cork(*http.Request) Corked { return Corked{} }

// Uncork does nothing here.
func (Corked) Uncork() {}
