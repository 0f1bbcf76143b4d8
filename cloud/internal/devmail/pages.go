package devmail

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/problem"
	"github.com/openlot/openlot/protocol/fault"
)

//go:embed pages.html
var pageFiles embed.FS

// path of the inbox.
const path = "/dev/mail"

// listed is how many messages are listed to a program, paged how many to a person.
const (
	listed = 200
	paged  = 50
)

type pages struct {
	store     Store
	templates *template.Template
}

// Handler serves the inbox under /dev/mail: a list of mail and SMS and single
// mails, as pages, as JSON for who accepts that, and as they were received with ?raw=1.
func Handler(s Store) http.Handler {
	h := &pages{store: s, templates: template.Must(template.New("").Funcs(template.FuncMap{
		"time":  func(t time.Time) string { return t.UTC().Format("2 Jan 15:04:05") },
		"spans": spans,
		"list":  func(s []string) string { return strings.Join(s, ", ") },
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

// textJSON is an SMS as JSON.
type textJSON struct {
	ID   int64     `json:"id"`
	To   string    `json:"to"`
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

// entry is a line of the inbox: a mail or an SMS.
type entry struct {
	At   time.Time
	Mail *Message
	SMS  *Text
}

// together are the latest of both, newest first; both are sorted so already.
func together(mails []Message, texts []Text) []entry {
	out := make([]entry, 0, len(mails)+len(texts))
	for i := range mails {
		out = append(out, entry{At: mails[i].At, Mail: &mails[i]})
	}
	for i := range texts {
		out = append(out, entry{At: texts[i].At, SMS: &texts[i]})
	}
	slices.SortStableFunc(out, func(a, b entry) int { return b.At.Compare(a.At) })
	return out
}

// span is a part of an SMS: a link, or what stands between links.
type span struct {
	Text string
	Link bool
}

// spans are the parts of an SMS. A phone makes links of addresses, too.
func spans(text string) (out []span) {
	for i, word := range strings.Split(text, " ") {
		link := strings.HasPrefix(word, "https://") || strings.HasPrefix(word, "http://")
		if i > 0 {
			out = append(out, span{Text: " "})
		}
		out = append(out, span{word, link})
	}
	return out
}

func newJSON(m Message) mailJSON {
	return mailJSON{ID: m.ID, MessageID: m.MessageID, From: m.Sender, To: m.Recipients, Subject: m.Subject, At: m.At}
}

func wantsJSON(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "application/json")
}

func (h *pages) list(w http.ResponseWriter, r *http.Request) {
	size := paged
	if wantsJSON(r) {
		size = listed
	}
	q := Query{To: r.URL.Query().Get("to"), Limit: size + 1}
	if text := r.URL.Query().Get("before"); text != "" {
		var err error
		if q.Before, err = strconv.ParseInt(text, 10, 64); err != nil || q.Before < 1 {
			problem.Write(w, r, fault.New(fault.Invalid, "invalid_parameter", "The parameter before is the id of a mail.").WithField("before", "is no id"))
			return
		}
	}
	mails, err := h.store.Mails(r.Context(), q)
	older := int64(0)
	if len(mails) > size {
		mails = mails[:size]
		older = mails[size-1].ID
	}
	var texts []Text
	var textsErr error
	if q.Before == 0 { // they have no pages: the newest stand on the first
		texts, textsErr = h.store.Texts(r.Context(), q.To, size)
	}
	switch {
	case err != nil || textsErr != nil:
		problem.Write(w, r, errUnread(errors.Join(err, textsErr)))
	case wantsJSON(r):
		out := struct {
			Mails []mailJSON `json:"mails"`
			SMS   []textJSON `json:"sms"`
		}{[]mailJSON{}, []textJSON{}}
		for _, m := range mails {
			out.Mails = append(out.Mails, newJSON(m))
		}
		for _, t := range texts {
			out.SMS = append(out.SMS, textJSON{ID: t.ID, To: t.Recipient, Text: t.Text, At: t.At})
		}
		writeJSON(w, out)
	default:
		h.render(w, r, "list", map[string]any{"Title": "Inbox", "Entries": together(mails, texts), "To": q.To, "Older": older, "Later": q.Before > 0})
	}
}

func (h *pages) message(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		problem.Write(w, r, fault.New(fault.NotFound, codeNoMail, "There is no such mail."))
		return
	}
	m, err := h.store.Mail(r.Context(), id)
	if err != nil {
		problem.Write(w, r, errUnread(err))
		return
	}
	if m == nil {
		problem.Write(w, r, fault.New(fault.NotFound, codeNoMail, "There is no such mail."))
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
	h.render(w, r, "message", map[string]any{"Title": m.Subject, "Mail": m, "Content": c})
}

// Fault codes of the pages.
const (
	codeUnread = "inbox_unavailable"
	codeNoMail = "mail_not_found"
)

func errUnread(err error) error {
	return fault.Wrap(err, fault.Unavailable, codeUnread, "The inbox cannot be read at the moment.")
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v)
}

func (h *pages) render(w http.ResponseWriter, r *http.Request, name string, data any) {
	var page bytes.Buffer
	if err := h.templates.ExecuteTemplate(&page, name, data); err != nil {
		problem.Write(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	// A mail's HTML stands in a frame without scripts, forms or an origin, and
	// may load nothing from elsewhere.
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; frame-ancestors 'none'")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = page.WriteTo(w)
}
