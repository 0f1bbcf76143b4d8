// Package sms tells drivers by SMS what cannot wait until they read their mail:
// one message of at most 160 characters of the GSM alphabet, with the link to
// the reservation.
//
// What takes the messages is a Peer: Twilio, which speaks a provider's HTTP API,
// or the built-in inbox of package devmail. Package smstest says what both of
// them keep to.
package sms

import (
	"context"

	"github.com/openlot/openlot/cloud/internal/notify"
)

// Message is one SMS.
type Message struct {
	To   string // E.164
	Text string
}

// Peer takes messages for delivery.
type Peer interface {
	// Take returns once the message is taken. A message that was taken before,
	// with the same text to the same number, is not delivered again. An error
	// wraps notify.ErrPermanent when trying again cannot help, never names the
	// number or the text, and leaves open whether the message was taken otherwise.
	Take(ctx context.Context, m Message) error
}

// Sender sends notifications as SMS.
type Sender struct{ peer Peer }

var _ notify.Sender = Sender{}

// New makes a sender.
func New(p Peer) Sender { return Sender{p} }

// Send implements notify.Sender.
func (s Sender) Send(ctx context.Context, k notify.Kind, m notify.Mail) error {
	text, err := Text(k, m)
	if err != nil {
		return err
	}
	return s.peer.Take(ctx, Message{To: m.Phone, Text: text})
}
