// Package web serves the drivers' page: find a parking, see its live numbers,
// price and reserve a window, and show the pass. It is plain HTML, CSS and
// JavaScript, embedded as it is, that talks to the same API as everybody else.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/openlot/openlot/cloud/internal/problem"
	"github.com/openlot/openlot/protocol/fault"
)

//go:embed assets
var assets embed.FS

// policy lets the page load what is embedded here and call this server, and
// nothing else. Pictures may also come from the page itself: the pass is kept
// for when there is no network.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
	"manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// file is one embedded file as it is sent.
type file struct {
	mime, tag    string
	plain, small []byte // small is gzip, nil when that is no gain
}

// Handler serves "/" and what is below "/assets/".
func Handler() http.Handler {
	files, err := load()
	if err != nil {
		// The files are part of the program.
		panic("web: " + err.Error())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		if name == "" {
			name = "assets/index.html"
		}
		f, ok := files[name]
		switch {
		case !ok:
			problem.Write(w, r, fault.New(fault.NotFound, problem.CodeRouteNotFound, "There is nothing at this address."))
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			problem.Write(w, r, fault.New(fault.Invalid, problem.CodeMethodNotAllowed, "This address can only be read."))
		default:
			f.send(w, r)
		}
	})
}

func (f file) send(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.mime)
	h.Set("ETag", f.tag)
	h.Set("Cache-Control", "no-cache") // ask whether it is still the same
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer") // addresses may hold a token
	h.Set("Permissions-Policy", "geolocation=(self), camera=(), microphone=()")
	h.Add("Vary", "Accept-Encoding")
	if r.Header.Get("If-None-Match") == f.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := f.plain
	if f.small != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = f.small
	}
	h.Set("Content-Length", fmt.Sprint(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the caller is gone if it fails
	}
}

func load() (map[string]file, error) {
	files := map[string]file{}
	err := fs.WalkDir(assets, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		plain, err := assets.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(plain)
		f := file{mime: mimeOf(name), tag: `W/"` + hex.EncodeToString(sum[:8]) + `"`, plain: plain}
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write(plain); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		if b.Len() < len(plain)*9/10 {
			f.small = b.Bytes()
		}
		files[name] = f
		return nil
	})
	return files, err
}

// mimeOf does not depend on the machine's own table where it matters.
func mimeOf(name string) string {
	switch ext := path.Ext(name); ext {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	case ".txt":
		return "text/plain; charset=utf-8"
	default:
		return mime.TypeByExtension(ext)
	}
}
