package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/openlot/openlot/cloud/internal/httpapi"
)

// A page's address that is typed without its # leads to the page; whoever is no browser
// that opens a page is answered as always.
func TestAPagesAddressWithoutItsHashLeadsThere(t *testing.T) {
	s := newSite(t, func(c *httpapi.Config) { c.Web = http.NotFoundHandler() })
	// do asks without following where it is sent.
	do := func(path string, header ...string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp
	}
	const html = "text/html,application/xhtml+xml,*/*;q=0.8"
	for path, want := range map[string]string{
		"/bookings": "/#/bookings", "/login": "/#/login", "/p/altmarkt": "/#/p/altmarkt", "/verify?token=abc": "/#/verify?token=abc",
		"/r/rsv_1?token=mt_x": "/#/r/rsv_1?token=mt_x", "/p/%2F%2Fevil.example": "/#/p/%2F%2Fevil.example",
	} {
		if got := do(path, "Accept", html); got.StatusCode != 302 || got.Header.Get("Location") != want || got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %q", path, got.StatusCode, got.Header.Get("Location"))
		}
		if got := do(path, "Accept", html, "Sec-Fetch-Mode", "cors"); got.StatusCode/100 != 4 {
			t.Errorf("%s by a script: %d", path, got.StatusCode)
		}
		if got := do(path, "Accept", "application/json"); got.StatusCode/100 != 4 {
			t.Errorf("%s as JSON: %d", path, got.StatusCode)
		}
	}
	for _, path := range []string{"/nowhere", "/owner/x", "/reservations", "//evil.example/p/x"} {
		if got := do(path, "Accept", html); got.StatusCode == 302 {
			t.Errorf("%s leads to %q", path, got.Header.Get("Location"))
		}
	}
}
