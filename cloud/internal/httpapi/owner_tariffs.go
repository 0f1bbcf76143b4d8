package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/problem"
	"github.com/openlot/openlot/cloud/internal/receipt"
	"github.com/openlot/openlot/cloud/internal/settings"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
)

func (s *server) listTariffs(c *gin.Context, a ask) error {
	limit, before, err := configPage(c, 1<<32-1)
	if err != nil {
		return err
	}
	ctx, cancel := bounded(c)
	defer cancel()
	all, err := s.Settings.Editions(ctx, a.at, uint32(before), limit+1)
	if err != nil {
		return err
	}
	out := api.TariffEditions{Tariffs: []api.TariffEdition{}}
	if len(all) > limit {
		all = all[:limit]
		next := strconv.FormatUint(uint64(all[limit-1].Version), 10)
		out.NextCursor = &next
	}
	for _, e := range all {
		out.Tariffs = append(out.Tariffs, api.TariffEdition{Version: int64(e.Version), Since: e.Since, Until: e.Until, By: given(e.By), Sha256: fmt.Sprintf("%x", e.Hash)})
	}
	answer(c, http.StatusOK, out)
	return nil
}

// draft reads the tariff of a body, strictly.
func draft(document json.RawMessage) (tariff.Tariff, error) { return tariff.Parse(document) }

func (s *server) checkTariff(c *gin.Context, a ask) error {
	var document json.RawMessage
	if err := readBody(c, object{parts: map[string]*json.RawMessage{"tariff": &document}, required: []string{"tariff"}}, nil); err != nil {
		return err
	}
	ctx, cancel := bounded(c)
	defer cancel()
	found, err := s.Settings.Check(ctx, a.at, document)
	if err != nil {
		return err
	}
	out := api.CheckAnswer{Ok: len(found.Problems) == 0, Problems: []api.TariffFinding{}, Remarks: []api.TariffRemark{}, Affects: api.Affected{ReservationsKept: found.Kept}}
	line := func(n int) *int {
		if n == 0 {
			return nil
		}
		return &n
	}
	for _, p := range found.Problems {
		out.Problems = append(out.Problems, api.TariffFinding{Path: p.Field, Code: api.ProblemCode(p.Code), Detail: p.Says, Line: line(p.Line)})
	}
	for _, p := range found.Remarks {
		out.Remarks = append(out.Remarks, api.TariffRemark{Path: p.Field, Detail: p.Says, Line: line(p.Line)})
	}
	if found.Tariff != nil {
		from := amount(found.Tariff.From())
		out.PriceFrom = &from
	}
	answer(c, http.StatusOK, out)
	return nil
}

func (s *server) adoptTariff(c *gin.Context, a ask) error {
	var document json.RawMessage
	var from, why string
	var preview *bool
	e := settings.TariffEdit{At: a.at}
	if err := readBody(c, object{
		raws: map[string]*json.RawMessage{"tariff": &document}, texts: map[string]*string{"from": &from, "why": &why},
		flags: map[string]**bool{"preview": &preview}, required: []string{"tariff"},
	}, times{"from": {&from, &e.From}}); err != nil {
		return err
	}
	if err := checkWhy(why); err != nil {
		return err
	}
	var err error
	if e.Tariff, err = draft(document); err != nil {
		return err
	}
	e.By, e.Preview = a.by(why), is(preview)
	ctx, cancel := bounded(c)
	defer cancel()
	done, err := s.Settings.Adopt(ctx, e)
	if err != nil {
		return err
	}
	published, err := receipt.Canonical(e.Tariff)
	if err != nil {
		return err
	}
	out := api.AdoptAnswer{
		Preview: e.Preview, Version: int64(e.Tariff.Version), Was: int64(done.Before.Version), Scheduled: !e.From.IsZero(),
		Sha256: fmt.Sprintf("%x", sha256.Sum256(published)), Affects: api.Affected{ReservationsKept: done.Kept},
	}
	if out.Scheduled {
		out.From = &e.From
	}
	answer(c, http.StatusOK, out)
	return nil
}

func (s *server) withdrawTariff(c *gin.Context, a ask) error {
	version, err := strconv.ParseUint(c.Param("version"), 10, 32)
	if err != nil {
		return fault.New(fault.NotFound, parking.CodeNoEdition, "No such tariff is scheduled.")
	}
	return done(c, s.Settings.Withdraw(c.Request.Context(), a.at, uint32(version), a.by("")))
}

func (s *server) replayTariff(c *gin.Context, a ask) error {
	var document json.RawMessage
	var curve, kind string
	r := settings.ReplayRequest{At: a.at}
	if err := readBody(c, object{
		raws: map[string]*json.RawMessage{"tariff": &document}, texts: map[string]*string{"from": &r.From, "to": &r.To, "curve_from": &curve, "space_type": &kind},
		required: []string{"tariff"},
	}, times{"curve_from": {&curve, &r.CurveFrom}}); err != nil {
		return err
	}
	var err error
	if r.Tariff, err = draft(document); err != nil {
		return err
	}
	if kind != "" {
		if r.SpaceType, err = id.ParseSpaceType(kind); err != nil {
			return fault.New(fault.Invalid, capacity.CodeSpaceTypeUnknown, "This parking has no such space type.").WithField("space_type", "is not one of the parking's")
		}
	}
	if accepts(c, "text/event-stream") {
		return s.streamReplay(c, r)
	}
	found, err := s.Settings.Replay(c.Request.Context(), r, nil)
	if err != nil {
		return err
	}
	answer(c, http.StatusOK, replayAnswer(&found))
	return nil
}

// progressEvery is how often a stream says how far a replay is.
const progressEvery = 200 * time.Millisecond

// streamReplay replays while it says how far it is. What fails before the first word is
// answered as always; what fails after it is the stream's last event.
func (s *server) streamReplay(c *gin.Context, r settings.ReplayRequest) error {
	var w *eventWriter
	send := func(name string, v any) bool {
		data, err := json.Marshal(v)
		if err != nil {
			return false
		}
		if w == nil {
			h := c.Writer.Header()
			h.Set("Content-Type", "text/event-stream")
			h.Set("Cache-Control", "no-store")
			h.Set("X-Accel-Buffering", "no") // proxies must not collect it
			c.Status(http.StatusOK)
			w = &eventWriter{c.Writer, http.NewResponseController(c.Writer)}
		}
		var b bytes.Buffer
		fmt.Fprintf(&b, "event: %s\ndata: %s\n\n", name, data)
		return w.write(b.Bytes())
	}
	last := time.Time{}
	found, err := s.Settings.Replay(c.Request.Context(), r, func(done, of int) {
		if now := time.Now(); done == 0 || now.Sub(last) >= progressEvery {
			last = now
			send("progress", map[string]int{"done": done, "of": of})
		}
	})
	if err != nil {
		if w == nil {
			return err
		}
		send("problem", problem.Of(err))
		return err
	}
	send("replay", replayAnswer(&found))
	return nil
}

func replayAnswer(f *settings.Replayed) api.TariffReplay {
	of := func(minor int64) api.Amount { return amount(money.New(minor, f.Parking.Tariff.Currency)) }
	out := api.TariffReplay{
		ParkingId: string(f.Parking.ID), From: f.From, To: f.To, VersionNow: int64(f.Parking.Tariff.Version), Stays: f.Stays, Unpriced: f.Unpriced,
		RevenueReal: of(f.Real), RevenueNow: of(f.Now), RevenueDraft: of(f.Draft), Same: f.Same, More: f.More, Less: f.Less,
		MostMore: of(f.MostMore), MostLess: of(f.MostLess), Bands: []api.ReplayBand{}, Curve: []api.ReplayPoint{},
	}
	for _, b := range f.Bands {
		band := api.ReplayBand{Stays: b.Stays, RevenueDifference: of(b.Difference)}
		if minutes := int(b.UpTo / time.Minute); minutes > 0 {
			band.UpToMinutes = &minutes
		}
		if b.Stays > 0 {
			now, next := of(b.MedianNow), of(b.MedianDraft)
			band.MedianNow, band.MedianDraft = &now, &next
		}
		out.Bands = append(out.Bands, band)
	}
	for _, p := range f.Curve {
		out.Curve = append(out.Curve, api.ReplayPoint{Minutes: int(p.Length / time.Minute), Now: of(p.Now), Draft: of(p.Draft)})
	}
	return out
}
