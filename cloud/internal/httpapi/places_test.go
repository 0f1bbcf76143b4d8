package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/httpapi"
	"github.com/openlot/openlot/cloud/internal/places"
)

// atlas finds one place, and remembers what it was asked.
type atlas struct {
	asked     []places.Query
	gazetteer bool
}

func (a *atlas) Find(q places.Query) []places.Found {
	a.asked = append(a.asked, q)
	if strings.Contains(q.Text, "nowhere") {
		return nil
	}
	return []places.Found{
		{Place: places.Place{Kind: places.Street, Name: "Prager Straße", Context: "Dresden", Country: "DE", At: places.Point{Lat: 51.04500000012, Lon: 13.736}, Bounds: &places.Bounds{West: 13.7, South: 51, East: 13.8, North: 51.1}}},
		{Place: places.Place{Kind: places.Lot, Name: "Altmarkt", Parking: altmarkt}},
	}
}
func (a *atlas) Gazetteer() bool { return a.gazetteer }

func TestPlacesAreFound(t *testing.T) {
	a := &atlas{}
	s := newSite(t, func(c *httpapi.Config) { c.Places = a })
	got := s.do("GET", "/places?q=prager&near=51.05,13.74&limit=3", "")
	var list api.PlaceList
	if err := json.Unmarshal(got.body, &list); err != nil || got.status != 200 || len(list.Places) != 2 || list.Attribution != nil {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if p := list.Places[0]; p.Name != "Prager Straße" || *p.Context != "Dresden" || p.Latitude != 51.045 || len(*p.Bbox) != 4 || p.ParkingId != nil {
		t.Errorf("%s", got.body)
	}
	if p := list.Places[1]; *p.ParkingId != "altmarkt" || p.Context != nil || p.Bbox != nil {
		t.Errorf("%s", got.body)
	}
	if q := a.asked[0]; q.Text != "prager" || q.Limit != 3 || *q.Near != (places.Point{Lat: 51.05, Lon: 13.74}) {
		t.Errorf("asked %+v", q)
	}
	tag := got.header.Get("ETag")
	if again := s.do("GET", "/places?q=prager", "", "If-None-Match", tag); tag == "" || again.status != http.StatusNotModified || got.header.Get("Cache-Control") != "public, max-age=60" {
		t.Errorf("%d with %s: %v", again.status, tag, got.header)
	}
	a.gazetteer = true
	if got := s.do("GET", "/places?q=nowhere", ""); got.status != 200 || !strings.Contains(string(got.body), `"places":[]`) || !strings.Contains(string(got.body), "GeoNames") {
		t.Errorf("nothing found: %d %s", got.status, got.body)
	}
}

func TestASearchForPlacesThatCannotBeIsRefused(t *testing.T) {
	a := &atlas{}
	s := newSite(t, func(c *httpapi.Config) { c.Places = a })
	for query, code := range map[string]string{
		"": "invalid_parameter", "q=": "invalid_parameter", "q=%20": "invalid_parameter", "q=" + strings.Repeat("x", 101): "invalid_parameter", "q=a&q=b": "invalid_parameter",
		"text=a": "unknown_parameter", "q=ab&near=": "invalid_parameter", "q=ab&near=1": "invalid_parameter", "q=ab&near=91,0": "invalid_parameter", "q=ab&near=NaN,0": "invalid_parameter",
		"q=ab&near=1,2,3": "invalid_parameter", "q=ab&limit=0": "invalid_parameter", "q=ab&limit=21": "invalid_parameter", "q=ab&limit=x": "invalid_parameter",
		"q=" + url.QueryEscape("a\x00b"): "malformed_query", "q=%ff": "malformed_query", "q=%zz": "malformed_query",
	} {
		got := s.do("GET", "/places?"+query, "")
		if query == "q=%zz" { // net/http leaves out what it cannot read
			code = "invalid_parameter"
		}
		if got.status != 400 && got.status != 422 || got.problem(t).Code != code {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
	if len(a.asked) > 0 {
		t.Errorf("was asked all the same: %v", a.asked)
	}
}
