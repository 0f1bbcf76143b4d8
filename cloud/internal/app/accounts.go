package app

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/notify"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/river"
	"github.com/openlot/openlot/cloud/internal/webauthn"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// hashAtOnce is how many passwords are hashed at a time: 19 MiB and some ten
// milliseconds of a core each.
const hashAtOnce = 2

// Accounts are those of a database, for a command beside running servers, which send the
// mails that it asks for.
func Accounts(db *postgres.DB, log *slog.Logger) (postgres.Accounts, error) {
	queue, err := river.NewQueue(db.Pool(), log)
	if err != nil {
		return postgres.Accounts{}, err
	}
	return postgres.NewAccounts(db, queue), nil
}

// newAccounts makes what logs people in.
func (c *cloud) newAccounts(ctx context.Context, store postgres.Accounts) error {
	secret, err := postgres.NewBooking(c.db).Secret(ctx, "account_link")
	if err != nil {
		return err
	}
	c.accounts = &account.Service{Store: store, Teams: store, Hasher: account.NewHasher(hashAtOnce, nil), Secret: secret, Now: time.Now}
	keys, err := webauthn.New(c.cfg.PublicURL, c.cfg.PasskeyDomain, c.cfg.Origins)
	switch {
	case errors.Is(err, webauthn.ErrNoName):
		c.log.Warn("there are no passkeys: --public-url has an address in the place of a name")
	case err != nil:
		return err
	default:
		c.accounts.Ceremonies = keys
	}
	return nil
}

// wishes adds to a message what the account of its reservation has asked for, and what
// was said for the reservation itself; of a guest without a word nothing is known but the
// language that he booked in. Whether it is reminded is decided when the reminder is sent.
func (d letters) wishes(ctx context.Context, at id.Parking, r id.Reservation, m *notify.Mail) error {
	a, err := d.reminders.of(ctx, r)
	if err != nil {
		return err
	}
	if a != nil {
		m.Wishes = notify.Wishes{Language: a.Language, TwelveHour: a.HourCycle == "h12"}
		if m.Phone == "" {
			m.Phone = a.Phone
		}
	}
	said, err := d.reminders.said.Reminders(ctx, at, r)
	if err != nil {
		return err
	}
	by := account.Reminded(said, a)
	if !by.Mail {
		m.Wishes.Quiet = append(m.Wishes.Quiet, notify.ByMail)
	}
	if !by.SMS {
		m.Wishes.Quiet = append(m.Wishes.Quiet, notify.BySMS)
	}
	return nil
}

// accountMail writes the mails about accounts.
type accountMail struct {
	store    postgres.Accounts
	accounts *account.Service
	post     notify.Post
	portal   string
}

// Mail implements relay.Letters.
func (m accountMail) Mail(ctx context.Context, link string) error {
	var which [16]byte
	if n, err := hex.Decode(which[:], []byte(link)); err != nil || n != len(which) {
		return fmt.Errorf("%w: that is no link", notify.ErrPermanent)
	}
	l, err := m.store.Link(ctx, which)
	switch {
	case err != nil:
		return err
	case l == nil: // its account was closed
		return fmt.Errorf("%w: the link is gone", notify.ErrPermanent)
	case l.Kind == account.LinkNone:
		return nil
	}
	text, known := accountTexts[l.Language][l.Kind]
	if !known {
		return fault.New(fault.NotFound, "no_text", "There is no text for that mail.")
	}
	url := m.portal + text.path
	if strings.HasSuffix(text.path, "=") {
		url += m.accounts.Token(which)
	}
	return m.post.Post(ctx, text.letter(l, link, url))
}
