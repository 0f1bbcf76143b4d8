package account

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"strings"
	"time"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// LinkKind is what a mail about an account is for.
type LinkKind string

// The kinds of link.
const (
	LinkVerify LinkKind = "verify" // a new account's address
	LinkKnown  LinkKind = "known"  // somebody signed up with an address that has an account
	LinkReset  LinkKind = "reset"  // a new password
	LinkNone   LinkKind = "none"   // a new password for an address without an account: no mail

	LinkInvite      LinkKind = "invite"       // to work for an operator
	LinkJoined      LinkKind = "joined"       // whom somebody had invited has accepted
	LinkRoleChanged LinkKind = "role_changed" // of the address's account
	LinkRemoved     LinkKind = "removed"      // its role was taken away

	// What has changed of the ways in. These open nothing.
	ToldPassword       LinkKind = "password_changed"
	ToldTOTPAdded      LinkKind = "totp_added"
	ToldTOTPRemoved    LinkKind = "totp_removed"
	ToldRecovery       LinkKind = "recovery_renewed"
	ToldPasskeyAdded   LinkKind = "passkey_added"
	ToldPasskeyRemoved LinkKind = "passkey_removed"
	ToldFactorsReset   LinkKind = "factors_reset" // by the operator of this server, for who has lost them
)

// Link is what a mail about an account says.
type Link struct {
	ID       [16]byte
	Kind     LinkKind
	Email    string
	Token    []byte // its SHA-256
	Language string
	Detail   string // of what has changed: a passkey's name
	Created  time.Time
	Expires  time.Time

	// Of mails about a team.
	Operator string // its name
	Role     Role
	Who      string // the address of somebody else
}

// Store keeps accounts. What its methods say by false or nil is no error, and no
// error of theirs has a code of accounts. What changes a way in asks, in the same
// transaction, for the mail that tells its account so.
type Store interface {
	// ByEmail and ByID return nil when there is none.
	ByEmail(ctx context.Context, email string) (*Account, error)
	ByID(ctx context.Context, a id.Account) (*Account, error)
	// PutLink stores a link, as the kind that applies and in the language of the account
	// that there is, with the job that mails it.
	PutLink(ctx context.Context, l Link) error
	// Verify makes the account of a sign-up's link, with the password of whoever followed
	// it, and ends the address's other links of sign-ups; false: the link is not good.
	Verify(ctx context.Context, token []byte, a id.Account, password string, now time.Time) (bool, error)
	// Reset sets the password and ends all log-ins and the address's other links for a
	// new password; false: the link is not good.
	Reset(ctx context.Context, token []byte, password string, now time.Time) (bool, error)
	// LinkEmail is the address of a link of that kind; empty: it is not good.
	LinkEmail(ctx context.Context, kind LinkKind, token []byte, now time.Time) (string, error)
	// SetPassword sets another password in place of the one that was checked, ends all
	// log-ins but one and the links for a new one; false: it is another one by now, or
	// the log-in that asks has ended.
	SetPassword(ctx context.Context, a id.Account, checked, password string, but id.Login) (bool, error)
	Change(ctx context.Context, a id.Account, c Change) error
	// Close deletes the account; false: an operator has no other owner.
	Close(ctx context.Context, a id.Account) (bool, error)

	// PutLogin opens a session, as long as the account's password is the one that was
	// checked, and the log-in's passkey, if any, is still there; false: not by now.
	PutLogin(ctx context.Context, l Login, checked string, token, instead []byte) (bool, error)
	// FindLogin returns nil when there is none that is good now.
	FindLogin(ctx context.Context, token []byte, now time.Time) (*Login, []Membership, error)
	Seen(ctx context.Context, l id.Login, now, expires time.Time) error
	Logins(ctx context.Context, a id.Account, now time.Time) ([]Login, error)
	// EndLogin ends one of an account's log-ins, EndOthers all but one, EndToken the one of a token.
	EndLogin(ctx context.Context, a id.Account, l id.Login) (bool, error)
	EndOthers(ctx context.Context, a id.Account, but id.Login) error
	EndToken(ctx context.Context, token []byte) error

	// BeginTOTP keeps a secret; false: an authenticator is in force.
	BeginTOTP(ctx context.Context, a id.Account, secret []byte, now time.Time) (bool, error)
	BegunTOTP(ctx context.Context, a id.Account, since time.Time) ([]byte, error)
	// ConfirmTOTP puts the secret that was begun in force, and its session has passed;
	// false: another one was begun, or is in force, or the log-in has ended.
	ConfirmTOTP(ctx context.Context, a id.Account, l id.Login, secret []byte, step int64, recovery [][]byte) (bool, error)
	RemoveTOTP(ctx context.Context, a id.Account) (bool, error)
	// SetRecovery replaces the recovery codes; false: the log-in that asks has ended.
	SetRecovery(ctx context.Context, a id.Account, l id.Login, recovery [][]byte) (bool, error)
	// UseStep and UseRecovery are true for one caller alone.
	UseStep(ctx context.Context, a id.Account, step int64) (bool, error)
	UseRecovery(ctx context.Context, a id.Account, code []byte) (bool, error)

	// Passkeys are an account's, the newest first.
	Passkeys(ctx context.Context, a id.Account) ([]Passkey, error)
	// PutPasskey keeps a key; false: somebody has it, its account has as many as it may, or
	// the log-in that asks has ended.
	PutPasskey(ctx context.Context, l id.Login, p Passkey, most int) (bool, error)
	// UsePasskey notes a use; false: it is gone, or its count has not grown.
	UsePasskey(ctx context.Context, p Passkey, now time.Time) (bool, error)
	// RemovePasskey removes an account's key, and ends the log-ins that it opened but one.
	RemovePasskey(ctx context.Context, a id.Account, p id.Passkey, but id.Login) (bool, error)
	// PutChallenge keeps what a device was asked, of an account or (zero) of anybody, and
	// TakeChallenge gives it out once, until it expires; nil: there is none.
	PutChallenge(ctx context.Context, challenge []byte, a id.Account, remembered []byte, now, expires time.Time) error
	TakeChallenge(ctx context.Context, challenge []byte, a id.Account, now time.Time) ([]byte, error)

	// Try counts a try of each key; the longest of what is to be waited when one has
	// had more than burst in burst times every.
	Try(ctx context.Context, keys [][]byte, burst int, every time.Duration, now time.Time) (time.Duration, error)

	ReservationAccount(ctx context.Context, r id.Reservation) (id.Account, error)
	Reservations(ctx context.Context, a id.Account, before id.Reservation, limit int) ([]id.Reservation, error)
	// Claim gives a reservation an account; false: it belongs to another.
	Claim(ctx context.Context, at id.Parking, r id.Reservation, a id.Account) (bool, error)
	Operators(ctx context.Context, only []id.Operator, all bool) ([]OperatorParkings, error)
}

// OperatorParkings is an operator with its parkings.
type OperatorParkings struct {
	Operator id.Operator
	Name     string
	Parkings []id.Parking
}

// Change is what of an account changes; nil: stays.
type Change struct {
	Name, Language, HourCycle, Currency, Phone *string
	RemindByMail, RemindBySMS                  *bool
	Plates                                     *[]string
}

// Service puts the rules to use. Its methods are safe for concurrent use.
type Service struct {
	Store  Store
	Teams  TeamStore
	Hasher *Hasher
	Secret []byte // of the links
	Now    func() time.Time
	// Ceremonies are those of passkeys; nil: there are none.
	Ceremonies Ceremonies
}

// How long links are good for, and an authenticator that was begun.
const (
	verifyFor = 24 * time.Hour
	resetFor  = time.Hour
	beginFor  = time.Hour
)

// rate is how many tries there are at once, and after how long there is another one.
type rate struct {
	burst int
	every time.Duration
}

// The rates of tries.
var (
	ofNetwork = rate{60, 5 * time.Second}   // of an address of the network, behind which many may be
	ofPerson  = rate{10, time.Minute}       // of somebody; of log-ins: from one network, or anybody could keep him out
	ofAddress = rate{100, 10 * time.Second} // of log-ins with an address, from wherever
	ofMail    = rate{3, time.Hour}          // of mails to an address, whoever asks for them and for what
)

// tries are what a try is counted as.
type tries struct {
	key string
	rate
}

// TooManyTries is the fault of who tries too often, with what is to be waited.
type TooManyTries struct {
	*fault.Fault
	After time.Duration
}

// Unwrap makes it found as the fault that it is.
func (t TooManyTries) Unwrap() error { return t.Fault }

// try counts a try, first of its network, before anything is looked up: whoever is
// tried for, there or not, costs the same. Where one is refused, none is counted that
// comes after it. Its fault is CodeTooManyTries.
func (s *Service) try(ctx context.Context, from string, also ...tries) error {
	now := s.Now().UTC()
	for _, t := range append([]tries{{"network:" + from, ofNetwork}}, also...) {
		wait, err := s.Store.Try(ctx, [][]byte{HashToken(t.key)}, t.burst, t.every, now)
		if err != nil {
			return err
		}
		if wait > 0 {
			return TooManyTries{fault.New(fault.Exhausted, CodeTooManyTries, "Too many tries. Wait until Retry-After is over."), wait}
		}
	}
	return nil
}

// Token is the token of a link, for the mail and nobody else.
func (s *Service) Token(link [16]byte) string {
	mac := hmac.New(sha256.New, s.Secret)
	mac.Write([]byte("account-link-1:"))
	mac.Write(link[:])
	return strings.ToLower(b32.EncodeToString(mac.Sum(nil)))
}

func (s *Service) newLink(kind LinkKind, email, language string, good time.Duration) Link {
	l := Link{Kind: kind, Email: email, Language: language, Created: s.Now().UTC()}
	_, _ = rand.Read(l.ID[:]) // it never fails
	l.Expires, l.Token = l.Created.Add(good), HashToken(s.Token(l.ID))
	return l
}

// Languages of mails and pages.
var Languages = []string{"en", "de"}

func language(text string) (string, error) {
	if text == "" {
		return Languages[0], nil
	}
	if !slices.Contains(Languages, text) {
		return "", fault.New(fault.Invalid, CodeInvalid, "Some of what was sent cannot be used; fields says what.").WithField("language", "must be en or de")
	}
	return text, nil
}

// SignUp sends a mail to the address: a link to confirm it and set a password, or
// that it has an account. The answer and the work are the same. It takes no password:
// whoever signs up may be another than whoever reads the address's mail.
// Its faults are CodeInvalid and CodeTooManyTries.
func (s *Service) SignUp(ctx context.Context, from, email, lang string) error {
	n, err := NormalEmail(email)
	if err != nil {
		return invalid("email", err)
	}
	if lang, err = language(lang); err != nil {
		return err
	}
	if err := s.try(ctx, from, tries{"mail:" + n, ofMail}); err != nil {
		return err
	}
	return s.Store.PutLink(ctx, s.newLink(LinkVerify, n, lang, verifyFor))
}

func errLink() error {
	return fault.New(fault.NotFound, CodeLinkExpired, "This link is too old, or was used already. Ask for another one.")
}

// Verify makes the account of a sign-up, with the password of whoever has the link, and
// logs in.
// Its faults are CodeLinkExpired, CodeInvalid (of the password), CodeTooManyTries and
// CodeBusy.
func (s *Service) Verify(ctx context.Context, e Entry, token, password string) (Session, string, error) {
	return s.follow(ctx, e, LinkVerify, token, password, func(phc string, now time.Time) (bool, error) {
		return s.Store.Verify(ctx, HashToken(token), id.New[id.Account](now), phc, now)
	})
}

// follow sets a password by a link, and logs in with it: whoever could set it may use it,
// and need not type it again. Where a code is asked for besides, there is no session yet.
func (s *Service) follow(ctx context.Context, e Entry, kind LinkKind, token, password string, set func(phc string, now time.Time) (bool, error)) (Session, string, error) {
	if err := s.try(ctx, e.From); err != nil {
		return Session{}, "", err
	}
	email, err := s.Store.LinkEmail(ctx, kind, HashToken(token), s.Now().UTC())
	switch {
	case err != nil:
		return Session{}, "", err
	case email == "":
		return Session{}, "", errLink()
	}
	if err := CheckPassword(email, password); err != nil {
		return Session{}, "", invalid("password", err)
	}
	phc, err := s.Hasher.Hash(ctx, password)
	if err != nil {
		return Session{}, "", err
	}
	ok, err := set(phc, s.Now().UTC())
	if err == nil && !ok {
		err = errLink()
	}
	if err != nil {
		return Session{}, "", err
	}
	a, err := s.Store.ByEmail(ctx, email)
	if err != nil || a == nil || a.Password != phc || a.TOTP != nil {
		return Session{}, "", err // set by somebody else meanwhile, too: he logs in with his own
	}
	at, fresh, err := s.open(ctx, e, a, Login{}, ErrNotLoggedIn())
	if fault.Code(err) == CodeNotLoggedIn {
		err = nil
	}
	return at, fresh, err
}

// Forgot sends a link to set a new password, if there is an account, in the account's
// language.
// Its faults are CodeInvalid and CodeTooManyTries.
func (s *Service) Forgot(ctx context.Context, from, email string) error {
	n, err := NormalEmail(email)
	if err != nil {
		return invalid("email", err)
	}
	if err := s.try(ctx, from, tries{"mail:" + n, ofMail}); err != nil {
		return err
	}
	return s.Store.PutLink(ctx, s.newLink(LinkReset, n, Languages[0], resetFor))
}

// Reset sets a new password, ends every log-in and opens a new one.
// Its faults are CodeLinkExpired, CodeInvalid (of the password), CodeTooManyTries and
// CodeBusy.
func (s *Service) Reset(ctx context.Context, e Entry, token, password string) (Session, string, error) {
	return s.follow(ctx, e, LinkReset, token, password, func(phc string, now time.Time) (bool, error) {
		return s.Store.Reset(ctx, HashToken(token), phc, now)
	})
}

// Entry is what a log-in is tried with.
type Entry struct{ From, Device, Instead, Email, Password, Code string }

// Session is who is logged in.
type Session struct {
	Account Account
	Login   Login
}

func errWrongLogin() error {
	return fault.New(fault.Unauthenticated, CodeWrongLogin, "Address and password do not belong together, or the address was not confirmed yet.")
}

// Login logs in and returns the token of the cookie.
// Its faults are CodeWrongLogin, CodeCodeRequired, CodeWrongCode, CodeInvalid,
// CodeTooManyTries and CodeBusy.
func (s *Service) Login(ctx context.Context, e Entry) (Session, string, error) {
	email, err := NormalEmail(e.Email)
	if err != nil {
		return Session{}, "", invalid("email", err)
	}
	if err := s.try(ctx, e.From, tries{"login:" + e.From + ":" + email, ofPerson}, tries{"login:" + email, ofAddress}); err != nil {
		return Session{}, "", err
	}
	a, err := s.Store.ByEmail(ctx, email)
	if err != nil {
		return Session{}, "", err
	}
	phc := ""
	if a != nil {
		phc = a.Password
	}
	right, err := s.Hasher.Check(ctx, phc, e.Password)
	switch {
	case err != nil:
		return Session{}, "", err
	case !right:
		return Session{}, "", errWrongLogin()
	}
	second := false
	if a.TOTP != nil {
		if e.Code == "" {
			return Session{}, "", fault.New(fault.Unauthenticated, CodeCodeRequired, "Send the code of your authenticator, or a recovery code, as well.")
		}
		if second, err = s.code(ctx, a, e.Code); err != nil {
			return Session{}, "", err
		}
		if !second {
			return Session{}, "", fault.New(fault.Unauthenticated, CodeWrongCode, "That code is not right, or was used already.")
		}
	}
	return s.open(ctx, e, a, Login{SecondFactor: second}, errWrongLogin())
}

// open opens a session for an account whose ways in were as a says. By now it may be
// another: while a password was compared, it may have been reset, and who knew the old
// one must not stay in.
func (s *Service) open(ctx context.Context, e Entry, a *Account, l Login, refused error) (Session, string, error) {
	now := s.Now().UTC()
	l.ID, l.Account, l.Device, l.CreatedAt, l.LastSeen = id.New[id.Login](now), a.ID, e.Device, now, now
	l.Expires = l.Until(now)
	token := newToken()
	var instead []byte
	if e.Instead != "" {
		instead = HashToken(e.Instead)
	}
	ok, err := s.Store.PutLogin(ctx, l, a.Password, HashToken(token), instead)
	switch {
	case err != nil:
		return Session{}, "", err
	case !ok:
		return Session{}, "", refused
	}
	return Session{*a, l}, token, nil
}

// code uses a code of the authenticator or a recovery code up.
func (s *Service) code(ctx context.Context, a *Account, code string) (bool, error) {
	if at, ok := CheckCode(a.TOTP, a.TOTPStep, code, s.Now()); ok {
		return s.Store.UseStep(ctx, a.ID, at)
	}
	hash := HashToken(normalRecovery(code))
	if !slices.ContainsFunc(a.Recovery, func(h []byte) bool { return subtle.ConstantTimeCompare(h, hash) == 1 }) {
		return false, nil
	}
	return s.Store.UseRecovery(ctx, a.ID, hash)
}

// Who is logged in with a token. Nobody: the zero values.
func (s *Service) Who(ctx context.Context, token string) (Principal, Login, error) {
	if token == "" {
		return Principal{}, Login{}, nil
	}
	now := s.Now().UTC()
	l, roles, err := s.Store.FindLogin(ctx, HashToken(token), now)
	if err != nil || l == nil {
		return Principal{}, Login{}, err
	}
	used, note := l.Used(now)
	if note {
		if err := s.Store.Seen(ctx, l.ID, now, used.Expires); err != nil {
			return Principal{}, Login{}, err
		}
	}
	return Principal{Account: l.Account, SecondFactor: l.SecondFactor, Memberships: roles}, used, nil
}

// Still is who is logged in with a token by now. Unlike Who it does not count as being
// seen: what goes on by itself keeps no log-in alive.
func (s *Service) Still(ctx context.Context, token string) (Principal, error) {
	if token == "" {
		return Principal{}, nil
	}
	l, roles, err := s.Store.FindLogin(ctx, HashToken(token), s.Now().UTC())
	if err != nil || l == nil {
		return Principal{}, err
	}
	return Principal{Account: l.Account, SecondFactor: l.SecondFactor, Memberships: roles}, nil
}

// Logout ends the log-in of a token, if there is one.
func (s *Service) Logout(ctx context.Context, token string) error {
	if token == "" {
		return nil
	}
	return s.Store.EndToken(ctx, HashToken(token))
}

// Me is the account of a log-in.
func (s *Service) Me(ctx context.Context, a id.Account) (Account, error) {
	found, err := s.Store.ByID(ctx, a)
	if err != nil {
		return Account{}, err
	}
	if found == nil {
		return Account{}, ErrNotLoggedIn()
	}
	return *found, nil
}
