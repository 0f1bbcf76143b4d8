package httpapi

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/places"
)

// Places finds places by what is typed of their name.
type Places interface {
	Find(q places.Query) []places.Found
	// Gazetteer reports whether some may be of a gazetteer, which is then named.
	Gazetteer() bool
}

// Limits of a search for places.
const (
	defaultPlaces = 8
	mostPlaces    = 20
	maxPlaceText  = 100 // characters
)

// placesKept is how long a browser or a proxy may take an answer for the present one: a
// parking that is new is found that much later by its name.
const placesKept = "public, max-age=60"

// findPlaces answers GET /places. It asks nobody and reads no database.
func (s *server) findPlaces(c *gin.Context) error {
	q := places.Query{Limit: defaultPlaces}
	if err := knownQuery(c, "q", "near", "limit"); err != nil {
		return err
	}
	asked := c.Request.URL.Query()
	for name, values := range asked {
		if len(values) > 1 {
			return wrongParameter(name, "is given more than once")
		}
	}
	q.Text = asked.Get("q")
	if strings.TrimSpace(q.Text) == "" || utf8.RuneCountInString(q.Text) > maxPlaceText {
		return wrongParameter("q", "must be text of 1 to 100 characters")
	}
	if text, ok := asked["near"]; ok {
		at, ok := degrees(text[0])
		if !ok {
			return wrongParameter("near", "must be latitude,longitude in degrees")
		}
		q.Near = &at
	}
	if text, ok := asked["limit"]; ok {
		n, err := strconv.Atoi(text[0])
		if err != nil || n < 1 || n > mostPlaces {
			return wrongParameter("limit", "must be 1 to 20")
		}
		q.Limit = n
	}
	out := api.PlaceList{Places: []api.Place{}}
	for _, f := range s.Places.Find(q) {
		out.Places = append(out.Places, placeAnswer(&f))
	}
	if s.Places.Gazetteer() {
		out.Attribution = &api.PlaceAttribution{Text: "GeoNames, CC BY 4.0", Url: "https://www.geonames.org/"}
	}
	body, err := json.Marshal(out)
	if err != nil {
		return fmt.Errorf("places: %w", err)
	}
	tag := `"` + strconv.FormatUint(xxhash.Sum64(body), 36) + `"`
	c.Header("ETag", tag)
	c.Header("Cache-Control", placesKept)
	if slices.Contains(c.Request.Header.Values("If-None-Match"), tag) {
		c.Status(http.StatusNotModified)
		return nil
	}
	c.Header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	c.Data(http.StatusOK, "application/json; charset=utf-8", body)
	return nil
}

func placeAnswer(f *places.Found) api.Place {
	out := api.Place{
		Kind: api.PlaceKind(f.Kind), Name: f.Name, Context: given(f.Context), Country: given(f.Country),
		Latitude: fine(f.At.Lat), Longitude: fine(f.At.Lon), ParkingId: given(string(f.Parking)),
	}
	if b := f.Bounds; b != nil {
		out.Bbox = &[]float64{fine(b.West), fine(b.South), fine(b.East), fine(b.North)}
	}
	return out
}

// fine is a degree to a tenth of a metre or so: more would only say how a mean was made.
func fine(degree float64) float64 { return math.Round(degree*1e6) / 1e6 }

// degrees reads "latitude,longitude".
func degrees(text string) (places.Point, bool) {
	lat, lon, ok := strings.Cut(text, ",")
	a, err := strconv.ParseFloat(strings.TrimSpace(lat), 64)
	b, err2 := strconv.ParseFloat(strings.TrimSpace(lon), 64)
	good := ok && err == nil && err2 == nil && math.Abs(a) <= 90 && math.Abs(b) <= 180
	return places.Point{Lat: a, Lon: b}, good // NaN is not good, either
}
