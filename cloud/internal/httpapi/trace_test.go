package httpapi

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
)

// Who names no collector pays nothing for traces.
func TestNoTracesCostNothing(t *testing.T) {
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	c.Request = httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/parkings", nil)
	c.Request.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	s := &server{}
	if n := testing.AllocsPerRun(100, func() {
		span := s.span(c, http.MethodGet, "/parkings", "request")
		endSpan(span, http.StatusOK)
		if traceOf(span) != nil {
			t.Error("a trace without a collector")
		}
	}); n != 0 {
		t.Errorf("%v allocations for no trace", n)
	}
}
