package stripetest

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
)

func (s *Server) newCustomer(_ string, form url.Values) (any, *problem) {
	c := &customer{ID: name("cus_"), Object: "customer", Created: s.now().Unix(), Email: form.Get("email"), Metadata: metadata(form, nil)}
	s.customers = append(s.customers, c)
	return c, nil
}

func (s *Server) listCustomers(_ string, form url.Values) (any, *problem) {
	return paged(form, "/v1/customers", s.customers, func(c *customer) (string, int64, bool) {
		return c.ID, c.Created, c.Email == form.Get("email")
	}, func(c *customer) any { return c })
}

// methodOf is a method: a test card, which belongs to nobody, or one that is kept.
func (s *Server) methodOf(id string) *method {
	switch id {
	case OK, Declined, SecondFactor, Timeout, Flaky, NoIncrement, Absent:
		return &method{ID: id, Object: "payment_method", Type: "card", card: id}
	default:
		return s.methods[id]
	}
}

func (s *Server) getMethod(id string, _ url.Values) (any, *problem) {
	if m := s.methodOf(id); m != nil {
		return m, nil
	}
	return nil, invalid(404, "resource_missing", "payment_method")
}

// Browser makes a method as a page does, of one of the test cards: it has a name of
// its own and belongs to nobody until it is kept.
func (s *Server) Browser(card string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := &method{ID: name("pm_"), Object: "payment_method", Type: "card", card: card}
	s.own(m)
	return m.ID
}

func (s *Server) own(m *method) {
	if s.methods == nil {
		s.methods = map[string]*method{}
	}
	s.methods[m.ID] = m
}

// keep attaches a method to a customer: a page's as it is, a copy of a test card.
func (s *Server) keep(from *string, card, customer string) *string {
	if m := s.methods[*from]; m != nil {
		m.Customer = &customer
		return &m.ID
	}
	m := &method{ID: name("pm_"), Object: "payment_method", Type: "card", Customer: &customer, card: card}
	s.own(m)
	return &m.ID
}

// payer checks the method and the customer of a call.
func (s *Server) payer(form url.Values) (*method, *problem) {
	m, c := s.methodOf(form.Get("payment_method")), form.Get("customer")
	switch {
	case !slices.ContainsFunc(s.customers, func(x *customer) bool { return x.ID == c }):
		return nil, invalid(400, "resource_missing", "customer")
	case m == nil, m.Customer != nil && *m.Customer != c:
		return nil, invalid(400, "resource_missing", "payment_method")
	default:
		return m, nil
	}
}

func (s *Server) newIntent(_ string, form url.Values) (any, *problem) {
	amount, p := number(form, "amount")
	if p != nil {
		return nil, p
	}
	m, p := s.payer(form)
	if p != nil {
		return nil, p
	}
	i := &intent{
		ID: name("pi_"), Object: "payment_intent", Created: s.now().Unix(), Amount: amount, Capturing: "automatic_async",
		Currency: form.Get("currency"), Customer: form.Get("customer"), Metadata: metadata(form, nil), card: m.card,
		absent: form.Get("off_session") == "true", keep: form.Get("setup_future_usage") != "" && m.Customer == nil,
	}
	if form.Get("capture_method") == "manual" {
		i.Capturing = "manual"
	}
	switch {
	case form.Get("confirm") != "true":
		return nil, invalid(400, "parameter_missing", "confirm") // nobody of ours confirms later
	case m.card == Declined:
		i.refuse(refusal("card_declined", "generic_decline"))
	case i.absent && m.card == Absent:
		i.refuse(refusal("authentication_required", "authentication_required"))
	case m.card == SecondFactor && m.Customer == nil, m.card == Absent && m.Customer != nil:
		i.Status, i.Method, i.Next = "requires_action", &m.ID, second(i.ID, form)
	default:
		i.Method = &m.ID
		s.pay(i)
	}
	s.intents = append(s.intents, i)
	if i.Error != nil {
		out := *i.Error
		out.Intent = i.told(false)
		return nil, &out
	}
	return i, nil
}

// second is the second step.
func second(id string, form url.Values) *nextAction {
	if form.Get("return_url") == "" {
		return &nextAction{Type: "use_stripe_sdk"}
	}
	back := form.Get("return_url")
	return &nextAction{Type: "redirect_to_url", Redirect: &redirect{URL: "https://hooks.stripe.example/" + id + "?back=" + url.QueryEscape(back), ReturnURL: back}}
}

func (i *intent) refuse(p *problem) {
	i.Status, i.Error, i.Method, i.Next = "requires_payment_method", p, nil, nil
}

// pay holds or takes the money.
func (s *Server) pay(i *intent) {
	if i.keep {
		i.Method = s.keep(i.Method, i.card, i.Customer)
	}
	i.Next = nil
	i.charge = &charge{ID: name("ch_"), Object: "charge", Amount: i.Amount, Created: s.now().Unix()}
	i.charge.Details.Type = "card"
	if i.Capturing != "manual" {
		i.Status, i.Received = "succeeded", i.Amount
		s.move("charge", i.Received, i, i.sold())
		return
	}
	life := holdLife
	if i.absent {
		life = absentHoldLife
	}
	i.Status, i.Capturable = "requires_capture", i.Amount
	i.charge.Details.Card.CaptureBefore = s.now().Add(life).Unix()
}

// lapse gives holds back that were not captured in time.
func (s *Server) lapse() {
	for _, i := range s.intents {
		if i.Status == "requires_capture" && s.now().Unix() >= i.charge.Details.Card.CaptureBefore {
			i.Status, i.Capturable = "canceled", 0
		}
	}
}

func (s *Server) intentOf(id string) (*intent, *problem) {
	for _, i := range s.intents {
		if i.ID == id {
			return i, nil
		}
	}
	return nil, invalid(404, "resource_missing", "intent")
}

func (s *Server) getIntent(id string, _ url.Values) (any, *problem) {
	i, p := s.intentOf(id)
	return i, p
}

func (s *Server) listIntents(_ string, form url.Values) (any, *problem) {
	return paged(form, "/v1/payment_intents", s.intents, func(i *intent) (string, int64, bool) {
		return i.ID, i.Created, !form.Has("customer") || i.Customer == form.Get("customer")
	}, func(i *intent) any { return i.told(expands(form)) })
}

func (s *Server) capture(id string, form url.Values) (any, *problem) {
	i, p := s.intentOf(id)
	if p != nil {
		return nil, p
	}
	amount, p := number(form, "amount_to_capture")
	switch {
	case p != nil:
		return nil, p
	case i.Status != "requires_capture":
		return nil, unexpected()
	case amount > i.Capturable:
		return nil, invalid(400, "amount_too_large", "amount_to_capture")
	}
	i.change(form)
	i.Status, i.Received, i.Capturable = "succeeded", amount, 0
	s.move("charge", amount, i, i.sold())
	return i, nil
}

// change merges metadata. Answers that were given keep what they said.
func (i *intent) change(form url.Values) { i.Metadata = metadata(form, maps.Clone(i.Metadata)) }

func (s *Server) cancel(id string, _ url.Values) (any, *problem) {
	i, p := s.intentOf(id)
	if p != nil {
		return nil, p
	}
	if i.Status == "succeeded" || i.Status == "canceled" {
		return nil, unexpected()
	}
	i.Status, i.Capturable, i.Next = "canceled", 0, nil
	return i, nil
}

func (s *Server) increment(id string, form url.Values) (any, *problem) {
	i, p := s.intentOf(id)
	if p != nil {
		return nil, p
	}
	amount, p := number(form, "amount")
	switch {
	case p != nil:
		return nil, p
	case i.Status != "requires_capture":
		return nil, unexpected()
	case amount <= i.Amount:
		return nil, invalid(400, "parameter_invalid_integer", "amount")
	case i.card == NoIncrement:
		p := refusal("card_declined", "generic_decline")
		p.Intent = i.told(false)
		return nil, p
	}
	i.change(form)
	i.Amount, i.Capturable = amount, amount
	return i, nil
}

func (s *Server) newSetup(_ string, form url.Values) (any, *problem) {
	m, p := s.payer(form)
	if p != nil {
		return nil, p
	}
	si := &setup{ID: name("seti_"), Object: "setup_intent", Created: s.now().Unix(), Customer: form.Get("customer"), Metadata: metadata(form, nil), card: m.card}
	switch {
	case form.Get("confirm") != "true":
		return nil, invalid(400, "parameter_missing", "confirm")
	case m.card == Declined:
		si.Status, si.Error = "requires_payment_method", refusal("card_declined", "generic_decline")
	case m.Customer != nil:
		si.Status, si.Method = "succeeded", &m.ID
	case m.card == SecondFactor:
		si.Status, si.Method, si.Next = "requires_action", &m.ID, second(si.ID, form)
	default:
		si.Status, si.Method = "succeeded", s.keep(&m.ID, m.card, si.Customer)
	}
	s.setups = append(s.setups, si)
	if si.Error != nil {
		out, copied := *si.Error, *si
		out.Setup = &copied
		return nil, &out
	}
	return si, nil
}

func (s *Server) setupOf(id string) (*setup, *problem) {
	for _, si := range s.setups {
		if si.ID == id {
			return si, nil
		}
	}
	return nil, invalid(404, "resource_missing", "intent")
}

func (s *Server) getSetup(id string, _ url.Values) (any, *problem) {
	si, p := s.setupOf(id)
	return si, p
}

func (s *Server) listSetups(_ string, form url.Values) (any, *problem) {
	return paged(form, "/v1/setup_intents", s.setups, func(si *setup) (string, int64, bool) {
		return si.ID, si.Created, !form.Has("customer") || si.Customer == form.Get("customer")
	}, func(si *setup) any { return si })
}

func (s *Server) newRefund(_ string, form url.Values) (any, *problem) {
	i, p := s.intentOf(form.Get("payment_intent"))
	if p != nil {
		return nil, invalid(400, "resource_missing", "payment_intent")
	}
	amount, p := number(form, "amount")
	switch {
	case p != nil:
		return nil, p
	case i.Status != "succeeded":
		return nil, unexpected()
	case amount > i.Received-i.refunded:
		return nil, invalid(400, "amount_too_large", "amount")
	}
	i.refunded += amount
	r := &refund{
		ID: name("re_"), Object: "refund", Created: s.now().Unix(), Amount: amount, Currency: i.Currency, Intent: i.ID,
		Status: "succeeded", Metadata: metadata(form, nil),
	}
	s.refunds = append(s.refunds, r)
	s.move("refund", -amount, i, r)
	return r, nil
}

func (s *Server) listRefunds(_ string, form url.Values) (any, *problem) {
	return paged(form, "/v1/refunds", s.refunds, func(r *refund) (string, int64, bool) {
		return r.ID, r.Created, !form.Has("payment_intent") || r.Intent == form.Get("payment_intent")
	}, func(r *refund) any { return r })
}

// Complete is the driver's answer to a second step.
func (s *Server) Complete(ref string, passed bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, p := s.intentOf(ref); p == nil && i.Status == "requires_action" {
		if passed {
			s.pay(i)
		} else {
			i.refuse(refusal("payment_intent_authentication_failure", ""))
		}
		return nil
	}
	if si, p := s.setupOf(ref); p == nil && si.Status == "requires_action" {
		si.Next = nil
		if passed {
			si.Status, si.Method = "succeeded", s.keep(si.Method, si.card, si.Customer)
		} else {
			si.Status, si.Method, si.Error = "requires_payment_method", nil, refusal("setup_intent_authentication_failure", "")
		}
		return nil
	}
	return fmt.Errorf("%s waits for nobody", ref)
}
