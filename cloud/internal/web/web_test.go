package web_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/openlot/openlot/cloud/internal/web"
)

// pages compresses all that was built, which takes its time: once.
var pages = sync.OnceValue(func() http.Handler { return web.Handler(web.Outside{}) })

func get(t *testing.T, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	pages().ServeHTTP(w, r)
	return w
}

// TestEverythingThePageNeedsIsThere follows every reference from the portal's page on.
// Where it was not built, the page says how that is done.
func TestEverythingThePageNeedsIsThere(t *testing.T) {
	if w := get(t, "/"); w.Code == http.StatusNotFound {
		if !strings.Contains(w.Body.String(), "make web") {
			t.Errorf("%s", w.Body)
		}
		return
	}
	refs := regexp.MustCompile(`(?:(?:src|href)="(/[^"#]+)")|(?:["'\x60]\./([\w.-]+\.js)["'\x60])|(?:url\(["']?(/[^)"']+))`)
	seen, queue := map[string]bool{}, []string{"/"}
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		if seen[path] {
			continue
		}
		seen[path] = true
		w := get(t, path)
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d", path, w.Code)
			continue
		}
		if !strings.HasSuffix(path, ".js") && !strings.HasSuffix(path, ".css") && path != "/" {
			continue
		}
		for _, m := range refs.FindAllStringSubmatch(w.Body.String(), -1) {
			switch {
			case m[1] != "":
				queue = append(queue, m[1])
			case m[2] != "":
				queue = append(queue, "/portal/assets/"+m[2])
			case m[3] != "":
				queue = append(queue, m[3])
			}
		}
	}
	if len(seen) < 15 {
		t.Errorf("only %d files were found: %v", len(seen), seen)
	}
}

func TestPolicyAllowsOnlyWhatIsHere(t *testing.T) {
	w := get(t, "/")
	policy := w.Header().Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy: %s", policy)
	}
	page := w.Body.String()
	for _, inline := range []string{" style=", " onclick=", "<script>", "<style"} {
		if strings.Contains(page, inline) {
			t.Errorf("the page has %q, which its policy forbids", inline)
		}
	}
}

func TestUnchangedFilesAreNotSentAgain(t *testing.T) {
	first := get(t, "/assets/app.css", "Accept-Encoding", "gzip")
	z, err := gzip.NewReader(first.Body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil || !strings.Contains(string(text), ".lines") {
		t.Errorf("%v: %.80s", err, text)
	}
	again := get(t, "/assets/app.css", "If-None-Match", first.Header().Get("ETag"))
	if again.Code != http.StatusNotModified || again.Body.Len() > 0 {
		t.Errorf("%d with %d bytes", again.Code, again.Body.Len())
	}
	if w := get(t, "/assets/nothing.js"); w.Code != http.StatusNotFound {
		t.Errorf("nothing.js: %d", w.Code)
	}
}
