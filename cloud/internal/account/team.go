package account

import (
	"context"
	"strings"
	"time"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// Fault codes of teams.
const (
	CodeMemberUnknown     = "member_not_found"
	CodeInvitationUnknown = "invitation_not_found"
	CodeMemberAlready     = "member_already"
	CodeManyInvitations   = "too_many_invitations"
)

// Bounds of invitations.
const (
	inviteFor       = 7 * 24 * time.Hour
	MaxInvitations  = 100 // open ones of an operator
	noticesOnRecord = 24 * time.Hour
)

// ofTeam is how many invitations go out for an operator.
var ofTeam = rate{20, 10 * time.Minute}

// Member is somebody who works for an operator.
type Member struct {
	Account      id.Account
	Email        string
	Name         string
	Role         Role
	SecondFactor bool
	LastSeen     *time.Time // nil: is logged in nowhere
}

// Invitation is somebody who may come to work for an operator.
type Invitation struct {
	ID           id.Invitation
	Operator     id.Operator
	OperatorName string
	Email        string
	Role         Role
	By           string // an account's id, until it is named
	Created      time.Time
	Expires      time.Time
	HasAccount   bool // its address, by now
}

// Team is who works for an operator and who is invited.
type Team struct {
	Members     []Member
	Invitations []Invitation
}

// CheckRole is the rule of what becomes of a member's role; an empty one takes it away.
// An operator keeps an owner, whoever asks. Its faults are CodeMemberUnknown and
// CodeLastOwner.
func CheckRole(members []Member, of id.Account, to Role) (before Role, err error) {
	owners := 0
	for _, m := range members {
		if m.Account == of {
			before = m.Role
		}
		if m.Role == Owner {
			owners++
		}
	}
	switch {
	case before == "":
		return "", errNoMember()
	case before == Owner && to != Owner && owners <= 1:
		return before, fault.New(fault.Conflict, CodeLastOwner, "Nobody else is an owner of this operator. Make somebody one first.")
	}
	return before, nil
}

// Joins is the rule of an invitation that is accepted: who works for the operator already
// gets the role instead of his own, as CheckRole allows.
func Joins(members []Member, who id.Account, role Role) (before Role, err error) {
	before, err = CheckRole(members, who, role)
	if fault.Code(err) == CodeMemberUnknown {
		return "", nil
	}
	return before, err
}

func errNoMember() error {
	return fault.New(fault.NotFound, CodeMemberUnknown, "Nobody of that account works for this operator.")
}

// TeamStore keeps teams. Every change is written into the operator's history, with its
// author, in the same commit; so is the job that mails whom it concerns.
type TeamStore interface {
	Team(ctx context.Context, o id.Operator, now time.Time) (Team, bool, error)
	// Invite keeps an invitation, in the place of an open one of the same address, with
	// its link and the job that mails it. Its faults are CodeOperatorUnknown,
	// CodeMemberAlready and CodeManyInvitations.
	Invite(ctx context.Context, i Invitation, l Link) error
	// Uninvite ends an invitation; false: it is not open, or of another operator.
	Uninvite(ctx context.Context, o id.Operator, i id.Invitation, by string, now time.Time) (bool, error)
	// Invited is the open invitation of a token; nil: there is none that is good now.
	Invited(ctx context.Context, token []byte, now time.Time) (*Invitation, error)
	// Accept gives an invitation's role to an account, which is made with the password
	// first if there is one given. False: the invitation is not good any more, the account
	// is not the address's, or the address has one already. Its faults are those of Joins.
	Accept(ctx context.Context, token []byte, a id.Account, password string, notice Link, now time.Time) (bool, error)
	// SetRole gives a member another role, or (empty) none, as CheckRole allows.
	SetRole(ctx context.Context, o id.Operator, of id.Account, to Role, by string, notice Link) error
}

// manages refuses whoever may not manage an operator's team.
func manages(p Principal, o id.Operator) error {
	return Decide(p, ManageTeam, Object{Operator: o, Exists: !o.IsZero()}).Refusal(errNoOperator())
}

func errNoOperator() error {
	return fault.New(fault.NotFound, CodeOperatorUnknown, "There is no such operator, or you do not work for it.")
}

// Team is who works for an operator.
// Its faults are CodeOperatorUnknown and those of Decide.
func (s *Service) Team(ctx context.Context, p Principal, o id.Operator) (Team, error) {
	if err := manages(p, o); err != nil {
		return Team{}, err
	}
	t, there, err := s.Teams.Team(ctx, o, s.Now().UTC())
	if err == nil && !there {
		err = errNoOperator()
	}
	return t, err
}

// Manages says whether a principal may manage the team of an operator.
// Its faults are CodeOperatorUnknown and those of Decide.
func (s *Service) Manages(_ context.Context, p Principal, o id.Operator) error { return manages(p, o) }

// checkTeamRole refuses what is no role in a team: administrators are the platform's.
func checkTeamRole(r Role) error {
	if r != Staff && r != Owner {
		return fault.New(fault.Invalid, CodeInvalid, "Some of what was sent cannot be used; fields says what.").WithField("role", "must be staff or owner")
	}
	return nil
}

// Invite sends somebody an invitation. Whether the address has an account makes no
// difference to the answer nor to the work.
// Its faults are CodeInvalid, CodeTooManyTries, CodeOperatorUnknown, CodeMemberAlready,
// CodeManyInvitations and those of Decide.
func (s *Service) Invite(ctx context.Context, from string, p Principal, o id.Operator, email string, role Role, lang string) error {
	if err := manages(p, o); err != nil {
		return err
	}
	n, err := NormalEmail(email)
	if err != nil {
		return invalid("email", err)
	}
	if err := checkTeamRole(role); err != nil {
		return err
	}
	if lang, err = language(lang); err != nil {
		return err
	}
	if err := s.try(ctx, from, tries{"team:" + o.String(), ofTeam}, tries{"mail:" + n, ofMail}); err != nil {
		return err
	}
	l := s.newLink(LinkInvite, n, lang, inviteFor)
	l.Role = role
	return s.Teams.Invite(ctx, Invitation{
		ID: id.New[id.Invitation](l.Created), Operator: o, Email: n, Role: role, By: p.Account.String(), Created: l.Created, Expires: l.Expires,
	}, l)
}

// Uninvite takes an invitation back.
// Its faults are CodeInvitationUnknown, CodeOperatorUnknown and those of Decide.
func (s *Service) Uninvite(ctx context.Context, p Principal, o id.Operator, i id.Invitation) error {
	if err := manages(p, o); err != nil {
		return err
	}
	ok, err := s.Teams.Uninvite(ctx, o, i, p.Account.String(), s.Now().UTC())
	if err == nil && !ok {
		err = fault.New(fault.NotFound, CodeInvitationUnknown, "There is no such invitation, or it is not open any more.")
	}
	return err
}

// notice is the link of a mail that leads nowhere but to the log-in.
func (s *Service) notice(kind LinkKind) Link {
	return s.newLink(kind, "", Languages[0], noticesOnRecord)
}

// SetRole gives a member another role, or none; the member is told by mail.
// Its faults are CodeInvalid, CodeMemberUnknown, CodeLastOwner, CodeOperatorUnknown and
// those of Decide.
func (s *Service) SetRole(ctx context.Context, p Principal, o id.Operator, of id.Account, to Role) error {
	if err := manages(p, o); err != nil {
		return err
	}
	kind := LinkRemoved
	if to != "" {
		if err := checkTeamRole(to); err != nil {
			return err
		}
		kind = LinkRoleChanged
	}
	return s.Teams.SetRole(ctx, o, of, to, p.Account.String(), s.notice(kind))
}

// Invited is what a link is for, for whoever reads the mail of its address.
// Its faults are CodeLinkExpired and CodeTooManyTries.
func (s *Service) Invited(ctx context.Context, from, token string) (Invitation, error) {
	if err := s.try(ctx, from); err != nil {
		return Invitation{}, err
	}
	i, err := s.Teams.Invited(ctx, HashToken(token), s.Now().UTC())
	if err != nil {
		return Invitation{}, err
	}
	if i == nil {
		return Invitation{}, errLink()
	}
	return *i, nil
}

// Accept accepts an invitation, with the session of its address's account, or with a
// password that makes one. made says which.
// Its faults are CodeLinkExpired, CodeTooManyTries, CodeNotLoggedIn, CodeAddressDiffers,
// CodeInvalid (of the password), CodeBusy and CodeLastOwner.
func (s *Service) Accept(ctx context.Context, from string, p Principal, token, password string) (i Invitation, made bool, err error) {
	if i, err = s.Invited(ctx, from, token); err != nil {
		return i, false, err
	}
	who, phc, now := p.Account, "", s.Now().UTC()
	switch {
	case !who.IsZero():
		me, err := s.Me(ctx, who)
		if err != nil {
			return i, false, err
		}
		if !strings.EqualFold(me.Email, i.Email) {
			return i, false, fault.New(fault.Conflict, CodeAddressDiffers, "The invitation was sent to another address than this account's. Log in with that one.")
		}
	case i.HasAccount:
		return i, false, ErrNotLoggedIn()
	default:
		if err := CheckPassword(i.Email, password); err != nil {
			return i, false, invalid("password", err)
		}
		if phc, err = s.Hasher.Hash(ctx, password); err != nil {
			return i, false, err
		}
		who, made = id.New[id.Account](now), true
	}
	ok, err := s.Teams.Accept(ctx, HashToken(token), who, phc, s.notice(LinkJoined), now)
	if err == nil && !ok {
		err = errLink()
	}
	return i, made && err == nil, err
}
