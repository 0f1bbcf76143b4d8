package web

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// basemap is what the portal's map is drawn on; the zero value is none, and the
// portal draws its own.
type basemap struct {
	file   string // a PMTiles file that is served here; empty: none
	url    string // where browsers read it
	origin string // of another server that they read it from
}

// New serves what Handler does, with a basemap for the portal's map: a PMTiles
// file on this machine, which is then served at /basemap.pmtiles, or the URL of
// one. Empty: none.
func New(o Outside, source string) (http.Handler, error) {
	ground, err := newBasemap(source)
	if err != nil {
		return nil, err
	}
	return handler(dist, o, ground), nil
}

func newBasemap(source string) (basemap, error) {
	if source == "" {
		return basemap{}, nil
	}
	if u, err := url.Parse(source); err == nil && (u.Scheme == "https" || u.Scheme == "http") {
		// It becomes part of a header: only what a host may be.
		if u.Hostname() == "" || strings.ContainsAny(u.Host, "; ,'\"") || u.User != nil {
			return basemap{}, fmt.Errorf("basemap %q: is no address that a browser can read", u.Redacted())
		}
		return basemap{url: source, origin: u.Scheme + "://" + u.Host}, nil
	}
	if err := isPMTiles(source); err != nil {
		return basemap{}, fmt.Errorf("basemap: %w", err)
	}
	return basemap{file: source, url: "/basemap.pmtiles"}, nil
}

// isPMTiles looks at the first bytes of a file: its name and version 3.
func isPMTiles(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	head := make([]byte, 8)
	if _, err := io.ReadFull(f, head); err != nil || !bytes.Equal(head, []byte("PMTiles\x03")) {
		return errors.New(name + " is no PMTiles file of version 3")
	}
	return nil
}

const nowhere = `<meta name="openlot-basemap" content="">`

// tell writes into the portal's page where the basemap is.
func (b basemap) tell(page []byte) []byte {
	return bytes.Replace(page, []byte(nowhere), []byte(`<meta name="openlot-basemap" content="`+html.EscapeString(b.url)+`">`), 1)
}

// calls are the origins that the page reads the basemap from, beside its own.
func (b basemap) calls() []string {
	if b.origin == "" {
		return nil
	}
	return []string{b.origin}
}

// send sends the parts of the file that are asked for.
func (b basemap) send(w http.ResponseWriter, r *http.Request) {
	f, err := os.Open(b.file)
	if err != nil {
		http.Error(w, "The basemap is not there any more.", http.StatusNotFound)
		return
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		http.Error(w, "The basemap cannot be read.", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Cache-Control", "public, max-age=3600")
	h.Set("ETag", fmt.Sprintf(`"%x-%x"`, info.Size(), info.ModTime().UnixNano()))
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", info.ModTime(), f)
}
