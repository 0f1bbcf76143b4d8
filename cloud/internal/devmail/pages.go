package devmail

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"
)

//go:embed pages.html
var pageFiles embed.FS

// path of the inbox.
const path = "/dev/mail"

// listed is how many messages are listed.
const listed = 200

type pages struct {
	store     Store
	templates *template.Template
}

// Handler serves the inbox under /dev/mail: a list and single messages, as
// pages, as JSON for who accepts that, and as they were received with ?raw=1.
func Handler(s Store) http.Handler {
	h := &pages{store: s, templates: template.Must(template.New("").Funcs(template.FuncMap{
		"time": func(t time.Time) string { return t.UTC().Format("2 Jan 15:04:05") },
		"list": func(s []string) string { return strings.Join(s, ", ") },
	}).ParseFS(pageFiles, "pages.html"))}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+path, h.list)
	mux.HandleFunc("GET "+path+"/{id}", h.message)
	return mux
}

// mailJSON is a message as JSON.
type mailJSON struct {
	ID        int64     `json:"id"`
	MessageID string    `json:"message_id"`
	From      string    `json:"from"`
	To        []string  `json:"to"`
	Subject   string    `json:"subject"`
	At        time.Time `json:"at"`
	Text      string    `json:"text,omitempty"`
	HTML      string    `json:"html,omitempty"`
}

func newJSON(m Message) mailJSON {
	return mailJSON{ID: m.ID, MessageID: m.MessageID, From: m.Sender, To: m.Recipients, Subject: m.Subject, At: m.At}
}

func wantsJSON(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "application/json")
}

func (h *pages) list(w http.ResponseWriter, r *http.Request) {
	mails, err := h.store.Mails(r.Context(), listed)
	switch {
	case err != nil:
		http.Error(w, "The inbox cannot be read at the moment.", http.StatusServiceUnavailable)
	case wantsJSON(r):
		out := struct {
			Mails []mailJSON `json:"mails"`
		}{[]mailJSON{}}
		for _, m := range mails {
			out.Mails = append(out.Mails, newJSON(m))
		}
		writeJSON(w, out)
	default:
		h.render(w, "list", map[string]any{"Title": "Mail", "Mails": mails})
	}
}

func (h *pages) message(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	m, err := h.store.Mail(r.Context(), id)
	if err != nil {
		http.Error(w, "The inbox cannot be read at the moment.", http.StatusServiceUnavailable)
		return
	}
	if m == nil {
		http.NotFound(w, r)
		return
	}
	if r.URL.Query().Get("raw") == "1" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(m.Raw)
		return
	}
	c := parse(m.Raw)
	if wantsJSON(r) {
		out := newJSON(*m)
		out.Text, out.HTML = c.Text, c.HTML
		writeJSON(w, out)
		return
	}
	if c.HTML != "" {
		c.HTML = `<base target="_blank">` + c.HTML
	}
	h.render(w, "message", map[string]any{"Title": m.Subject, "Mail": m, "Content": c})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v)
}

func (h *pages) render(w http.ResponseWriter, name string, data any) {
	var page bytes.Buffer
	if err := h.templates.ExecuteTemplate(&page, name, data); err != nil {
		http.Error(w, "This page cannot be shown.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	// A mail's HTML stands in a frame without scripts, forms or an origin, and
	// may load nothing from elsewhere.
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; frame-ancestors 'none'")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = page.WriteTo(w)
}
