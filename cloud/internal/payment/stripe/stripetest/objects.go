package stripetest

import (
	"crypto/rand"
	"time"
)

// Methods of payment. The first three are test cards of Stripe's own.
const (
	OK           = "pm_card_visa"
	Declined     = "pm_card_chargeDeclined"
	SecondFactor = "pm_card_authenticationRequired"
	Timeout      = "pm_standin_timeout"      // holds, and the answer never comes
	Flaky        = "pm_standin_flaky"        // the first two calls with a key are refused for their number
	NoIncrement  = "pm_standin_no_increment" // holds, and the bank does not raise it
	Absent       = "pm_standin_absent"       // is saved; the bank then refuses whatever is asked while the driver is away, and asks him when he is there
)

// How long holds stand.
const (
	holdLife       = 7 * 24 * time.Hour
	absentHoldLife = 4*24*time.Hour + 18*time.Hour
)

type customer struct {
	ID       string            `json:"id"`
	Object   string            `json:"object"`
	Created  int64             `json:"created"`
	Email    string            `json:"email"`
	Metadata map[string]string `json:"metadata"`
}

type method struct {
	ID       string  `json:"id"`
	Object   string  `json:"object"`
	Type     string  `json:"type"`
	Customer *string `json:"customer"`

	card string // of the methods above
}

// problem is an error as Stripe writes it.
type problem struct {
	status int

	Type        string  `json:"type"`
	Code        string  `json:"code,omitempty"`
	DeclineCode string  `json:"decline_code,omitempty"`
	Message     string  `json:"message"`
	Param       string  `json:"param,omitempty"`
	Intent      *intent `json:"payment_intent,omitempty"`
	Setup       *setup  `json:"setup_intent,omitempty"`
}

func invalid(status int, code, param string) *problem {
	return &problem{status: status, Type: "invalid_request_error", Code: code, Param: param, Message: "It is not valid."}
}

func refusal(code, decline string) *problem {
	return &problem{status: 402, Type: "card_error", Code: code, DeclineCode: decline, Message: "The card was declined."}
}

func unexpected() *problem { return invalid(400, "payment_intent_unexpected_state", "") }

type redirect struct {
	URL       string `json:"url"`
	ReturnURL string `json:"return_url"`
}

type nextAction struct {
	Type     string    `json:"type"`
	Redirect *redirect `json:"redirect_to_url,omitempty"`
}

type charge struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Amount  int64  `json:"amount"`
	Created int64  `json:"created"`
	Details struct {
		Type string `json:"type"`
		Card struct {
			CaptureBefore int64 `json:"capture_before"`
		} `json:"card"`
	} `json:"payment_method_details"`
}

type intent struct {
	ID         string            `json:"id"`
	Object     string            `json:"object"`
	Created    int64             `json:"created"`
	Amount     int64             `json:"amount"`
	Capturable int64             `json:"amount_capturable"`
	Received   int64             `json:"amount_received"`
	Capturing  string            `json:"capture_method"`
	Currency   string            `json:"currency"`
	Customer   string            `json:"customer"`
	Method     *string           `json:"payment_method"`
	Status     string            `json:"status"`
	Metadata   map[string]string `json:"metadata"`
	Next       *nextAction       `json:"next_action"`
	Error      *problem          `json:"last_payment_error"`
	Charge     any               `json:"latest_charge"` // the charge, or its name

	card     string
	charge   *charge
	keep     bool
	absent   bool
	refunded int64
}

type setup struct {
	ID       string            `json:"id"`
	Object   string            `json:"object"`
	Created  int64             `json:"created"`
	Customer string            `json:"customer"`
	Method   *string           `json:"payment_method"`
	Status   string            `json:"status"`
	Metadata map[string]string `json:"metadata"`
	Next     *nextAction       `json:"next_action"`
	Error    *problem          `json:"last_setup_error"`

	card string
}

type refund struct {
	ID       string            `json:"id"`
	Object   string            `json:"object"`
	Created  int64             `json:"created"`
	Amount   int64             `json:"amount"`
	Currency string            `json:"currency"`
	Intent   string            `json:"payment_intent"`
	Status   string            `json:"status"`
	Metadata map[string]string `json:"metadata"`
}

type list struct {
	Object string `json:"object"`
	URL    string `json:"url"`
	More   bool   `json:"has_more"`
	Data   []any  `json:"data"`
}

func name(prefix string) string { return prefix + rand.Text() }

// told is the object as it is answered, with its charge when that was asked for.
func (i *intent) told(expand bool) *intent {
	out := *i
	switch {
	case i.charge == nil:
		out.Charge = nil
	case expand:
		ch := *i.charge
		out.Charge = &ch
	default:
		out.Charge = i.charge.ID
	}
	return &out
}
