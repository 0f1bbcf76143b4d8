package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/api"
)

// checkTimeout bounds one check of readiness.
const checkTimeout = 2 * time.Second

// Where balancers and supervisors ask.
const (
	healthzPath = "/healthz"
	readyzPath  = "/readyz"
)

func (s *server) healthz(c *gin.Context) {
	answer(c, http.StatusOK, api.Health{Status: api.HealthStatusOk})
}

// readyz runs the checks one after the other. Why one fails is in the log, not
// in the answer. Who asks may choose the status of an instance that is not ready:
// HAProxy takes an instance out of its choice and leaves what is under way alone only
// where it reads 404 (http-check disable-on-404); any other makes it one that is gone,
// whose streams are ended so that their clients come back elsewhere.
func (s *server) readyz(c *gin.Context) {
	not := http.StatusServiceUnavailable
	if c.Query("unready") == "404" {
		not = http.StatusNotFound
	}
	if s.stopping() {
		answer(c, not, api.Health{Status: api.HealthStatusDraining})
		return
	}
	checks := map[string]api.HealthChecks{}
	h := api.Health{Status: api.HealthStatusOk, Checks: &checks}
	status := http.StatusOK
	for _, check := range s.Checks {
		ctx, done := context.WithTimeout(c.Request.Context(), checkTimeout)
		err := check.Run(ctx)
		done()
		checks[check.Name] = api.HealthChecksOk
		if err != nil {
			checks[check.Name] = api.HealthChecksFailing
			h.Status, status = api.HealthStatusUnavailable, not
			_ = c.Error(fmt.Errorf("not ready: %s: %w", check.Name, err))
		}
	}
	answer(c, status, h)
}

// document serves what does not change while the process runs.
func (s *server) document(mediaType string, body []byte) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Header("Cache-Control", "no-cache")
		c.Header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
		c.Data(http.StatusOK, mediaType, body)
	}
}
