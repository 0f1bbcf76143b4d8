package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/kiosk"
	"github.com/openlot/openlot/edge/internal/kiosk/pages"
	"github.com/openlot/openlot/edge/internal/store"
	"github.com/openlot/openlot/protocol/id"
)

// show makes what the pages are sent, and tells them when it is another.
func (k *takings) show() {
	env := k.env()
	now := k.a.rec.clock.Now()
	o := kiosk.Outside{
		About: kiosk.About{
			ID: string(k.cfg.ID), Label: k.cfg.Label, Parking: string(k.a.cfg.Parking), ParkingName: string(k.a.cfg.Parking),
			Zone: env.Zone.String(), Languages: k.cfg.Languages, Help: k.cfg.Help,
		},
		Linked: k.a.rec.online(), Book: k.prices(env.Now), Timed: !now.Hi.IsZero(), Failed: k.failed || k.stopped() || k.a.rec.Failed() != nil,
		Staff: len(k.cfg.Staff) > 0,
		Enter: env.Entrance.Here, Shops: k.anyShop(now.Hi),
	}
	k.a.rec.View(func(s *admission.State) {
		if s.Prices != nil {
			if s.Prices.Name != "" {
				o.About.ParkingName = s.Prices.Name
			}
			if s.Prices.Zone != "" {
				o.About.Zone = s.Prices.Zone
			}
		}
		if al, ok := s.Allotments[id.Standard]; ok && now.Lo.Unix() < al.Until {
			free := max(int(al.Units)-s.Taken(id.Standard, now.Lo), 0)
			o.Free = &free
		}
		if s.Heard > 0 {
			o.Heard = time.UnixMilli(s.Heard)
		}
	})
	m := &k.m
	if k.stopped() {
		m = &kiosk.Machine{Version: k.m.Version, Screen: k.m.Screen}
	}
	k.tell()
	v := m.Show(o, env)
	same := v
	same.Version, same.Now, same.Deadline = 0, nil, nil
	told, err := json.Marshal(struct {
		kiosk.Shown
		Pulse time.Duration
	}{same, m.Pulse()})
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil || bytes.Equal(told, k.same) {
		return
	}
	k.local++
	v.Version = k.m.Version<<16 + k.local&0xffff
	raw, err := json.Marshal(v)
	if err != nil {
		return // of numbers and texts
	}
	k.same, k.shown, k.version = told, raw, [2]uint64{v.Version, v.ScreenID}
	close(k.changed)
	k.changed = make(chan struct{})
}

// latest is the newest State, and what is closed when there is another.
func (k *takings) latest() ([]byte, <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.shown, k.changed
}

// register adds the kiosk's addresses.
func (k *takings) register(mux *http.ServeMux) {
	mux.Handle("GET /kiosk/api/state", k.here(k.getState))
	mux.Handle("POST /kiosk/api/do", k.here(k.postDo))
	mux.Handle("GET /kiosk/", k.here(pages.Handler().ServeHTTP))
	if k.cfg.World != nil {
		mux.Handle("POST /kiosk/sim/", k.here(k.cfg.World.ServeHTTP))
	}
}

// here answers this machine, and addresses that are listed. A page of another origin
// that runs in the browser of this machine is neither.
func (k *takings) here(f http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !k.may(r) {
			refuse(w, http.StatusForbidden, kiosk.NotHere, "This address may not use the machine.")
			return
		}
		f(w, r)
	})
}

func (k *takings) may(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	listed := func(a netip.Addr) bool {
		a = a.Unmap()
		return a.IsLoopback() || slices.ContainsFunc(k.cfg.Allow, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	if !listed(from.Addr()) {
		return false
	}
	// A name that somebody else has pointed here would make his page one of ours.
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if named, err := netip.ParseAddr(strings.Trim(host, "[]")); host != "localhost" && (err != nil || !named.Unmap().IsLoopback() && !named.IsPrivate()) {
		return false
	}
	origin := r.Header.Get("Origin")
	return origin == "" || origin == "http://"+r.Host
}

func refuse(w http.ResponseWriter, status int, code kiosk.Refusal, title string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": status, "code": code, "title": title}) // the client went away
}

// Times of a stream.
const (
	streamBeat  = 10 * time.Second
	streamWrite = 5 * time.Second
	maxStreams  = 16
)

// getState answers with the State, or streams it.
func (k *takings) getState(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		raw, _ := k.latest()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(raw) // the client went away
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	if k.streams.Add(1) > maxStreams {
		k.streams.Add(-1)
		refuse(w, http.StatusTooManyRequests, kiosk.TooManyTries, "Too many pages are open.")
		return
	}
	defer k.streams.Add(-1)
	rc := http.NewResponseController(w)
	beat := time.NewTicker(streamBeat)
	defer beat.Stop()
	var sent []byte
	for {
		raw, changed := k.latest()
		if err := rc.SetWriteDeadline(time.Now().Add(streamWrite)); err != nil {
			return
		}
		text := ": here\n\n"
		if raw != nil && !bytes.Equal(raw, sent) {
			text, sent = fmt.Sprintf("event: state\ndata: %s\n\n", raw), raw
		}
		if _, err := io.WriteString(w, text); err != nil {
			return
		}
		if err := rc.Flush(); err != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-changed:
		case <-beat.C:
		}
	}
}

// maxAction bounds the body of an action.
const maxAction = 8 << 10

// postDo carries out an action.
func (k *takings) postDo(w http.ResponseWriter, r *http.Request) {
	var ask kioskAsk
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		refuse(w, http.StatusUnsupportedMediaType, kiosk.InvalidAction, "An action is JSON.")
		return
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAction))
	d.DisallowUnknownFields()
	if err := d.Decode(&ask.action); err != nil || d.More() {
		refuse(w, http.StatusUnprocessableEntity, kiosk.InvalidAction, "This is no action.")
		return
	}
	ask.answer = make(chan kioskAnswer, 1)
	ctx, cancel := context.WithTimeout(r.Context(), streamWrite)
	defer cancel()
	select {
	case k.asks <- ask:
	case <-ctx.Done():
		refuse(w, http.StatusServiceUnavailable, kiosk.StoreFailed, store.ErrFailed.Detail)
		return
	}
	a := <-ask.answer
	switch a.refused {
	case "":
		writeJSON(w, http.StatusOK, map[string]uint64{"version": a.version, "screen_id": a.screen})
	case kiosk.InvalidAction:
		refuse(w, http.StatusUnprocessableEntity, a.refused, "This is no action.")
	case kiosk.PinWrong, kiosk.StaffOnly:
		refuse(w, http.StatusForbidden, a.refused, "That is for staff.")
	case kiosk.PinSlow:
		refuse(w, http.StatusTooManyRequests, a.refused, "Too many wrong PINs: wait.")
	case kiosk.TooManyTries:
		refuse(w, http.StatusTooManyRequests, a.refused, "Too often in vain.")
	case kiosk.StoreFailed:
		refuse(w, http.StatusServiceUnavailable, a.refused, store.ErrFailed.Detail)
	default:
		refuse(w, http.StatusConflict, a.refused, "This cannot be done now.")
	}
}
