package httpapi

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/api"
)

// Cards says whose fields a page shows for a card. Their number never comes to
// this server: what comes is the provider's token.
type Cards struct {
	Provider       string // empty: the sandbox
	PublishableKey string // that the provider's script is opened with; empty: it has none
}

// exchangeRates says what currencies are worth, for prices that are shown beside the
// real ones.
func (s *server) exchangeRates(c *gin.Context) {
	out := api.ExchangeRates{Rates: map[string]float64{}}
	if s.Rates != nil {
		if r, current := s.Rates(); current {
			day := r.Day.Format(time.DateOnly)
			out = api.ExchangeRates{Base: &r.Base, AsOf: &day, Rates: r.Of}
		}
	}
	answer(c, http.StatusOK, out)
}

func (s *server) paymentConfig(c *gin.Context) {
	out := api.PaymentConfig{Provider: api.PaymentConfigProvider(s.Cards.Provider), PublishableKey: given(s.Cards.PublishableKey)}
	if s.Cards.Provider == "" {
		out.Provider = api.Sandbox
	}
	answer(c, http.StatusOK, out)
}
