package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// Accounts are accounts and their log-ins.
type Accounts interface {
	SignUp(ctx context.Context, from, email, language string) error
	Verify(ctx context.Context, e account.Entry, token, password string) (account.Session, string, error)
	Forgot(ctx context.Context, from, email string) error
	Reset(ctx context.Context, e account.Entry, token, password string) (account.Session, string, error)
	Login(ctx context.Context, e account.Entry) (account.Session, string, error)
	Logout(ctx context.Context, token string) error
	Who(ctx context.Context, token string) (account.Principal, account.Login, error)
	Still(ctx context.Context, token string) (account.Principal, error)
	Me(ctx context.Context, a id.Account) (account.Account, error)
	Change(ctx context.Context, a id.Account, c account.Change) error
	SetPassword(ctx context.Context, from string, l account.Login, old, password string) error
	Close(ctx context.Context, l account.Login) error
	Logins(ctx context.Context, a id.Account) ([]account.Login, error)
	EndLogin(ctx context.Context, a id.Account, l id.Login) error
	EndOthers(ctx context.Context, l account.Login) error
	BeginTOTP(ctx context.Context, l account.Login) (secret, uri string, err error)
	ConfirmTOTP(ctx context.Context, from string, l account.Login, code string) ([]string, error)
	RemoveTOTP(ctx context.Context, l account.Login) error
	NewRecovery(ctx context.Context, l account.Login) ([]string, error)
	Passkeys(ctx context.Context, a id.Account) ([]account.Passkey, error)
	BeginPasskey(ctx context.Context, l account.Login) (json.RawMessage, error)
	AddPasskey(ctx context.Context, from string, l account.Login, name string, answer []byte) (account.Passkey, error)
	RemovePasskey(ctx context.Context, l account.Login, p id.Passkey) error
	AskPasskey(ctx context.Context, from string) (json.RawMessage, error)
	LoginPasskey(ctx context.Context, e account.Entry, answer []byte) (account.Session, string, error)
	Owner(ctx context.Context, r id.Reservation) (id.Account, error)
	Reservations(ctx context.Context, a id.Account, before id.Reservation, limit int) ([]id.Reservation, error)
	Claim(ctx context.Context, a id.Account, at id.Parking, r id.Reservation, contact string) error
	Parkings(ctx context.Context, p account.Principal, o id.Operator) ([]account.OperatorParkings, error)
}

// The cookie's names. The prefix has browsers refuse it from anybody but this very
// host over TLS; without TLS, which only this machine may be without, they would
// refuse it as a whole.
const (
	cookieName  = "__Host-openlot_session"
	plainCookie = "openlot_session"
)

// onLoopback reports whether a request came without TLS, from this machine to a
// name of it, and from nobody behind: a proxy in front may ask for such a name, too.
func onLoopback(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || r.TLS != nil || !peer.Addr().Unmap().IsLoopback() {
		return false
	}
	for _, behind := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(behind) != "" {
			return false
		}
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func cookieOf(r *http.Request) string {
	name := cookieName
	if onLoopback(r) {
		name = plainCookie
	}
	c, err := r.Cookie(name)
	if err != nil || len(c.Value) > 128 {
		return ""
	}
	return c.Value
}

// setCookie gives the browser a session until it ends, or takes it away (no token).
func setCookie(c *gin.Context, token string, l account.Login) {
	k := &http.Cookie{ //nolint:gosec // all is set; Secure is off on loopback alone, which has no TLS
		Name: cookieName, Value: token, Path: "/", MaxAge: int(l.Expires.Sub(l.LastSeen).Seconds()),
		HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode,
	}
	if onLoopback(c.Request) {
		k.Name, k.Secure = plainCookie, false
	}
	if token == "" || k.MaxAge <= 0 {
		k.MaxAge = -1
	}
	http.SetCookie(c.Writer, k)
}

// sameOrigin refuses what a browser sends from a page of another origin, and lets
// pages of the allowed ones read the answers.
func (s *server) sameOrigin(c *gin.Context) {
	if len(s.Origins) > 0 { // or a cache gives one page what another was answered
		c.Writer.Header().Add("Vary", "Origin")
	}
	if strings.HasPrefix(c.Request.URL.Path, "/webhooks/") {
		return
	}
	if o := c.GetHeader("Origin"); o != "" && slices.Contains(s.Origins, o) {
		h := c.Writer.Header()
		h.Set("Access-Control-Allow-Origin", o)
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Access-Control-Expose-Headers", "Date, Retry-After, ETag, Location, Openlot-Position, X-Request-Id")
		if c.Request.Method == http.MethodOptions && c.GetHeader("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Openlot-Position")
			h.Set("Access-Control-Max-Age", "600")
			c.AbortWithStatus(http.StatusNoContent)
			return
		}
	}
	if err := s.origin.Check(c.Request); err != nil {
		s.do(func(*gin.Context) error {
			return fault.Wrap(err, fault.Forbidden, "cross_origin", "A page of another origin may not do that. Allowed origins are configuration.")
		})(c)
		c.Abort()
	}
}

// from is the network that a request came from, as far as it can be believed: the peer,
// or whom a trusted proxy names; of IPv6 the half that a household has.
func from(c *gin.Context) string {
	a, err := netip.ParseAddr(c.ClientIP())
	if err != nil { // such as a link-local peer, whose zone gin does not read
		peer, err := netip.ParseAddrPort(c.Request.RemoteAddr)
		if err != nil {
			return ""
		}
		a = peer.Addr()
	}
	if a = a.Unmap(); a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// trust has gin believe what proxies say of whom they ask for; without any, nobody.
func (s *server) trust(r *gin.Engine) error {
	var nets []string
	for _, text := range s.TrustedProxies {
		p, err := netip.ParsePrefix(text)
		if addr, addrErr := netip.ParseAddr(text); addrErr == nil {
			p, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil || p.Bits() == 0 {
			return fault.Newf(fault.Invalid, "trusted_proxy_invalid", "A trusted proxy is an address or a network, such as 10.1.0.0/16, and not everybody: %q is none.", text)
		}
		nets = append(nets, p.String())
	}
	// One header alone: a proxy that sets one lets a client's other ones through.
	r.RemoteIPHeaders = []string{"X-Forwarded-For"}
	if err := r.SetTrustedProxies(nets); err != nil {
		return fault.Wrap(err, fault.Invalid, "trusted_proxy_invalid", "A trusted proxy is an address or a network, such as 10.1.0.0/16.")
	}
	return nil
}

// device is what a browser says of itself, in a few words.
func device(agent string) string {
	pick := func(of ...string) string {
		for i := 0; i < len(of); i += 2 {
			if strings.Contains(agent, of[i]) {
				return of[i+1]
			}
		}
		return ""
	}
	browser := pick("Edg/", "Edge", "OPR/", "Opera", "Firefox/", "Firefox", "Chrome/", "Chrome", "Safari/", "Safari")
	system := pick("iPhone", "iPhone", "iPad", "iPad", "Android", "Android", "Windows", "Windows", "Mac OS X", "macOS", "Linux", "Linux")
	if browser != "" && system != "" {
		return browser + " on " + system
	}
	return browser + system
}

// who is logged in; nobody is no error. When the session's end has been put off, so is the
// cookie's.
func (s *server) who(c *gin.Context) (account.Principal, account.Login, error) {
	if s.Accounts == nil {
		return account.Principal{}, account.Login{}, nil
	}
	token := cookieOf(c.Request)
	p, l, err := s.Accounts.Who(c.Request.Context(), token)
	if err == nil && l.Extended {
		setCookie(c, token, l)
	}
	return p, l, err
}

// as runs a handler for whoever is logged in.
func (s *server) as(h func(*gin.Context, account.Principal, account.Login) error) gin.HandlerFunc {
	return s.do(func(c *gin.Context) error {
		p, l, err := s.who(c)
		if err == nil && p.Account.IsZero() {
			err = account.ErrNotLoggedIn()
		}
		if err != nil {
			return err
		}
		c.Writer.Header().Add("Vary", "Cookie")
		return again(c, h(c, p, l))
	})
}

// ownedOr is nil when the reservation is of the account that is logged in, and else
// what it would be answered with without a session.
func (s *server) ownedOr(c *gin.Context, r id.Reservation, refusal error) error {
	p, _, err := s.who(c)
	if err != nil {
		return err
	}
	return s.owns(c, p, r, refusal)
}

// owns is nil when the reservation is of the principal's account, else the refusal.
func (s *server) owns(c *gin.Context, p account.Principal, r id.Reservation, refusal error) error {
	if p.Account.IsZero() || r.IsZero() {
		return refusal
	}
	owner, err := s.Accounts.Owner(c.Request.Context(), r)
	if err != nil {
		return err
	}
	return account.Decide(p, account.ManageReservation, account.Object{Account: owner, Exists: !owner.IsZero()}).Refusal(refusal)
}

// again makes of a fault of too many tries the header that says when to come again.
func again(c *gin.Context, err error) error {
	if many := (account.TooManyTries{}); errors.As(err, &many) {
		tell(c, many.After)
	}
	return err
}

// try runs a handler that counts tries, for anybody.
func (s *server) try(h func(*gin.Context) error) gin.HandlerFunc {
	return s.do(func(c *gin.Context) error { return again(c, h(c)) })
}

func (s *server) accountRoutes(r *gin.Engine, get func(string, gin.HandlerFunc)) {
	if s.Accounts == nil {
		return
	}
	r.POST("/users", s.try(s.signUp))
	r.POST("/users/verify", s.try(s.verify))
	r.POST("/login", s.try(s.login))
	r.POST("/login/passkey/begin", s.try(s.askPasskey))
	r.POST("/login/passkey", s.try(s.loginPasskey))
	r.POST("/logout", s.do(s.logout))
	r.POST("/password/forgot", s.try(s.forgot))
	r.POST("/password/reset", s.try(s.reset))
	get("/me", s.as(s.getMe))
	r.PATCH("/me", s.as(s.changeMe))
	r.DELETE("/me", s.as(s.closeMe))
	r.POST("/me/password", s.as(s.changePassword))
	get("/me/sessions", s.as(s.listSessions))
	r.DELETE("/me/sessions", s.as(s.endOtherSessions))
	r.DELETE("/me/sessions/:id", s.as(s.endSession))
	get("/me/reservations", s.as(s.myReservations))
	r.POST("/me/totp", s.as(s.beginTOTP))
	r.POST("/me/totp/confirm", s.as(s.confirmTOTP))
	r.DELETE("/me/totp", s.as(s.removeTOTP))
	r.POST("/me/recovery-codes", s.as(s.newRecovery))
	get("/me/passkeys", s.as(s.listPasskeys))
	r.POST("/me/passkeys/begin", s.as(s.beginPasskey))
	r.POST("/me/passkeys", s.as(s.addPasskey))
	r.DELETE("/me/passkeys/:id", s.as(s.removePasskey))
	r.POST("/reservations/:id/claim", s.as(s.claim))
	get("/owner/parkings", s.as(s.ownParkings))
	s.opsRoutes(r, get)
	s.numberRoutes(get)
	s.ownerConfigRoutes(r, get)
	s.ownerShopRoutes(r, get)
	s.ownerTeamRoutes(r, get)
}
