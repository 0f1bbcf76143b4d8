// Package kioskweb holds the pages of the kiosk, which are embedded when they were built
// before the program was. They need nothing from anywhere else: the agent serves them, and
// what they show and ask for is under /kiosk/api/.
package kioskweb

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// dist holds what `make web` built, and always a README that says how.
//
//go:embed all:dist
var dist embed.FS

// Root is where the pages are served.
const Root = "/kiosk/"

// policy lets a page load what is embedded here and call this agent, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const unbuilt = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Not built · Openlot</title>
<h1>The kiosk's pages were not built</h1>
<p>The agent was built on a machine without Node. To have them, install Node 20.19 or newer, run <code>make web</code> and then <code>make build</code>, and start the agent again. Gates work all the same.</p>
</html>
`

// Handler serves the pages below Root.
func Handler() http.Handler { return handler(dist) }

func handler(built fs.FS) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "This address can only be read.", http.StatusMethodNotAllowed)
			return
		}
		name := strings.TrimPrefix(path.Clean(r.URL.Path), strings.TrimSuffix(Root, "/"))
		name = strings.TrimPrefix(name, "/")
		if name == "" {
			name = "index.html"
		}
		b, err := fs.ReadFile(built, "dist/kiosk/"+name)
		switch {
		case err == nil && strings.HasPrefix(name, "assets/"):
			h.Set("Cache-Control", "public, max-age=31536000, immutable") // its name has its hash
		case err == nil:
			h.Set("Cache-Control", "no-cache")
		case name == "index.html":
			h.Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(unbuilt)) // whoever asked is gone
			return
		default:
			http.NotFound(w, r)
			return
		}
		h.Set("Content-Type", contentType(name))
		_, _ = w.Write(b) // whoever asked is gone
	})
}

// types are those of what is built. The machine's own table may lack some, or say else.
var types = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".woff2": "font/woff2", ".svg": "image/svg+xml", ".png": "image/png", ".txt": "text/plain; charset=utf-8",
}

func contentType(name string) string {
	if t, ok := types[path.Ext(name)]; ok {
		return t
	}
	return "application/octet-stream"
}
