package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/settings"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// Settings are how parkings are run.
type Settings interface {
	Operator(ctx context.Context, at id.Parking) (id.Operator, error)
	Config(ctx context.Context, at id.Parking) (settings.Config, error)
	ChangePolicy(ctx context.Context, e capacity.PolicyEdit, parts map[string]json.RawMessage) (capacity.PolicyEdited, error)
	ChangeCapacity(ctx context.Context, c *capacity.Change, preview bool) (capacity.Shortage, error)
	Block(ctx context.Context, b *capacity.Block, preview bool) (capacity.Shortage, error)
	Unblock(ctx context.Context, at id.Parking, b id.Block, by parking.Author) (commit.Block, capacity.Shortage, error)
	Editions(ctx context.Context, at id.Parking, before uint32, limit int) ([]settings.Edition, error)
	Check(ctx context.Context, at id.Parking, document []byte) (settings.Checked, error)
	Replay(ctx context.Context, r settings.ReplayRequest, progress func(done, of int)) (settings.Replayed, error)
	Adopt(ctx context.Context, e settings.TariffEdit) (settings.TariffEdited, error)
	Withdraw(ctx context.Context, at id.Parking, version uint32, by parking.Author) error
	Changes(ctx context.Context, at id.Parking, before int64, limit int) ([]settings.Change, error)
	NameAuthors(ctx context.Context, all []settings.Change) error
}

// ownerConfigRoutes are how a parking is run, and its history.
func (s *server) ownerConfigRoutes(r *gin.Engine, get func(string, gin.HandlerFunc)) {
	get("/owner/parkings/:id/config", s.run(account.ViewParkings, s.getConfig))
	r.POST("/owner/parkings/:id/capacity", s.run(account.RunParkings, s.changeCapacity))
	r.POST("/owner/parkings/:id/blocks", s.run(account.RunParkings, s.addBlock))
	r.DELETE("/owner/parkings/:id/blocks/:block", s.run(account.RunParkings, s.removeBlock))
	r.PATCH("/owner/parkings/:id/policy", s.run(account.RunParkings, s.changePolicy))
	get("/owner/parkings/:id/tariffs", s.run(account.ViewParkings, s.listTariffs))
	r.POST("/owner/parkings/:id/tariffs", s.run(account.RunParkings, s.adoptTariff))
	r.POST("/owner/parkings/:id/tariffs/check", s.run(account.RunParkings, s.checkTariff))
	r.POST("/owner/parkings/:id/tariffs/replay", s.run(account.RunParkings, s.replayTariff))
	r.DELETE("/owner/parkings/:id/tariffs/scheduled/:version", s.run(account.RunParkings, s.withdrawTariff))
	get("/owner/parkings/:id/changes", s.run(account.ViewParkings, s.listChanges))
}

func errNoParking() error {
	return fault.New(fault.NotFound, capacity.CodeParkingNotFound, "There is no such parking, or you do not work for it.")
}

// whose is the operator of a parking, and that of what is asked for; what is not there
// has none.
func (s *server) whose(c *gin.Context) (id.Parking, account.Object, error) {
	at, err := id.ParseParking(c.Param("id"))
	if err != nil {
		return at, account.Object{}, nil //nolint:nilerr // it is no parking's name: there is none
	}
	operator, err := s.Settings.Operator(c.Request.Context(), at)
	return at, account.Object{Operator: operator, Exists: !operator.IsZero()}, err
}

// ask is a request about a parking, by whoever may make it.
type ask struct {
	at  id.Parking
	who account.Principal
	of  account.Object
}

// by is the author of what is asked for.
func (a ask) by(why string) parking.Author {
	return parking.Author{Name: a.who.Account.String(), Why: why}
}

// run runs a handler for whoever may do something with the parking of the path.
func (s *server) run(action account.Action, h func(*gin.Context, ask) error) gin.HandlerFunc {
	return s.as(func(c *gin.Context, p account.Principal, _ account.Login) error {
		at, o, err := s.whose(c)
		if err != nil {
			return err
		}
		if err := account.Decide(p, action, o).Refusal(errNoParking()); err != nil {
			return err
		}
		return h(c, ask{at, p, o})
	})
}

func (s *server) getConfig(c *gin.Context, a ask) error {
	ctx, cancel := bounded(c)
	defer cancel()
	found, err := s.Settings.Config(ctx, a.at)
	if err != nil {
		return err
	}
	v := account.Decide(a.who, account.RunParkings, a.of)
	out, err := configAnswer(&found, v == account.Allowed || v == account.NeedsSecondFactor)
	if err == nil {
		answer(c, http.StatusOK, out)
	}
	return err
}

// invalidFields is the fault of members that cannot be used.
func invalidFields(wrong map[string]string) error {
	if len(wrong) == 0 {
		return nil
	}
	return withFields(fault.New(fault.Invalid, booking.CodeRequestInvalid, "Some of what was sent cannot be used; fields says what."), wrong)
}

// maxWhy is the longest reason of a change, in bytes.
const maxWhy = 200

func checkWhy(why string) error {
	if len(why) > maxWhy || !utf8.ValidString(why) || strings.ContainsFunc(why, unicode.IsControl) {
		return invalidFields(map[string]string{"why": fmt.Sprintf("has at most %d bytes, without control characters", maxWhy)})
	}
	return nil
}

// number reads a whole number of a range.
func number(raw json.RawMessage, least, most int64) (n int64, says string) {
	if json.Unmarshal(raw, &n) != nil || string(raw) == "null" || n < least || n > most {
		return 0, fmt.Sprintf("must be a whole number from %d to %d", least, most)
	}
	return n, ""
}

func is(flag *bool) bool { return flag != nil && *flag }

func (s *server) changeCapacity(c *gin.Context, a ask) error {
	var kind, from, why string
	var many json.RawMessage
	var preview *bool
	if err := readBody(c, object{
		texts: map[string]*string{"space_type": &kind, "from": &from, "why": &why}, parts: map[string]*json.RawMessage{"capacity": &many},
		flags: map[string]**bool{"preview": &preview}, required: []string{"space_type", "capacity"},
	}, nil); err != nil {
		return err
	}
	n, says := number(many, 0, parking.MaxCapacity)
	if says != "" {
		return invalidFields(map[string]string{"capacity": says})
	}
	if err := checkWhy(why); err != nil {
		return err
	}
	op := &capacity.Change{In: a.at, SpaceType: id.SpaceType(kind), Capacity: int16(n), By: a.by(why)}
	if from != "" {
		day, err := time.Parse(time.DateOnly, from)
		if err != nil {
			return invalidFields(map[string]string{"from": "is no day such as 2027-03-28"})
		}
		if op.From = timerange.Floor(day).Day(); op.From <= 0 {
			op.From = 1 // as far past as any
		}
	}
	short, err := s.Settings.ChangeCapacity(c.Request.Context(), op, is(preview))
	if err != nil {
		return err
	}
	answer(c, http.StatusOK, api.CapacityAnswer{Preview: is(preview), Was: int(op.Was), Days: op.Days, Shortage: shortageAnswer(short)})
	return nil
}

// blockOf is the id of a block that somebody asks for by a key: the same again is the same.
func blockOf(a ask, key string) id.Block {
	h := sha256.Sum256(fmt.Appendf(nil, "block\x00%s\x00%s\x00%s", a.who.Account, a.at, key))
	b, err := id.FromBytes[id.Block](h[:16])
	if err != nil { // one of 2^128 keys: it gets a fresh one
		return id.New[id.Block](time.Now())
	}
	return b
}

func (s *server) addBlock(c *gin.Context, a ask) error {
	var kind, from, to, reason string
	var many json.RawMessage
	var preview *bool
	var w timerange.Range
	if err := readBody(c, object{
		texts: map[string]*string{"space_type": &kind, "from": &from, "to": &to, "reason": &reason}, parts: map[string]*json.RawMessage{"n": &many},
		flags: map[string]**bool{"preview": &preview}, required: []string{"space_type", "n", "from", "to", "reason"},
	}, times{"from": {&from, &w.From}, "to": {&to, &w.To}}); err != nil {
		return err
	}
	n, says := number(many, 1, parking.MaxCapacity)
	if says != "" {
		return invalidFields(map[string]string{"n": says})
	}
	if !w.To.After(w.From) {
		return fault.New(fault.Invalid, capacity.CodeBlockInvalid, "The block ends before it begins.").WithField("to", "is not after from")
	}
	op := &capacity.Block{In: a.at, SpaceType: id.SpaceType(kind), N: int16(n), Claim: w.Claim(), Reason: reason, By: a.by("")}
	if !is(preview) {
		key := c.GetHeader("Idempotency-Key")
		if err := booking.CheckKey(key); err != nil {
			return err
		}
		op.ID = blockOf(a, key)
	}
	short, err := s.Settings.Block(c.Request.Context(), op, is(preview))
	if err != nil {
		return err
	}
	if b := op.After; b.SpaceType != op.SpaceType || b.N != op.N || b.Reason != op.Reason || b.RemovedAt.IsZero() && b.Claim.To != op.Claim.To {
		return fault.New(fault.Invalid, booking.CodeKeyReused, "This key was used for another block. Use a fresh one for each.")
	}
	answer(c, http.StatusOK, api.BlockAnswer{Preview: is(preview), Block: blockAnswer(op.After), Shortage: shortageAnswer(short)})
	return nil
}

func (s *server) removeBlock(c *gin.Context, a ask) error {
	which, err := id.Parse[id.Block](c.Param("block"))
	if err != nil {
		return fault.New(fault.NotFound, capacity.CodeBlockNotFound, "There is no such block in this parking.")
	}
	b, short, err := s.Settings.Unblock(c.Request.Context(), a.at, which, a.by(""))
	if err != nil {
		return err
	}
	answer(c, http.StatusOK, api.BlockAnswer{Block: blockAnswer(b), Shortage: shortageAnswer(short)})
	return nil
}

func (s *server) changePolicy(c *gin.Context, a ask) error {
	var version int64
	var why string
	var preview *bool
	members := map[string]*json.RawMessage{}
	for _, name := range parking.Members() {
		members[name] = new(json.RawMessage)
	}
	if err := readBody(c, object{
		counts: map[string]*int64{"version": &version}, texts: map[string]*string{"why": &why}, flags: map[string]**bool{"preview": &preview},
		objects: map[string]object{"changes": {parts: members}}, required: []string{"version", "changes"},
	}, nil); err != nil {
		return err
	}
	if err := checkWhy(why); err != nil {
		return err
	}
	parts := map[string]json.RawMessage{}
	for name, raw := range members {
		if *raw != nil {
			parts[name] = *raw
		}
	}
	ctx, cancel := bounded(c)
	defer cancel()
	done, err := s.Settings.ChangePolicy(ctx, capacity.PolicyEdit{At: a.at, By: a.by(why), Version: version, Preview: is(preview)}, parts)
	if err != nil {
		return err
	}
	before, err := policyAnswer(done.Before)
	if err != nil {
		return err
	}
	after, err := policyAnswer(done.After)
	if err != nil {
		return err
	}
	answer(c, http.StatusOK, api.PolicyAnswer{Preview: is(preview), Version: done.Version, Before: before, After: after, Affects: affectedAnswer(done)})
	return nil
}

// configPage reads limit and cursor of a list whose rows have numbers.
func configPage(c *gin.Context, most int64) (limit int, before int64, err error) {
	limit = 50
	if text, given := c.GetQuery("limit"); given {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > 200 {
			return 0, 0, fault.New(fault.Invalid, "invalid_parameter", "A limit is 1 to 200.").WithField("limit", "must be 1 to 200")
		}
	}
	if text, given := c.GetQuery("cursor"); given {
		if before, err = strconv.ParseInt(text, 10, 64); err != nil || before < 1 || before > most {
			return 0, 0, fault.New(fault.Invalid, "invalid_parameter", "The cursor is not one of an earlier answer.").WithField("cursor", "is none")
		}
	}
	return limit, before, nil
}

func (s *server) listChanges(c *gin.Context, a ask) error {
	limit, before, err := configPage(c, 1<<62)
	if err != nil {
		return err
	}
	ctx, cancel := bounded(c)
	defer cancel()
	all, err := s.Settings.Changes(ctx, a.at, before, limit+1)
	if err != nil {
		return err
	}
	return changesAnswer(c, all, limit)
}

// changesAnswer answers with a page of which one row more was read.
func changesAnswer(c *gin.Context, all []settings.Change, limit int) error {
	out := api.ConfigChanges{Changes: []api.ConfigChange{}}
	if len(all) > limit {
		all = all[:limit]
		next := strconv.FormatInt(all[limit-1].Number, 10)
		out.NextCursor = &next
	}
	for _, x := range all {
		out.Changes = append(out.Changes, api.ConfigChange{
			Id: strconv.FormatInt(x.Number, 10), At: seconds(x.At), By: x.By, What: api.ConfigChangeWhat(x.What), Before: raw(x.Before), After: raw(x.After), Why: given(x.Why),
		})
	}
	answer(c, http.StatusOK, out)
	return nil
}

// raw is JSON as it was stored; nothing is null.
func raw(m json.RawMessage) any {
	if len(m) == 0 {
		return nil
	}
	return m
}
