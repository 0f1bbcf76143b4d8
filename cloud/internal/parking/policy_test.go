package parking_test

import (
	"math"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/timerange"
)

const day = 24 * time.Hour

func TestEveryWrongFieldOfAPolicyIsNamed(t *testing.T) {
	if err := parking.DefaultPolicy().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*parking.Policy)
		fields []string
	}{
		"the least":          {func(p *parking.Policy) { p.HorizonDays, p.MaxStay = 1, timerange.Quarter }, nil},
		"the most":           {func(p *parking.Policy) { p.HorizonDays, p.MaxStay = 396, 396*day }, nil},
		"no horizon":         {func(p *parking.Policy) { p.HorizonDays = 0 }, []string{"horizon_days"}},
		"beyond 13 months":   {func(p *parking.Policy) { p.HorizonDays = 397 }, []string{"horizon_days"}},
		"overflow":           {func(p *parking.Policy) { p.HorizonDays, p.MaxStay = math.MaxInt, math.MaxInt64 }, []string{"horizon_days", "max_stay"}},
		"no stay":            {func(p *parking.Policy) { p.MaxStay = 0 }, []string{"max_stay"}},
		"negative":           {func(p *parking.Policy) { p.MinStay, p.MinLead, p.ExitGrace = -1, -1, -1 }, []string{"min_stay", "min_lead", "exit_grace"}},
		"shortest > longest": {func(p *parking.Policy) { p.MinStay = p.MaxStay + 1 }, []string{"min_stay"}},
		"nothing left":       {func(p *parking.Policy) { p.HorizonDays, p.MinLead = 2, 3*day }, []string{"min_lead"}},
		"share":              {func(p *parking.Policy) { p.AllotmentShare = 101 }, []string{"allotment_share"}},
		"no-shows":           {func(p *parking.Policy) { p.NoShowCharge, p.RemindBefore = 101, 2*day }, []string{"no_show_charge", "remind_before"}},
		"all of the gate":    {func(p *parking.Policy) { *p = parking.Policy{HorizonDays: 5, MaxStay: day} }, []string{"hold_ttl", "no_show_after", "walkin_ahead", "lease_ttl", "presume_left_after", "longest_walkin"}},
		"passback":           {func(p *parking.Policy) { p.EntryPassback, p.ExitPassback = "never", "trap" }, []string{"entry_passback", "exit_passback"}},
		"tailgates":          {func(p *parking.Policy) { p.Tailgates = "forgive" }, []string{"tailgates"}},
		"half a minute":      {func(p *parking.Policy) { p.PassbackAfter, p.PayFirst = 90*time.Second, -1 }, []string{"passback_after", "pay_first"}},
		"no stage":           {func(p *parking.Policy) { p.Offline = &parking.Offline{} }, []string{"offline.stages"}},
		"stages": {func(p *parking.Policy) {
			p.Offline = &parking.Offline{Stages: []parking.OfflineStage{{After: 1}, {After: 1}, {After: 2, Allow: []parking.Permission{"all"}}, {After: math.MaxInt64}}}
		}, []string{"offline.stages[0]", "offline.stages[1]", "offline.stages[2]", "offline.stages[3]"}},
		"unseen": {func(p *parking.Policy) { p.PresumeLeftAfter, p.LongestWalkin = 31*day, 0 }, []string{"presume_left_after", "longest_walkin"}},
	} {
		p := parking.DefaultPolicy()
		c.change(&p)
		f := fault.From(p.Validate())
		if len(c.fields) == 0 {
			if f != nil {
				t.Errorf("%s: %v", name, f)
			}
			continue
		}
		if f == nil || f.Code != parking.CodePolicyInvalid || f.Kind != fault.Invalid || len(f.Fields) != len(c.fields) {
			t.Errorf("%s: %v %v", name, f, c.fields)
			continue
		}
		for _, field := range c.fields {
			if f.Fields[field] == "" {
				t.Errorf("%s: %s is not named in %v", name, field, f.Fields)
			}
		}
	}
}

// Each limit is sold up to, and not beyond.
func TestWindowsAtTheLimitsOfAPolicy(t *testing.T) {
	now := time.Date(2027, 3, 28, 0, 30, 0, 0, time.UTC)
	p := parking.DefaultPolicy()
	p.HorizonDays, p.MinStay, p.MaxStay, p.MinLead = 10, time.Hour, 3*day, 2*time.Hour
	for name, c := range map[string]struct {
		from, to time.Duration // from now
		code     string
		field    string
	}{
		"shortest":   {2 * time.Hour, 3 * time.Hour, "", ""},
		"too short":  {2 * time.Hour, 3*time.Hour - 1, parking.CodeWindowTooShort, "to"},
		"longest":    {2 * time.Hour, 2*time.Hour + 3*day, "", ""},
		"too long":   {2 * time.Hour, 2*time.Hour + 3*day + 1, parking.CodeWindowTooLong, "to"},
		"too soon":   {2*time.Hour - 1, 4 * time.Hour, parking.CodeWindowTooSoon, "from"},
		"the end":    {9 * day, 10 * day, "", ""},
		"beyond":     {9 * day, 10*day + 1, parking.CodeBeyondHorizon, "to"},
		"far beyond": {500 * day, 501 * day, parking.CodeBeyondHorizon, "to"},
	} {
		err := p.CheckWindow(timerange.Range{From: now.Add(c.from), To: now.Add(c.to)}, now)
		f := fault.From(err)
		if c.code == "" && err != nil || c.code != "" && (f == nil || f.Code != c.code || f.Fields[c.field] == "" || f.Kind != fault.Invalid) {
			t.Errorf("%s: %v %+v, want %q", name, err, f, c.code)
		}
	}
	p.MinLead = 0
	if err := p.CheckWindow(timerange.Range{From: now.Add(-10 * time.Minute), To: now.Add(time.Hour)}, now); err != nil {
		t.Errorf("the quarter that is running is not sold: %v", err)
	}
}
