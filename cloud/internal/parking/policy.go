package parking

import (
	"fmt"
	"time"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/timerange"
)

// Limits of a policy.
const (
	MaxHorizonDays = 396                 // thirteen months
	MaxCapacity    = 30000               // spaces of one type
	MaxUnseen      = 30 * 24 * time.Hour // until a stay of which nobody sees the end is over; no longer than events may be late
	longest        = 24 * time.Hour      // of everything that is a matter of minutes or hours
)

// Fault codes of policies, and of windows that one does not allow. They are
// part of the API.
const (
	CodePolicyInvalid  = "policy_invalid"
	CodeWindowTooShort = "window_too_short"
	CodeWindowTooLong  = "window_too_long"
	CodeWindowTooSoon  = "window_too_soon"
	CodeBeyondHorizon  = "beyond_horizon"
)

// Validate checks the policy as a whole. Its fault names every field that is
// wrong, by its name in JSON.
func (p Policy) Validate() error {
	wrong := map[string]string{}
	between := func(field string, d, least, most time.Duration) {
		if d < least || d > most {
			wrong[field] = fmt.Sprintf("is not from %s to %s", inWords(least), inWords(most))
		}
	}
	if p.HorizonDays < 1 || p.HorizonDays > MaxHorizonDays {
		wrong["horizon_days"] = fmt.Sprintf("is not from 1 to %d", MaxHorizonDays)
	}
	if p.AllotmentShare < 0 || p.AllotmentShare > 100 {
		wrong["allotment_share"] = "is not from 0 to 100 percent"
	}
	if p.NoShowCharge < 0 || p.NoShowCharge > 100 {
		wrong["no_show_charge"] = "is not from 0 to 100 percent"
	}
	if p.EarlyCharge < 0 || p.EarlyCharge > 100 {
		wrong["early_charge"] = "is not from 0 to 100 percent"
	}
	if p.OverstayBuffer < 0 || p.OverstayBuffer > 100 {
		wrong["overstay_buffer"] = "is not from 0 to 100 percent"
	}
	p.Dynamic.check(wrong)
	p.checkGate(wrong)
	p.checkSettings(wrong)
	p.checkFacts(wrong)
	between("max_stay", p.MaxStay, timerange.Quarter, MaxHorizonDays*24*time.Hour)
	between("min_stay", p.MinStay, 0, MaxHorizonDays*24*time.Hour)
	between("min_lead", p.MinLead, 0, MaxHorizonDays*24*time.Hour)
	between("hold_ttl", p.HoldTTL, time.Minute, longest)
	between("early_entry", p.EarlyEntry, 0, longest)
	between("exit_grace", p.ExitGrace, 0, longest)
	between("no_show_after", p.NoShowAfter, time.Minute, MaxHorizonDays*24*time.Hour)
	between("remind_before", p.RemindBefore, 0, longest)
	between("walkin_ahead", p.WalkinAhead, timerange.Quarter, longest)
	between("walkin_protects", p.WalkinProtects, 0, longest)
	between("presume_left_after", p.PresumeLeftAfter, time.Hour, MaxUnseen)
	between("longest_walkin", p.LongestWalkin, time.Hour, MaxUnseen)
	between("passback_after", p.PassbackAfter, 0, longest)
	between("pay_first", p.PayFirst, 0, MaxHorizonDays*24*time.Hour)
	between("lease_ttl", p.LeaseTTL, time.Second, longest)
	if len(wrong) == 0 && p.MinStay > p.MaxStay {
		wrong["min_stay"] = "is longer than max_stay"
	}
	if len(wrong) == 0 && p.MinStay+p.MinLead > p.horizon() {
		wrong["min_lead"] = "leaves nothing to sell before horizon_days: with min_stay it is longer"
	}
	if len(wrong) == 0 {
		return nil
	}
	f := fault.New(fault.Invalid, CodePolicyInvalid, "The policy cannot be as it is; fields says why. Nothing was changed.")
	f.Fields = wrong
	return f
}

// CheckWindow is what a window must be to be sold at all at this time: not too
// short, too long, too soon or too far ahead. Its faults name the code and the
// field, from or to.
func (p Policy) CheckWindow(w timerange.Range, now time.Time) error {
	switch {
	case w.Duration() < p.MinStay:
		return fault.Newf(fault.Invalid, CodeWindowTooShort, "This parking sells at least %s at a stretch.", inWords(p.MinStay)).
			WithField("to", "is too soon after from")
	case w.Duration() > p.MaxStay:
		return fault.Newf(fault.Invalid, CodeWindowTooLong, "This parking sells at most %s at a stretch.", inWords(p.MaxStay)).
			WithField("to", "is too long after from")
	case p.MinLead > 0 && w.From.Before(now.Add(p.MinLead)):
		return fault.Newf(fault.Invalid, CodeWindowTooSoon, "This parking is to be reserved at least %s ahead.", inWords(p.MinLead)).
			WithField("from", "is too soon")
	case w.To.After(now.Add(p.horizon())):
		return fault.Newf(fault.Invalid, CodeBeyondHorizon, "This parking sells at most %d days ahead.", p.HorizonDays).
			WithField("to", "is too far ahead")
	}
	return nil
}

func (p Policy) horizon() time.Duration { return time.Duration(p.HorizonDays) * 24 * time.Hour }

// inWords is a duration for people.
func inWords(d time.Duration) string {
	switch {
	case d == 24*time.Hour:
		return "1 day"
	case d != 0 && d%(24*time.Hour) == 0:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d == time.Hour:
		return "1 hour"
	case d != 0 && d%time.Hour == 0:
		return fmt.Sprintf("%d hours", d/time.Hour)
	case d != 0 && d%time.Minute == 0:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	return d.String()
}
