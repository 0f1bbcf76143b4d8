package app

import (
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/devmail"
	"github.com/openlot/openlot/cloud/internal/notify"
	"github.com/openlot/openlot/cloud/internal/notify/email"
	"github.com/openlot/openlot/cloud/internal/notify/sms"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/protocol/fault"
)

// newSenders makes what tells drivers over each channel.
func (c *cloud) newSenders(l *lifecycle) (map[notify.Channel]notify.Sender, error) {
	mail, err := c.newMail(l)
	if err != nil {
		return nil, err
	}
	text, err := c.newSMS()
	if err != nil {
		return nil, err
	}
	return map[notify.Channel]notify.Sender{notify.ByMail: mail, notify.BySMS: text}, nil
}

// poster is a sender of mail as what posts the mails about accounts, which are written here.
func poster(s notify.Sender) (notify.Post, error) {
	post, ok := s.(notify.Post)
	if !ok {
		return nil, fmt.Errorf("%T sends no mails about accounts: it is no notify.Post", s)
	}
	return post, nil
}

// newMail makes what sends mail: over the relay that was configured, else into
// the built-in inbox, over SMTP all the same.
func (c *cloud) newMail(l *lifecycle) (notify.Sender, error) {
	cfg := c.cfg.Mail
	if cfg.Addr == "" {
		inbox, err := devmail.Listen("127.0.0.1:0", postgres.NewDevMail(c.db), time.Now, c.log)
		if err != nil {
			return nil, err
		}
		c.inbox = true
		l.run("mail inbox", inbox.Run)
		cfg.Addr, cfg.Security = inbox.Addr(), email.Plain
	}
	s, err := email.New(cfg, time.Now)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "smtp_invalid", "The mail settings (--smtp…, --mail-from) cannot be used.")
	}
	return s, nil
}

// newSMS makes what sends SMS: over the provider's account that was configured,
// else into the built-in inbox.
func (c *cloud) newSMS() (notify.Sender, error) {
	if cfg := c.cfg.SMS; cfg.Account != "" || cfg.Token != "" || cfg.From != "" {
		t, err := sms.NewTwilio(cfg)
		if err != nil {
			return nil, fault.Wrap(err, fault.Invalid, "sms_invalid", "The SMS settings (--sms…) cannot be used.")
		}
		return sms.New(t), nil
	}
	if c.cfg.Mail.Addr != "" {
		c.log.Warn("SMS reach nobody: they stay in the built-in inbox until --sms-account is set")
	}
	c.inbox = true
	return sms.New(devmail.NewPhone(postgres.NewDevMail(c.db), time.Now)), nil
}
