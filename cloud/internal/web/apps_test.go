package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

// built is what `make web` leaves, in small.
var built = fstest.MapFS{
	"dist/README.md":                         {Data: []byte("how to build")},
	"dist/design/index.html":                 {Data: []byte("<title>Parts</title>")},
	"dist/design/assets/index-Ab3_-9xY.js":   {Data: []byte("app()")},
	"dist/design/assets/barlow-DsrWdrgb.txt": {Data: []byte("font")},
	"dist/design/robots.txt":                 {Data: []byte("unhashed")},
}

func ask(h http.Handler, method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestAnAppIsServedAtItsAddress(t *testing.T) {
	h := handler(built, Outside{}, basemap{})
	for _, path := range []string{"/design", "/design/", "/design/index.html"} {
		w := ask(h, http.MethodGet, path)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Parts") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		if got := w.Header().Get("Cache-Control"); got != "no-cache" {
			t.Errorf("%s is cached: %s", path, got)
		}
		if got := w.Header().Get("Content-Security-Policy"); got != (Outside{}).policy() {
			t.Errorf("%s: policy %q", path, got)
		}
		if again := ask(h, http.MethodGet, path, "If-None-Match", w.Header().Get("ETag")); again.Code != http.StatusNotModified {
			t.Errorf("%s again: %d", path, again.Code)
		}
	}
	if w := ask(h, http.MethodPost, "/design"); w.Code == http.StatusOK || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d", w.Code)
	}
}

// Only a name that changes with the content may be kept for ever.
func TestOnlyHashedFilesAreImmutable(t *testing.T) {
	h := handler(built, Outside{}, basemap{})
	for path, want := range map[string]bool{
		"/design/assets/index-Ab3_-9xY.js":                      true,
		"/design/assets/barlow-DsrWdrgb.txt":                    true,
		"/design/robots.txt":                                    false,
		"/assets/app.css":                                       false,
		"/assets/fonts/barlow-condensed-latin-500-normal.woff2": false,
	} {
		w := ask(h, http.MethodGet, path)
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d", path, w.Code)
		}
		if got := strings.Contains(w.Header().Get("Cache-Control"), "immutable"); got != want {
			t.Errorf("%s: %s", path, w.Header().Get("Cache-Control"))
		}
	}
}

func TestWithoutNodeThePageSaysHowToBuild(t *testing.T) {
	h := handler(fstest.MapFS{"dist/README.md": built["dist/README.md"]}, Outside{}, basemap{})
	w := ask(h, http.MethodGet, "/design")
	if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "make web") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if again := ask(h, http.MethodGet, "/design", "If-None-Match", w.Header().Get("ETag")); again.Code != http.StatusNotFound {
		t.Errorf("again: %d", again.Code)
	}
	for _, inline := range []string{" style=", "<style", "<script"} {
		if strings.Contains(unbuilt, inline) {
			t.Errorf("the page has %q, which its policy forbids", inline)
		}
	}
	if w := ask(h, http.MethodGet, "/README.md"); w.Code != http.StatusNotFound {
		t.Errorf("the README is served: %d", w.Code)
	}
}

// Whatever is embedded keeps to the policy: no inline script or style, and
// nothing from elsewhere.
func TestWhatIsEmbeddedKeepsToThePolicy(t *testing.T) {
	w := ask(Handler(Outside{}), http.MethodGet, "/design")
	page := w.Body.String()
	if w.Code == http.StatusNotFound {
		if !strings.Contains(page, "make web") {
			t.Error("neither an app nor how to build it")
		}
		return
	}
	for _, never := range []string{" style=", "<style", "<script>", " onload=", "http://", "https://"} {
		if strings.Contains(page, never) {
			t.Errorf("the page has %q", never)
		}
	}
	if !strings.Contains(page, `src="/design/assets/`) {
		t.Errorf("no script of the app: %s", page)
	}
}

// A payment provider's script is let in only where there is an account at it.
func TestOnlyWhatIsNamedComesFromElsewhere(t *testing.T) {
	if p := (Outside{}).policy(); strings.Contains(p, "https:") || strings.Contains(p, "frame-src") || !strings.HasPrefix(p, "default-src 'none'; script-src 'self'; ") {
		t.Error(p)
	}
	p := Outside{Scripts: []string{"https://js.example"}, Frames: []string{"https://js.example", "https://hooks.example"}, Calls: []string{"https://api.example"}}.policy()
	for _, want := range []string{"script-src 'self' https://js.example; ", "frame-src https://js.example https://hooks.example; ", "connect-src 'self' https://api.example; ", "style-src 'self'; "} {
		if !strings.Contains(p, want) {
			t.Errorf("%s is not in %s", want, p)
		}
	}
	h := handler(built, Outside{Frames: []string{"https://js.example"}}, basemap{})
	if got := ask(h, http.MethodGet, "/").Header().Get("Content-Security-Policy"); !strings.Contains(got, "frame-src https://js.example") {
		t.Error(got)
	}
}
