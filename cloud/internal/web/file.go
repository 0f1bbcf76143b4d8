package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strings"
)

// file is one embedded file as it is sent.
type file struct {
	mime, tag    string
	cache        string
	status       int
	plain, small []byte // small is gzip, nil when that is no gain
}

// hashed are names that change with the content, as the bundler writes them.
var hashed = regexp.MustCompile(`^[a-z]+/assets/.+-[A-Za-z0-9_-]{8}\.[a-z0-9]+$`)

func newFile(name string, plain []byte) file {
	sum := sha256.Sum256(plain)
	f := file{
		mime: mimeOf(name), tag: `W/"` + hex.EncodeToString(sum[:8]) + `"`, plain: plain, status: http.StatusOK,
		cache: "no-cache", // ask whether it is still the same
	}
	if hashed.MatchString(name) {
		f.cache = "public, max-age=31536000, immutable"
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(plain) // to memory
	_ = z.Close()
	if b.Len() < len(plain)*9/10 {
		f.small = b.Bytes()
	}
	return f
}

func (f file) send(w http.ResponseWriter, r *http.Request, policy string) {
	h := w.Header()
	h.Set("Content-Type", f.mime)
	h.Set("ETag", f.tag)
	h.Set("Cache-Control", f.cache)
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer") // addresses may hold a token
	h.Set("Permissions-Policy", "geolocation=(self), camera=(), microphone=()")
	h.Add("Vary", "Accept-Encoding")
	if f.status == http.StatusOK && r.Header.Get("If-None-Match") == f.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := f.plain
	if f.small != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = f.small
	}
	h.Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(f.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the caller is gone if it fails
	}
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
	case ".png":
		return "image/png"
	case ".webmanifest":
		return "application/manifest+json"
	case ".txt":
		return "text/plain; charset=utf-8"
	default:
		return mime.TypeByExtension(ext)
	}
}
