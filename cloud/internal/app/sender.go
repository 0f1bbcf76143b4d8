package app

import (
	"time"

	"github.com/openlot/openlot/cloud/internal/devmail"
	"github.com/openlot/openlot/cloud/internal/notify"
	"github.com/openlot/openlot/cloud/internal/notify/email"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/protocol/fault"
)

// newSender makes what sends mail: over the relay that was configured, else
// into the built-in inbox, over SMTP all the same.
func (c *cloud) newSender(l *lifecycle) (notify.Sender, error) {
	cfg := c.cfg.Mail
	if cfg.Addr == "" {
		var err error
		if c.inbox, err = devmail.Listen("127.0.0.1:0", postgres.NewDevMail(c.db), time.Now, c.log); err != nil {
			return nil, err
		}
		l.run("mail inbox", c.inbox.Run)
		cfg.Addr, cfg.Security = c.inbox.Addr(), email.Plain
	}
	s, err := email.New(cfg, time.Now)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "smtp_invalid", "The mail settings (--smtp…, --mail-from) cannot be used.")
	}
	return s, nil
}
