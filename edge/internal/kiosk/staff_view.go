package kiosk

// serving is the screen of staff.
func (s shower) serving() object {
	m := s.m
	by := m.Staff
	if m.Work != nil {
		by = m.Work.By
	}
	out := object{
		"name": "staff", "by": by, "shift": nil, "hoppers": m.Cash.Hoppers, "box": pieces(m.Cash.Box), "box_total": s.money(Sum(m.Cash.Box)),
		"busy": m.Phase == Working,
	}
	if m.Cash.Hoppers == nil {
		out["hoppers"] = []Hopper{}
	}
	if sh := m.Shift; sh != nil {
		t := m.Cash.Totals
		out["shift"] = s.shift(sh, t.Kept-sh.Base.Kept, t.Given-sh.Base.Given)
	}
	if c := m.Closed; c != nil {
		o := s.shift(&c.Shift, c.Taken, c.Given)
		o["closed_at"], o["closed_by"] = stamp(c.ClosedAt), c.ClosedBy
		o["expected"], o["counted"], o["difference"] = s.money(c.Expected), s.money(c.Counted), s.money(c.Counted-c.Expected)
		out["closed"] = o
	}
	unsettled := []object{}
	for _, u := range m.Unsettled {
		unsettled = append(unsettled, object{"at": stamp(u.At), "amount": s.money(u.Amount), "code": u.Code})
	}
	out["unsettled"], out["unprinted"] = unsettled, s.unprinted()
	return s.problem(out)
}

func (s shower) shift(sh *Shift, taken, given int64) object {
	return object{
		"id": sh.ID.String(), "opened_at": stamp(sh.OpenedAt), "opened_by": sh.OpenedBy, "float": s.money(sh.Float), "payments": sh.Payments,
		"taken": s.money(taken), "change": s.money(given),
	}
}

// help is the screen of a call.
func (s shower) help(linked bool) object {
	c := s.m.Call
	state := c.State
	if !linked && state != Noticed {
		state = NoLine // said as long as it is so: nobody is told that somebody hears who does not
	}
	return object{"name": "help", "since": stamp(c.At), "state": state}
}
