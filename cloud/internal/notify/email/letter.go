package email

import (
	"context"
	"fmt"

	gomail "github.com/wneessen/go-mail"

	"github.com/openlot/openlot/cloud/internal/notify"
)

var _ notify.Post = (*Sender)(nil)

// Post implements notify.Post: a letter is plain text.
func (s *Sender) Post(ctx context.Context, l notify.Letter) error {
	msg := gomail.NewMsg()
	if err := msg.FromFormat(s.from.Name, s.from.Address); err != nil {
		return fmt.Errorf("sender's address: %w", err)
	}
	if err := msg.To(l.To); err != nil {
		return fmt.Errorf("%w: the recipient's address cannot be one", notify.ErrPermanent)
	}
	msg.Subject(l.Subject)
	msg.SetDateWithValue(s.now())
	msg.SetMessageIDWithValue("account." + l.ID + "@" + s.domain)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(gomail.TypeTextPlain, l.Text)
	return s.deliver(ctx, msg)
}
