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
	do := func(path string, header ...string) (status int, head http.Header) {
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
		return resp.StatusCode, resp.Header
	}
	const html = "text/html,application/xhtml+xml,*/*;q=0.8"
	for path, want := range map[string]string{
		"/bookings": "/#/bookings", "/login": "/#/login", "/p/altmarkt": "/#/p/altmarkt", "/verify?token=abc": "/#/verify?token=abc",
		"/r/rsv_1?token=mt_x": "/#/r/rsv_1?token=mt_x", "/p/%2F%2Fevil.example": "/#/p/%2F%2Fevil.example",
	} {
		if status, head := do(path, "Accept", html); status != 302 || head.Get("Location") != want || head.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %q", path, status, head.Get("Location"))
		}
		if status, _ := do(path, "Accept", html, "Sec-Fetch-Mode", "cors"); status/100 != 4 {
			t.Errorf("%s by a script: %d", path, status)
		}
		if status, _ := do(path, "Accept", "application/json"); status/100 != 4 {
			t.Errorf("%s as JSON: %d", path, status)
		}
	}
	for _, path := range []string{"/nowhere", "/owner/x", "/reservations", "//evil.example/p/x"} {
		if status, head := do(path, "Accept", html); status == 302 {
			t.Errorf("%s leads to %q", path, head.Get("Location"))
		}
	}
}
