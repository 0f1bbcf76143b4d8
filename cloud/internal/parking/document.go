package parking

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/hours"
)

// PolicyDocument is a policy as people are shown it and send it: lengths of time in
// whole seconds, and what is in force where the policy leaves something to the default.
type PolicyDocument struct {
	HorizonDays      int           `json:"horizon_days"`
	MaxStay          int64         `json:"max_stay"`
	MinStay          int64         `json:"min_stay"`
	MinLead          int64         `json:"min_lead"`
	HoldTTL          int64         `json:"hold_ttl"`
	EarlyEntry       int64         `json:"early_entry"`
	ExitGrace        int64         `json:"exit_grace"`
	NoShowAfter      int64         `json:"no_show_after"`
	NoShowCharge     int           `json:"no_show_charge"`
	EarlyCharge      int           `json:"early_charge"`
	RemindBefore     int64         `json:"remind_before"`
	WalkinAhead      int64         `json:"walkin_ahead"`
	WalkinProtects   int64         `json:"walkin_protects"`
	AllotmentShare   int           `json:"allotment_share"`
	OverstayBuffer   int           `json:"overstay_buffer"`
	PresumeLeftAfter int64         `json:"presume_left_after"`
	LongestWalkin    int64         `json:"longest_walkin"`
	LeaseTTL         int64         `json:"lease_ttl"`
	PayAtMachine     bool          `json:"pay_at_machine"`
	EntryPassback    Passback      `json:"entry_passback"`
	ExitPassback     Passback      `json:"exit_passback"`
	PassbackAfter    int64         `json:"passback_after"`
	PayFirst         int64         `json:"pay_first"`
	Tailgates        Tailgates     `json:"tailgates"`
	Offline          *Offline      `json:"offline"`
	Dynamic          *DynamicPrice `json:"dynamic_price"`
	Hours            *hours.Hours  `json:"opening_hours"` // nil: around the clock
	Lanes            []LaneSetting `json:"lanes"`
	Facts            *Facts        `json:"facts"` // nil: nothing is told
}

// length is a length of time of a policy with its name.
type length struct {
	name    string
	of      *time.Duration
	seconds *int64
}

// lengths pairs those of a policy with those of a document.
func lengths(p *Policy, d *PolicyDocument) []length {
	return []length{
		{"max_stay", &p.MaxStay, &d.MaxStay},
		{"min_stay", &p.MinStay, &d.MinStay},
		{"min_lead", &p.MinLead, &d.MinLead},
		{"hold_ttl", &p.HoldTTL, &d.HoldTTL},
		{"early_entry", &p.EarlyEntry, &d.EarlyEntry},
		{"exit_grace", &p.ExitGrace, &d.ExitGrace},
		{"no_show_after", &p.NoShowAfter, &d.NoShowAfter},
		{"remind_before", &p.RemindBefore, &d.RemindBefore},
		{"walkin_ahead", &p.WalkinAhead, &d.WalkinAhead},
		{"walkin_protects", &p.WalkinProtects, &d.WalkinProtects},
		{"presume_left_after", &p.PresumeLeftAfter, &d.PresumeLeftAfter},
		{"longest_walkin", &p.LongestWalkin, &d.LongestWalkin},
		{"lease_ttl", &p.LeaseTTL, &d.LeaseTTL},
		{"passback_after", &p.PassbackAfter, &d.PassbackAfter},
		{"pay_first", &p.PayFirst, &d.PayFirst},
	}
}

// Document is the policy for people.
func (p Policy) Document() PolicyDocument {
	d := PolicyDocument{
		HorizonDays: p.HorizonDays, NoShowCharge: p.NoShowCharge, EarlyCharge: p.EarlyCharge, AllotmentShare: p.AllotmentShare, OverstayBuffer: p.OverstayBuffer,
		PayAtMachine: p.PayAtMachine, EntryPassback: cmp.Or(p.EntryPassback, PassbackHard), ExitPassback: cmp.Or(p.ExitPassback, PassbackSoft),
		Tailgates: cmp.Or(p.Tailgates, TailgatesCount), Offline: p.Offline, Dynamic: p.Dynamic,
		Hours: p.Hours, Lanes: append([]LaneSetting{}, p.Lanes...), Facts: p.Facts,
	}
	for _, l := range lengths(&p, &d) {
		*l.seconds = int64(*l.of / time.Second)
	}
	return d
}

// longestSeconds is far beyond every limit and far below what a length can hold.
const longestSeconds = 10 * 366 * 24 * 60 * 60

// With is the policy with some members of its document replaced. Its fault names
// every member that is not known or cannot be read; Validate says whether what comes
// out may be.
func (p Policy) With(parts map[string]json.RawMessage) (Policy, error) {
	d := PolicyDocument{}
	into := map[string]any{
		"horizon_days": &p.HorizonDays, "no_show_charge": &p.NoShowCharge, "early_charge": &p.EarlyCharge, "allotment_share": &p.AllotmentShare,
		"overstay_buffer": &p.OverstayBuffer, "pay_at_machine": &p.PayAtMachine, "entry_passback": &p.EntryPassback, "exit_passback": &p.ExitPassback,
		"tailgates": &p.Tailgates,
	}
	seconds := map[string]length{}
	for _, l := range lengths(&p, &d) {
		into[l.name], seconds[l.name] = l.seconds, l
	}
	wrong := map[string]string{}
	for name, raw := range parts {
		none := string(bytes.TrimSpace(raw)) == "null"
		switch to, known := into[name]; {
		case name == "offline":
			p.Offline = read[Offline](raw, none, name, wrong)
		case name == "dynamic_price":
			p.Dynamic = read[DynamicPrice](raw, none, name, wrong)
		case name == "opening_hours":
			p.Hours = read[hours.Hours](raw, none, name, wrong)
		case name == "facts":
			p.Facts = read[Facts](raw, none, name, wrong)
		case name == "lanes":
			p.Lanes = nil
			if all := read[[]LaneSetting](raw, none, name, wrong); all != nil && len(*all) > 0 {
				p.Lanes = *all
			}
		case !known:
			wrong[name] = "is not known"
		case none || json.Unmarshal(raw, to) != nil:
			wrong[name] = "cannot be read"
		default:
			l, isLength := seconds[name]
			if !isLength {
				continue
			}
			if *l.seconds < 0 || *l.seconds > longestSeconds {
				wrong[name] = "is not a length of time in seconds"
				continue
			}
			*l.of = time.Duration(*l.seconds) * time.Second
		}
	}
	if len(wrong) == 0 {
		return p, nil
	}
	f := fault.New(fault.Invalid, CodePolicyInvalid, "The policy cannot be as it is; fields says why. Nothing was changed.")
	f.Fields = wrong
	return p, f
}

// read reads an object that may be left out, strictly.
func read[T any](raw json.RawMessage, none bool, name string, wrong map[string]string) *T {
	if none {
		return nil
	}
	v := new(T)
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	if _, more := dec.Token(); err == nil && !errors.Is(more, io.EOF) {
		err = fmt.Errorf("something follows it")
	}
	if err != nil {
		wrong[name] = "cannot be read"
	}
	return v
}

// Members are the names of a policy's document.
func Members() []string {
	all, err := members(PolicyDocument{})
	if err != nil { // its zero value is always written
		return nil
	}
	return slices.Sorted(maps.Keys(all))
}

func members(d PolicyDocument) (map[string]json.RawMessage, error) {
	raw, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	out := map[string]json.RawMessage{}
	return out, json.Unmarshal(raw, &out)
}

// Difference is what of two policies' documents differs, as each has it.
func (p Policy) Difference(after Policy) (was, is map[string]json.RawMessage, err error) {
	if was, err = members(p.Document()); err != nil {
		return nil, nil, err
	}
	if is, err = members(after.Document()); err != nil {
		return nil, nil, err
	}
	for name, raw := range was {
		if bytes.Equal(raw, is[name]) {
			delete(was, name)
			delete(is, name)
		}
	}
	return was, is, nil
}
