package pages

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

// The pages are served below /kiosk/ under a policy without anything inline; what has
// a hash in its name may be kept; without pages it is said how to build them.
func TestThePagesAreServed(t *testing.T) {
	built := fstest.MapFS{
		"dist/README.md": {Data: []byte("how")}, "dist/index.html": {Data: []byte("<title>Kiosk</title>")}, "dist/assets/a-1.js": {Data: []byte("app()")},
	}
	for _, c := range []struct {
		from         fstest.MapFS
		path         string
		code         int
		says, caches string
	}{
		{built, "/kiosk/", 200, "Kiosk", "no-cache"},
		{built, "/kiosk/assets/a-1.js", 200, "app()", "immutable"},
		{built, "/kiosk/README.md", 404, "", "no-cache"},
		{built, "/kiosk/../../etc/passwd", 404, "", "no-cache"},
		{built, "/kiosk/assets/none.js", 404, "", "no-cache"},
		{fstest.MapFS{"dist/README.md": built["dist/README.md"]}, "/kiosk/", 404, "make web", "no-cache"},
	} {
		w := httptest.NewRecorder()
		handler(c.from).ServeHTTP(w, httptest.NewRequest(http.MethodGet, c.path, nil))
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.says) || !strings.Contains(w.Header().Get("Cache-Control"), c.caches) {
			t.Errorf("%s: %d %q, %s", c.path, w.Code, w.Body, w.Header().Get("Cache-Control"))
		}
		if p := w.Header().Get("Content-Security-Policy"); strings.Contains(p, "unsafe") || !strings.HasPrefix(p, "default-src 'none'") {
			t.Errorf("%s: %q", c.path, p)
		}
	}
}
