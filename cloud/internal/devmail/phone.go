package devmail

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/notify"
	"github.com/openlot/openlot/cloud/internal/notify/sms"
)

// Text is an SMS as it was taken.
type Text struct {
	ID        int64
	Recipient string // E.164
	Text      string
	At        time.Time
}

// Phone takes SMS in place of a provider and keeps them in the inbox. It refuses
// what a provider would refuse, or charge twice for.
type Phone struct {
	store Store
	now   func() time.Time
}

var _ sms.Peer = Phone{}

// NewPhone makes a peer that keeps SMS in s.
func NewPhone(s Store, now func() time.Time) Phone { return Phone{s, now} }

// Take implements sms.Peer. A message is stored before it returns.
func (p Phone) Take(ctx context.Context, m sms.Message) error {
	digits, plus := strings.CutPrefix(m.To, "+")
	if !plus || len(digits) < 7 || len(digits) > 15 || strings.Trim(digits, "0123456789") != "" {
		return fmt.Errorf("%w: this is no telephone number", notify.ErrPermanent)
	}
	if n := sms.Length(m.Text); n < 1 || n > sms.Limit {
		return fmt.Errorf("%w: this is not the text of one SMS", notify.ErrPermanent)
	}
	return p.store.KeepText(ctx, Text{Recipient: m.To, Text: m.Text, At: p.now().UTC()})
}
