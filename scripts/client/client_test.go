package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// A stream that sends only what changed shows each parking whole.
func TestFollowFoldsChanges(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/parkings" || r.URL.Query().Get("q") != "dresden" || r.Header.Get("Accept") != "text/event-stream" {
			t.Errorf("asked for %s as %s", r.URL, r.Header.Get("Accept"))
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "retry: 1000\n\n"+
			"id: 1\nevent: snapshot\ndata: {\"parkings\":[{\"id\":\"a\",\"available_now\":5,\"version\":1,\"status\":\"open\"},{\"id\":\"b\",\"available_now\":null,\"version\":9,\"status\":\"unknown\"}]}\n\n"+
			": still here\n\n"+
			"id: 2\nevent: availability\ndata: [{\"id\":\"a\",\"version\":2},{\"id\":\"b\",\"available_now\":3,\"version\":10,\"status\":\"open\"}]\n\n"+
			"id: 3\nevent: availability\ndata: [{\"id\":\"a\",\"available_now\":null,\"version\":3}]\n\n")
	})
	var got []string
	err := (&Cloud{URL: u, HTTP: NewHTTP()}).FollowParkings(t.Context(), url.Values{"q": {"dresden"}}, func(s Seen) {
		count := "unknown"
		if s.Count != nil {
			count = fmt.Sprint(*s.Count)
		}
		got = append(got, fmt.Sprintf("%s@%d %s %s", s.Parking, s.Version, count, s.Status))
		if s.At.IsZero() {
			t.Error("a frame without its time")
		}
	})
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the end of the stream: %v", err)
	}
	want := "a@1 5 open, b@9 unknown unknown, a@2 5 open, b@10 3 open, a@3 unknown open"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("saw %s\nwant %s", s, want)
	}
}

func TestReserve(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var q map[string]any
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || r.Header.Get("Idempotency-Key") != "k-1" {
			t.Errorf("%v, key %q", err, r.Header.Get("Idempotency-Key"))
		}
		if q["parking_id"] == "full" {
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, `{"code":"sold_out","detail":"No such space is free.","status":409}`)
			return
		}
		w.Header().Add("Server-Timing", "commit;dur=4.5, hold;desc=\"the provider\";dur=12")
		w.Header().Add("Server-Timing", "confirm;dur=3")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"reservation":{"id":"rsv_1","state":"confirmed","price":{"minor":480,"currency":"EUR"},"pass":"PK1:X","manage_token":"mt_1"}}`)
	})
	c := &Cloud{URL: u, HTTP: NewHTTP()}
	r, spent, err := c.Reserve(t.Context(), "k-1", Wanted{ParkingID: "a"})
	if err != nil || r.Pass != "PK1:X" || r.Price.String() != "4.80 EUR" {
		t.Errorf("%+v, %v", r, err)
	}
	for name, want := range map[string]time.Duration{"commit": 4500 * time.Microsecond, "hold": 12 * time.Millisecond, "confirm": 3 * time.Millisecond} {
		if spent[name] != want {
			t.Errorf("%s took %v, want %v", name, spent[name], want)
		}
	}
	_, _, err = c.Reserve(t.Context(), "k-1", Wanted{ParkingID: "full"})
	if Code(err) != "sold_out" || !strings.Contains(err.Error(), "No such space is free.") {
		t.Errorf("a refusal reads %v", err)
	}
}

func TestTwinVisitWaitsForTheEnd(t *testing.T) {
	asked := 0
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + " " + r.URL.Path {
		case "POST /gates/entry-1/vehicles":
			b, _ := io.ReadAll(r.Body)
			if string(b) != `{"button":true,"patience_ms":1500,"plate":"DD-X 1"}` {
				t.Errorf("sent %s", b)
			}
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"id":"veh_7","outcome":"waiting"}`)
		case "GET /vehicles/veh_7":
			if asked++; asked < 3 {
				_, _ = io.WriteString(w, `{"id":"veh_7","outcome":"waiting"}`)
				return
			}
			_, _ = io.WriteString(w, `{"id":"veh_7","outcome":"passed","ticket":"TK1:x","credential_to_open_us":4200,"timeline":{"cleared_us":99}}`)
		default:
			t.Errorf("asked %s %s", r.Method, r.URL)
		}
	})
	v, err := (&Twin{URL: u, HTTP: NewHTTP()}).Visit(t.Context(), "entry-1", "", "DD-X 1", 1500*time.Millisecond)
	if err != nil || v.Outcome != Passed || v.Ticket != "TK1:x" || v.CredentialToOpen != 4200 || v.Timeline.Cleared != 99 {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestClockIsWithinItsError(t *testing.T) {
	epoch := time.Now().Add(-time.Hour)
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"now_us":%d}`, time.Since(epoch).Microseconds())
	})
	c, err := (&Twin{URL: u, HTTP: NewHTTP()}).Clock(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if off := c.Time(0).Sub(epoch); off.Abs() > c.Error+time.Millisecond {
		t.Errorf("off by %v, says %v", off, c.Error)
	}
}
