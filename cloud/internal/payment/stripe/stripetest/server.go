package stripetest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Key is the secret key of the account.
const Key = "sk_test_openlot"

// Calls is how many calls there are.
const Calls = 16

// Fault is where a call breaks.
type Fault int

// The faults.
const (
	Before Fault = iota + 1 // answered by status 503, and nothing was done
	After                   // it was done, and the connection ends within the answer
)

// Server is the stand-in. The zero value is ready; its clock is the real one.
type Server struct {
	mu        sync.Mutex
	customers []*customer
	methods   map[string]*method // that were minted for customers
	intents   []*intent
	setups    []*setup
	refunds   []*refund
	lines     []*line
	payouts   []*payout
	answers   map[string]*answer
	flakes    map[string]int
	fault     Fault
	faultAt   string
	clock     func() time.Time
}

// answer is what a key was answered with.
type answer struct {
	request string
	status  int // 0: its first call runs
	body    []byte
}

// Break makes the next call that changes something break, if its path begins as
// given.
func (s *Server) Break(path string, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faultAt, s.fault = path, f
}

// Forget drops the answers to all keys, as Stripe does after a day.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = nil
}

// Clock sets the clock.
func (s *Server) Clock(now func() time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = now
}

func (s *Server) now() time.Time {
	if s.clock != nil {
		return s.clock()
	}
	return time.Now()
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+Key {
		write(w, http.StatusUnauthorized, problemBody(&problem{Type: "invalid_request_error", Message: "No such key."}))
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if r.Method == http.MethodGet {
		status, out := s.do(r.Method, r.URL.Path, r.URL.Query())
		write(w, status, out)
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || r.Method != http.MethodPost {
		write(w, http.StatusBadRequest, problemBody(invalid(400, "parameter_invalid", "")))
		return
	}
	s.post(w, r, form)
}

// post does a call that changes something, once for each key.
func (s *Server) post(w http.ResponseWriter, r *http.Request, form url.Values) {
	key := r.Header.Get("Idempotency-Key")
	request := r.URL.Path + "?" + form.Encode()
	s.mu.Lock()
	before := s.answers[key]
	var refuse *problem
	f := Fault(0)
	switch {
	case key == "":
		refuse = invalid(400, "parameter_missing", "idempotency_key")
	case before != nil && before.status == 0:
		refuse = &problem{status: 409, Type: "idempotency_error", Code: "idempotency_key_in_use", Message: "Another call runs."}
	case before != nil && before.request != request:
		refuse = &problem{status: 400, Type: "idempotency_error", Message: "The key was used for something else."}
	case before != nil:
	case form.Get("payment_method") == Flaky && s.flakes[key] < 2:
		if s.flakes == nil {
			s.flakes = map[string]int{}
		}
		s.flakes[key]++
		refuse = &problem{status: 429, Type: "invalid_request_error", Code: "rate_limit", Message: "Too many requests."}
	case s.fault != 0 && strings.HasPrefix(r.URL.Path, s.faultAt):
		if f, s.fault = s.fault, 0; f == Before {
			refuse = &problem{status: 503, Type: "api_error", Message: "It does not work."}
			break
		}
		fallthrough
	default:
		if s.answers == nil {
			s.answers = map[string]*answer{}
		}
		s.answers[key] = &answer{request: request}
	}
	s.mu.Unlock()
	if refuse != nil {
		write(w, refuse.status, problemBody(refuse))
		return
	}
	if before != nil {
		w.Header().Set("Idempotent-Replayed", "true")
		write(w, before.status, before.body)
		return
	}
	status, out := s.do(r.Method, r.URL.Path, form)
	s.mu.Lock()
	if status == http.StatusBadRequest || status == http.StatusNotFound {
		delete(s.answers, key) // nothing was begun
	} else {
		s.answers[key] = &answer{request, status, out}
	}
	s.mu.Unlock()
	switch {
	case f == After:
		// The answer has begun, else Go's client would quietly call again.
		w.WriteHeader(status)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case form.Get("payment_method") == Timeout && r.URL.Path == "/v1/payment_intents":
		<-r.Context().Done()
	default:
		write(w, status, out)
	}
}

func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Request-Id", name("req_"))
	w.WriteHeader(status)
	_, _ = w.Write(body) //nolint:gosec // JSON for tests
}

func problemBody(p *problem) []byte { return marshal(map[string]any{"error": p}) }

func marshal(v any) []byte {
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(v); err != nil {
		panic(err) // texts and numbers
	}
	return b.Bytes()
}

// do finds the call.
func (s *Server) do(verb, path string, form url.Values) (int, []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lapse()
	parts := strings.Split(strings.TrimPrefix(path, "/v1/"), "/")
	call := verb + " " + parts[0]
	id := ""
	if len(parts) > 1 {
		call, id = call+"/{id}", parts[1]
	}
	if len(parts) > 2 {
		call += "/" + strings.Join(parts[2:], "/")
	}
	run, ok := map[string]func(id string, form url.Values) (any, *problem){
		"POST customers":                                    s.newCustomer,
		"GET customers":                                     s.listCustomers,
		"GET payment_methods/{id}":                          s.getMethod,
		"POST payment_intents":                              s.newIntent,
		"GET payment_intents":                               s.listIntents,
		"GET payment_intents/{id}":                          s.getIntent,
		"POST payment_intents/{id}/capture":                 s.capture,
		"POST payment_intents/{id}/cancel":                  s.cancel,
		"POST payment_intents/{id}/increment_authorization": s.increment,
		"POST setup_intents":                                s.newSetup,
		"GET setup_intents":                                 s.listSetups,
		"GET setup_intents/{id}":                            s.getSetup,
		"POST refunds":                                      s.newRefund,
		"GET refunds":                                       s.listRefunds,
		"GET balance_transactions":                          s.listLines,
		"GET payouts":                                       s.listPayouts,
	}[call]
	if !ok {
		return http.StatusNotFound, problemBody(invalid(404, "", ""))
	}
	out, p := run(id, form)
	if p != nil {
		return p.status, problemBody(p)
	}
	if i, is := out.(*intent); is {
		out = i.told(expands(form))
	}
	return http.StatusOK, marshal(out)
}

func expands(form url.Values) bool {
	for k, v := range form {
		if strings.HasPrefix(k, "expand[") && strings.HasSuffix(v[0], "latest_charge") {
			return true
		}
	}
	return false
}

func metadata(form url.Values, into map[string]string) map[string]string {
	if into == nil {
		into = map[string]string{}
	}
	for k, v := range form {
		if inner, ok := strings.CutPrefix(k, "metadata["); ok {
			into[strings.TrimSuffix(inner, "]")] = v[0]
		}
	}
	return into
}

func number(form url.Values, field string) (int64, *problem) {
	n, err := strconv.ParseInt(form.Get(field), 10, 64)
	if err != nil || n <= 0 {
		return 0, invalid(400, "parameter_invalid_integer", field)
	}
	return n, nil
}

// paged is the page that is asked for of what fits, newest first; objects lists all,
// oldest first, with their names and when they were made.
func paged[T any](form url.Values, path string, objects []T, of func(T) (id string, created int64, fits bool), told func(T) any) (any, *problem) {
	l := list{Object: "list", URL: path, Data: []any{}}
	limit := 10
	if n, p := number(form, "limit"); p == nil {
		limit = min(int(n), 100)
	}
	after := form.Get("starting_after")
	for _, o := range slices.Backward(objects) {
		id, created, fits := of(o)
		if after != "" {
			if id == after {
				after = ""
			}
			continue
		}
		from, noFrom := number(form, "created[gte]")
		to, noTo := number(form, "created[lt]")
		if !fits || noFrom == nil && created < from || noTo == nil && created >= to {
			continue
		}
		if len(l.Data) == limit {
			l.More = true
			break
		}
		l.Data = append(l.Data, told(o))
	}
	return l, nil
}
