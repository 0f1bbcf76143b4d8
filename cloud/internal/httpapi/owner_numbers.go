package httpapi

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/internal/account"
)

// numberRoutes are what an operator's dashboard shows of trends, reservations, stays
// and money.
func (s *server) numberRoutes(get func(string, gin.HandlerFunc)) {
	for _, path := range []string{
		"/owner/parkings/:id/trends", "/owner/parkings/:id/reservations/:reservation", "/owner/reservations", "/owner/sessions",
		"/owner/money", "/owner/ledger", "/owner/payouts", "/owner/receivables", "/owner/closings", "/owner/shifts",
	} {
		get(path, s.as(s.notYet))
	}
}

func (s *server) notYet(c *gin.Context, _ account.Principal, _ account.Login) error {
	c.Status(http.StatusNotImplemented)
	return nil
}
