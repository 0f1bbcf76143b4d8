package httpapi

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/api"
)

// Cards says whose fields a page shows for a card. Their number never comes to
// this server: what comes is the provider's token.
type Cards struct {
	Provider       string // empty: the sandbox
	PublishableKey string // that the provider's script is opened with; empty: it has none
}

func (s *server) paymentConfig(c *gin.Context) {
	out := api.PaymentConfig{Provider: api.PaymentConfigProvider(s.Cards.Provider), PublishableKey: given(s.Cards.PublishableKey)}
	if s.Cards.Provider == "" {
		out.Provider = api.Sandbox
	}
	answer(c, http.StatusOK, out)
}
