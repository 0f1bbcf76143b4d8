// Package pages serves what a kiosk's browser loads: the pages that were built from
// cloud/web/kiosk, or, without Node at build time, a plain one that says so.
package pages

import (
	"bytes"
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed dist
var built embed.FS

// policy lets nothing in that is not of the agent itself, and nothing inline.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; media-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const unbuilt = "The pages of the kiosk were not built into this program: install Node 20.19 or newer and run make web, then make build.\n"

// Handler serves the pages below /kiosk/.
func Handler() http.Handler { return handler(built) }

func handler(from fs.FS) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		name := strings.TrimPrefix(path.Clean(r.URL.Path), "/kiosk")
		if name == "" || name == "/" {
			name = "/index.html"
		}
		if strings.HasPrefix(name, "/assets/") {
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		text, err := fs.ReadFile(from, "dist"+name)
		switch {
		case err == nil && name != "/README.md":
			http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(text))
		case name == "/index.html":
			h.Set("Content-Type", "text/plain; charset=utf-8")
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(unbuilt)) // the client went away
		default:
			h.Set("Cache-Control", "no-cache")
			http.NotFound(w, r)
		}
	})
}
