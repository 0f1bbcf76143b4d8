package email

import (
	"context"
	"fmt"

	gomail "github.com/wneessen/go-mail"

	"github.com/openlot/openlot/cloud/internal/locale"
	"github.com/openlot/openlot/cloud/internal/notify"
)

var _ notify.Post = (*Sender)(nil)

// Post implements notify.Post: a letter looks as the notices about reservations do.
func (s *Sender) Post(ctx context.Context, l notify.Letter) error {
	text, html, err := s.templates.write("notice", view{
		Subject: l.Subject, Heading: l.Heading, Says: l.Says, Button: l.Button, ManageURL: l.URL, Keep: l.Keep, Closing: l.Closing, To: l.To,
		Lang: l.Read.Either(locale.English, locale.German),
	})
	if err != nil {
		return err
	}
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
	msg.SetBodyString(gomail.TypeTextPlain, text)
	msg.AddAlternativeString(gomail.TypeTextHTML, html)
	return s.deliver(ctx, msg)
}
