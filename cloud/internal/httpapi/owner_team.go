package httpapi

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/settings"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// Teams are who works for operators.
type Teams interface {
	Team(ctx context.Context, p account.Principal, o id.Operator) (account.Team, error)
	Manages(ctx context.Context, p account.Principal, o id.Operator) error
	Invite(ctx context.Context, from string, p account.Principal, o id.Operator, email string, role account.Role, language string) error
	Uninvite(ctx context.Context, p account.Principal, o id.Operator, i id.Invitation) error
	SetRole(ctx context.Context, p account.Principal, o id.Operator, of id.Account, to account.Role) error
	Invited(ctx context.Context, from, token string) (account.Invitation, error)
	Accept(ctx context.Context, from string, p account.Principal, token, password string) (i account.Invitation, made bool, err error)
}

// TeamHistory is who changed what of a team.
type TeamHistory interface {
	TeamChanges(ctx context.Context, o id.Operator, before int64, limit int) ([]settings.Change, error)
}

// ownerTeamRoutes are who works for an operator.
func (s *server) ownerTeamRoutes(r *gin.Engine, get func(string, gin.HandlerFunc)) {
	get("/owner/team", s.as(s.getTeam))
	r.POST("/owner/team", s.as(s.invite))
	get("/owner/team/changes", s.as(s.listTeamChanges))
	r.DELETE("/owner/team/invitations/:id", s.as(s.uninvite))
	r.PATCH("/owner/team/:account", s.as(s.changeRole))
	r.DELETE("/owner/team/:account", s.as(s.removeMember))
	r.POST("/invitations/read", s.try(s.readInvitation))
	r.POST("/invitations/accept", s.try(s.acceptInvitation))
}

// operatorOf reads an operator's id; what is none is nobody's.
func operatorOf(text string) (id.Operator, error) {
	o, err := id.Parse[id.Operator](text)
	if err != nil {
		return o, fault.New(fault.NotFound, account.CodeOperatorUnknown, "There is no such operator, or you do not work for it.")
	}
	return o, nil
}

// managed is the operator of the query, for whoever manages its team.
func (s *server) managed(c *gin.Context, p account.Principal) (id.Operator, error) {
	o, err := operatorOf(c.Query("operator"))
	if refused := s.Teams.Manages(c.Request.Context(), p, o); err == nil || fault.Code(refused) != account.CodeOperatorUnknown {
		err = refused
	}
	return o, err
}

func (s *server) getTeam(c *gin.Context, p account.Principal, _ account.Login) error {
	o, err := s.managed(c, p)
	if err != nil {
		return err
	}
	t, err := s.Teams.Team(c.Request.Context(), p, o)
	if err != nil {
		return err
	}
	out := api.Team{Members: []api.TeamMember{}, Invitations: []api.TeamInvitation{}}
	for _, m := range t.Members {
		out.Members = append(out.Members, memberAnswer(m, p))
	}
	for _, i := range t.Invitations {
		out.Invitations = append(out.Invitations, api.TeamInvitation{
			Id: i.ID.String(), Email: i.Email, Role: api.TeamRole(i.Role), By: i.By, CreatedAt: seconds(i.Created), ExpiresAt: seconds(i.Expires),
		})
	}
	answer(c, http.StatusOK, out)
	return nil
}

func memberAnswer(m account.Member, p account.Principal) api.TeamMember {
	out := api.TeamMember{AccountId: m.Account.String(), Email: m.Email, Name: m.Name, Role: api.TeamRole(m.Role), SecondFactor: m.SecondFactor, You: m.Account == p.Account}
	if m.LastSeen != nil {
		seen := seconds(*m.LastSeen)
		out.LastSeenAt = &seen
	}
	return out
}

func (s *server) invite(c *gin.Context, p account.Principal, _ account.Login) error {
	var operator, email, role, language string
	if err := readBody(c, object{
		texts:    map[string]*string{"operator": &operator, "email": &email, "role": &role, "language": &language},
		required: []string{"operator", "email", "role"},
	}, nil); err != nil {
		return err
	}
	o, err := operatorOf(operator)
	if err != nil {
		return err
	}
	return s.mailed(c, s.Teams.Invite(c.Request.Context(), from(c), p, o, email, account.Role(role), language))
}

func (s *server) uninvite(c *gin.Context, p account.Principal, _ account.Login) error {
	o, err := s.managed(c, p)
	if err != nil {
		return err
	}
	i, err := id.Parse[id.Invitation](c.Param("id"))
	if err != nil {
		return fault.New(fault.NotFound, account.CodeInvitationUnknown, "There is no such invitation, or it is not open any more.")
	}
	return done(c, s.Teams.Uninvite(c.Request.Context(), p, o, i))
}

// memberOf is the member of the path.
func memberOf(c *gin.Context) (id.Account, error) {
	a, err := id.Parse[id.Account](c.Param("account"))
	if err != nil {
		return a, fault.New(fault.NotFound, account.CodeMemberUnknown, "Nobody of that account works for this operator.")
	}
	return a, nil
}

func (s *server) changeRole(c *gin.Context, p account.Principal, _ account.Login) error {
	var operator, role string
	if err := readBody(c, object{texts: map[string]*string{"operator": &operator, "role": &role}, required: []string{"operator", "role"}}, nil); err != nil {
		return err
	}
	o, err := operatorOf(operator)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	if err := s.Teams.Manages(ctx, p, o); err != nil {
		return err
	}
	a, err := memberOf(c)
	if err != nil {
		return err
	}
	if err := s.Teams.SetRole(ctx, p, o, a, account.Role(role)); err != nil {
		return err
	}
	// Whoever has made himself staff sees the team no more, and is told what he is.
	out := api.TeamMember{AccountId: a.String(), Role: api.TeamRole(role), You: a == p.Account}
	t, err := s.Teams.Team(ctx, p, o)
	if err != nil {
		return err
	}
	for _, m := range t.Members {
		if m.Account == a {
			out = memberAnswer(m, p)
		}
	}
	answer(c, http.StatusOK, out)
	return nil
}

func (s *server) removeMember(c *gin.Context, p account.Principal, _ account.Login) error {
	o, err := s.managed(c, p)
	if err != nil {
		return err
	}
	a, err := memberOf(c)
	if err != nil {
		return err
	}
	return done(c, s.Teams.SetRole(c.Request.Context(), p, o, a, ""))
}

func (s *server) listTeamChanges(c *gin.Context, p account.Principal, _ account.Login) error {
	o, err := s.managed(c, p)
	if err != nil {
		return err
	}
	limit, before, err := configPage(c, 1<<62)
	if err != nil {
		return err
	}
	ctx, cancel := bounded(c)
	defer cancel()
	all, err := s.TeamHistory.TeamChanges(ctx, o, before, limit+1)
	if err != nil {
		return err
	}
	if err := s.Settings.NameAuthors(ctx, all); err != nil {
		return err
	}
	return changesAnswer(c, all, limit)
}

func (s *server) readInvitation(c *gin.Context) error {
	var token string
	if err := readBody(c, object{texts: map[string]*string{"token": &token}, required: []string{"token"}}, nil); err != nil {
		return err
	}
	i, err := s.Teams.Invited(c.Request.Context(), from(c), token)
	if err == nil {
		answer(c, http.StatusOK, api.Invitation{OperatorName: i.OperatorName, Role: api.TeamRole(i.Role), Email: i.Email, HasAccount: i.HasAccount, ExpiresAt: seconds(i.Expires)})
	}
	return err
}

func (s *server) acceptInvitation(c *gin.Context) error {
	var token, password string
	if err := readBody(c, object{texts: map[string]*string{"token": &token, "password": &password}, required: []string{"token"}}, nil); err != nil {
		return err
	}
	p, _, err := s.who(c)
	if err != nil {
		return err
	}
	c.Writer.Header().Add("Vary", "Cookie")
	i, made, err := s.Teams.Accept(c.Request.Context(), from(c), p, token, password)
	if err == nil {
		answer(c, http.StatusOK, api.Accepted{Operator: i.Operator.String(), OperatorName: i.OperatorName, Role: api.TeamRole(i.Role), AccountMade: made})
	}
	return err
}
