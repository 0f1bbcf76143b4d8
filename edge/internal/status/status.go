// Package status is the agent's page for who stands in front of the machine:
// lanes, faults, link, journal, clock and version, live. It needs no other
// server, shows no plate, pass or session, and changes nothing.
package status

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"
)

// View is what the page shows.
type View struct {
	Parking  string
	Software string
	Trial    bool   // the version has yet to show that it works
	Waiting  string // a version that is switched to when the lanes are empty

	Lanes       []Lane
	Board       bool
	Link        string // online, greeting, down, foreign; none: there is no cloud
	LastSeq     uint64
	Unacked     uint64
	AckAge      time.Duration
	StoreFailed bool
	Inside      int
	Walkins     int
	Allotments  []Allotment

	Now         time.Time // by the machine's clock, in the parking's zone
	ClockKnown  bool
	Uncertainty time.Duration
}

// Lane is a lane on the page.
type Lane struct {
	Name, Direction, Phase string
	Arming, Safety, Arm    string
	Faults                 []string
}

// Allotment is what the edge may admit by itself.
type Allotment struct {
	SpaceType   string
	Taken       int
	Units       int
	Until       time.Time
	Outstanding bool // it has run out
}

// What bounds the live streams.
const (
	maxStreams = 16
	lookEvery  = 500 * time.Millisecond
	quietAfter = 15 * time.Second // a comment, so that a dead connection is noticed
	writeWait  = 5 * time.Second
)

//go:embed page.html status.css status.js
var files embed.FS

var page = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"words": func(s string) string { return strings.ReplaceAll(s, "_", " ") },
	"ago":   ago,
	"clock": func(t time.Time) string { return t.Format("15:04:05 MST") },
	"day":   func(t time.Time) string { return t.Format("Mon 2 Jan 2006, 15:04 MST") },
}).ParseFS(files, "page.html"))

// sections are the parts of the page that change, by their ids.
var sections = []string{"alarm", "lanes", "link", "journal", "clock", "version"}

// ago is a duration as people say it.
func ago(d time.Duration) string {
	switch {
	case d < 2*time.Second:
		return "a second"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d seconds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
}

// Page serves the page and what belongs to it.
type Page struct {
	look    func() View
	streams chan struct{}
}

// New makes a page; look is asked whenever it is shown.
func New(look func() View) *Page {
	return &Page{look, make(chan struct{}, maxStreams)}
}

// Register adds the page's paths.
func (p *Page) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", p.getPage)
	mux.HandleFunc("GET /live", p.getLive)
	for _, name := range []string{"status.css", "status.js"} {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "no-cache")
			http.ServeFileFS(w, r, files, name)
		})
	}
}

func (p *Page) getPage(w http.ResponseWriter, _ *http.Request) {
	var b bytes.Buffer
	if err := page.Execute(&b, p.look()); err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(b.Bytes()) // the client went away
}

// getLive sends each section that has changed, all at first, until the client or
// the agent goes.
func (p *Page) getLive(w http.ResponseWriter, r *http.Request) {
	select {
	case p.streams <- struct{}{}:
		defer func() { <-p.streams }()
	default:
		w.Header().Set("Retry-After", "10")
		http.Error(w, "this page is open too often", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	shown, last := map[string]string{}, time.Now()
	for {
		message, err := changes(p.look(), shown)
		if err != nil {
			return
		}
		if message == "" && time.Since(last) >= quietAfter {
			message = ": here\n\n"
		}
		if message != "" {
			last = time.Now()
			_ = out.SetWriteDeadline(last.Add(writeWait)) // every server of ours has them
			if _, err := w.Write([]byte(message)); err != nil {
				return
			}
			if err := out.Flush(); err != nil {
				return
			}
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}

// changes are the events for the sections that do not look as shown; shown is
// brought up to date.
func changes(v View, shown map[string]string) (string, error) {
	var out strings.Builder
	for _, name := range sections {
		var b bytes.Buffer
		if err := page.ExecuteTemplate(&b, name, v); err != nil {
			return "", fmt.Errorf("show %s: %w", name, err)
		}
		html := b.String()
		if shown[name] == html {
			continue
		}
		shown[name] = html
		data, err := json.Marshal(html)
		if err != nil {
			return "", fmt.Errorf("encode %s: %w", name, err)
		}
		fmt.Fprintf(&out, "event: %s\ndata: %s\n\n", name, data)
	}
	return out.String(), nil
}
