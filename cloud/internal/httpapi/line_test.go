package httpapi

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A good answer of the listing is no line in the log; one that is slow, or is refused, is,
// and so is every other request.
func TestGoodAnswersOfTheListingAreNoNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		lots := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.RawQuery {
			case "slow":
				time.Sleep(unremarkable) // of the bubble
			case "known":
				w.WriteHeader(http.StatusNotModified)
			case "wrong":
				w.WriteHeader(http.StatusBadRequest)
			}
		})
		api, err := New(Config{Log: slog.New(slog.NewTextHandler(&log, nil)), Parkings: lots, Parking: lots, Web: lots})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			path string
			line bool
		}{
			{"/parkings", false},
			{"/parkings?known", false},
			{"/parking?id=x", false},
			{"/parkings/x", false},
			{"/parkings?slow", true},
			{"/parkings?wrong", true},
			{"/", true},
			{"/nowhere", true},
		} {
			log.Reset()
			api.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.path, nil))
			if got := strings.Contains(log.String(), "msg=request"); got != c.line {
				t.Errorf("%s: a line is written: %t\n%s", c.path, got, log.String())
			}
		}
	})
}
