package sandbox

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// Webhook is one webhook that is to be sent.
type Webhook struct {
	Event  string
	Body   string
	Forged bool
	DueAt  time.Time
	Times  int // left to be sent
	Tries  int // so far
}

// Webhooks says where webhooks go.
type Webhooks struct {
	URL    string        // of the cloud's POST /webhooks/sandbox; empty: none is sent
	Secret []byte        // signs them; also what Notice verifies by
	Late   time.Duration // by which WebhookLate is late; 0: half a minute
	Log    *slog.Logger  // nil: none
}

// Timing of webhooks.
const (
	lateBy      = 30 * time.Second
	reorderBy   = 3 * time.Second // the first one of WebhookReorder
	sendTimeout = 10 * time.Second
	sendAgain   = 15 * time.Second // above sendTimeout, so that nobody else sends it meanwhile
	sendTries   = 12
	lookEvery   = time.Second
	sendAtOnce  = 50
	shortAnswer = 4096 // bytes of an answer that are read, so that the connection is used again
)

// happening is the body of a webhook.
type happening struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Created int64  `json:"created"` // Unix seconds
	Data    struct {
		Ref         string `json:"ref"`
		Key         string `json:"key"`
		Parking     string `json:"parking_id"`
		Reservation string `json:"reservation_id"`
		State       string `json:"state"`

		Dispute *disputed `json:"dispute,omitempty"`
	} `json:"data"`
}

type disputed struct {
	Ref      string         `json:"ref"`
	State    string         `json:"state"`
	Amount   int64          `json:"amount"` // minor units
	Currency money.Currency `json:"currency"`
	Reason   string         `json:"reason"`
}

func (d *Dispute) body(c money.Currency) *disputed {
	return &disputed{Ref: d.Ref, State: string(d.State), Amount: d.Amount, Currency: c, Reason: "fraudulent"}
}

// What webhooks are about, after the kind of the line.
const (
	placed     = "placed"
	changed    = "changed"
	disputeNew = "dispute.opened"
	disputeEnd = "dispute.closed"
)

// tell adds the webhooks that say what became of a line of the books. What its
// caller is answered is told only by methods whose webhooks are scripted, or
// whose answers get lost.
func (p *Provider) tell(h Hold, what string) Hold {
	method, _ := usable(h.Method)
	h.Webhooks = nil
	if p.hooks.URL == "" || method == WebhookNever {
		return h
	}
	now := p.now().UTC()
	switch method {
	case Timeout, ServerError, WebhookTwice, WebhookLate, WebhookReorder, WebhookForged:
		h.Webhooks = append(h.Webhooks, p.webhook(h, string(h.Kind)+"."+what, now, nil))
	default:
		if h.SecondFactor != "" && what == changed {
			h.Webhooks = append(h.Webhooks, p.webhook(h, string(h.Kind)+"."+what, now, nil))
		}
	}
	if d := h.Dispute; d != nil {
		switch h.UpdatedAt {
		case d.Opened:
			h.Webhooks = append(h.Webhooks, p.webhook(h, disputeNew, now, d.body(h.Amount.Currency)))
		case d.Decided:
			h.Webhooks = append(h.Webhooks, p.webhook(h, disputeEnd, now, d.body(h.Amount.Currency)))
		}
	}
	for i := range h.Webhooks {
		w := &h.Webhooks[i]
		switch {
		case method == WebhookTwice:
			w.Times = 2
		case method == WebhookLate:
			w.DueAt = now.Add(p.hooks.Late)
		case method == WebhookReorder && what == placed:
			w.DueAt = now.Add(reorderBy)
		case method == WebhookForged:
			w.Forged = true
		}
	}
	return h
}

func (p *Provider) webhook(h Hold, what string, now time.Time, d *disputed) Webhook {
	e := happening{ID: "evt_" + rand.Text(), Type: what, Created: now.Unix()}
	e.Data.Ref, e.Data.Key, e.Data.Parking, e.Data.Reservation, e.Data.State = h.Ref, h.Key, h.Parking, h.Reservation, string(h.State)
	e.Data.Dispute = d
	body, err := json.Marshal(e)
	if err != nil { // texts and numbers: it cannot fail
		body = []byte("{}")
	}
	return Webhook{Event: e.ID, Body: string(body), DueAt: now, Times: 1}
}

// hint says that a webhook may be due.
func (p *Provider) hint() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Run sends webhooks until ctx ends, each until it is taken or has failed too
// often. Any number of processes may run it.
func (p *Provider) Run(ctx context.Context) error {
	if p.hooks.URL == "" {
		<-ctx.Done()
		return nil
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: sendTimeout}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		if err := p.send(ctx, client); err != nil && ctx.Err() == nil {
			p.hooks.Log.Warn("webhooks are not sent", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-p.wake:
		case <-look.C:
		}
	}
}

// send sends what is due.
func (p *Provider) send(ctx context.Context, client *http.Client) error {
	now := p.now().UTC()
	due, err := p.store.DueWebhooks(ctx, now, now.Add(sendAgain), sendTries, sendAtOnce)
	if err != nil {
		return err
	}
	for _, w := range due {
		if err := p.post(ctx, client, w); err != nil {
			if w.Tries >= sendTries {
				p.hooks.Log.Error("a webhook is given up", "event", w.Event, "tries", w.Tries, "err", err)
			}
			continue // it comes again
		}
		if err := p.store.WebhookTaken(ctx, w.Event, p.now().UTC()); err != nil {
			return err
		}
		if w.Times > 1 {
			p.hint()
		}
	}
	return nil
}

func (p *Provider) post(ctx context.Context, client *http.Client, w Webhook) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.hooks.URL, strings.NewReader(w.Body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	secret := p.hooks.Secret
	if w.Forged {
		secret = []byte("not the secret")
	}
	for name, value := range Sign(secret, w.Event, []byte(w.Body), p.now()) {
		req.Header.Set(name, value)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, shortAnswer))
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("answered with status %d", resp.StatusCode)
	}
	return nil
}

// Headers of a webhook, as https://www.standardwebhooks.com has them.
const (
	headerID        = "Webhook-Id"
	headerTime      = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

// Sign makes the headers of a webhook that is sent at a time.
func Sign(secret []byte, event string, body []byte, at time.Time) map[string]string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	return map[string]string{
		headerID: event, headerTime: stamp,
		headerSignature: "v1," + base64.StdEncoding.EncodeToString(mac(secret, event, stamp, body)),
	}
}

func mac(secret []byte, event, stamp string, body []byte) []byte {
	m := hmac.New(sha256.New, secret)
	_, _ = io.WriteString(m, event+"."+stamp+".") // a hash takes everything
	_, _ = m.Write(body)
	return m.Sum(nil)
}

// Notice implements payment.Announcer.
func (p *Provider) Notice(header func(string) string, body []byte, now time.Time) (payment.Notice, error) {
	event, stamp := header(headerID), header(headerTime)
	if len(p.hooks.Secret) == 0 || !signed(header(headerSignature), mac(p.hooks.Secret, event, stamp, body)) {
		return payment.Notice{}, payment.ErrForged
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return payment.Notice{}, fmt.Errorf("%w: its time", payment.ErrMalformed)
	}
	if !payment.Fresh(time.Unix(seconds, 0), now) {
		return payment.Notice{}, payment.ErrStale
	}
	var e happening
	if err := json.Unmarshal(body, &e); err != nil || e.ID != event || event == "" {
		return payment.Notice{}, fmt.Errorf("%w: its body", payment.ErrMalformed)
	}
	n := payment.Notice{
		Event: e.ID, Kind: e.Type, Parking: id.Parking(e.Data.Parking), Key: e.Data.Key, Ref: e.Data.Ref, At: time.Unix(e.Created, 0).UTC(),
	}
	if d := e.Data.Dispute; d != nil {
		n.About = payment.AboutDispute
		n.Dispute = payment.Dispute{Ref: d.Ref, State: payment.DisputeState(d.State), Amount: money.New(d.Amount, d.Currency), Reason: d.Reason}
	}
	return n, nil
}

// signed reports whether one of the signatures in a header is right: there are
// several while a secret is replaced.
func signed(header string, want []byte) bool {
	for s := range strings.FieldsSeq(header) {
		text, isV1 := strings.CutPrefix(s, "v1,")
		got, err := base64.StdEncoding.DecodeString(text)
		if isV1 && err == nil && hmac.Equal(got, want) {
			return true
		}
	}
	return false
}
