package httpapi_test

import (
	"context"
	"testing"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/httpapi"
	"github.com/openlot/openlot/protocol/fault"
)

// strangers are accounts into which nobody gets.
type strangers struct{ httpapi.Accounts }

func (strangers) Who(context.Context, string) (account.Principal, account.Login, error) {
	return account.Principal{}, account.Login{}, nil
}
func (strangers) SignUp(context.Context, string, string, string) error { return nil }
func (strangers) Forgot(context.Context, string, string) error                 { return nil }
func (strangers) Logout(context.Context, string) error                         { return nil }
func (strangers) Verify(context.Context, string, string, string) error         { return errGone() }
func (strangers) Reset(context.Context, string, string, string) error          { return errGone() }
func (strangers) Login(context.Context, account.Entry) (account.Session, string, error) {
	return account.Session{}, "", fault.New(fault.Unauthenticated, account.CodeWrongLogin, "No.")
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
	}
}
