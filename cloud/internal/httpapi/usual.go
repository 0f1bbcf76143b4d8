package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/trends"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// Usual knows how full parkings usually are.
type Usual interface {
	// Of tells of a parking; without a zone there is none.
	Of(ctx context.Context, p id.Parking) (trends.UsualOfParking, error)
}

var weekdays = [7]api.UsualDayWeekday{api.Mon, api.Tue, api.Wed, api.Thu, api.Fri, api.Sat, api.Sun}

func (s *server) getUsual(c *gin.Context) error {
	missing := fault.New(fault.NotFound, capacity.CodeParkingNotFound, "There is no such parking.")
	at, err := id.ParseParking(c.Param("id"))
	if err != nil {
		return missing
	}
	if s.Listed != nil {
		if _, known := s.Listed.Show(at); !known { // no database is asked for what somebody made up
			return missing
		}
	}
	ctx, done := bounded(c)
	defer done()
	of, err := s.Usual.Of(ctx, at)
	if err != nil {
		return err
	}
	if of.Zone == "" {
		return missing
	}
	out := api.Usual{Timezone: of.Zone, Weeks: trends.UsualWeeks}
	for i := range of.Usual {
		out.Days = append(out.Days, api.UsualDay{Weekday: weekdays[i], Hours: of.Usual[i][:]})
	}
	body, err := json.Marshal(out)
	if err != nil {
		return err
	}
	tag := fmt.Sprintf(`"%x"`, sha256.Sum256(body))
	c.Header("ETag", tag)
	c.Header("Cache-Control", "public, max-age=900")
	c.Header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	if c.GetHeader("If-None-Match") == tag {
		c.Status(http.StatusNotModified)
		return nil
	}
	c.Data(http.StatusOK, "application/json", body)
	return nil
}
