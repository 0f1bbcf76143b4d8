// Package webauthn has devices prove that they have a passkey (W3C Web
// Authentication). Keys are discoverable, so that nobody has to say who he is, and the
// device makes sure of its user each time. What kind of device it is, is not asked.
package webauthn

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// RP is for which site keys are, and on whose pages they may be used.
type RP struct {
	w *webauthn.WebAuthn
}

var _ account.Ceremonies = RP{}

// ErrNoName says that the public URL has an address in the place of a name, for which
// no device makes a key.
var ErrNoName = errors.New("the public URL has no name")

// New makes the site's. Keys are for the domain, by default the host of the public URL;
// pages of the URL's origin and of the further origins within the domain may use them.
// On this very machine's address they are for localhost.
func New(publicURL, domain string, origins []string) (RP, error) {
	u, err := url.Parse(publicURL)
	if err != nil {
		return RP{}, fmt.Errorf("public URL: %w", err)
	}
	host := u.Hostname()
	if ip, err := netip.ParseAddr(host); err == nil {
		if !ip.IsLoopback() {
			return RP{}, ErrNoName
		}
		host, u.Host = "localhost", net.JoinHostPort("localhost", u.Port())
		if u.Port() == "" {
			u.Host = host
		}
	}
	if domain == "" {
		domain = host
	}
	var allowed []string
	for _, o := range append([]string{u.Scheme + "://" + u.Host}, origins...) {
		if at, err := url.Parse(o); err == nil && within(at.Hostname(), domain) {
			allowed = append(allowed, o)
		}
	}
	if !within(host, domain) || protocol.ValidateRPID(domain) != nil {
		return RP{}, fault.Newf(fault.Invalid, "passkey_domain_invalid", "Passkeys' domain is the host of the public URL or one above it, and %q is not.", domain)
	}
	w, err := webauthn.New(&webauthn.Config{
		RPID: domain, RPDisplayName: "Openlot", RPOrigins: allowed, AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(), UserVerification: protocol.VerificationRequired,
		},
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore, // nothing of it is used
	})
	if err != nil {
		return RP{}, fmt.Errorf("passkeys of %s: %w", domain, err)
	}
	return RP{w}, nil
}

func within(host, domain string) bool { return host == domain || strings.HasSuffix(host, "."+domain) }

// user is an account as the library wants it.
type user struct {
	account account.Account
	keys    []account.Passkey
}

func (u user) WebAuthnID() []byte          { return u.account.ID.Bytes() }
func (u user) WebAuthnName() string        { return u.account.Email }
func (u user) WebAuthnDisplayName() string { return u.account.Email }

func (u user) WebAuthnCredentials() []webauthn.Credential {
	list := make([]webauthn.Credential, 0, len(u.keys))
	for i := range u.keys {
		p := &u.keys[i]
		c := webauthn.Credential{
			ID: p.Credential, PublicKey: p.PublicKey,
			Flags:         webauthn.CredentialFlags{UserPresent: true, UserVerified: true, BackupEligible: p.BackupEligible, BackupState: p.BackedUp},
			Authenticator: webauthn.Authenticator{AAGUID: p.Model, SignCount: p.SignCount},
		}
		for _, t := range p.Transports {
			c.Transport = append(c.Transport, protocol.AuthenticatorTransport(t))
		}
		list = append(list, c)
	}
	return list
}

func challenge(options any, session *webauthn.SessionData) (account.Challenge, error) {
	asked, err := json.Marshal(options)
	if err != nil {
		return account.Challenge{}, fmt.Errorf("write a challenge: %w", err)
	}
	remembered, err := json.Marshal(session)
	if err != nil {
		return account.Challenge{}, fmt.Errorf("write a challenge: %w", err)
	}
	return account.Challenge{Text: session.Challenge, Options: asked, Remembered: remembered}, nil
}

// Register implements account.Ceremonies.
func (r RP) Register(a account.Account, not []account.Passkey) (account.Challenge, error) {
	u := user{a, not}
	known := webauthn.Credentials(u.WebAuthnCredentials()).CredentialDescriptors()
	options, session, err := r.w.BeginRegistration(u, webauthn.WithExclusions(known))
	if err != nil {
		return account.Challenge{}, fmt.Errorf("ask for a new passkey: %w", err)
	}
	return challenge(options.Response, session)
}

// Registered implements account.Ceremonies.
func (r RP) Registered(a id.Account, remembered, answer []byte) (account.Passkey, error) {
	var session webauthn.SessionData
	if err := json.Unmarshal(remembered, &session); err != nil {
		return account.Passkey{}, fmt.Errorf("read a challenge: %w", err)
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return account.Passkey{}, refused(err)
	}
	c, err := r.w.CreateCredential(user{account: account.Account{ID: a}}, session, parsed)
	if err != nil {
		return account.Passkey{}, refused(err)
	}
	p := account.Passkey{
		Credential: c.ID, PublicKey: c.PublicKey, SignCount: c.Authenticator.SignCount, Model: c.Authenticator.AAGUID,
		BackupEligible: c.Flags.BackupEligible, BackedUp: c.Flags.BackupState,
	}
	for _, t := range c.Transport {
		p.Transports = append(p.Transports, string(t))
	}
	return p, nil
}

// Ask implements account.Ceremonies.
func (r RP) Ask() (account.Challenge, error) {
	options, session, err := r.w.BeginDiscoverableLogin()
	if err != nil {
		return account.Challenge{}, fmt.Errorf("ask for a passkey: %w", err)
	}
	return challenge(options.Response, session)
}

// Answered implements account.Ceremonies.
func (r RP) Answered(remembered, answer []byte, keys func(a id.Account) ([]account.Passkey, error)) (account.Passkey, error) {
	var session webauthn.SessionData
	if err := json.Unmarshal(remembered, &session); err != nil {
		return account.Passkey{}, fmt.Errorf("read a challenge: %w", err)
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return account.Passkey{}, refused(err)
	}
	var known []account.Passkey
	var failed error
	c, err := r.w.ValidateDiscoverableLogin(func(_, handle []byte) (webauthn.User, error) {
		a, err := id.FromBytes[id.Account](handle)
		if err != nil {
			return nil, err
		}
		known, failed = keys(a)
		return user{account.Account{ID: a}, known}, failed
	}, session, parsed)
	switch {
	case failed != nil:
		return account.Passkey{}, failed
	case err != nil:
		return account.Passkey{}, refused(err)
	case c.Authenticator.CloneWarning:
		return account.Passkey{}, refused(errors.New("the count has not grown"))
	}
	for _, p := range known {
		if string(p.Credential) == string(c.ID) {
			p.SignCount, p.BackedUp = c.Authenticator.SignCount, c.Flags.BackupState
			return p, nil
		}
	}
	return account.Passkey{}, refused(errors.New("no such key"))
}

// ChallengeOf implements account.Ceremonies.
func (RP) ChallengeOf(answer []byte) (string, error) {
	var said struct {
		Response struct {
			ClientData protocol.URLEncodedBase64 `json:"clientDataJSON"`
		} `json:"response"`
	}
	var client struct {
		Challenge string `json:"challenge"`
	}
	if err := json.Unmarshal(answer, &said); err != nil {
		return "", refused(err)
	}
	if err := json.Unmarshal(said.Response.ClientData, &client); err != nil || client.Challenge == "" {
		return "", refused(errors.New("no challenge"))
	}
	return client.Challenge, nil
}

func refused(err error) error { return fmt.Errorf("%w: %w", account.ErrRefused, err) }
