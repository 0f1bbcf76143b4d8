package benchlisting

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/httpapi"
	"github.com/openlot/openlot/cloud/internal/listing"
	"github.com/openlot/openlot/cloud/internal/sse"
	"github.com/openlot/openlot/protocol/timerange"
)

// changesEvery is how often an event is handed to the listing.
const changesEvery = 5 * time.Millisecond

// Serve is the server under test, for times from first on: the API with a listing
// of parkings that change. out gets its address.
func Serve(ctx context.Context, first timerange.Q, out io.Writer) error {
	// What it costs to write a line for each request is part of it.
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil)) //nolint:sloglint // see above
	t := town{first}
	l := listing.New(t, time.Now, time.Now, quiet, listing.Options{})
	ready := make(chan struct{})
	close(ready)
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx, ready) }()
	api, err := httpapi.New(httpapi.Config{Log: quiet, Parkings: http.HandlerFunc(l.Parkings), Parking: http.HandlerFunc(l.Parking)})
	if err != nil {
		return err
	}
	<-l.Loaded()
	go t.change(ctx, l)
	root := func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/debug/pprof/profile") {
			pprof.Profile(w, r)
			return
		}
		api.ServeHTTP(w, r)
	}
	return errors.Join(listen(ctx, http.HandlerFunc(root), quiet, out), <-done)
}

// change hands events to the listing until the context ends.
func (t town) change(ctx context.Context, l *listing.Listing) {
	tick := time.NewTicker(changesEvery)
	defer tick.Stop()
	revisions := make([]uint64, parkings)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		p := rand.IntN(parkings) //nolint:gosec // a load, no secret
		revisions[p]++
		l.Handle([]feed.Event{t.event(p, revisions[p]+1)})
	}
}

// ServeStatic is the reference: a bare gin handler that has every answer of the
// server at from ready, with the headers that any answer of its size should have.
// out gets its address.
func ServeStatic(ctx context.Context, first timerange.Q, from string, out io.Writer) error {
	ready := map[string][]byte{}
	for _, kind := range kinds() {
		for _, q := range (town{first}).queries(kind) {
			a, err := http.Get("http://" + from + "/parkings?" + q) //nolint:noctx // from a server of ours
			if err != nil {
				return err
			}
			body, err := io.ReadAll(a.Body)
			_ = a.Body.Close()
			if err != nil || a.StatusCode != http.StatusOK {
				return fmt.Errorf("%s: %s %s: %w", q, a.Status, body, err)
			}
			ready[q] = body
		}
	}
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.GET("/parkings", func(c *gin.Context) {
		body := ready[c.Request.URL.RawQuery]
		c.Header("Content-Length", fmt.Sprint(len(body))) // without it net/http sends chunks, which is slower
		c.Data(http.StatusOK, "application/json", body)
	})
	return listen(ctx, r, slog.New(slog.DiscardHandler), out)
}

// listen serves on a free port until the context ends.
func listen(ctx context.Context, h http.Handler, log *slog.Logger, out io.Writer) error {
	at, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, at.Addr()); err != nil {
		return err
	}
	srv := httpapi.NewServer(h, log)
	go func() { _ = srv.Serve(sse.Gather(at)) }() // as the program does; ends with Close
	<-ctx.Done()
	return srv.Close()
}
