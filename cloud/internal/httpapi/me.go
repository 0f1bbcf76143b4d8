package httpapi

import (
	"context"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

func (s *server) signUp(c *gin.Context) error {
	var email, language string
	if err := readBody(c, object{texts: map[string]*string{"email": &email, "language": &language}, required: []string{"email"}}, nil); err != nil {
		return err
	}
	return s.mailed(c, s.Accounts.SignUp(c.Request.Context(), from(c), email, language))
}

func (s *server) forgot(c *gin.Context) error {
	var email string
	if err := readBody(c, object{texts: map[string]*string{"email": &email}, required: []string{"email"}}, nil); err != nil {
		return err
	}
	return s.mailed(c, s.Accounts.Forgot(c.Request.Context(), from(c), email))
}

// mailed is the one answer to whoever asks for a mail.
func (s *server) mailed(c *gin.Context, err error) error {
	if err == nil {
		answer(c, http.StatusAccepted, api.MailSent{Status: api.MailSentStatusMailSent})
	}
	return err
}

// done answers what has nothing to say.
func done(c *gin.Context, err error) error {
	if err == nil {
		c.Header("Cache-Control", "no-store")
		c.Status(http.StatusNoContent)
		c.Writer.WriteHeaderNow()
	}
	return err
}

func (s *server) verify(c *gin.Context) error { return s.followed(c, s.Accounts.Verify) }

func (s *server) reset(c *gin.Context) error { return s.followed(c, s.Accounts.Reset) }

// followed sets a password by the token of a mail.
func (s *server) followed(c *gin.Context, set func(ctx context.Context, e account.Entry, token, password string) (account.Session, string, error)) error {
	var token, password string
	if err := readBody(c, object{texts: map[string]*string{"token": &token, "password": &password}, required: []string{"token", "password"}}, nil); err != nil {
		return err
	}
	at, session, err := set(c.Request.Context(), s.entry(c), token, password)
	if err != nil || session == "" {
		return done(c, err)
	}
	setCookie(c, session, at.Login)
	answer(c, http.StatusOK, userAnswer(&at.Account, at.Login))
	return nil
}

// entry is what a browser brings to a log-in without being asked.
func (s *server) entry(c *gin.Context) account.Entry {
	return account.Entry{From: from(c), Device: device(c.GetHeader("User-Agent")), Instead: cookieOf(c.Request)}
}

func (s *server) login(c *gin.Context) error {
	e := s.entry(c)
	if err := readBody(c, object{
		texts: map[string]*string{"email": &e.Email, "password": &e.Password, "code": &e.Code}, required: []string{"email", "password"},
	}, nil); err != nil {
		return err
	}
	at, token, err := s.Accounts.Login(c.Request.Context(), e)
	if err != nil {
		return err
	}
	setCookie(c, token, at.Login)
	answer(c, http.StatusOK, userAnswer(&at.Account, at.Login))
	return nil
}

func (s *server) logout(c *gin.Context) error {
	if err := s.Accounts.Logout(c.Request.Context(), cookieOf(c.Request)); err != nil {
		return err
	}
	setCookie(c, "", account.Login{})
	return done(c, nil)
}

func (s *server) getMe(c *gin.Context, p account.Principal, l account.Login) error {
	a, err := s.Accounts.Me(c.Request.Context(), p.Account)
	if err == nil {
		answer(c, http.StatusOK, userAnswer(&a, l))
	}
	return err
}

var currency = regexp.MustCompile(`^([A-Z]{3})?$`)

func (s *server) changeMe(c *gin.Context, p account.Principal, l account.Login) error {
	var ch account.Change
	err := readBody(c, object{
		maybe: map[string]**string{"name": &ch.Name, "language": &ch.Language, "hour_cycle": &ch.HourCycle, "currency": &ch.Currency, "phone": &ch.Phone},
		lists: map[string]**[]string{"plates": &ch.Plates},
		objects: map[string]object{"reminders": {
			flags: map[string]**bool{"mail": &ch.RemindByMail, "sms": &ch.RemindBySMS},
		}},
	}, nil)
	if err != nil {
		return err
	}
	wrong := map[string]string{}
	if n := ch.Name; n != nil && (utf8.RuneCountInString(*n) > 100 || strings.ContainsFunc(*n, unicode.IsControl)) {
		wrong["name"] = "has 100 characters at most, and none that control"
	}
	if h := ch.HourCycle; h != nil && *h != "" && *h != "h12" && *h != "h23" {
		wrong["hour_cycle"] = "must be h12, h23 or empty"
	}
	if k := ch.Currency; k != nil && !currency.MatchString(*k) {
		wrong["currency"] = "must be a code of three capitals, such as EUR, or empty"
	}
	if n := ch.Phone; n != nil {
		if *n, err = booking.NormalPhone(*n); err != nil {
			wrong["phone"] = err.Error()
		}
	}
	if list := ch.Plates; list != nil {
		if len(*list) > 10 {
			wrong["plates"] = "are 10 at most"
		}
		for i, text := range *list {
			if (*list)[i], err = booking.NormalPlate(text); err != nil || text == "" {
				wrong["plates["+strconv.Itoa(i)+"]"] = "has 2 to 12 letters A-Z and digits"
			}
		}
	}
	if len(wrong) > 0 {
		return withFields(fault.New(fault.Invalid, booking.CodeRequestInvalid, "Some of what was sent cannot be used; fields says what."), wrong)
	}
	if err := s.Accounts.Change(c.Request.Context(), p.Account, ch); err != nil {
		return err
	}
	return s.getMe(c, p, l)
}

func (s *server) closeMe(c *gin.Context, _ account.Principal, l account.Login) error {
	if err := s.Accounts.Close(c.Request.Context(), l); err != nil {
		return err
	}
	setCookie(c, "", account.Login{})
	return done(c, nil)
}

func (s *server) changePassword(c *gin.Context, _ account.Principal, l account.Login) error {
	var old, fresh string
	if err := readBody(c, object{
		texts: map[string]*string{"password": &old, "new_password": &fresh}, required: []string{"password", "new_password"},
	}, nil); err != nil {
		return err
	}
	return done(c, s.Accounts.SetPassword(c.Request.Context(), from(c), l, old, fresh))
}

func (s *server) listSessions(c *gin.Context, p account.Principal, l account.Login) error {
	all, err := s.Accounts.Logins(c.Request.Context(), p.Account)
	if err != nil {
		return err
	}
	list := api.SessionList{Sessions: []api.UserSession{}}
	for _, x := range all {
		list.Sessions = append(list.Sessions, sessionAnswer(x, l))
	}
	answer(c, http.StatusOK, list)
	return nil
}

func (s *server) endOtherSessions(c *gin.Context, _ account.Principal, l account.Login) error {
	return done(c, s.Accounts.EndOthers(c.Request.Context(), l))
}

func (s *server) endSession(c *gin.Context, p account.Principal, _ account.Login) error {
	which, err := id.Parse[id.Login](c.Param("id"))
	if err != nil {
		return fault.New(fault.NotFound, account.CodeSessionUnknown, "There is no such session.")
	}
	return done(c, s.Accounts.EndLogin(c.Request.Context(), p.Account, which))
}

func (s *server) myReservations(c *gin.Context, p account.Principal, _ account.Login) error {
	limit, before := 20, id.Reservation{}
	if text, given := c.GetQuery("limit"); given {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 50 {
			return fault.New(fault.Invalid, "invalid_parameter", "A limit is 1 to 50.").WithField("limit", "must be 1 to 50")
		}
		limit = n
	}
	if text, given := c.GetQuery("cursor"); given {
		var err error
		if before, err = id.Parse[id.Reservation](text); err != nil {
			return fault.New(fault.Invalid, "invalid_parameter", "The cursor is not one of an earlier answer.").WithField("cursor", "is none")
		}
	}
	ctx, cancel := bounded(c)
	defer cancel()
	ids, err := s.Accounts.Reservations(ctx, p.Account, before, limit+1)
	if err != nil {
		return err
	}
	list := api.MyReservations{Reservations: []api.Reservation{}}
	if len(ids) > limit {
		ids = ids[:limit]
		next := ids[limit-1].String()
		list.NextCursor = &next
	}
	for _, r := range ids {
		v, err := s.Booking.Get(ctx, r)
		if err != nil {
			return err
		}
		list.Reservations = append(list.Reservations, reservationAnswer(&v, false).Reservation)
	}
	answer(c, http.StatusOK, list)
	return nil
}

func (s *server) claim(c *gin.Context, p account.Principal, _ account.Login) error {
	r, err := s.authenticated(c)
	if err != nil {
		return err
	}
	ctx, cancel := bounded(c)
	defer cancel()
	v, err := s.Booking.Get(ctx, r)
	if err != nil {
		return err
	}
	if err := s.Accounts.Claim(ctx, p.Account, v.Reservation.Parking, r, v.Reservation.Email); err != nil {
		return err
	}
	answer(c, http.StatusOK, reservationAnswer(&v, false))
	return nil
}

func (s *server) beginTOTP(c *gin.Context, _ account.Principal, l account.Login) error {
	secret, uri, err := s.Accounts.BeginTOTP(c.Request.Context(), l)
	if err == nil {
		answer(c, http.StatusOK, api.TOTPSecret{Secret: secret, Uri: uri})
	}
	return err
}

func (s *server) confirmTOTP(c *gin.Context, _ account.Principal, l account.Login) error {
	var code string
	if err := readBody(c, object{texts: map[string]*string{"code": &code}, required: []string{"code"}}, nil); err != nil {
		return err
	}
	codes, err := s.Accounts.ConfirmTOTP(c.Request.Context(), from(c), l, code)
	if err == nil {
		answer(c, http.StatusOK, api.RecoveryCodes{RecoveryCodes: codes})
	}
	return err
}

func (s *server) removeTOTP(c *gin.Context, _ account.Principal, l account.Login) error {
	return done(c, s.Accounts.RemoveTOTP(c.Request.Context(), l))
}

func (s *server) newRecovery(c *gin.Context, _ account.Principal, l account.Login) error {
	codes, err := s.Accounts.NewRecovery(c.Request.Context(), l)
	if err == nil {
		answer(c, http.StatusOK, api.RecoveryCodes{RecoveryCodes: codes})
	}
	return err
}
