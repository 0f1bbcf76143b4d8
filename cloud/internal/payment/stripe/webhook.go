package stripe

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v85"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

const headerSignature = "Stripe-Signature"

// event is what of a webhook's body is read.
type event struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Type    string `json:"type"`
	Created int64  `json:"created"` // Unix seconds
	Data    struct {
		Object struct {
			ID       string            `json:"id"`
			Object   string            `json:"object"`
			Intent   reference         `json:"payment_intent"`
			Metadata map[string]string `json:"metadata"`
			Amount   int64             `json:"amount"`
			Currency stripe.Currency   `json:"currency"`
			Reason   string            `json:"reason"`
			Status   string            `json:"status"`
		} `json:"object"`
	} `json:"data"`
}

// reference is the name of another object, which may stand there itself.
type reference string

// UnmarshalJSON implements json.Unmarshaler.
func (r *reference) UnmarshalJSON(b []byte) error {
	var whole struct {
		ID string `json:"id"`
	}
	err := json.Unmarshal(b, (*string)(r))
	if err != nil && json.Unmarshal(b, &whole) == nil {
		*r, err = reference(whole.ID), nil
	}
	return err
}

// Notice implements payment.Announcer.
func (p *Provider) Notice(header func(string) string, body []byte, now time.Time) (payment.Notice, error) {
	stamp, ok := p.signed(header(headerSignature), body)
	if !ok {
		return payment.Notice{}, payment.ErrForged
	}
	if seconds, err := strconv.ParseInt(stamp, 10, 64); err != nil {
		return payment.Notice{}, fmt.Errorf("%w: its time", payment.ErrMalformed)
	} else if !payment.Fresh(time.Unix(seconds, 0), now) {
		return payment.Notice{}, payment.ErrStale
	}
	var e event
	if err := json.Unmarshal(body, &e); err != nil || e.ID == "" || e.Object != "event" || e.Type == "" {
		return payment.Notice{}, fmt.Errorf("%w: its body", payment.ErrMalformed)
	}
	return e.notice(), nil
}

// signed reads the time of a webhook and reports whether one of its signatures is
// right: there are several while a secret is replaced.
func (p *Provider) signed(header string, body []byte) (stamp string, ok bool) {
	if len(p.secret) == 0 {
		return "", false
	}
	var signatures [][]byte
	for part := range strings.SplitSeq(header, ",") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(part), "="); name {
		case "t":
			stamp = value
		case "v1":
			if b, err := hex.DecodeString(value); err == nil {
				signatures = append(signatures, b)
			}
		}
	}
	m := hmac.New(sha256.New, p.secret)
	_, _ = io.WriteString(m, stamp+".") // a hash takes everything
	_, _ = m.Write(body)
	want := m.Sum(nil)
	for _, s := range signatures {
		ok = ok || hmac.Equal(s, want)
	}
	return stamp, ok
}

// notice says what an event is about. An event about anything else is about a hold
// that is none of ours.
func (e *event) notice() payment.Notice {
	o := &e.Data.Object
	n := payment.Notice{Event: e.ID, Kind: e.Type, At: time.Unix(e.Created, 0).UTC()}
	switch o.Object {
	case "payment_intent", "setup_intent":
		n.Ref, n.Key, n.Parking = o.ID, o.Metadata[metaKey], id.Parking(o.Metadata[metaParking])
	case "charge":
		// It has its hold's metadata, also when it was refunded: which refund that was,
		// and whether it is ours, is told by the refund's own event.
		n.Ref, n.Key, n.Parking = string(o.Intent), o.Metadata[metaKey], id.Parking(o.Metadata[metaParking])
	case "refund":
		n.About, n.Ref, n.Key = payment.AboutRefund, string(o.Intent), o.Metadata[metaKey]
	case "dispute":
		n.About, n.Ref = payment.AboutDispute, string(o.Intent)
		n.Dispute = payment.Dispute{Ref: o.ID, State: disputeState(o.Status), Amount: money.New(o.Amount, currencyOf(o.Currency)), Reason: o.Reason}
	}
	return n
}

// disputeState is where a dispute stands. Nothing is taken back by an enquiry, and
// one that was closed without a dispute is won. A state that we do not know is taken
// for one in which the money is away.
func disputeState(status string) payment.DisputeState {
	switch stripe.DisputeStatus(status) {
	case stripe.DisputeStatusWon, stripe.DisputeStatusWarningClosed:
		return payment.DisputeWon
	case stripe.DisputeStatusLost:
		return payment.DisputeLost
	case stripe.DisputeStatusWarningNeedsResponse, stripe.DisputeStatusWarningUnderReview:
		return payment.DisputeAsked
	default:
		return payment.DisputeOpen
	}
}
