// Package email tells drivers by mail: one message with a plain text and an
// HTML form, and the gate pass as a QR image inside of it, so that it needs no
// network at the gate.
package email

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/openlot/openlot/cloud/internal/notify"
)

// Security is how the connection to the mail server is protected.
type Security string

// The kinds of protection.
const (
	Plain    Security = "plain"    // none: for a server on this machine
	StartTLS Security = "starttls" // refused when the server does not offer it
	TLS      Security = "tls"      // from the first byte
)

// Config says which server takes the messages.
type Config struct {
	Addr     string // host:port
	From     string // RFC 5322 address with a name: "Openlot <noreply@example.org>"
	Security Security
	Username string // empty: no authentication
	Password string
	TLS      *tls.Config // nil: the system's trust
}

// timeout bounds each step of the conversation with the server.
const timeout = 15 * time.Second

// Sender sends mail over SMTP, one connection per message.
type Sender struct {
	cfg       Config
	host      string
	port      int
	from      *mail.Address
	domain    string
	templates templates
	now       func() time.Time
}

var _ notify.Sender = (*Sender)(nil)

// New makes a sender. It does not connect.
func New(cfg Config, now func() time.Time) (*Sender, error) {
	host, portText, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("mail server: %w", err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("mail server: port %q: %w", portText, err)
	}
	from, err := mail.ParseAddress(cfg.From)
	if err != nil {
		return nil, fmt.Errorf("sender's address %q: %w", cfg.From, err)
	}
	switch cfg.Security {
	case Plain, StartTLS, TLS:
	default:
		return nil, fmt.Errorf("mail security %q is none of plain, starttls and tls", cfg.Security)
	}
	t, err := parse()
	if err != nil {
		return nil, err
	}
	_, domain, _ := strings.Cut(from.Address, "@")
	return &Sender{cfg: cfg, host: host, port: int(port), from: from, domain: domain, templates: t, now: now}, nil
}

// MessageID is the id of a notification, without angle brackets. It is the same
// each time it is sent, so that a receiver shows it once.
func (s *Sender) MessageID(k notify.Kind, m notify.Mail) string {
	if k == notify.Refunded || k == notify.RefundFailed {
		return fmt.Sprintf("%s.%s.%d.%d@%s", k, m.Reservation, m.Generation, m.Refunds, s.domain)
	}
	switch { // what may be told again, of something else
	case k == notify.Owing && m.OwedAsks:
		k += "-asked"
	case k == notify.Receipt && m.OwedPaid:
		return fmt.Sprintf("%s.%s.%d.%d@%s", k, m.Reservation, m.Generation, m.Receipt.Taken.Minor, s.domain)
	}
	if k == notify.Unsecured { // which may be told for another reason later
		switch {
		case m.AsksBank:
			k += "-asked"
		case m.Refused:
			k += "-refused"
		}
	}
	return fmt.Sprintf("%s.%s.%d@%s", k, m.Reservation, m.Generation, s.domain)
}

// Send implements notify.Sender. It returns once the server has taken the
// message. A refusal with a 5xx code, and an address that cannot be one, wrap
// notify.ErrPermanent.
func (s *Sender) Send(ctx context.Context, k notify.Kind, m notify.Mail) error {
	msg, err := s.compose(k, m)
	if err != nil {
		return err
	}
	return s.deliver(ctx, msg)
}

func (s *Sender) deliver(ctx context.Context, msg *gomail.Msg) error {
	options := []gomail.Option{gomail.WithPort(s.port), gomail.WithTimeout(timeout), gomail.WithHELO(s.domain), gomail.WithoutNoop()}
	switch s.cfg.Security {
	case TLS:
		options = append(options, gomail.WithSSL())
	case StartTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if s.cfg.TLS != nil {
		options = append(options, gomail.WithTLSConfig(s.cfg.TLS.Clone()))
	}
	if s.cfg.Username != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.cfg.Username), gomail.WithPassword(s.cfg.Password))
	}
	c, err := gomail.NewClient(s.host, options...)
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	conn, err := c.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return fmt.Errorf("reach the mail server: %w", err)
	}
	// Ending the conversation politely is of no consequence.
	defer func() { _ = c.CloseWithSMTPClient(conn) }()
	err = c.SendWithSMTPClient(conn, msg)
	if err == nil || msg.IsDelivered() { // taken, whatever was said after that
		return nil
	}
	var refusal *gomail.SendError
	if errors.As(err, &refusal) && refusal.ErrorCode() >= 500 && refusal.ErrorCode() < 600 {
		return fmt.Errorf("%w: the mail server answered %d", notify.ErrPermanent, refusal.ErrorCode())
	}
	if errors.As(err, &refusal) {
		// Its text names the recipient; a log must not.
		return fmt.Errorf("the mail server did not take the message: %s, code %d", refusal.Reason, refusal.ErrorCode())
	}
	return fmt.Errorf("the mail server did not take the message: %w", err)
}

// compose writes the message.
func (s *Sender) compose(k notify.Kind, m notify.Mail) (*gomail.Msg, error) {
	if !slices.Contains(notify.Kinds(), k) {
		return nil, fmt.Errorf("%w: there is no mail of kind %q", notify.ErrPermanent, k)
	}
	v := newView(k, m)
	text, html, err := s.templates.render(k, v)
	if err != nil {
		return nil, err
	}
	msg := gomail.NewMsg()
	if err := msg.FromFormat(s.from.Name, s.from.Address); err != nil {
		return nil, fmt.Errorf("sender's address: %w", err)
	}
	if err := msg.To(m.To); err != nil {
		return nil, fmt.Errorf("%w: the recipient's address cannot be one", notify.ErrPermanent)
	}
	msg.Subject(v.Subject)
	msg.SetDateWithValue(s.now())
	msg.SetMessageIDWithValue(s.MessageID(k, m))
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(gomail.TypeTextPlain, text)
	msg.AddAlternativeString(gomail.TypeTextHTML, html)
	if k.HasPass() {
		png, err := draw(m.Pass)
		if err != nil {
			return nil, err
		}
		err = msg.EmbedReader("pass.png", bytes.NewReader(png), gomail.WithFileContentID("<"+passImage+">"), gomail.WithFileContentType("image/png"))
		if err != nil {
			return nil, err
		}
	}
	if k.HasReceipt() {
		err := msg.AttachReader("receipt-"+m.Receipt.Number+".pdf", bytes.NewReader(m.Receipt.PDF), gomail.WithFileContentType("application/pdf"))
		if err != nil {
			return nil, err
		}
	}
	return msg, nil
}
