package account

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// Fault codes of passkeys.
const (
	CodePasskeyRefused   = "passkey_refused"
	CodePasskeyUnknown   = "passkey_not_found" //nolint:gosec // the name of a fault
	CodePasskeyExists    = "passkey_exists"
	CodePasskeysFull     = "too_many_passkeys"
	CodePasskeysOff      = "passkeys_unavailable"
	CodeChallengeExpired = "challenge_expired"
)

// Passkey is a key on somebody's device that logs his account in. The device asks for
// a finger, a face or a number first: it stands for both factors.
type Passkey struct {
	ID             id.Passkey
	Account        id.Account
	Name           string
	Credential     []byte // its id, by the device
	PublicKey      []byte // COSE
	SignCount      uint32 // of the last use; always 0 where the device does not count
	BackupEligible bool
	BackedUp       bool
	Transports     []string
	Model          []byte // AAGUID
	CreatedAt      time.Time
	LastUsed       time.Time // zero: never
}

// Ceremonies are how a device proves that it has a key: what it is asked, and whether
// its answer is good. What is remembered between the two is up to the caller.
type Ceremonies interface {
	// Register asks for a new key that is none of those.
	Register(a Account, not []Passkey) (Challenge, error)
	// Registered is the key of an answer; ErrRefused.
	Registered(a id.Account, remembered, answer []byte) (Passkey, error)
	// Ask asks for any key.
	Ask() (Challenge, error)
	// Answered is the key, as it stands after that use, of an answer; ErrRefused.
	Answered(remembered, answer []byte, keys func(a id.Account) ([]Passkey, error)) (Passkey, error)
	// ChallengeOf is the challenge that an answer says it is for; ErrRefused.
	ChallengeOf(answer []byte) (string, error)
}

// ErrRefused says that an answer is not what was asked for.
var ErrRefused = errors.New("the answer is not what was asked for")

// Challenge is what a device is asked.
type Challenge struct {
	Text       string          // that the answer has to name
	Options    json.RawMessage // for the browser
	Remembered []byte          // for the answer's check
}

const (
	answerWithin = 5 * time.Minute
	mostPasskeys = 20
)

func (s *Service) ceremonies() (Ceremonies, error) {
	if s.Ceremonies == nil {
		return nil, fault.New(fault.Conflict, CodePasskeysOff, "There are no passkeys here: they need a public URL with a name.")
	}
	return s.Ceremonies, nil
}

func (s *Service) remember(ctx context.Context, c Challenge, err error, a id.Account) (json.RawMessage, error) {
	if err == nil {
		now := s.Now().UTC()
		err = s.Store.PutChallenge(ctx, HashToken(c.Text), a, c.Remembered, now, now.Add(answerWithin))
	}
	return c.Options, err
}

// recall finds what was remembered of the challenge that an answer is for, once.
func (s *Service) recall(ctx context.Context, with Ceremonies, answer []byte, a id.Account, refused error) ([]byte, error) {
	text, err := with.ChallengeOf(answer)
	if err != nil {
		return nil, refused
	}
	remembered, err := s.Store.TakeChallenge(ctx, HashToken(text), a, s.Now().UTC())
	if err == nil && remembered == nil {
		err = fault.New(fault.NotFound, CodeChallengeExpired, "That was asked too long ago, or answered already. Begin again.")
	}
	return remembered, err
}

// BeginPasskey asks a device for a new key of the account.
func (s *Service) BeginPasskey(ctx context.Context, l Login) (json.RawMessage, error) {
	with, err := s.ceremonies()
	if err != nil {
		return nil, err
	}
	a, keys, err := s.mayAddPasskey(ctx, l)
	if err != nil {
		return nil, err
	}
	c, err := with.Register(a, keys)
	return s.remember(ctx, c, err, a.ID)
}

func (s *Service) mayAddPasskey(ctx context.Context, l Login) (Account, []Passkey, error) {
	a, err := s.Me(ctx, l.Account)
	if err != nil {
		return Account{}, nil, err
	}
	if err := s.passed(a, l); err != nil {
		return Account{}, nil, err
	}
	keys, err := s.Store.Passkeys(ctx, a.ID)
	if err == nil && len(keys) >= mostPasskeys {
		err = fault.Newf(fault.Conflict, CodePasskeysFull, "An account has %d passkeys at most. Remove one first.", mostPasskeys)
	}
	return a, keys, err
}

// AddPasskey takes the key of a device. Its faults are CodeInvalid, CodeLoginAgain,
// CodePasskeyRefused, CodePasskeyExists, CodeTooManyTries and CodeNotLoggedIn.
func (s *Service) AddPasskey(ctx context.Context, from string, l Login, name string, answer []byte) (Passkey, error) {
	name = strings.TrimSpace(name)
	if utf8.RuneCountInString(name) > 100 || strings.ContainsFunc(name, unicode.IsControl) {
		return Passkey{}, fault.New(fault.Invalid, CodeInvalid, "Some of what was sent cannot be used; fields says what.").
			WithField("name", "has 100 characters at most, and none that control")
	}
	with, err := s.ceremonies()
	if err != nil {
		return Passkey{}, err
	}
	if err := s.try(ctx, from, tries{"passkey:" + l.Account.String(), ofPerson}); err != nil {
		return Passkey{}, err
	}
	a, _, err := s.mayAddPasskey(ctx, l)
	if err != nil {
		return Passkey{}, err
	}
	refused := fault.New(fault.Invalid, CodePasskeyRefused, "The device did not answer what it was asked. Begin again.").WithField("credential", "is not what was asked for")
	remembered, err := s.recall(ctx, with, answer, a.ID, refused)
	if err != nil {
		return Passkey{}, err
	}
	p, err := with.Registered(a.ID, remembered, answer)
	if errors.Is(err, ErrRefused) {
		err = refused
	}
	if err != nil {
		return Passkey{}, err
	}
	now := s.Now().UTC()
	p.ID, p.Account, p.Name, p.CreatedAt = id.New[id.Passkey](now), a.ID, name, now
	ok, err := s.Store.PutPasskey(ctx, l.ID, p, mostPasskeys)
	if err == nil && !ok {
		err = fault.New(fault.Conflict, CodePasskeyExists, "That key is registered already.")
	}
	return p, err
}

// Passkeys are the account's, the newest first.
func (s *Service) Passkeys(ctx context.Context, a id.Account) ([]Passkey, error) {
	return s.Store.Passkeys(ctx, a)
}

// RemovePasskey removes a key and ends the log-ins that it opened, but this one. Its
// faults are CodeLoginAgain, CodePasskeyUnknown and CodeNotLoggedIn.
func (s *Service) RemovePasskey(ctx context.Context, l Login, p id.Passkey) error {
	a, err := s.Me(ctx, l.Account)
	if err != nil {
		return err
	}
	if err := s.passed(a, l); err != nil {
		return err
	}
	ok, err := s.Store.RemovePasskey(ctx, a.ID, p, l.ID)
	if err == nil && !ok {
		err = fault.New(fault.NotFound, CodePasskeyUnknown, "There is no such passkey.")
	}
	return err
}

// AskPasskey asks any device for a key that logs in: which account it is of, it says.
// Its fault is CodeTooManyTries.
func (s *Service) AskPasskey(ctx context.Context, from string) (json.RawMessage, error) {
	with, err := s.ceremonies()
	if err != nil {
		return nil, err
	}
	if err := s.try(ctx, from); err != nil {
		return nil, err
	}
	c, err := with.Ask()
	return s.remember(ctx, c, err, id.Account{})
}

// LoginPasskey logs in by a key, and returns the token of the cookie. A count that did
// not grow says that the key was copied: it is refused. Its faults are
// CodePasskeyRefused and CodeTooManyTries.
func (s *Service) LoginPasskey(ctx context.Context, e Entry, answer []byte) (Session, string, error) {
	with, err := s.ceremonies()
	if err != nil {
		return Session{}, "", err
	}
	if err := s.try(ctx, e.From); err != nil {
		return Session{}, "", err
	}
	refused := fault.New(fault.Unauthenticated, CodePasskeyRefused, "That passkey opens no account here. Log in with your password.")
	remembered, err := s.recall(ctx, with, answer, id.Account{}, refused)
	if err != nil {
		return Session{}, "", err
	}
	p, err := with.Answered(remembered, answer, func(a id.Account) ([]Passkey, error) { return s.Store.Passkeys(ctx, a) })
	if errors.Is(err, ErrRefused) {
		err = refused
	}
	if err != nil {
		return Session{}, "", err
	}
	ok, err := s.Store.UsePasskey(ctx, p, s.Now().UTC())
	if err == nil && !ok {
		err = refused
	}
	if err != nil {
		return Session{}, "", err
	}
	a, err := s.Store.ByID(ctx, p.Account)
	if err == nil && a == nil {
		err = refused
	}
	if err != nil {
		return Session{}, "", err
	}
	return s.open(ctx, e, a, Login{SecondFactor: true, Passkey: p.ID}, refused)
}
