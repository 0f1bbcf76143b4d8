package benchlisting

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/httpapi"
	"github.com/openlot/openlot/cloud/internal/listing"
	"github.com/openlot/openlot/protocol/timerange"
)

type nowhere struct {
	h    http.Header
	code int
	n    int
}

func (w *nowhere) Header() http.Header         { return w.h }
func (w *nowhere) WriteHeader(code int)        { w.code = code }
func (w *nowhere) Write(b []byte) (int, error) { w.n += len(b); return len(b), nil }

// BenchmarkParkings is what an answer costs before net/http sends it.
func BenchmarkParkings(b *testing.B) {
	t := town{timerange.Floor(time.Now())}
	l := listing.New(t, time.Now, time.Now, slog.New(slog.DiscardHandler), listing.Options{})
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	ready := make(chan struct{})
	close(ready)
	go func() { _ = l.Run(ctx, ready) }()
	<-l.Loaded()
	log := slog.New(slog.NewTextHandler(io.Discard, nil)) //nolint:sloglint // what a line costs is part of it
	api, err := httpapi.New(httpapi.Config{Log: log, Parkings: http.HandlerFunc(l.Parkings)})
	if err != nil {
		b.Fatal(err)
	}
	for _, kind := range kinds() {
		queries := t.queries(kind)
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				w := nowhere{h: http.Header{}}
				r := http.Request{Method: http.MethodGet, Proto: "HTTP/1.1", Header: http.Header{}, URL: &url.URL{Path: "/parkings", RawQuery: queries[i%len(queries)]}}
				api.ServeHTTP(&w, &r)
				if w.n < 100 {
					b.Fatal(w.code, w.n)
				}
			}
		})
	}
}
