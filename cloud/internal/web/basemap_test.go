package web

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// portal is a built portal in small.
var portal = fstest.MapFS{
	"dist/portal/index.html": {Data: []byte(`<meta name="openlot-basemap" content=""><title>Portal</title>`)},
	"dist/portal/sw.js":      {Data: []byte("self")},
}

func TestThePortalIsToldWhereItsBasemapIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "city.pmtiles")
	if err := os.WriteFile(path, []byte("PMTiles\x03 and then tiles"), 0o600); err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string][2]string{
		"":   {`content=""`, "connect-src 'self';"},
		path: {`content="/basemap.pmtiles"`, "connect-src 'self';"},
		"https://tiles.example.org/city.pmtiles?a=1&b=2": {`content="https://tiles.example.org/city.pmtiles?a=1&amp;b=2"`, "connect-src 'self' https://tiles.example.org;"},
	} {
		ground, err := newBasemap(source)
		if err != nil {
			t.Fatal(err)
		}
		h := handler(portal, Outside{}, ground)
		for _, at := range []string{"/", "/portal/index.html"} {
			w := ask(h, http.MethodGet, at)
			if !strings.Contains(w.Body.String(), want[0]) || !strings.Contains(w.Header().Get("Content-Security-Policy"), want[1]) {
				t.Errorf("%q at %s: %s, %s", source, at, w.Body, w.Header().Get("Content-Security-Policy"))
			}
		}
		if w := ask(h, http.MethodGet, "/basemap.pmtiles", "Range", "bytes=0-6"); source == path {
			if w.Code != http.StatusPartialContent || w.Body.String() != "PMTiles" {
				t.Errorf("a part of the file: %d %q", w.Code, w.Body)
			}
		} else if w.Code != http.StatusNotFound {
			t.Errorf("%q: a basemap that is not here: %d", source, w.Code)
		}
	}
}

func TestWhatIsNoBasemapIsRefused(t *testing.T) {
	text := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(text, []byte("PMTiles\x02 of old"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{text, text + ".missing", "https://", "https://a.example; script-src *", "https://me:secret@tiles.example/x"} {
		_, err := New(Outside{}, source)
		if err == nil {
			t.Errorf("%q was taken", source)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells a password: %v", err)
		}
	}
}

// The service worker lies below the page that it keeps.
func TestTheServiceWorkerMayKeepTheWholePortal(t *testing.T) {
	h := handler(portal, Outside{}, basemap{})
	if got := ask(h, http.MethodGet, "/portal/sw.js").Header(); got.Get("Service-Worker-Allowed") != "/" || got.Get("Cache-Control") != "no-cache" {
		t.Errorf("%v", got)
	}
	if got := ask(h, http.MethodGet, "/").Header().Get("Service-Worker-Allowed"); got != "" {
		t.Errorf("the page has it: %s", got)
	}
}
