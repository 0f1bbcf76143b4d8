package app

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/notify"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/webauthn"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// hashAtOnce is how many passwords are hashed at a time: 19 MiB and some ten
// milliseconds of a core each.
const hashAtOnce = 2

// newAccounts makes what logs people in.
func (c *cloud) newAccounts(ctx context.Context, store postgres.Accounts) error {
	secret, err := postgres.NewBooking(c.db).Secret(ctx, "account_link")
	if err != nil {
		return err
	}
	c.accounts = &account.Service{Store: store, Hasher: account.NewHasher(hashAtOnce, nil), Secret: secret, Now: time.Now}
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

// wishes adds to a message what the account of its reservation has asked for; a guest
// has asked for nothing but the language that he booked in. Whether it is reminded is decided when the reminder is sent.
func (d letters) wishes(ctx context.Context, r id.Reservation, m *notify.Mail) error {
	of, err := d.accounts.ReservationAccount(ctx, r)
	if err != nil || of.IsZero() {
		return err
	}
	a, err := d.accounts.ByID(ctx, of)
	if err != nil || a == nil { // closed since
		return err
	}
	m.Wishes = notify.Wishes{Language: a.Language, TwelveHour: a.HourCycle == "h12"}
	if !a.RemindByMail {
		m.Wishes.Quiet = append(m.Wishes.Quiet, notify.ByMail)
	}
	if !a.RemindBySMS {
		m.Wishes.Quiet = append(m.Wishes.Quiet, notify.BySMS)
	}
	if m.Phone == "" {
		m.Phone = a.Phone
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
	// Behind the #, so that no server or proxy sees the token.
	path := map[account.LinkKind]string{account.LinkVerify: "/#/verify?token=", account.LinkReset: "/#/reset?token="}[l.Kind]
	url := m.portal + "/#/login"
	if path != "" {
		url = m.portal + path + m.accounts.Token(which)
	}
	return m.post.Post(ctx, notify.Letter{ID: link, To: l.Email, Subject: text[0], Text: strings.ReplaceAll(text[1], "{url}", url)})
}

// accountTexts are subject and text by language and kind.
var accountTexts = map[string]map[account.LinkKind][2]string{
	"en": {
		account.LinkVerify: {"Confirm your address", "Somebody, hopefully you, is making an Openlot account with this address.\n\nConfirm it and choose a password: {url}\n\nThe link is good for a day, once. If it was not you, do nothing.\n"},
		account.LinkKnown:  {"You have an account already", "Somebody, hopefully you, wanted to make an Openlot account with this address. There is one already, and nothing was changed.\n\nLog in: {url}\n\nIf you do not know your password any more, ask for a new one there.\n"},
		account.LinkReset:  {"Set a new password", "Somebody, hopefully you, wants to set a new password for your Openlot account.\n\nSet it: {url}\n\nThe link is good for an hour, once. You are then logged out everywhere. If it was not you, do nothing.\n"},
	},
	"de": {
		account.LinkVerify: {"Adresse bestätigen", "Jemand, hoffentlich Sie, legt mit dieser Adresse ein Konto bei Openlot an.\n\nBestätigen und ein Passwort wählen: {url}\n\nDer Link gilt einen Tag und einmal. Waren Sie es nicht, ist nichts zu tun.\n"},
		account.LinkKnown:  {"Sie haben schon ein Konto", "Jemand, hoffentlich Sie, wollte mit dieser Adresse ein Konto bei Openlot anlegen. Es gibt schon eines; geändert wurde nichts.\n\nAnmelden: {url}\n\nIst das Passwort vergessen, lässt sich dort ein neues anfordern.\n"},
		account.LinkReset:  {"Neues Passwort setzen", "Jemand, hoffentlich Sie, möchte für Ihr Konto bei Openlot ein neues Passwort setzen.\n\nSetzen: {url}\n\nDer Link gilt eine Stunde und einmal. Danach sind Sie überall abgemeldet. Waren Sie es nicht, ist nichts zu tun.\n"},
	},
}
