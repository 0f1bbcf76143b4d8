package sms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/notify"
)

// TwilioURL is where the API is.
const TwilioURL = "https://api.twilio.com"

// Config says which account sends.
type Config struct {
	URL     string // empty: TwilioURL; another one that speaks the same API
	Account string // its SID: AC and 32 hexadecimal digits; empty: none
	Token   string // of the account
	From    string // a number in E.164, a sender's name, or the SID of a messaging service
}

// Twilio sends through the Messages API:
// https://www.twilio.com/docs/messaging/api/message-resource
//
// The API takes no idempotency key. A request that was answered by nobody may
// have been taken, so every Take first asks for the latest messages to the
// number, and sends only what is not among them. What remains is a message that
// the provider has taken and does not list yet while it is sent again: it is
// delivered twice rather than never.
type Twilio struct {
	cfg      Config
	messages string // address of the collection
	client   *http.Client
}

var _ Peer = (*Twilio)(nil)

// Limits of one request.
const (
	requestTimeout = 10 * time.Second
	maxName        = 11      // characters of a sender's name
	latest         = 50      // messages to a number that are looked at
	maxAnswer      = 1 << 20 // bytes
)

// What a configuration consists of.
var (
	accountSID = regexp.MustCompile(`^AC[0-9a-fA-F]{32}$`)
	serviceSID = regexp.MustCompile(`^MG[0-9a-fA-F]{32}$`)
	number     = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	name       = regexp.MustCompile(`^[0-9 ]*[A-Za-z][0-9A-Za-z ]*$`)
)

// NewTwilio makes a peer. It does not connect. The address must be https, except
// on this machine: the account's token goes with every request.
func NewTwilio(c Config) (*Twilio, error) {
	if c.URL == "" {
		c.URL = TwilioURL
	}
	base, err := url.Parse(strings.TrimSuffix(c.URL, "/"))
	switch {
	case err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "":
		return nil, errors.New("the address of the SMS provider is no address")
	case base.Scheme != "https" && (base.Scheme != "http" || !local(base.Hostname())):
		return nil, errors.New("the address of the SMS provider must start with https://")
	case !accountSID.MatchString(c.Account):
		return nil, errors.New("the SMS account is AC and 32 hexadecimal digits")
	case c.Token == "":
		return nil, errors.New("the SMS account's token is missing")
	case !serviceSID.MatchString(c.From) && !number.MatchString(c.From) && (!name.MatchString(c.From) || len(c.From) > maxName):
		return nil, errors.New("the sender of SMS is a number such as +4915112345678, a name of at most 11 letters and digits, or the SID of a messaging service")
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: requestTimeout, ResponseHeaderTimeout: requestTimeout,
		// Reminders come one at a time; a connection that idles is of no use.
		DisableKeepAlives: true,
	}
	return &Twilio{
		cfg: c, messages: base.String() + "/2010-04-01/Accounts/" + c.Account + "/Messages.json",
		client: &http.Client{
			Transport: transport, Timeout: requestTimeout,
			// The token and the number are for this address and no other.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Take implements Peer. It makes at most two requests of ten seconds each. What
// the provider says of the message is final, 400 above all; no answer, 5xx, 429,
// and what it says of the account (401 to 404), which an operator can put right,
// are not.
func (t *Twilio) Take(ctx context.Context, m Message) error {
	taken, err := t.taken(ctx, m)
	if taken || err != nil {
		return err
	}
	form := url.Values{"To": {m.To}, "Body": {m.Text}}
	if serviceSID.MatchString(t.cfg.From) {
		form.Set("MessagingServiceSid", t.cfg.From)
	} else {
		form.Set("From", t.cfg.From)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.messages, strings.NewReader(form.Encode()))
	if err != nil {
		return errors.New("the SMS cannot be asked for")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	status, body, err := t.do(r)
	switch {
	case err != nil && status/100 != 2:
		return err
	case status/100 == 2: // taken, whatever came of the answer's body
		return nil
	case final(status):
		return fmt.Errorf("%w: %w", notify.ErrPermanent, refusal(status, body))
	default:
		return refusal(status, body)
	}
}

// taken reports whether the provider has taken the message before.
func (t *Twilio) taken(ctx context.Context, m Message) (bool, error) {
	q := url.Values{"To": {m.To}, "PageSize": {fmt.Sprint(latest)}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, t.messages+"?"+q.Encode(), nil)
	if err != nil {
		return false, errors.New("the SMS provider cannot be asked")
	}
	status, body, err := t.do(r)
	if err != nil {
		return false, err
	}
	if status == http.StatusBadRequest {
		return false, nil // nothing can have been sent to such a number; the request to send is told why
	}
	if status != http.StatusOK {
		return false, fmt.Errorf("ask what was sent before: %w", refusal(status, body))
	}
	var page struct {
		Messages []struct {
			To   string `json:"to"`
			Body string `json:"body"`
		} `json:"messages"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return false, errors.New("the SMS provider's list of messages cannot be read")
	}
	for _, x := range page.Messages {
		// An account on trial has words of its own put before the text.
		if x.To == m.To && strings.HasSuffix(x.Body, m.Text) {
			return true, nil
		}
	}
	return false, nil
}

// do makes a request. Its errors do not say what was asked for: the address has
// the number in it. With an error, status is what was heard before.
func (t *Twilio) do(r *http.Request) (status int, body []byte, err error) {
	r.SetBasicAuth(t.cfg.Account, t.cfg.Token)
	r.Header.Set("Accept", "application/json")
	resp, err := t.client.Do(r)
	if err != nil {
		if at, ok := errors.AsType[*url.Error](err); ok {
			err = at.Err
		}
		return 0, nil, fmt.Errorf("reach the SMS provider: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // read to its end, or of no interest
	if body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer)); err != nil {
		return resp.StatusCode, nil, fmt.Errorf("hear the SMS provider: %w", err)
	}
	return resp.StatusCode, body, nil
}

// final reports whether a status speaks of the message.
func final(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound, http.StatusProxyAuthRequired,
		http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	default:
		return status >= 400 && status < 500
	}
}

// refusal is what the provider said, without its words: they name the number.
func refusal(status int, body []byte) error {
	var said struct {
		Code int `json:"code"`
	}
	_ = json.Unmarshal(body, &said) // a proxy answers otherwise
	return fmt.Errorf("the SMS provider answered %d, code %d", status, said.Code)
}
