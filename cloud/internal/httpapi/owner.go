package httpapi

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// Listed shows parkings as the listing knows them.
type Listed interface {
	Show(p id.Parking) (json.RawMessage, bool)
}

// ownParking is api.OwnParking with the parking as the listing wrote it.
type ownParking struct {
	Operator     string          `json:"operator"`
	OperatorName string          `json:"operator_name"`
	Role         account.Role    `json:"role"`
	Parking      json.RawMessage `json:"parking"`
}

func (s *server) ownParkings(c *gin.Context, p account.Principal, _ account.Login) error {
	var of id.Operator
	if text, given := c.GetQuery("operator"); given {
		var err error
		if of, err = id.Parse[id.Operator](text); err != nil {
			return fault.New(fault.NotFound, account.CodeOperatorUnknown, "There is no such operator, or you do not work for it.")
		}
	}
	found, err := s.Accounts.Parkings(c.Request.Context(), p, of)
	if err != nil {
		return err
	}
	list := []ownParking{}
	for _, o := range found {
		role := account.Admin
		if i := slices.IndexFunc(p.Memberships, func(m account.Membership) bool { return m.Operator == o.Operator }); i >= 0 {
			role = p.Memberships[i].Role
		}
		for _, at := range o.Parkings {
			if shown, ok := s.Listed.Show(at); ok {
				list = append(list, ownParking{o.Operator.String(), o.Name, role, shown})
			}
		}
	}
	answer(c, http.StatusOK, struct {
		Parkings []ownParking `json:"parkings"`
	}{list})
	return nil
}

func userAnswer(a *account.Account, l account.Login) api.UserAnswer {
	u := api.User{
		Id: a.ID.String(), Email: a.Email, Name: a.Name, Language: api.Language(a.Language), HourCycle: api.UserHourCycle(a.HourCycle),
		Currency: a.Currency, Phone: a.Phone, Plates: a.Plates, Totp: a.TOTP != nil, RecoveryCodes: len(a.Recovery), Passkeys: a.Passkeys,
		Memberships: []api.Membership{}, CreatedAt: a.CreatedAt,
	}
	u.Reminders.Mail, u.Reminders.Sms = a.RemindByMail, a.RemindBySMS
	if u.Plates == nil {
		u.Plates = []string{}
	}
	for _, m := range a.Memberships {
		x := api.Membership{Role: api.Role(m.Role)}
		if !m.Operator.IsZero() {
			o, name := m.Operator.String(), m.Name
			x.Operator, x.OperatorName = &o, &name
		}
		u.Memberships = append(u.Memberships, x)
	}
	return api.UserAnswer{User: u, Session: sessionAnswer(l, l)}
}

func sessionAnswer(l, current account.Login) api.UserSession {
	return api.UserSession{
		Id: l.ID.String(), Device: l.Device, CreatedAt: l.CreatedAt, LastSeenAt: l.LastSeen, ExpiresAt: l.Expires,
		SecondFactor: l.SecondFactor, Current: l.ID == current.ID,
	}
}
