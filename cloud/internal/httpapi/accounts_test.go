package httpapi_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
	"github.com/openlot/openlot/cloud/internal/httpapi"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// strangers are accounts into which nobody gets.
type strangers struct{ httpapi.Accounts }

func (strangers) Who(context.Context, string) (account.Principal, account.Login, error) {
	return account.Principal{}, account.Login{}, nil
}
func (strangers) SignUp(context.Context, string, string, string) error { return nil }
func (strangers) Forgot(context.Context, string, string) error         { return nil }
func (strangers) Logout(context.Context, string) error                 { return nil }
func (strangers) Verify(context.Context, account.Entry, string, string) (account.Session, string, error) {
	return account.Session{}, "", errGone()
}

func (strangers) Reset(context.Context, account.Entry, string, string) (account.Session, string, error) {
	return account.Session{}, "", errGone()
}

func (strangers) Login(context.Context, account.Entry) (account.Session, string, error) {
	return account.Session{}, "", fault.New(fault.Unauthenticated, account.CodeWrongLogin, "No.")
}

func (strangers) AskPasskey(context.Context, string) (json.RawMessage, error) {
	return json.RawMessage(`{}`), nil
}

func (strangers) LoginPasskey(context.Context, account.Entry, []byte) (account.Session, string, error) {
	return account.Session{}, "", fault.New(fault.Unauthenticated, account.CodePasskeyRefused, "No.")
}

func errGone() error { return fault.New(fault.NotFound, account.CodeLinkExpired, "Gone.") }

func TestAPageOfAnotherOriginChangesNothing(t *testing.T) {
	s := newSite(t, func(c *httpapi.Config) { c.Origins = []string{"https://portal.example.org"} })
	for origin, status := range map[string]int{"https://evil.example": 403, "https://portal.example.org": 204} {
		got := s.do("POST", "/logout", "", "Origin", origin, "Sec-Fetch-Site", "cross-site")
		if got.status != status {
			t.Errorf("%s: %d %s", origin, got.status, got.body)
		}
		if allowed := got.header.Get("Access-Control-Allow-Origin"); (status == 204) != (allowed == origin) {
			t.Errorf("%s may be read by %q", origin, allowed)
		}
		// When to come again is said to the page, too.
		if readable := got.header.Get("Access-Control-Expose-Headers"); (status == 204) != strings.Contains(readable, "Retry-After") {
			t.Errorf("%s may read the headers %q", origin, readable)
		}
	}
}

// What pages of allowed origins are answered may be kept for no other: every answer says so,
// also where it varies by more.
func TestEveryAnswerVariesByOriginWhereSomeAreAllowed(t *testing.T) {
	for _, origins := range [][]string{nil, {"https://portal.example.org"}} {
		s := newSite(t, func(c *httpapi.Config) { c.Origins = origins })
		r := s.reserve("a-key-that-is-long-k1", bookingtest.OK)
		at := "/reservations/" + r.Id
		for path, also := range map[string]string{
			at: "Authorization", at + "/pass": "Authorization", at + "/receipt": "", "/keys": "", "/nowhere": "", "/webhooks/nobody": "",
		} {
			for _, origin := range []string{"", "https://portal.example.org", "https://evil.example"} {
				got := s.do("GET", path, "", "Authorization", bearer(r), "Origin", origin)
				vary := strings.Join(got.header.Values("Vary"), ", ")
				if strings.Count(vary, "Origin") != len(origins) || !strings.Contains(vary, also) {
					t.Errorf("%s for %q, %d allowed: Vary %q", path, origin, len(origins), vary)
				}
			}
		}
	}
}

// askers are accounts that note from which network each was asked.
type askers struct {
	strangers
	from []string
}

func (a *askers) Forgot(_ context.Context, from, _ string) error {
	a.from = append(a.from, from)
	return nil
}

func TestWhoAsksIsWhomATrustedProxyNames(t *testing.T) {
	const ask = `{"email":"jana@posteo.example"}`
	for name, x := range map[string]struct {
		trusted []string
		header  []string
		want    string
	}{
		"nobody is trusted":             {nil, []string{"X-Forwarded-For", "203.0.113.7"}, "127.0.0.1"},
		"another proxy is trusted":      {[]string{"10.1.0.0/16"}, []string{"X-Forwarded-For", "203.0.113.7", "X-Real-IP", "203.0.113.7", "Forwarded", "for=203.0.113.7"}, "127.0.0.1"},
		"a proxy that is trusted":       {[]string{"127.0.0.0/8"}, []string{"X-Forwarded-For", "203.0.113.7"}, "203.0.113.7"},
		"by its address":                {[]string{"127.0.0.1"}, []string{"X-Forwarded-For", "203.0.113.7"}, "203.0.113.7"},
		"what its client says":          {[]string{"127.0.0.0/8"}, []string{"X-Forwarded-For", "198.51.100.1, 203.0.113.7"}, "203.0.113.7"},
		"two proxies":                   {[]string{"127.0.0.0/8", "10.1.0.0/16"}, []string{"X-Forwarded-For", "198.51.100.1, 203.0.113.7, 10.1.2.3"}, "203.0.113.7"},
		"another header":                {[]string{"127.0.0.0/8"}, []string{"X-Real-IP", "203.0.113.7"}, "127.0.0.1"},
		"what is no address":            {[]string{"127.0.0.0/8"}, []string{"X-Forwarded-For", "203.0.113.7, somebody"}, "127.0.0.1"},
		"a household of IPv6":           {[]string{"127.0.0.0/8"}, []string{"X-Forwarded-For", "2001:db8:1:2:3:4:5:6"}, "2001:db8:1:2::/64"},
		"IPv4, written as IPv6":         {[]string{"127.0.0.0/8"}, []string{"X-Forwarded-For", "::ffff:203.0.113.7"}, "203.0.113.7"},
		"two lines, the client's first": {[]string{"127.0.0.0/8"}, []string{"X-Forwarded-For", "198.51.100.1", "X-Forwarded-For", "203.0.113.7"}, "203.0.113.7"},
	} {
		t.Run(name, func(t *testing.T) {
			who := &askers{}
			s := newSite(t, func(c *httpapi.Config) { c.Accounts, c.TrustedProxies = who, x.trusted })
			if got := s.do("POST", "/password/forgot", ask, x.header...); got.status != 202 || len(who.from) != 1 || who.from[0] != x.want {
				t.Errorf("%d, asked from %q, want %q", got.status, who.from, x.want)
			}
		})
	}
}

func TestEverybodyIsNoTrustedProxy(t *testing.T) {
	for _, text := range []string{"0.0.0.0/0", "::/0", "balancer", "10.1.0.0/33", ""} {
		if _, err := httpapi.New(httpapi.Config{Log: slog.New(slog.DiscardHandler), TrustedProxies: []string{text}}); fault.Code(err) != "trusted_proxy_invalid" {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// sliding are accounts of somebody whose log-in is what the test says.
type sliding struct {
	strangers
	l account.Login
}

func (s sliding) Who(context.Context, string) (account.Principal, account.Login, error) {
	return account.Principal{Account: id.New[id.Account](start)}, s.l, nil
}

func (sliding) Logins(context.Context, id.Account) ([]account.Login, error) { return nil, nil }

// The cookie lasts as long as the session: when the one is put off, so is the other.
func TestTheCookieIsRenewedWithItsSession(t *testing.T) {
	for name, x := range map[string]struct {
		l    account.Login
		want string
	}{
		"put off":       {account.Login{LastSeen: start, Expires: start.Add(account.Idle), Extended: true}, "Max-Age=2592000"},
		"near its end":  {account.Login{LastSeen: start, Expires: start.Add(time.Hour), Extended: true}, "Max-Age=3600"},
		"at its end":    {account.Login{LastSeen: start, Expires: start, Extended: true}, "Max-Age=0"},
		"seen just now": {account.Login{LastSeen: start, Expires: start.Add(account.Idle)}, ""},
	} {
		s := newSite(t, func(c *httpapi.Config) { c.Accounts = sliding{l: x.l} })
		got := s.do("GET", "/me/sessions", "", "Cookie", "openlot_session=a-token")
		cookie := got.header.Get("Set-Cookie")
		if got.status != 200 || (x.want == "") != (cookie == "") || !strings.Contains(cookie, x.want) || x.want != "" && !strings.Contains(cookie, "session=a-token; Path=/") {
			t.Errorf("%s: %d, %q", name, got.status, cookie)
		}
	}
}
