package sandbox

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/problem"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/money"
)

//go:embed pages.html
var pageFiles embed.FS

const (
	booksPath     = "/dev/sandbox"
	challengePath = "/dev/sandbox/challenge/"
	listed        = 500 // holds on a page or in an answer
)

type pages struct {
	p         *Provider
	templates *template.Template
}

func newPages(p *Provider) http.Handler {
	h := &pages{p: p, templates: template.Must(template.New("").Funcs(template.FuncMap{
		"amount": func(minor int64, c money.Currency) string { return money.New(minor, c).String() },
		"time":   func(t time.Time) string { return t.UTC().Format("2 Jan 15:04:05") },
		"words":  func(s payment.State) string { return strings.ReplaceAll(string(s), "_", " ") },
	}).ParseFS(pageFiles, "pages.html"))}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+booksPath, h.books)
	mux.HandleFunc("GET "+booksPath+"/holds", h.holds)
	mux.HandleFunc("POST "+booksPath+"/holds/{ref}/dispute", h.decide)
	mux.HandleFunc("GET "+challengePath+"{ref}", h.challenge)
	mux.HandleFunc("POST "+challengePath+"{ref}", h.complete)
	return http.NewCrossOriginProtection().Handler(mux)
}

// holdJSON is a hold as the sandbox's own API shows it. Amounts are minor
// units.
type holdJSON struct {
	Ref           string    `json:"ref"`
	Kind          Kind      `json:"kind"` // hold or method
	Key           string    `json:"key"`
	ParkingID     string    `json:"parking_id"`
	ReservationID string    `json:"reservation_id"`
	Method        string    `json:"method"`
	State         string    `json:"state"`
	Amount        int64     `json:"amount"`
	Captured      int64     `json:"captured"`
	Refunded      int64     `json:"refunded"`
	Refunds       []Refund  `json:"refunds"`
	Dispute       *Dispute  `json:"dispute"` // null: nobody disputes it
	Currency      string    `json:"currency"`
	DeclineCode   string    `json:"decline_code,omitempty"`
	CaptureBefore time.Time `json:"capture_before"`
	CreatedAt     time.Time `json:"created_at"`
	UpdatedAt     time.Time `json:"updated_at"`
}

func (h *pages) list(r *http.Request) ([]Hold, error) {
	return h.p.store.Holds(r.Context(), r.URL.Query().Get("parking_id"), listed)
}

func (h *pages) holds(w http.ResponseWriter, r *http.Request) {
	holds, err := h.list(r)
	if err != nil {
		problem.Write(w, r, errUnread(err))
		return
	}
	out := struct {
		Holds []holdJSON `json:"holds"`
	}{[]holdJSON{}}
	for _, x := range holds {
		out.Holds = append(out.Holds, holdJSON{
			Ref: x.Ref, Kind: x.Kind, Key: x.Key, ParkingID: x.Parking, ReservationID: x.Reservation, Method: x.Method, State: string(h.p.outcome(x).State),
			Amount: x.Amount.Minor, Captured: x.Captured, Refunded: x.Refunded, Refunds: append([]Refund{}, x.Refunds...), Dispute: x.Dispute, Currency: string(x.Amount.Currency), DeclineCode: x.DeclineCode,
			CaptureBefore: x.CaptureBefore, CreatedAt: x.CreatedAt, UpdatedAt: x.UpdatedAt,
		})
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(out)
}

// total is what the books hold in one currency.
type total struct {
	Currency                 money.Currency
	Held, Captured, Refunded int64
}

func (h *pages) books(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		h.holds(w, r)
		return
	}
	holds, err := h.list(r)
	if err != nil {
		problem.Write(w, r, errUnread(err))
		return
	}
	var totals []*total
	for i := range holds {
		x := &holds[i]
		x.State = h.p.outcome(*x).State
		if x.Kind == KindMethod {
			continue
		}
		var t *total
		for _, known := range totals {
			if known.Currency == x.Amount.Currency {
				t = known
			}
		}
		if t == nil {
			t = &total{Currency: x.Amount.Currency}
			totals = append(totals, t)
		}
		if x.State == payment.Authorized {
			t.Held += x.Amount.Minor
		}
		t.Captured += x.Captured
		t.Refunded += x.Refunded
	}
	h.render(w, r, http.StatusOK, "books", map[string]any{
		"Title": "Sandbox books", "Holds": holds, "Totals": totals, "Parking": r.URL.Query().Get("parking_id"), "Full": len(holds) == listed,
	})
}

// Fault codes of the pages.
const (
	codeUnread  = "sandbox_unavailable" // its books cannot be reached
	codeNoHold  = "hold_not_found"
	codeAnswer  = "invalid_answer"
	codeDecided = "nothing_to_decide"
)

func errUnread(err error) error {
	return fault.Wrap(err, fault.Unavailable, codeUnread, "The sandbox's books cannot be read at the moment.")
}

func errNoHold() error {
	return fault.New(fault.NotFound, codeNoHold, "The sandbox knows no such hold.")
}

// decide takes the bank's part in a dispute.
func (h *pages) decide(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	decision := r.PostFormValue("decision")
	if decision != string(payment.DisputeWon) && decision != string(payment.DisputeLost) {
		problem.Write(w, r, fault.New(fault.Invalid, codeAnswer, "Send decision=won or decision=lost."))
		return
	}
	switch err := h.p.Decide(r.Context(), r.PathValue("ref"), decision == string(payment.DisputeWon)); {
	case err == nil:
		http.Redirect(w, r, booksPath, http.StatusSeeOther)
	case errors.Is(err, payment.ErrNotFound):
		problem.Write(w, r, errNoHold())
	case errors.Is(err, payment.ErrRefused):
		problem.Write(w, r, fault.New(fault.Conflict, codeDecided, "There is nothing to decide about this hold, or it is decided."))
	default:
		problem.Write(w, r, fault.Wrap(err, fault.Unavailable, codeUnread, "The sandbox's books cannot be written at the moment."))
	}
}

func (h *pages) challenge(w http.ResponseWriter, r *http.Request) {
	x, err := h.p.store.HoldByRef(r.Context(), r.PathValue("ref"))
	h.showChallenge(w, r, x, err)
}

func (h *pages) complete(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	var passed bool
	switch r.PostFormValue("answer") {
	case "confirm":
		passed = true
	case "refuse":
	default:
		problem.Write(w, r, fault.New(fault.Invalid, codeAnswer, "Send answer=confirm or answer=refuse."))
		return
	}
	x, err := h.p.challenged(r.Context(), r.PathValue("ref"), passed)
	if errors.Is(err, payment.ErrRefused) {
		// Answered before, or too late: show how it stands.
		x, err = h.p.store.HoldByRef(r.Context(), r.PathValue("ref"))
		if err == nil {
			x.State = h.p.outcome(x).State
			h.render(w, r, http.StatusConflict, "challenge", h.challengeData(r, x))
			return
		}
	}
	h.showChallenge(w, r, x, err)
}

func (h *pages) showChallenge(w http.ResponseWriter, r *http.Request, x Hold, err error) {
	switch {
	case errors.Is(err, payment.ErrNotFound):
		problem.Write(w, r, errNoHold())
	case err != nil:
		problem.Write(w, r, errUnread(err))
	default:
		x.State = h.p.outcome(x).State
		h.render(w, r, http.StatusOK, "challenge", h.challengeData(r, x))
	}
}

// localPath keeps the way back on this site.
func localPath(s string) string {
	if !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.ContainsAny(s, "\\\r\n") {
		return ""
	}
	return s
}

func (h *pages) render(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	var page bytes.Buffer
	if err := h.templates.ExecuteTemplate(&page, name, data); err != nil {
		problem.Write(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = page.WriteTo(w)
}
