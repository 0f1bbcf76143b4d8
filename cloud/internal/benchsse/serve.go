//go:build linux

package benchsse

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/httpapi"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/listing"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/sse"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// memory is a source of one parking.
type memory struct{ parking parking.Parking }

func (m memory) Parkings(context.Context, []id.Parking, int32) ([]listing.Snapshot, error) {
	return []listing.Snapshot{{
		Parking: m.parking, Revision: 1, Days: map[inventory.Key]*inventory.Day{},
		Allotments: map[id.SpaceType]int16{}, Allotted: map[id.Session]id.SpaceType{},
	}}, nil
}

// Serve is the server under test: the API with a listing that is fed by POST
// /publish instead of a database. out gets its address.
func Serve(ctx context.Context, out io.Writer) error {
	streams, err := sse.New(sse.Options{Max: 1 << 20})
	if err != nil {
		return err
	}
	// What it costs to write a line for each request is part of it.
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil)) //nolint:sloglint // see above
	l := listing.New(memory{garage()}, time.Now, time.Now, quiet, listing.Options{Streams: streams})
	ready := make(chan struct{})
	close(ready)
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx, ready) }()
	api, err := httpapi.New(httpapi.Config{Log: quiet, Parkings: http.HandlerFunc(l.Parkings), Parking: http.HandlerFunc(l.Parking)})
	if err != nil {
		return err
	}
	root := http.NewServeMux()
	root.Handle("/", api)
	revision, from := uint64(1), timerange.Floor(time.Now())
	root.HandleFunc("POST /publish", func(w http.ResponseWriter, _ *http.Request) { // one at a time
		revision++
		n := int16(1)
		if revision%2 == 1 {
			n = -1
		}
		l.Handle([]feed.Event{{Parking: "bench", Revision: revision, At: time.Now(), Kind: feed.ReservationHeld, Body: feed.Body{
			Claims: []inventory.Delta{{Type: id.Standard, From: from, To: from + 4, N: n}},
		}}})
		_, _ = io.WriteString(w, strconv.FormatUint(revision, 10)) // the caller is gone if it fails
	})
	at, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	<-l.Loaded()
	if _, err := fmt.Fprintln(out, at.Addr()); err != nil {
		return err
	}
	srv := httpapi.NewServer(root, quiet)
	go func() { _ = srv.Serve(sse.Gather(streams.Front(at, "/parking", api))) }() // ends with Close
	err = <-done
	_ = srv.Close()
	return err
}

func garage() parking.Parking {
	return parking.Parking{
		ID: "bench", Name: "Altmarkt", City: "Dresden", Address: "Altmarkt 1", Latitude: 51.05, Longitude: 13.74,
		Timezone: "Europe/Berlin", Kind: parking.Underground, Policy: parking.DefaultPolicy(),
		Tariff:     tariff.Tariff{Format: 1, Version: 1, Currency: "EUR", Rate: 200, IntervalMinutes: 60, TaxBasisPoints: 1900},
		SpaceTypes: []parking.SpaceType{{ID: id.Standard, Class: parking.ClassStandard, Label: "Standard", Capacity: 400}},
	}
}
