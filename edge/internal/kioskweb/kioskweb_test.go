package kioskweb

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func ask(h http.Handler, method, at string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, at, nil))
	return w
}

func TestPagesAreServedUnderAStrictPolicy(t *testing.T) {
	h := handler(fstest.MapFS{
		"dist/README.md":             {Data: []byte("how to build")},
		"dist/kiosk/index.html":      {Data: []byte("<title>Kiosk</title>")},
		"dist/kiosk/assets/a-b1.js":  {Data: []byte("app()")},
		"dist/kiosk/assets/f-b2.ttf": {Data: []byte("font")},
	})
	for _, at := range []string{"/kiosk/", "/kiosk", "/kiosk/index.html"} {
		w := ask(h, http.MethodGet, at)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Kiosk") || w.Header().Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %d %s", at, w.Code, w.Body)
		}
		if p := w.Header().Get("Content-Security-Policy"); strings.Contains(p, "unsafe") || !strings.Contains(p, "default-src 'none'") {
			t.Errorf("%s: policy %q", at, p)
		}
	}
	if w := ask(h, http.MethodGet, "/kiosk/assets/a-b1.js"); w.Header().Get("Content-Type") != "text/javascript; charset=utf-8" || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("script: %v", w.Header())
	}
	for _, at := range []string{"/kiosk/README.md", "/kiosk/../README.md", "/kiosk/assets/", "/kiosk/nothing"} {
		if w := ask(h, http.MethodGet, at); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", at, w.Code)
		}
	}
	if w := ask(h, http.MethodPost, "/kiosk/"); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d %v", w.Code, w.Header())
	}
}

func TestWithoutPagesItSaysHow(t *testing.T) {
	w := ask(handler(fstest.MapFS{"dist/README.md": {Data: []byte("x")}}), http.MethodGet, "/kiosk/")
	if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "make web") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
