package parking

import (
	"fmt"
	"reflect"
	"time"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/tariff"
)

// Fault codes of a tariff that a parking cannot adopt.
const (
	CodeTariffInvalid  = "invalid_tariff"
	CodeTariffVersion  = "tariff_version"
	CodeTariffCurrency = "tariff_currency"
	CodeTariffFrom     = "tariff_from"
	CodeManyScheduled  = "too_many_scheduled"
	CodeTariffInForce  = "tariff_in_force"
	CodeNoEdition      = "edition_not_found"
)

// MaxScheduled is how many tariffs a parking may have ahead of it.
const MaxScheduled = 10

// Scheduled is a tariff that the parking will go over to, unless it is withdrawn.
type Scheduled struct {
	Tariff tariff.Tariff
	From   time.Time
	By     string // its author
	Why    string
	At     time.Time // when it was scheduled
}

// Grace are the times that the parking forgives: the tariff's and the policy's.
func (p *Parking) Grace() tariff.Grace {
	return tariff.Grace{
		Consideration:    time.Duration(max(p.Tariff.ConsiderationMinutes, p.Tariff.FreeMinutes)) * time.Minute,
		ExitAfterPayment: time.Duration(p.Tariff.ExitAfterPaymentMinutes) * time.Minute,
		EarlyEntry:       p.Policy.EarlyEntry,
		LateArrival:      p.Policy.NoShowAfter,
		EndOfStay:        p.Policy.ExitGrace,
	}
}

// Lawful checks the policy's graces against the jurisdiction that the tariff
// names. Its fault has the code policy_invalid.
func (p *Parking) Lawful() error {
	profile, named := tariff.Profiles()[p.Tariff.Profile]
	if !named {
		return nil
	}
	wrong := map[string]string{}
	names := map[string]string{"end_of_stay": "exit_grace", "late_arrival": "no_show_after"}
	for grace, says := range profile.Check(p.Grace()) {
		if name, other := names[grace]; other {
			grace = name
		}
		wrong[grace] = says
	}
	if len(wrong) == 0 {
		return nil
	}
	f := fault.New(fault.Invalid, CodePolicyInvalid, "The policy breaks the rules of the jurisdiction that the tariff names; fields says where. Nothing was changed.")
	f.Fields = wrong
	return f
}

// Adopt checks whether the parking may go over to a tariff: one that can price
// in its zone, in the same currency, with factors of space types that it has,
// lawful together with its policy, and of a higher version than the present
// one. The present one itself is adopted without effect. Its faults have the
// codes invalid_tariff, zone_missing, tariff_version, tariff_currency and
// policy_invalid.
func (p *Parking) Adopt(t tariff.Tariff) error {
	zone, err := p.Location()
	if err != nil {
		zone = nil
	}
	if _, err := tariff.Compile(t, zone); err != nil {
		return err
	}
	if reflect.DeepEqual(t, p.Tariff) {
		return nil
	}
	if p.Tariff.Currency != "" && t.Currency != p.Tariff.Currency {
		return fault.Newf(fault.Conflict, CodeTariffCurrency, "The parking's money is %s: what is held and owed in it could not be settled in %s.", p.Tariff.Currency, t.Currency).
			WithField("currency", "is not that of the parking")
	}
	if t.Version <= p.Tariff.Version {
		return fault.Newf(fault.Conflict, CodeTariffVersion, "The parking has version %d. A changed tariff needs a higher one, since quotes and bills name it.", p.Tariff.Version).
			WithField("version", fmt.Sprintf("must be above %d", p.Tariff.Version))
	}
	for name := range t.Factors {
		if _, has := p.SpaceType(id.SpaceType(name)); !has {
			return fault.New(fault.Invalid, CodeTariffInvalid, "The tariff has a factor for a space type that the parking does not have.").
				WithField("factors."+name, "is not a space type of the parking")
		}
	}
	after := *p
	after.Tariff = t
	return after.Lawful()
}

// Plan checks whether the parking may go over to a tariff now (from is zero) or at an
// instant to come, beside those that are scheduled: later ones have higher versions. A
// tariff that is scheduled for that very instant already is no mistake, and nothing new:
// known is true. Its faults are those of Adopt, and of the codes tariff_from and
// too_many_scheduled.
func (p *Parking) Plan(t tariff.Tariff, from, now time.Time, scheduled []Scheduled) (known bool, err error) {
	if from.IsZero() {
		if err := p.Adopt(t); err != nil || reflect.DeepEqual(t, p.Tariff) {
			return err == nil, err
		}
		return false, inOrder(t, now, scheduled)
	}
	for _, s := range scheduled {
		if s.From.Equal(from) && reflect.DeepEqual(s.Tariff, t) {
			return true, nil
		}
	}
	switch {
	case !from.After(now):
		return false, fault.New(fault.Invalid, CodeTariffFrom, "A scheduled tariff takes effect later than now. Leave from out to go over to it now.").
			WithField("from", "is not later than now")
	case from.After(now.AddDate(0, 0, MaxHorizonDays)):
		return false, fault.Newf(fault.Invalid, CodeTariffFrom, "A tariff can be scheduled at most %d days ahead.", MaxHorizonDays).
			WithField("from", "is too far ahead")
	case len(scheduled) >= MaxScheduled:
		return false, fault.Newf(fault.Conflict, CodeManyScheduled, "%d tariffs are scheduled. Withdraw one first.", len(scheduled))
	}
	if err := p.Adopt(t); err != nil {
		return false, err
	}
	if t.Version <= p.Tariff.Version { // Adopt takes the present one, without effect
		return false, fault.Newf(fault.Conflict, CodeTariffVersion, "The parking has version %d already.", p.Tariff.Version).
			WithField("version", fmt.Sprintf("must be above %d", p.Tariff.Version))
	}
	return false, inOrder(t, from, scheduled)
}

// inOrder refuses a version that would not come between those before and after it.
func inOrder(t tariff.Tariff, from time.Time, scheduled []Scheduled) error {
	for _, s := range scheduled {
		v := s.Tariff.Version
		if v == t.Version || (v < t.Version) != s.From.Before(from) {
			return fault.Newf(fault.Conflict, CodeTariffVersion, "Version %d is scheduled from %s. Later tariffs have higher versions: give this one another, or withdraw that one.", v, s.From.UTC().Format(time.RFC3339)).
				WithField("version", "is not in the order of the scheduled ones")
		}
	}
	return nil
}
