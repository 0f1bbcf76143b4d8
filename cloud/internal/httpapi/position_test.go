package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/openlot/openlot/cloud/internal/httpapi"
	"github.com/openlot/openlot/cloud/internal/position"
)

// Who may have changed something is told where to read from; who cannot be told, to read
// where it was changed. A position that is none changes nothing and says so.
func TestAChangeSaysWhereItCanBeRead(t *testing.T) {
	far, away := position.Position(0x3000148), error(nil)
	s := newSite(t, func(c *httpapi.Config) {
		c.Position = func(context.Context) (position.Position, error) { return far, away }
	})
	post := func() string {
		t.Helper()
		a := s.do(http.MethodPost, "/quotes", `{"parking_id":"nowhere","from":"2030-01-01T10:00:00Z","to":"2030-01-01T11:00:00Z","space_type":"standard"}`)
		return a.header.Get(position.Header)
	}
	if got := post(); got != "0/3000148" {
		t.Errorf("a change is at %q", got)
	}
	away = errors.New("the database does not answer")
	if got := post(); got != position.Unknown.String() {
		t.Errorf("a change whose place is not known is at %q", got)
	}
	if a := s.do(http.MethodGet, "/healthz", "", position.Header, "0/1"); a.status != http.StatusOK || a.header.Get(position.Header) != "" {
		t.Errorf("a reading is answered with %d at %q", a.status, a.header.Get(position.Header))
	}
	r := s.reserve("position-key-0001", "pm_sandbox_ok")
	if a := s.do(http.MethodGet, "/reservations/"+r.Id+"/receipt", "", "Authorization", bearer(r), position.Header, "north"); a.status != http.StatusUnprocessableEntity || a.problem(t).Code != position.CodeInvalid {
		t.Errorf("a position that is none is answered with %d %s", a.status, a.body)
	}
}
