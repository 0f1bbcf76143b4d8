package listing_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/listing"
	"github.com/openlot/openlot/cloud/internal/parking"
)

func placed(name, title, city, address string, lat, lng float64) parking.Parking {
	p := garage(name, 10)
	p.Name, p.City, p.Address, p.Latitude, p.Longitude = title, city, address, lat, lng
	return p
}

func someCities() *model {
	muenster := placed("muenster-theater", "PH Theater", "Münster", "Tibusstraße 18", 51.9650, 7.6270)
	muenster.SpaceTypes = muenster.SpaceTypes[:1] // no charging
	altmarkt := placed("dresden-altmarkt", "Altmarkt", "Dresden", "Wilsdruffer Straße", 51.0504, 13.7373)
	altmarkt.SpaceTypes[1].Bays = []string{"E1", "E2"}
	return newModel(
		altmarkt,
		placed("dresden-frauenkirche", "Frauenkirche/Neumarkt", "Dresden", "An der Frauenkirche 12", 51.0519, 13.7416),
		placed("aarhus-bruuns", "Bruuns Galleri", "Århus", "Værkmestergade", 56.1496, 10.2045),
		muenster,
		placed("fiji", "Suva", "Suva", "", -18.14, 178.44),
		placed("samoa", "Apia", "Apia", "", -13.83, -171.76),
	)
}

func TestFind(t *testing.T) {
	t.Parallel()
	b := start(t, someCities(), listing.Options{})
	t.Cleanup(b.stop)
	for _, c := range []struct{ query, want string }{
		{"", "aarhus-bruuns dresden-altmarkt dresden-frauenkirche fiji muenster-theater samoa"},
		{"q=dresden", "dresden-altmarkt dresden-frauenkirche"},
		{"q=munster", "muenster-theater"},
		{"q=muenster", "muenster-theater"},
		{"q=M%C3%9CNSTER", "muenster-theater"},
		{"q=aarhus", "aarhus-bruuns"},
		{"q=arhus+vaerk", "aarhus-bruuns"},
		{"q=strasse", "dresden-altmarkt muenster-theater"},
		{"q=dresden+nowhere", ""},
		{"q=Altmarkt,+Dresden", "dresden-altmarkt"},
		{"q=Dresden,Altmarkt%3B", "dresden-altmarkt"},
		{"q=Tibusstr.+18,+M%C3%BCnster", "muenster-theater"},
		{"q=(Wilsdruffer-Stra%C3%9Fe)", "dresden-altmarkt"},
		{"q=T%2BM", "muenster-theater"}, // a letter alone begins a word: not each that has a t and an m
		{"near=51.0519,13.7416", "dresden-frauenkirche dresden-altmarkt muenster-theater aarhus-bruuns samoa fiji"},
		{"near=51.0519,13.7416&radius=200", "dresden-frauenkirche"},
		{"near=51.0519,13.7416&radius=400", "dresden-frauenkirche dresden-altmarkt"},
		{"bbox=13,51,14,52", "dresden-altmarkt dresden-frauenkirche"},
		{"bbox=170,-30,-170,0", "fiji samoa"},
		{"space_type=ev&bbox=7,50,14,53", "dresden-altmarkt dresden-frauenkirche"},
		{"space_type=bay-7", ""},
	} {
		var p page
		b.get("/parkings?"+c.query, &p)
		var got []string
		for _, s := range p.Parkings {
			got = append(got, s.ID)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", c.query, got, c.want)
		}
	}
	var p page
	b.get("/parkings?near=51.0519,13.7416&limit=2", &p)
	if d := *p.Parkings[1].Distance; d < 330 || d > 355 { // 0.0015° north and 0.0043° · cos 51° east
		t.Errorf("Altmarkt is %d m from Frauenkirche", d)
	}
}

func TestPagesCoverEverythingOnce(t *testing.T) {
	t.Parallel()
	var all []parking.Parking
	for i := range 57 {
		p := garage(fmt.Sprintf("p%02d", i), 1)
		p.Latitude += float64(i%9) / 100 // many are equally far
		all = append(all, p)
	}
	b := start(t, newModel(all...), listing.Options{})
	t.Cleanup(b.stop)
	for _, order := range []string{"", "near=51,13.7"} {
		seen, cursor, last := map[string]bool{}, "", -1
		for pages := 0; ; pages++ {
			var p page
			b.get("/parkings?limit=10&"+order+cursor, &p)
			for _, s := range p.Parkings {
				if seen[s.ID] {
					t.Errorf("%s: %s twice", order, s.ID)
				}
				seen[s.ID] = true
				if s.Distance != nil && *s.Distance < last {
					t.Errorf("%s out of order", s.ID)
				} else if s.Distance != nil {
					last = *s.Distance
				}
			}
			if p.NextCursor == nil {
				if pages != 5 {
					t.Errorf("%d pages", pages+1)
				}
				break
			}
			cursor = "&cursor=" + *p.NextCursor
		}
		if len(seen) != 57 {
			t.Errorf("%s: %d of 57", order, len(seen))
		}
	}
}

func TestBadQueries(t *testing.T) {
	t.Parallel()
	b := start(t, someCities(), listing.Options{})
	t.Cleanup(b.stop)
	var p page
	b.get("/parkings?limit=1", &p)
	hour := func(n int) string { return stamp(time.Now().Add(time.Duration(n) * time.Hour)) }
	for _, c := range []struct {
		path, code, field string
		status            int
	}{
		{"/parkings?near=51", "invalid_parameter", "near", 422},
		{"/parkings?spacetype=ev", "unknown_parameter", "spacetype", 422},
		{"/parkings?near=51,13&id=alpha", "unknown_parameter", "id", 422},
		{"/parkings?from,to=1", "unknown_parameter", "from,to", 422},
		{"/parkings?=1", "unknown_parameter", "", 422},
		{"/parkings?limit=0&" + strings.Repeat("x", 100), "unknown_parameter", strings.Repeat("x", 64), 422},
		{"/parking?id=alpha&near=51,13", "unknown_parameter", "near", 422},
		{"/parkings?near=91,0", "invalid_parameter", "near", 422},
		{"/parkings?near=NaN,0", "invalid_parameter", "near", 422},
		{"/parkings?radius=100", "invalid_parameter", "radius", 422},
		{"/parkings?near=51,13&radius=-1", "invalid_parameter", "radius", 422},
		{"/parkings?bbox=1,2,3", "invalid_parameter", "bbox", 422},
		{"/parkings?bbox=1,3,2,2", "invalid_parameter", "bbox", 422},
		{"/parkings?limit=0", "invalid_parameter", "limit", 422},
		{"/parkings?limit=201", "invalid_parameter", "limit", 422},
		{"/parkings?limit=1&limit=2", "invalid_parameter", "limit", 422},
		{"/parkings?format=xml", "invalid_parameter", "format", 422},
		{"/parkings?cursor=!!", "invalid_parameter", "cursor", 422},
		{"/parkings?q=dresden&cursor=" + *p.NextCursor, "invalid_parameter", "cursor", 422},
		{"/parkings?q=" + strings.Repeat("x", 101), "invalid_parameter", "q", 422},
		{"/parkings?q=%FF", "invalid_parameter", "q", 422},
		{"/parkings?space_type=EV", "invalid_parameter", "space_type", 422},
		{"/parkings?from=" + hour(1), "invalid_parameter", "to", 422},
		{"/parkings?to=" + hour(1), "invalid_parameter", "from", 422},
		{"/parkings?from=soon&to=" + hour(1), "invalid_parameter", "from", 422},
		{"/parkings?from=2030-01-01T10:00:00&to=" + hour(1), "time_without_offset", "from", 422},
		{"/parkings?from=" + hour(2) + "&to=" + hour(1), "window_empty", "to", 422},
		{"/parkings?from=" + hour(-2) + "&to=" + hour(1), "window_in_past", "from", 422},
		{"/parkings?from=" + hour(1) + "&to=" + hour(24*31), "window_too_long", "to", 422},
		{"/parkings?q=%zz", "malformed_query", "", 400},
		{"/parking", "invalid_parameter", "id", 422},
		{"/parking?id=No_Such", "invalid_parameter", "id", 422},
		{"/parking?id=nowhere", "parking_not_found", "", 404},
	} {
		w := httptest.NewRecorder()
		r := &http.Request{Method: http.MethodGet, Header: http.Header{}}
		r.URL = mustURL(t, c.path)
		if strings.HasPrefix(c.path, "/parkings") {
			b.Parkings(w, r)
		} else {
			b.Parking(w, r)
		}
		var got struct {
			Code   string
			Fields map[string]string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Errorf("%s: %v in %s", c.path, err, w.Body)
			continue
		}
		if w.Code != c.status || got.Code != c.code || c.field != "" && got.Fields[c.field] == "" {
			t.Errorf("%s: %d %s", c.path, w.Code, w.Body)
		}
	}
}

func TestWindowHasAvailableAndPrice(t *testing.T) {
	t.Parallel()
	b := start(t, newModel(garage("alpha", 4), garage("empty", 0)), listing.Options{})
	t.Cleanup(b.stop)
	from := time.Now().Add(2 * time.Hour).Truncate(time.Minute)
	window := "from=" + stamp(from) + "&to=" + stamp(from.Add(3*time.Hour+time.Minute))
	var p page
	b.get("/parkings?"+window, &p)
	alpha, empty := p.Parkings[0], p.Parkings[1]
	if *alpha.Available != 6 || alpha.Price == nil || *alpha.Price != (shownPrice{800, "EUR"}) { // four started hours at 2.00
		t.Errorf("alpha: %s", text(alpha))
	}
	if *empty.Available != 0 || empty.Price != nil || empty.Capacity != nil || empty.AvailableNow != nil || empty.Status != "unknown" {
		t.Errorf("a parking without capacity: %s", text(empty))
	}
	b.get("/parkings?space_type=ev&"+window, &p)
	if *p.Parkings[0].Available != 2 {
		t.Errorf("charging: %s", text(p.Parkings[0]))
	}
	far := time.Now().AddDate(0, 0, 91)
	b.get("/parkings?from="+stamp(far)+"&to="+stamp(far.Add(time.Hour)), &p)
	if *p.Parkings[0].Available != 0 {
		t.Errorf("beyond what is sold: %s", text(p.Parkings[0]))
	}
	// Parts of a second are cut off, as in a quote.
	parts := "from=" + stamp(from) + "&to=" + strings.Replace(stamp(from.Add(3*time.Hour)), "Z", ".9Z", 1)
	if b.get("/parkings?"+parts, &p); *p.Parkings[0].Price != (shownPrice{600, "EUR"}) {
		t.Errorf("with parts of a second: %s", text(p.Parkings[0]))
	}
	// A plus sign that was not escaped arrives as a space.
	b.get("/parkings?from="+strings.ReplaceAll(from.In(time.FixedZone("", 7200)).Format(time.RFC3339), "+", "%20")+"&to="+stamp(from.Add(time.Hour)), &p)
}

// A window may be as long as any parking sells. The others do not sell it.
func TestALongWindowIsSoldBySome(t *testing.T) {
	t.Parallel()
	long := garage("alpha", 4)
	long.Policy.MaxStay = 60 * 24 * time.Hour
	b := start(t, newModel(long, garage("beta", 4)), listing.Options{})
	t.Cleanup(b.stop)
	from := time.Now().Add(2 * time.Hour)
	var p page
	b.get("/parkings?from="+stamp(from)+"&to="+stamp(from.AddDate(0, 0, 45)), &p)
	if alpha, beta := p.Parkings[0], p.Parkings[1]; *alpha.Available != 6 || alpha.Price == nil || *beta.Available != 0 || beta.Price != nil {
		t.Errorf("45 days: %s and %s", text(alpha), text(beta))
	}
	if w := b.get("/parkings?from="+stamp(from)+"&to="+stamp(from.AddDate(0, 0, 61)), nil); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), `"window_too_long"`) {
		t.Errorf("61 days: %d %s", w.Code, w.Body)
	}
}

func TestFormsOfAnAnswer(t *testing.T) {
	t.Parallel()
	b := start(t, someCities(), listing.Options{})
	t.Cleanup(b.stop)
	var full map[string]any
	w := b.get("/parking?id=dresden-altmarkt", &full)
	for field := range strings.FieldsSeq(`id name address city latitude longitude timezone kind capacity status available_now
		as_of version space_types price_from opening_hours tariff lanes policies`) {
		if _, ok := full[field]; !ok {
			t.Errorf("no %s in %s", field, w.Body)
		}
	}
	if got := fmt.Sprint(full["numbered"]); got != "[map[bays:[E1 E2] type:ev]]" {
		t.Errorf("numbered bays: %s", got)
	}
	policies, _ := full["policies"].(map[string]any)
	for _, field := range []string{"no_show_after_minutes", "no_show_charge_percent", "early_charge_percent"} {
		if _, ok := policies[field].(float64); !ok {
			t.Errorf("no %s in %s", field, w.Body)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/parking?id=dresden-altmarkt", nil)
	r.Header.Set("If-None-Match", w.Header().Get("ETag"))
	again := httptest.NewRecorder()
	b.Parking(again, r)
	if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("with the tag: %d %s", again.Code, again.Body)
	}
	var geo struct {
		Type     string
		Features []struct {
			Type     string
			Geometry struct {
				Type        string
				Coordinates [2]float64
			}
			Properties shown
		}
	}
	w = b.get("/parkings?format=geojson&q=altmarkt", &geo)
	if len(geo.Features) != 1 || geo.Features[0].Geometry.Coordinates != [2]float64{13.7373, 51.0504} ||
		geo.Features[0].Properties.ID != "dresden-altmarkt" || w.Header().Get("Content-Type") != "application/geo+json" {
		t.Errorf("%s", w.Body)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /parkings/{id}", b.Parking)
	w = httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/parkings/fiji", nil))
	if !strings.Contains(w.Body.String(), `"id":"fiji"`) {
		t.Errorf("by path: %s", w.Body)
	}
}
