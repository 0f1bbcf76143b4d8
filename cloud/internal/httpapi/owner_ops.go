package httpapi

import (
	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/protocol/fault"
)

// opsRoutes are those behind the pages about what is now: lanes, commands, incidents, edges.
func (s *server) opsRoutes(r *gin.Engine, get func(string, gin.HandlerFunc)) {
	later := s.as(notBuilt)
	get("/owner/now", later)
	get("/owner/parkings/:id/now", later)
	r.POST("/owner/parkings/:id/lanes/:lane/commands", later)
	get("/owner/commands", later)
	get("/owner/incidents", later)
	get("/owner/parkings/:id/incidents/:incident", later)
	r.POST("/owner/parkings/:id/incidents/:incident/read", later)
	get("/owner/edges", later)
}
