package httpapi

import "github.com/gin-gonic/gin"

// ownerTeamRoutes are who works for an operator.
func (s *server) ownerTeamRoutes(r *gin.Engine, get func(string, gin.HandlerFunc)) {
	get("/owner/team", s.as(notBuilt))
	r.POST("/owner/team", s.as(notBuilt))
	get("/owner/team/changes", s.as(notBuilt))
	r.DELETE("/owner/team/invitations/:id", s.as(notBuilt))
	r.PATCH("/owner/team/:account", s.as(notBuilt))
	r.DELETE("/owner/team/:account", s.as(notBuilt))
	r.POST("/invitations/read", s.as(notBuilt))
	r.POST("/invitations/accept", s.as(notBuilt))
}
