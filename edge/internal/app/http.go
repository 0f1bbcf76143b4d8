package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/clock"
	"github.com/openlot/openlot/edge/internal/status"
	"github.com/openlot/openlot/edge/internal/store"
	"github.com/openlot/openlot/edge/internal/uplink"
	"github.com/openlot/openlot/protocol/id"
)

// Report is what GET /state answers. It names no plate, pass or session.
type Report struct {
	Parking    id.Parking      `json:"parking"`
	Software   string          `json:"software"`
	Journal    id.Journal      `json:"journal"`
	Epoch      uint32          `json:"epoch"`
	LastSeq    uint64          `json:"last_seq"`
	AckedSeq   uint64          `json:"acked_seq"`
	Revision   uint64          `json:"revision"`
	Link       uplink.Link     `json:"link"`
	Board      bool            `json:"board"`
	Lanes      []Lane          `json:"lanes"`
	Entries    int             `json:"entries"`
	Inside     int             `json:"inside"`
	Walkins    int             `json:"walkins_inside"`
	Count      admission.Count `json:"count"` // of those inside, with its bounds
	Allotments []AllotmentUsed `json:"allotments"`
	Time       TimeReport      `json:"time"`
	Store      store.Health    `json:"store"`
	Rebuilt    *store.Rebuilt  `json:"store_rebuilt,omitempty"` // what this run found damaged
}

// AllotmentUsed is an allotment and how much of it is in use.
type AllotmentUsed struct {
	SpaceType id.SpaceType `json:"space_type"`
	Units     uint16       `json:"units"`
	Taken     int          `json:"taken"`
	Until     time.Time    `json:"until"`
	Version   uint64       `json:"version"`
	Adopted   uint64       `json:"adopted"`
}

// TimeReport is the trusted interval.
type TimeReport struct {
	Lo       time.Time  `json:"lo"`
	Hi       *time.Time `json:"hi"` // null when there is no upper bound
	Wall     time.Time  `json:"wall"`
	Signed   bool       `json:"signed"`   // the cloud has said what time it is since the machine booted
	Disputed bool       `json:"disputed"` // the cloud says another time, and has not for long enough
}

// Report describes the agent now.
func (a *Agent) Report() Report {
	p, now := a.rec.Position(), a.rec.clock.Now()
	r := Report{
		Parking: a.cfg.Parking, Software: a.cfg.Software, Journal: p.Journal, Epoch: p.Epoch, LastSeq: p.LastSeq, AckedSeq: p.AckedSeq,
		Revision: p.Revision, Link: uplink.Down, Board: a.linked(), Allotments: []AllotmentUsed{}, Lanes: []Lane{},
		Time:  TimeReport{Lo: now.Lo, Wall: now.Wall, Signed: now.Source == clock.Signed, Disputed: now.Disputed},
		Store: a.rec.Health(), Rebuilt: a.rec.Rebuilt(),
	}
	if !now.Hi.IsZero() {
		r.Time.Hi = &now.Hi
	}
	if a.uplink != nil {
		r.Link = a.uplink.Link()
	}
	for _, g := range a.gates {
		r.Lanes = append(r.Lanes, *g.shown.Load())
	}
	a.rec.View(func(s *admission.State) {
		r.Entries, r.Count = len(s.Entries), s.Inside()
		for _, ses := range s.Sessions {
			if ses.Phase == admission.Inside {
				r.Inside++
				if ses.Reservation.IsZero() {
					r.Walkins++
				}
			}
		}
		for t, al := range s.Allotments {
			r.Allotments = append(r.Allotments, AllotmentUsed{t, al.Units, s.Taken(t, now.Lo), time.Unix(al.Until, 0).UTC(), al.Version, al.Adopted})
		}
	})
	slices.SortFunc(r.Allotments, func(x, y AllotmentUsed) int { return strings.Compare(string(x.SpaceType), string(y.SpaceType)) })
	return r
}

// runHTTP serves the page, /healthz, /state and /metrics until ctx ends.
func (a *Agent) runHTTP(ctx context.Context) error {
	if a.listen == nil {
		return nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if err := a.Check(); err != nil {
			var details []string
			if errors.Is(err, store.ErrFailed) {
				details = append(details, store.ErrFailed.Detail)
			}
			for _, l := range a.standing() {
				details = append(details, fmt.Sprintf("The program's loop of lane %s has not gone round for %s: nobody is served there.", l.lane, l.since.Round(time.Second)))
			}
			writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "failing", "detail": strings.Join(details, " ")})
			return
		}
		if detail := ails(a.rec.Health()); detail != "" {
			writeJSON(w, http.StatusOK, map[string]string{"status": "degraded", "detail": detail})
			return
		}
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /state", a.getState)
	mux.Handle("GET /metrics", a.metrics.Handler())
	status.New(a.view).Register(mux)
	if a.kiosk != nil {
		a.kiosk.register(mux)
	}
	srv := &http.Server{Handler: mux, BaseContext: func(net.Listener) context.Context { return ctx }, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(a.listen) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := srv.Shutdown(stop); err != nil {
		_ = srv.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// ails says what is wrong with a store that still records, or nothing.
func ails(h store.Health) string {
	switch {
	case h.State == store.Emergency:
		return "The disk does not take everything. Passages are kept in the emergency journal or only once; look at the disk."
	case h.Level == store.Full:
		return store.ErrFull.Detail
	case h.Level == store.NearlyFull:
		return store.ErrNearlyFull.Detail
	default:
		return ""
	}
}

// stateWait is how long GET /state?wait_revision=N waits for revision N.
const stateWait = 5 * time.Second

// getState answers with the Report: at once, or with wait_revision=N as soon as
// the cache is complete through N, and after stateWait as it stands.
func (a *Agent) getState(w http.ResponseWriter, r *http.Request) {
	if text := r.URL.Query().Get("wait_revision"); text != "" {
		revision, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]any{ // the client went away
				"status": http.StatusBadRequest, "code": "invalid_revision", "title": "wait_revision is a whole number.",
			})
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), stateWait)
		defer cancel()
		a.awaitRevision(ctx, revision)
	}
	writeJSON(w, http.StatusOK, a.Report())
}

// awaitRevision returns when the cache is complete through a revision, or ctx
// has ended.
func (a *Agent) awaitRevision(ctx context.Context, revision uint64) {
	for {
		changed := a.rec.Changed()
		if a.rec.Position().Revision >= revision {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client went away
}
