package smstest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"sync"
	"testing"

	"github.com/openlot/openlot/cloud/internal/notify/sms"
)

// The account that the stand-in knows.
const (
	Account = "AC0123456789abcdef0123456789abcdef"
	Token   = "the-token-of-the-account"
	From    = "+4930901820"
)

// Fault is what the stand-in does instead of answering a request properly.
type Fault struct {
	Takes  bool // a request to send is taken all the same
	Status int  // of the answer; 0: the connection is cut
	Code   int  // of the error in the answer
	Body   string
	Hangs  bool // says nothing until the client has left
}

// Provider is a stand-in of Twilio's Messages API. It keeps what it has taken,
// and takes the same message as often as it is sent, as the real one does.
type Provider struct {
	*httptest.Server
	mu       sync.Mutex
	messages []sms.Message
	senders  []string
	faults   map[string][]Fault // by method, next one first
	always   map[string]Fault
	asked    map[string]int
}

// NewProvider starts one that ends with the test.
func NewProvider(t *testing.T) *Provider {
	t.Helper()
	p := &Provider{faults: map[string][]Fault{}, always: map[string]Fault{}, asked: map[string]int{}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

// Config is that of an account of the stand-in.
func (p *Provider) Config() sms.Config {
	return sms.Config{URL: p.URL, Account: Account, Token: Token, From: From}
}

// Fail makes the next requests of a method end with faults, one each.
func (p *Provider) Fail(method string, f ...Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults[method] = append(p.faults[method], f...)
}

// FailAll makes all requests of a method end with a fault; nil ends that.
func (p *Provider) FailAll(method string, f *Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.always, method)
	if f != nil {
		p.always[method] = *f
	}
}

// Messages is what was taken, oldest first.
func (p *Provider) Messages() []sms.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]sms.Message(nil), p.messages...)
}

// Senders is who sent what was taken, oldest first.
func (p *Provider) Senders() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.senders...)
}

// Asked is how many requests of a method came.
func (p *Provider) Asked(method string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[method]
}

func (p *Provider) fault(method string) (Fault, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked[method]++
	if next := p.faults[method]; len(next) > 0 {
		p.faults[method] = next[1:]
		return next[0], true
	}
	f, ok := p.always[method]
	return f, ok
}

// ServeHTTP implements http.Handler.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	// The form is read before anything is answered, as a server does that is slow
	// only afterwards.
	formErr := r.ParseForm()
	f, failing := p.fault(r.Method)
	switch {
	case failing && f.Hangs:
		<-r.Context().Done()
		return
	case failing:
		if f.Takes && e164.MatchString(r.PostForm.Get("To")) {
			p.take(r)
		}
		if f.Status == 0 {
			panic(http.ErrAbortHandler)
		}
		if f.Status/100 == 3 {
			w.Header().Set("Location", f.Body)
		}
		if f.Body != "" {
			w.WriteHeader(f.Status)
			_, _ = fmt.Fprint(w, f.Body)
			return
		}
		refuse(w, f.Status, f.Code, "The 'To' number "+r.Form.Get("To")+" is not to our liking")
	case user != Account || password != Token:
		refuse(w, http.StatusUnauthorized, 20003, "Authenticate")
	case r.URL.Path != "/2010-04-01/Accounts/"+Account+"/Messages.json":
		refuse(w, http.StatusNotFound, 20404, "The requested resource was not found")
	case formErr != nil:
		refuse(w, http.StatusBadRequest, 20001, "unreadable")
	case r.Method == http.MethodGet:
		p.list(w, r)
	case r.Method == http.MethodPost:
		p.create(w, r)
	default:
		refuse(w, http.StatusMethodNotAllowed, 20004, "Method not allowed")
	}
}

func refuse(w http.ResponseWriter, status, code int, message string) {
	write(w, status, map[string]any{"code": code, "message": message, "more_info": "https://www.twilio.com/docs/errors", "status": status})
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the test sees what the client made of it
}

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

func (p *Provider) create(w http.ResponseWriter, r *http.Request) {
	to, body, from := r.PostForm.Get("To"), r.PostForm.Get("Body"), r.PostForm.Get("From")+r.PostForm.Get("MessagingServiceSid")
	switch {
	case !e164.MatchString(to):
		refuse(w, http.StatusBadRequest, 21211, "The 'To' number "+to+" is not a valid phone number.")
	case from == "":
		refuse(w, http.StatusBadRequest, 21603, "A 'From' phone number is required.")
	case body == "" || len([]rune(body)) > 1600:
		refuse(w, http.StatusBadRequest, 21602, "Message body is required.")
	default:
		n := p.take(r)
		write(w, http.StatusCreated, map[string]any{"sid": fmt.Sprintf("SM%032x", n), "status": "queued", "to": to, "from": from, "body": body, "error_code": nil})
	}
}

// take keeps a message and numbers it.
func (p *Provider) take(r *http.Request) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.messages = append(p.messages, sms.Message{To: r.PostForm.Get("To"), Text: r.PostForm.Get("Body")})
	p.senders = append(p.senders, r.PostForm.Get("From")+r.PostForm.Get("MessagingServiceSid"))
	return len(p.messages)
}

// list answers with the latest messages to a number, newest first.
func (p *Provider) list(w http.ResponseWriter, r *http.Request) {
	size, err := strconv.Atoi(r.Form.Get("PageSize"))
	if err != nil || size < 1 || size > 1000 {
		size = 50
	}
	page := []map[string]any{}
	all := p.Messages()
	for i := len(all) - 1; i >= 0 && len(page) < size; i-- {
		if to := r.Form.Get("To"); to == "" || all[i].To == to {
			page = append(page, map[string]any{"sid": fmt.Sprintf("SM%032x", i+1), "status": "sent", "to": all[i].To, "body": all[i].Text, "date_sent": nil})
		}
	}
	write(w, http.StatusOK, map[string]any{"messages": page, "page": 0, "page_size": size, "next_page_uri": nil})
}
