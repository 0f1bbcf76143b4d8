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
)

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
