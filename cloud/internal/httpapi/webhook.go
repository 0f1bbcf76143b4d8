package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/internal/problem"
	"github.com/openlot/openlot/protocol/fault"
)

// Webhooks takes what payment providers tell.
type Webhooks interface {
	// Take verifies a webhook and stores it before it returns. body is as it came in.
	Take(ctx context.Context, provider string, header func(name string) string, body []byte) error
}

// Limits of a webhook. A provider that waits too long sends it again.
const (
	maxWebhook  = 256 << 10
	webhookTime = 10 * time.Second // for reading it, and again for storing it
)

// takeWebhook answers when the webhook is stored; what it asks for is done later.
func (s *server) takeWebhook(c *gin.Context) error {
	rc := http.NewResponseController(c.Writer)
	_ = rc.SetReadDeadline(time.Now().Add(webhookTime)) // not supported by test recorders
	raw, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxWebhook))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return fault.Newf(fault.Invalid, problem.CodeBodyTooLarge, "A webhook has at most %d bytes.", maxWebhook)
	case err != nil:
		return fault.Wrap(err, fault.Invalid, problem.CodeMalformedJSON, "The body ended before it was complete.")
	}
	_ = rc.SetReadDeadline(time.Time{})
	ctx, done := context.WithTimeout(c.Request.Context(), webhookTime)
	defer done()
	if err := s.Webhooks.Take(ctx, c.Param("provider"), c.GetHeader, raw); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}
