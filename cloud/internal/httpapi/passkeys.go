package httpapi

import (
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// asked is what a browser hands to its device, as the API's PasskeyOptions.
type asked struct {
	Options json.RawMessage `json:"options"`
}

func (s *server) listPasskeys(c *gin.Context, p account.Principal, _ account.Login) error {
	all, err := s.Accounts.Passkeys(c.Request.Context(), p.Account)
	if err != nil {
		return err
	}
	list := api.PasskeyList{Passkeys: []api.Passkey{}}
	for i := range all {
		list.Passkeys = append(list.Passkeys, passkeyAnswer(&all[i]))
	}
	answer(c, http.StatusOK, list)
	return nil
}

func passkeyAnswer(p *account.Passkey) api.Passkey {
	a := api.Passkey{Id: p.ID.String(), Name: p.Name, BackedUp: p.BackedUp, CreatedAt: p.CreatedAt}
	if !p.LastUsed.IsZero() {
		a.LastUsedAt = &p.LastUsed
	}
	return a
}

func (s *server) beginPasskey(c *gin.Context, _ account.Principal, l account.Login) error {
	options, err := s.Accounts.BeginPasskey(c.Request.Context(), l)
	if err == nil {
		answer(c, http.StatusOK, asked{options})
	}
	return err
}

func (s *server) addPasskey(c *gin.Context, _ account.Principal, l account.Login) error {
	var name string
	var credential json.RawMessage
	if err := readBody(c, object{
		texts: map[string]*string{"name": &name}, raws: map[string]*json.RawMessage{"credential": &credential}, required: []string{"credential"},
	}, nil); err != nil {
		return err
	}
	p, err := s.Accounts.AddPasskey(c.Request.Context(), from(c), l, name, credential)
	if err == nil {
		answer(c, http.StatusCreated, passkeyAnswer(&p))
	}
	return err
}

func (s *server) removePasskey(c *gin.Context, _ account.Principal, l account.Login) error {
	which, err := id.Parse[id.Passkey](c.Param("id"))
	if err != nil {
		return fault.New(fault.NotFound, account.CodePasskeyUnknown, "There is no such passkey.")
	}
	return done(c, s.Accounts.RemovePasskey(c.Request.Context(), l, which))
}

func (s *server) askPasskey(c *gin.Context) error {
	options, err := s.Accounts.AskPasskey(c.Request.Context(), from(c))
	if err == nil {
		answer(c, http.StatusOK, asked{options})
	}
	return err
}

func (s *server) loginPasskey(c *gin.Context) error {
	var credential json.RawMessage
	if err := readBody(c, object{raws: map[string]*json.RawMessage{"credential": &credential}, required: []string{"credential"}}, nil); err != nil {
		return err
	}
	at, token, err := s.Accounts.LoginPasskey(c.Request.Context(), s.entry(c), credential)
	if err != nil {
		return err
	}
	setCookie(c, token, at.Login)
	answer(c, http.StatusOK, userAnswer(&at.Account, at.Login))
	return nil
}
