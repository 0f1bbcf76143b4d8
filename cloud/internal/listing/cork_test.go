package listing_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/openlot/openlot/cloud/internal/listing"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/sse"
)

// corked reports whether the connection of a request holds something back: nobody else can
// cork it then.
func corked(r *http.Request) bool {
	c := sse.Cork(r)
	defer c.Uncork()
	return c == sse.Corked{}
}

// looked is a writer that tells whether the connection was corked when the answer was
// written, and breaks then if it is to.
type looked struct {
	http.ResponseWriter
	corked func() bool
	breaks bool
	was    bool
}

func (l *looked) Write(b []byte) (int, error) {
	l.was = l.corked()
	if l.breaks {
		panic("the answer breaks off")
	}
	return l.ResponseWriter.Write(b)
}

// A long answer is corked while it is written and never afterwards, whether it
// is sent or breaks off; a short one is not, nor is one that has nothing to write.
func TestTheCorkIsTakenOff(t *testing.T) {
	t.Parallel()
	var all []parking.Parking
	for i := range 60 {
		all = append(all, garage("p"+string(rune('a'+i/10))+string(rune('0'+i%10)), 5))
	}
	b := start(t, newModel(all...), listing.Options{})
	t.Cleanup(b.stop)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if corked(r) {
			t.Errorf("%s: corked before it is answered", r.URL)
		}
		x := &looked{ResponseWriter: w, corked: func() bool { return corked(r) }, breaks: r.Header.Get("Breaks") != ""}
		defer func() {
			broke := recover()
			if (broke != nil) != x.breaks {
				t.Errorf("%s: panic %v", r.URL, broke)
			}
			if corked(r) {
				t.Errorf("%s: the cork is left on; breaks: %t", r.URL, x.breaks)
			}
			if long := r.Header.Get("Long") != ""; x.was != long {
				t.Errorf("%s: corked %t", r.URL, x.was)
			}
		}()
		b.Parkings(x, r)
	}))
	s.Listener = sse.Gather(s.Listener)
	s.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return sse.ConnContext(ctx, c) }
	s.Start()
	t.Cleanup(s.Close)
	ask := func(path string, header ...string) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		a, err := s.Client().Do(r)
		if err != nil {
			if header[len(header)-1] == "breaks" {
				return ""
			}
			t.Fatal(err)
		}
		defer func() { _ = a.Body.Close() }()
		if got, err := io.ReadAll(a.Body); a.StatusCode == http.StatusOK && r.Header.Get("Breaks") == "" && (err != nil || int64(len(got)) != a.ContentLength) {
			t.Errorf("%s: %d bytes of %d: %v", path, len(got), a.ContentLength, err)
		}
		return a.Header.Get("ETag")
	}
	for range 3 { // on one connection
		tag := ask("/parkings?limit=60", "Long", "yes")
		ask("/parkings?limit=1")
		ask("/parkings?nobody=1")
		ask("/parkings?limit=60", "If-None-Match", tag)
		ask("/parkings?limit=60", "Long", "yes", "Breaks", "breaks")
	}
}
