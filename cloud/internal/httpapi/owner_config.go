package httpapi

import (
	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/protocol/fault"
)

// ownerConfigRoutes are how a parking is run, and its history.
func (s *server) ownerConfigRoutes(r *gin.Engine, get func(string, gin.HandlerFunc)) {
	get("/owner/parkings/:id/config", s.as(notBuilt))
	r.POST("/owner/parkings/:id/capacity", s.as(notBuilt))
	r.POST("/owner/parkings/:id/blocks", s.as(notBuilt))
	r.DELETE("/owner/parkings/:id/blocks/:block", s.as(notBuilt))
	r.PATCH("/owner/parkings/:id/policy", s.as(notBuilt))
	get("/owner/parkings/:id/tariffs", s.as(notBuilt))
	r.POST("/owner/parkings/:id/tariffs", s.as(notBuilt))
	r.POST("/owner/parkings/:id/tariffs/check", s.as(notBuilt))
	r.POST("/owner/parkings/:id/tariffs/replay", s.as(notBuilt))
	r.DELETE("/owner/parkings/:id/tariffs/scheduled/:version", s.as(notBuilt))
	get("/owner/parkings/:id/changes", s.as(notBuilt))
}

func notBuilt(*gin.Context, account.Principal, account.Login) error {
	return fault.New(fault.Unavailable, "not_built", "This is described and not there yet.")
}
