package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Twin is the control API of a parking's digital twin.
type Twin struct {
	URL  string
	HTTP *http.Client
}

// The outcomes of a visit to a gate.
const (
	Waiting   = "waiting"
	Passed    = "passed"
	Refused   = "refused"
	BackedOut = "backed_out"
)

// Vehicle is one visit to a gate. Times are microseconds on the twin's clock.
type Vehicle struct {
	ID       string `json:"id"`
	Plate    string `json:"plate"`
	Outcome  string `json:"outcome"`
	Ticket   string `json:"ticket"`
	Display  string `json:"display"`
	Timeline struct {
		Presented int64 `json:"presented_us"`
		Cleared   int64 `json:"cleared_us"`
	} `json:"timeline"`
	CredentialToOpen int64 `json:"credential_to_open_us"`
}

// Arrive sends a vehicle to a gate. Without a credential it presses the button.
func (t *Twin) Arrive(ctx context.Context, gate, credential, plate string, patience time.Duration) (v Vehicle, err error) {
	body := map[string]any{"plate": plate, "patience_ms": patience.Milliseconds()}
	if credential == "" {
		body["button"] = true
	} else {
		body["credential"] = credential
	}
	_, err = call(ctx, t.HTTP, http.MethodPost, t.URL+"/gates/"+url.PathEscape(gate)+"/vehicles", nil, body, &v)
	return v, err
}

// Finish waits until the vehicle's visit is over.
func (t *Twin) Finish(ctx context.Context, id string) (v Vehicle, err error) {
	for {
		_, err = call(ctx, t.HTTP, http.MethodGet, t.URL+"/vehicles/"+url.PathEscape(id)+"?wait=30s", nil, nil, &v)
		if err != nil || v.Outcome != Waiting {
			return v, err
		}
	}
}

// Visit is Arrive and Finish.
func (t *Twin) Visit(ctx context.Context, gate, credential, plate string, patience time.Duration) (Vehicle, error) {
	v, err := t.Arrive(ctx, gate, credential, plate, patience)
	if err != nil {
		return v, err
	}
	return t.Finish(ctx, v.ID)
}

// Clock turns the twin's time into this machine's.
type Clock struct {
	zero  time.Time // when the twin's clock was at 0
	Error time.Duration
}

// Time is the instant of a stamp of the twin.
func (c Clock) Time(us int64) time.Time { return c.zero.Add(time.Duration(us) * time.Microsecond) }

// Clock compares the clocks: the best of some requests, good to half of its
// round trip.
func (t *Twin) Clock(ctx context.Context) (Clock, error) {
	best := Clock{Error: time.Hour}
	for range 12 {
		var s struct {
			Now int64 `json:"now_us"`
		}
		sent := time.Now()
		if _, err := call(ctx, t.HTTP, http.MethodGet, t.URL+"/state", nil, nil, &s); err != nil {
			return best, fmt.Errorf("the twin's clock: %w", err)
		}
		half := time.Since(sent) / 2
		if half < best.Error {
			best = Clock{zero: sent.Add(half).Add(-time.Duration(s.Now) * time.Microsecond), Error: half}
		}
	}
	return best, nil
}
