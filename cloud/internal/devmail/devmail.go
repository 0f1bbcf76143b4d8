// Package devmail is the built-in inbox: a mail server on the loopback
// interface that keeps what it is given, a peer that keeps SMS, and pages to read
// both. It is for development and demonstrations; it delivers to nobody.
package devmail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/mail"
	"time"

	"github.com/emersion/go-smtp"
)

// Message is a mail as it was received.
type Message struct {
	ID         int64
	MessageID  string // without angle brackets; empty when the mail had none
	Sender     string // of the envelope
	Recipients []string
	Subject    string
	At         time.Time
	Raw        []byte // RFC 5322; not in lists
}

// Query says which messages are listed.
type Query struct {
	To     string // a part of an address or of the subject, whatever its case; empty: all
	Before int64  // older than this one; 0: the newest
	Limit  int
}

// Store keeps mail and SMS.
type Store interface {
	// KeepMail stores a message and drops the oldest ones above Kept.
	KeepMail(ctx context.Context, m Message) error
	// Mails lists messages without their content, newest first.
	Mails(ctx context.Context, q Query) ([]Message, error)
	// Mail returns nil when there is no such message.
	Mail(ctx context.Context, id int64) (*Message, error)
	// KeepText stores an SMS, unless the same text to the same number is there, and
	// drops the oldest ones above Kept.
	KeepText(ctx context.Context, t Text) error
	// Texts lists the latest SMS, newest first; to is a part of the number, or empty.
	Texts(ctx context.Context, to string, limit int) ([]Text, error)
}

// Limits of the inbox.
const (
	Kept          = 1000
	maxBytes      = 5 << 20
	maxRecipients = 50
	keepTimeout   = 10 * time.Second
	idleTimeout   = time.Minute
	grace         = time.Second
)

// Server takes mail over SMTP.
type Server struct {
	store    Store
	log      *slog.Logger
	now      func() time.Time
	listener net.Listener
}

// Listen opens the server's port; addr is usually "127.0.0.1:0". An address
// that others could reach is refused: the server takes mail from anybody.
func Listen(addr string, s Store, now func() time.Time, log *slog.Logger) (*Server, error) {
	l, err := net.Listen("tcp", addr) //nolint:noctx // on this machine: there is nothing to wait for
	if err != nil {
		return nil, fmt.Errorf("open the inbox: %w", err)
	}
	if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		return nil, errors.Join(fmt.Errorf("open the inbox: %s is not a loopback address", addr), l.Close())
	}
	return &Server{store: s, log: log.With("component", "devmail"), now: now, listener: l}, nil
}

// Addr is the address to send mail to.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Run takes mail until the context ends.
func (s *Server) Run(ctx context.Context) error {
	srv := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{server: s, ctx: ctx}, nil }))
	srv.Domain = "localhost"
	srv.MaxMessageBytes, srv.MaxRecipients = maxBytes, maxRecipients
	srv.ReadTimeout, srv.WriteTimeout = idleTimeout, idleTimeout
	srv.ErrorLog = slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)
	cut, cutAll := context.WithCancel(context.WithoutCancel(ctx))
	defer cutAll()
	done := make(chan error, 1)
	go func() { done <- srv.Serve(cutting{s.listener, cut}) }()
	select {
	case err := <-done:
		return fmt.Errorf("the inbox stopped: %w", err)
	case <-ctx.Done():
	}
	// Who is being served may finish; who idles is cut.
	timer := time.AfterFunc(grace, cutAll)
	defer timer.Stop()
	err := srv.Shutdown(context.WithoutCancel(ctx))
	_ = s.listener.Close() // in case serving began after the shutdown; else it is closed already
	return errors.Join(err, <-done)
}

// cutting closes the connections it has accepted when the context ends.
type cutting struct {
	net.Listener
	ctx context.Context //nolint:containedctx // of the Run that accepts: Accept carries none
}

func (l cutting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &cuttable{c, context.AfterFunc(l.ctx, func() { _ = c.Close() })}, nil
}

type cuttable struct {
	net.Conn
	forget func() bool
}

func (c *cuttable) Close() error {
	c.forget()
	return c.Conn.Close()
}

// session is one conversation.
type session struct {
	server *Server
	ctx    context.Context //nolint:containedctx // of the server's Run: the protocol's calls carry none
	from   string
	to     []string
}

var _ smtp.Session = (*session)(nil)

// Reset implements smtp.Session.
func (s *session) Reset() { s.from, s.to = "", nil }

// Logout implements smtp.Session.
func (s *session) Logout() error { return nil }

// Mail implements smtp.Session.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

// Rcpt implements smtp.Session.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

// Data implements smtp.Session. The mail is stored before it is answered for.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m := Message{Sender: s.from, Recipients: s.to, At: s.server.now().UTC(), Raw: raw}
	if parsed, err := mail.ReadMessage(bytes.NewReader(raw)); err == nil {
		m.Subject = decodeHeader(parsed.Header.Get("Subject"))
		m.MessageID = bare(parsed.Header.Get("Message-Id"))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), keepTimeout)
	defer cancel()
	if err := s.server.store.KeepMail(ctx, m); err != nil {
		s.server.log.Error("a mail could not be kept", "err", err)
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "The inbox cannot keep mail at the moment"}
	}
	return nil
}
