package parking

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
)

// CodeImportInvalid is the fault code of a file of which nothing is imported.
const CodeImportInvalid = "import_invalid"

type featureCollection struct {
	Type     string            `json:"type"`
	Features []json.RawMessage `json:"features"`
}

type feature struct {
	Type     string `json:"type"`
	Geometry *struct {
		Type        string    `json:"type"`
		Coordinates []float64 `json:"coordinates"`
	} `json:"geometry"`
	Properties *struct {
		ID       string   `json:"id"`
		Name     string   `json:"name"`
		City     string   `json:"city"`
		Address  string   `json:"address"`
		Kind     string   `json:"kind"`
		Capacity *float64 `json:"capacity"`
		TZ       string   `json:"tz"`
		Numbered []struct {
			Type  string   `json:"space_type"`
			Class string   `json:"class"`
			Label string   `json:"label"`
			Bays  []string `json:"bays"`
		} `json:"numbered"`
		Dynamic *DynamicPrice `json:"dynamic_price"`
		Machine bool          `json:"pay_at_machine"`
	} `json:"properties"`
}

// ReadGeoJSON reads car parks from a GeoJSON FeatureCollection of points
// (RFC 7946) with the properties id, name, city, address, tz and, where they are
// known, kind, capacity, numbered, dynamic_price and pay_at_machine. A feature without a capacity becomes a parking that is
// listed but not sold. numbered lists the space types whose spaces have numbers:
// {"space_type": "ev", "class": "ev", "label": "Charging", "bays": ["E1", "E2"]}.
// Each has as many spaces as bays, which are part of the capacity; what is left
// of it is standard. No label is there twice. New parkings get the default policy,
// with the dynamic_price (DynamicPrice's JSON) and pay_at_machine that are given, and a tariff in
// their zone's currency.
//
// A file with any bad feature yields a fault whose Fields name each by index
// and reason ("features[3]": "no name"), and no parkings.
func ReadGeoJSON(r io.Reader) ([]Parking, error) {
	var fc featureCollection
	d := json.NewDecoder(r)
	if err := d.Decode(&fc); errors.As(err, new(*json.UnmarshalTypeError)) {
		return nil, fault.New(fault.Invalid, CodeImportInvalid, "The file is JSON, and not a GeoJSON FeatureCollection. Nothing was imported.")
	} else if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, CodeImportInvalid, "The file is not JSON. Nothing was imported.")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Invalid, CodeImportInvalid, "Something follows the JSON document. Nothing was imported.")
	}
	if fc.Type != "FeatureCollection" {
		return nil, fault.New(fault.Invalid, CodeImportInvalid, "The file is not a GeoJSON FeatureCollection. Nothing was imported.")
	}
	if len(fc.Features) == 0 {
		return nil, fault.New(fault.Invalid, CodeImportInvalid, "The FeatureCollection has no features. Nothing was imported.")
	}
	problems := map[string]string{}
	first := map[id.Parking]int{}
	var out []Parking
	for i, raw := range fc.Features {
		p, err := readFeature(raw)
		if err == nil {
			if j, twice := first[p.ID]; twice {
				err = fmt.Errorf("the id %q is that of features[%d] already", p.ID, j)
			}
			first[p.ID] = i
		}
		if err != nil {
			problems[fmt.Sprintf("features[%d]", i)] = err.Error()
			continue
		}
		out = append(out, p)
	}
	if len(problems) > 0 {
		f := fault.Newf(fault.Invalid, CodeImportInvalid, "%d of %d features are bad. Nothing was imported.", len(problems), len(fc.Features))
		f.Fields = problems
		return nil, f
	}
	return out, nil
}

func readFeature(raw json.RawMessage) (Parking, error) {
	var f feature
	if err := json.Unmarshal(raw, &f); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && wrong.Field != "" {
			return Parking{}, fmt.Errorf("%s cannot be of type %s", wrong.Field, wrong.Value)
		}
		return Parking{}, errors.New("not an object")
	}
	if f.Type != "Feature" || f.Properties == nil {
		return Parking{}, errors.New("not a Feature with properties")
	}
	if f.Geometry == nil || f.Geometry.Type != "Point" || len(f.Geometry.Coordinates) < 2 {
		return Parking{}, errors.New("the geometry is not a Point")
	}
	lon, lat := f.Geometry.Coordinates[0], f.Geometry.Coordinates[1]
	if math.Abs(lon) > 180 || math.Abs(lat) > 90 || lon == 0 && lat == 0 {
		return Parking{}, fmt.Errorf("impossible coordinates [%v, %v]", lon, lat)
	}
	in := f.Properties
	slug, err := id.ParseParking(in.ID)
	if err != nil {
		return Parking{}, fmt.Errorf("id %q: %w", in.ID, err)
	}
	if strings.TrimSpace(in.Name) == "" {
		return Parking{}, errors.New("no name")
	}
	switch Kind(in.Kind) {
	case MultiStorey, Underground, Surface, Unspecified:
	default:
		return Parking{}, fmt.Errorf("kind %q is not multi_storey, underground or surface", in.Kind)
	}
	if in.TZ == "" || in.TZ == "Local" {
		return Parking{}, errors.New("no time zone")
	}
	if _, err := time.LoadLocation(in.TZ); err != nil {
		return Parking{}, fmt.Errorf("unknown time zone %q", in.TZ)
	}
	p := Parking{
		ID: slug, Name: in.Name, Address: in.Address, City: in.City, Kind: Kind(in.Kind),
		Latitude: lat, Longitude: lon, Timezone: in.TZ, Policy: DefaultPolicy(), Tariff: defaultTariff(in.TZ),
	}
	p.Policy.Dynamic, p.Policy.PayAtMachine = in.Dynamic, in.Machine
	if f := fault.From(p.Policy.Validate()); f != nil {
		for _, name := range slices.Sorted(maps.Keys(f.Fields)) {
			return Parking{}, fmt.Errorf("%s %s", name, f.Fields[name])
		}
	}
	if in.Capacity == nil {
		return p, nil
	}
	c := *in.Capacity
	if c < 1 || c > MaxCapacity || c != math.Trunc(c) {
		return Parking{}, fmt.Errorf("a capacity of %v is not a whole number from 1 to %d", c, MaxCapacity)
	}
	p.SpaceTypes = []SpaceType{{ID: id.Standard, Class: ClassStandard, Label: "Standard", Capacity: int16(c)}}
	for _, n := range in.Numbered {
		t := SpaceType{ID: id.SpaceType(n.Type), Class: Class(n.Class), Label: n.Label, Capacity: int16(min(len(n.Bays), MaxCapacity)), Bays: n.Bays}
		if len(t.Bays) == 0 {
			return Parking{}, errors.New("numbered: a type without bays")
		}
		if t.ID == id.Standard {
			return Parking{}, errors.New("numbered: the spaces of standard are those that have no numbers")
		}
		p.SpaceTypes = append(p.SpaceTypes, t)
		p.SpaceTypes[0].Capacity -= t.Capacity
	}
	if p.SpaceTypes[0].Capacity < 0 {
		return Parking{}, errors.New("numbered: there are more bays than the capacity")
	}
	if err := CheckTypes(p.SpaceTypes); err != nil {
		return Parking{}, fmt.Errorf("numbered: %w", err)
	}
	return p, nil
}

// defaultTariff is what a new parking charges until its owner says otherwise:
// a rate per started half hour with a daily maximum and ten free minutes, in
// the money of its time zone's country.
func defaultTariff(tz string) tariff.Tariff {
	t := tariff.Tariff{
		Format: 1, Version: 1, Currency: "EUR", IntervalMinutes: 30, Rate: 120, DailyMax: 1800,
		Day: tariff.Calendar, FreeMinutes: 10, TaxBasisPoints: 1900,
	}
	switch tz {
	case "Europe/Zurich":
		t.Currency, t.Rate, t.DailyMax, t.TaxBasisPoints = money.Currency("CHF"), 150, 3000, 810
	case "Europe/Copenhagen":
		t.Currency, t.Rate, t.DailyMax, t.TaxBasisPoints = money.Currency("DKK"), 1200, 19000, 2500
	}
	return t
}
