package twin

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/openlot/openlot/firmware-bridge/board"
	"github.com/openlot/openlot/firmware-bridge/twin/model"
	"github.com/openlot/openlot/protocol/fault"
)

const (
	maxBody         = 4 << 10
	maxWait         = time.Minute
	defaultPatience = 10 * time.Second
	maxPatience     = 10 * time.Minute
	maxPlate        = 16
	maxWatchers     = 32
	heartbeat       = 15 * time.Second
)

//go:embed page.html
var page []byte

// Handler is the twin's control API and its page. It answers while Run runs.
//
//	POST /gates/{gate}/vehicles    a vehicle drives up: 201, a Vehicle
//	PUT  /gates/{gate}/conditions  fire alarm, broken safety loop: 204
//	GET  /vehicles/{id}?wait=30s   a Vehicle, when its visit is over or the wait is
//	POST /board/reset              the board loses its power for a moment: 204
//	GET  /state                    State
//	GET  /events                   State as server-sent events, when it changes
//	GET  /metrics.json             Metrics
//	GET  /                         page
//
// A gate is named by its name or by its number on the board. Errors are
// problem details (RFC 9457) with a stable code.
func (t *Twin) Handler() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h func(http.ResponseWriter, *http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := h(w, r); err != nil {
				t.problem(w, r, err)
			}
		})
	}
	handle("POST /gates/{gate}/vehicles", t.postVehicle)
	handle("PUT /gates/{gate}/conditions", t.putConditions)
	handle("GET /vehicles/{id}", t.getVehicle)
	handle("POST /board/reset", t.postReset)
	handle("GET /state", t.getState)
	handle("GET /events", t.getEvents)
	handle("GET /metrics.json", t.getMetrics)
	handle("GET /{$}", func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:")
		_, err := w.Write(page)
		return ignore(err)
	})
	allow := map[string]string{
		"/gates/{gate}/vehicles": "POST", "/gates/{gate}/conditions": "PUT", "/vehicles/{id}": "GET", "/board/reset": "POST",
		"/state": "GET", "/events": "GET", "/metrics.json": "GET", "/{$}": "GET",
	}
	for path, method := range allow {
		handle(path, func(w http.ResponseWriter, r *http.Request) error {
			w.Header().Set("Allow", method)
			return fault.Newf(fault.Invalid, "method_not_allowed", "%s takes %s, not %s.", r.URL.Path, method, r.Method)
		})
	}
	handle("/", func(_ http.ResponseWriter, r *http.Request) error {
		return fault.Newf(fault.NotFound, "not_found", "There is nothing at %s.", r.URL.Path)
	})
	return mux
}

// ignore drops the error of a write: who asked has gone.
func ignore(error) error { return nil }

func (t *Twin) findGate(r *http.Request) (*gate, error) {
	name := r.PathValue("gate")
	for _, g := range t.gates {
		if g.Name == name || strconv.Itoa(g.index) == name {
			return g, nil
		}
	}
	return nil, fault.Newf(fault.NotFound, "unknown_gate", "This board has no gate %q.", name)
}

func (t *Twin) postVehicle(w http.ResponseWriter, r *http.Request) error {
	g, err := t.findGate(r)
	if err != nil {
		return err
	}
	var q struct {
		Credential string `json:"credential"`
		Button     bool   `json:"button"`
		Waits      bool   `json:"waits"`
		Plate      string `json:"plate"`
		PatienceMs *int64 `json:"patience_ms"`
	}
	if err := decode(w, r, &q); err != nil {
		return err
	}
	patience := defaultPatience
	if q.PatienceMs != nil {
		patience = time.Duration(min(max(*q.PatienceMs, -1), maxPatience.Milliseconds()+1)) * time.Millisecond
	}
	ways := 0 // of how it will pass
	for _, is := range []bool{q.Credential != "", q.Button, q.Waits} {
		if is {
			ways++
		}
	}
	switch bad := fault.New(fault.Invalid, "invalid_vehicle", "This vehicle cannot drive up."); {
	case ways != 1:
		return bad.WithField("credential", "give a credential, or button: true, or waits: true for who takes a ticket at a machine")
	case len(q.Credential) > board.MaxCredential || !utf8.ValidString(q.Credential):
		return bad.WithField("credential", fmt.Sprintf("at most %d bytes of UTF-8", board.MaxCredential))
	case len(q.Plate) > maxPlate:
		return bad.WithField("plate", fmt.Sprintf("at most %d bytes", maxPlate))
	case patience < time.Millisecond || patience > maxPatience:
		return bad.WithField("patience_ms", fmt.Sprintf("from 1 to %d", maxPatience.Milliseconds()))
	}
	var v Vehicle
	full := false
	if err := t.do(r.Context(), func() {
		if full = g.lane.Waiting() >= maxQueue; full {
			return
		}
		c := t.vehicles.add(g, q.Plate, q.Credential)
		t.step(g, model.Input{Arrive: &model.Arrival{ID: c.number, Credential: q.Credential, Waits: q.Waits, Patience: patience}})
		v = *c
	}); err != nil {
		return err
	}
	if full {
		return fault.Newf(fault.Exhausted, "lane_full", "%d vehicles are waiting at %s already.", maxQueue, g.Name)
	}
	w.Header().Set("Location", "/vehicles/"+v.ID)
	return reply(w, http.StatusCreated, v)
}

func (t *Twin) getVehicle(w http.ResponseWriter, r *http.Request) error {
	var wait time.Duration
	if s := r.URL.Query().Get("wait"); s != "" {
		var err error
		if wait, err = time.ParseDuration(s); err != nil || wait < 0 || wait > maxWait {
			return fault.Newf(fault.Invalid, "invalid_wait", "wait is a duration from 0s to %s, like 30s.", maxWait)
		}
	}
	var v Vehicle
	found := false
	look := func() {
		if n, ok := vehicleNumber(r.PathValue("id")); ok {
			if c := t.vehicles.byNumber[n]; c != nil {
				v, found = *c, true
			}
		}
	}
	if err := t.do(r.Context(), look); err != nil {
		return err
	}
	if !found {
		return fault.Newf(fault.NotFound, "unknown_vehicle", "There is no vehicle %q, or it left long ago.", r.PathValue("id"))
	}
	if v.Outcome == Waiting && wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-v.done:
		case <-timer.C:
		case <-t.stopped:
		case <-r.Context().Done():
		}
		if err := t.do(r.Context(), look); err != nil {
			return err
		}
	}
	return reply(w, http.StatusOK, v)
}

func (t *Twin) putConditions(w http.ResponseWriter, r *http.Request) error {
	g, err := t.findGate(r)
	if err != nil {
		return err
	}
	var q struct {
		Fire        *bool `json:"fire"`
		SafetyFault *bool `json:"safety_fault"`
	}
	if err := decode(w, r, &q); err != nil {
		return err
	}
	if err := t.do(r.Context(), func() {
		if q.Fire != nil {
			g.fire = *q.Fire
		}
		if q.SafetyFault != nil {
			g.safetyFault = *q.SafetyFault
		}
		t.step(g, model.Input{})
	}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// Reset makes the board start anew, as if its power had failed for a moment.
func (t *Twin) Reset(ctx context.Context) error {
	return t.do(ctx, func() {
		inputs := make([]board.Inputs, len(t.gates))
		for i, g := range t.gates {
			inputs[i] = g.lane.Inputs()
		}
		t.board.Reset(newBoot(), t.now, inputs)
		for _, g := range t.gates {
			t.step(g, model.Input{})
		}
	})
}

func (t *Twin) postReset(w http.ResponseWriter, r *http.Request) error {
	if err := t.Reset(r.Context()); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// Snapshot is the state now.
func (t *Twin) Snapshot(ctx context.Context) (State, error) {
	var s State
	err := t.do(ctx, func() { s = t.state() })
	return s, err
}

func (t *Twin) getState(w http.ResponseWriter, r *http.Request) error {
	s, err := t.Snapshot(r.Context())
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, s)
}

func (t *Twin) getEvents(w http.ResponseWriter, r *http.Request) error {
	var ch chan []byte
	if err := t.do(r.Context(), func() {
		if len(t.watchers.all) < maxWatchers {
			ch = t.watchers.add()
		}
	}); err != nil {
		return err
	}
	if ch == nil {
		return fault.Newf(fault.Exhausted, "too_many_watchers", "%d pages are watching this twin already.", maxWatchers)
	}
	defer func() { _ = t.do(context.WithoutCancel(r.Context()), func() { t.watchers.remove(ch) }) }()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	rc := http.NewResponseController(w)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		var err error
		select {
		case b, ok := <-ch:
			if !ok {
				return nil
			}
			_, err = fmt.Fprintf(w, "event: state\ndata: %s\n\n", b)
		case <-beat.C:
			_, err = io.WriteString(w, ": still here\n\n")
		case <-r.Context().Done():
			return nil
		}
		if err := errors.Join(err, rc.Flush()); err != nil {
			return ignore(err)
		}
	}
}

// decode reads a JSON object strictly.
func decode(w http.ResponseWriter, r *http.Request, into any) error {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		if _, err = dec.Token(); err == nil {
			err = errors.New("something follows it")
		} else if errors.Is(err, io.EOF) {
			return nil
		}
	}
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return fault.Newf(fault.Invalid, "body_too_large", "The body may have %d bytes.", maxBody)
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("it is empty")
	}
	return fault.Newf(fault.Invalid, "malformed_json", "The body is not the JSON object that is expected here: %v.", err)
}

func reply(w http.ResponseWriter, status int, body any) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	return ignore(json.NewEncoder(w).Encode(body))
}

// problem answers with problem details.
func (t *Twin) problem(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) {
		return // who asked has gone
	}
	f := fault.From(err)
	status := http.StatusInternalServerError
	switch f.Kind {
	case fault.Invalid:
		status = http.StatusBadRequest
		switch f.Code {
		case "method_not_allowed":
			status = http.StatusMethodNotAllowed
		case "body_too_large":
			status = http.StatusRequestEntityTooLarge
		case "invalid_vehicle":
			status = http.StatusUnprocessableEntity
		}
	case fault.NotFound:
		status = http.StatusNotFound
	case fault.Conflict:
		status = http.StatusConflict
	case fault.Exhausted:
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", "1")
	case fault.Unavailable:
		status = http.StatusServiceUnavailable
	case fault.Forbidden, fault.Unauthenticated, fault.PaymentRequired, fault.Internal:
		t.log.Error("request failed", "path", r.URL.Path, "err", err)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct {
		Type   string            `json:"type"`
		Title  string            `json:"title"`
		Status int               `json:"status"`
		Code   string            `json:"code"`
		Detail string            `json:"detail"`
		Fields map[string]string `json:"fields,omitempty"`
	}{"about:blank", http.StatusText(status), status, f.Code, f.Detail, f.Fields})
}
