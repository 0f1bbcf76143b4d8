package listing_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/listing"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// A tag is the same exactly when the same is shown, but for as_of: whatever
// happens, who has one and gets 304 has what he would be sent.
func TestATagNamesWhatIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alpha, beta := garage("alpha", 3), garage("beta", 3)
		alpha.Policy.MinLead = 20 * time.Minute
		beta.Policy.Dynamic = &parking.DynamicPrice{MinPercent: 50, MaxPercent: 200, Occupancy: []parking.OccupancyStep{{From: 30, Add: 50}}}
		m := newModel(alpha, beta)
		b := start(t, m, listing.Options{})
		defer b.stop()
		from := timerange.Floor(time.Now()).Time().Add(2 * time.Hour)
		window := "from=" + stamp(from) + "&to=" + stamp(from.Add(time.Hour))
		paths := []string{
			"/parkings", "/parkings?limit=2", "/parkings?near=51,13", "/parkings?format=geojson", "/parkings?q=alpha", "/parkings?" + window,
			"/parking?id=alpha", "/parking?id=beta&" + window,
		}
		type answer struct{ body, tag string }
		moving := regexp.MustCompile(`"as_of":"[^"]*"|"next_cursor":"[^"]*"`)
		seen := map[string][]answer{}
		look := func(what string) {
			t.Helper()
			synctest.Wait()
			for _, path := range paths {
				w := b.get(path, nil)
				now := answer{moving.ReplaceAllStringFunc(w.Body.String(), func(s string) string { return s[:6] }), w.Header().Get("ETag")}
				if w.Code != http.StatusOK || w.Header().Get("Content-Length") != fmt.Sprint(w.Body.Len()) {
					t.Fatalf("%s: %d, %s of %d bytes", path, w.Code, w.Header().Get("Content-Length"), w.Body.Len())
				}
				for _, before := range seen[path] {
					if (before.tag == now.tag) != (before.body == now.body) {
						t.Errorf("%s, %s: tag %s, before %s, for\n%s\nbefore\n%s", path, what, now.tag, before.tag, now.body, before.body)
					}
				}
				seen[path] = append(seen[path], now)
				r := httptest.NewRequest(http.MethodGet, path, nil)
				for sent, status := range map[string]int{
					now.tag: 304, now.tag[2:]: 304, "*": 304, `"other", ` + now.tag: 304, `W/"other"`: 200, now.tag[3 : len(now.tag)-1]: 200,
				} {
					r.Header.Set("If-None-Match", sent)
					w := httptest.NewRecorder()
					if r.URL.Path == "/parkings" {
						b.Parkings(w, r)
					} else {
						b.Parking(w, r)
					}
					if w.Code != status || w.Code == 304 && (w.Body.Len() > 0 || w.Header().Get("ETag") != now.tag) {
						t.Errorf("%s with %s: %d %s", path, sent, w.Code, w.Body)
					}
				}
			}
		}
		at := timerange.Floor(from)
		claim := func(n int16) {
			for _, p := range []id.Parking{"alpha", "beta"} {
				b.Handle([]feed.Event{m.event(p, time.Now(), feed.ReservationHeld, feed.Body{Claims: []inventory.Delta{{Type: id.Standard, From: at, To: at + 2, N: n}}})})
			}
		}
		look("at first")
		time.Sleep(3 * time.Second)
		look("later")
		claim(2)
		look("with claims")
		claim(-2)
		look("without them") // another version
		b.Handle([]feed.Event{m.event("alpha", time.Now(), feed.EdgeLink, feed.Body{Link: &feed.Link{Live: false, Since: time.Now()}})})
		look("without its edge")
		time.Sleep(time.Until(from.Add(-time.Hour - 10*time.Minute)))
		look("closer")
		time.Sleep(time.Until(from.Add(-21 * time.Minute)))
		look("before it is too late to reserve")
		time.Sleep(2 * time.Minute) // within the quarter
		look("too late to reserve")
		m.mu.Lock()
		m.lots["gamma"] = newModel(garage("gamma", 1)).lots["gamma"]
		m.lots["gamma"].revision = 0
		m.mu.Unlock()
		b.Handle([]feed.Event{m.event("gamma", time.Now(), feed.ParkingImported, feed.Body{})})
		time.Sleep(time.Second)
		look("with another parking") // of which limit=2 shows only that there is a next page
		for path, all := range seen {
			tags := map[string]bool{}
			for _, a := range all {
				tags[a.tag] = true
			}
			if len(tags) < 3 {
				t.Errorf("%s: %d tags", path, len(tags))
			}
		}
	})
}
