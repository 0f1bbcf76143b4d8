package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

type policyCmd struct {
	one
	HorizonDays    *int      `help:"How many days ahead windows are sold, 1 to 396."`
	MaxStay        *duration `help:"Longest window." placeholder:"30d"`
	MinStay        *duration `help:"Shortest window; 0s: any." placeholder:"1h"`
	MinLead        *duration `help:"Windows begin at least this far ahead; 0s: also now." placeholder:"2h"`
	HoldTTL        *duration `name:"hold-ttl" help:"How long a reservation waits for its payment." placeholder:"10m"`
	EarlyEntry     *duration `help:"Let in this long before the window when there is room." placeholder:"15m"`
	ExitGrace      *duration `help:"Leave this long after the window for nothing more." placeholder:"15m"`
	NoShowAfter    *duration `help:"Nobody comes any more, this long after the begin." placeholder:"2h"`
	NoShowCharge   *int      `help:"Percent of the price that who does not come pays."`
	EarlyCharge    *int      `help:"Percent of the price that leaving early costs at the least; below 100 the tariff counts up to the exit, 100 is the whole price."`
	OverstayBuffer *int      `help:"Percent of the spaces that is not sold, for who stays too long."`
	RemindBefore   *duration `help:"Tell the driver this long before the end; 0s: never." placeholder:"15m"`
	WalkinAhead    *duration `help:"How far ahead capacity for walk-ins is claimed." placeholder:"4h"`
	WalkinProtects *duration `help:"Reservations this close count against what is free now." placeholder:"1h"`
	AllotmentShare *int      `help:"Percent of the capacity kept ready for walk-ins."`

	PayAtMachine *bool   `help:"Take reservations that are paid at the machine or the exit; they are promises that secure nothing." negatable:""`
	DynamicPrice *string `help:"Move the price by how full the window is and how far ahead it is booked, within bounds; off: the tariff's price. What was quoted stands." placeholder:"JSON|off"`

	EntryPassback *parking.Passback  `help:"A pass at an entry that is inside, or has left: hard refuses it, soft lets it in and makes an incident, timed is hard for a while, off lets it in." placeholder:"hard|soft|timed|off"`
	ExitPassback  *parking.Passback  `help:"The same for a pass at an exit that has left. The button opens whatever this says." placeholder:"hard|soft|timed|off"`
	PassbackAfter *duration          `help:"How long timed is hard." placeholder:"30m"`
	PayFirst      *duration          `help:"Ask a walk-in who stayed longer once, at the exit, to pay first; 0s: ask none." placeholder:"15m"`
	Tailgates     *parking.Tailgates `help:"The stay that is ended when a vehicle follows another one out, which is the walk-in's that was inside for longest: count lets nothing be due, bill has what a walk-in pays for that time owed." placeholder:"count|bill"`
	Offline       *string            `help:"What the gate may do by how long it has not heard from the cloud; default: the built-in stages." placeholder:"JSON|default"`

	PresumeLeftAfter *duration `help:"A stay on a reservation counts as over when nobody saw it end this long after the window." placeholder:"24h"`
	LongestWalkin    *duration `help:"A stay without a reservation counts as over when it is this long and nobody saw it end." placeholder:"7d"`
}

// change is the policy with what was asked for.
func (c *policyCmd) change(p parking.Policy) (parking.Policy, error) {
	for _, f := range []struct {
		asked *duration
		to    *time.Duration
	}{
		{c.MaxStay, &p.MaxStay},
		{c.MinStay, &p.MinStay},
		{c.MinLead, &p.MinLead},
		{c.HoldTTL, &p.HoldTTL},
		{c.EarlyEntry, &p.EarlyEntry},
		{c.ExitGrace, &p.ExitGrace},
		{c.NoShowAfter, &p.NoShowAfter},
		{c.RemindBefore, &p.RemindBefore},
		{c.WalkinAhead, &p.WalkinAhead},
		{c.WalkinProtects, &p.WalkinProtects},
		{c.PassbackAfter, &p.PassbackAfter},
		{c.PayFirst, &p.PayFirst},
		{c.PresumeLeftAfter, &p.PresumeLeftAfter},
		{c.LongestWalkin, &p.LongestWalkin},
	} {
		if f.asked != nil {
			*f.to = time.Duration(*f.asked)
		}
	}
	if c.PayAtMachine != nil {
		p.PayAtMachine = *c.PayAtMachine
	}
	if c.DynamicPrice != nil {
		d, err := readOption[parking.DynamicPrice](*c.DynamicPrice, "off", "--dynamic-price", example)
		if err != nil {
			return p, err
		}
		p.Dynamic = d
	}
	if c.EntryPassback != nil {
		p.EntryPassback = *c.EntryPassback
	}
	if c.ExitPassback != nil {
		p.ExitPassback = *c.ExitPassback
	}
	if c.Tailgates != nil {
		p.Tailgates = *c.Tailgates
	}
	if c.Offline != nil {
		o, err := readOption[parking.Offline](*c.Offline, "default", "--offline", offlineExample)
		if err != nil {
			return p, err
		}
		p.Offline = o
	}
	if c.HorizonDays != nil {
		p.HorizonDays = *c.HorizonDays
	}
	if c.OverstayBuffer != nil {
		p.OverstayBuffer = *c.OverstayBuffer
	}
	if c.NoShowCharge != nil {
		p.NoShowCharge = *c.NoShowCharge
	}
	if c.EarlyCharge != nil {
		p.EarlyCharge = *c.EarlyCharge
	}
	if c.AllotmentShare != nil {
		p.AllotmentShare = *c.AllotmentShare
	}
	return p, p.Validate()
}

// Run implements kong's command.
func (c *policyCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	return c.on(ctx, log, func(s *capacity.Service, at id.Parking) error {
		change := c.change
		if *c == (policyCmd{one: c.one}) { // only show it, whatever it is
			change = func(p parking.Policy) (parking.Policy, error) { return p, nil }
		}
		done, err := s.Store.ChangePolicy(ctx, capacity.PolicyEdit{At: at, Today: s.Now().UTC(), By: parking.Author{Name: parking.Commands}}, change)
		if err != nil {
			return err
		}
		rows := fields(done.After)
		for i, was := range fields(done.Before) {
			if was[1] != rows[i][1] {
				rows[i][2] = "was " + was[1]
			}
		}
		var text strings.Builder
		if err := table(&text, rows); err != nil {
			return err
		}
		return write(out, &text)
	})
}

// fields are a policy's, by the names of the flags that change them.
func fields(p parking.Policy) [][3]string {
	d := func(d time.Duration) string { return duration(d).String() }
	dynamic := "off"
	if text, err := json.Marshal(p.Dynamic); err == nil && p.Dynamic != nil {
		dynamic = string(text)
	}
	offline := "default"
	if text, err := json.Marshal(p.Offline); err == nil && p.Offline != nil {
		offline = string(text)
	}
	return [][3]string{
		{"horizon-days", strconv.Itoa(p.HorizonDays)},
		{"max-stay", d(p.MaxStay)},
		{"min-stay", d(p.MinStay)},
		{"min-lead", d(p.MinLead)},
		{"hold-ttl", d(p.HoldTTL)},
		{"early-entry", d(p.EarlyEntry)},
		{"exit-grace", d(p.ExitGrace)},
		{"no-show-after", d(p.NoShowAfter)},
		{"overstay-buffer", fmt.Sprintf("%d%%", p.OverstayBuffer)},
		{"no-show-charge", fmt.Sprintf("%d%%", p.NoShowCharge)},
		{"early-charge", fmt.Sprintf("%d%%", p.EarlyCharge)},
		{"remind-before", d(p.RemindBefore)},
		{"walkin-ahead", d(p.WalkinAhead)},
		{"walkin-protects", d(p.WalkinProtects)},
		{"presume-left-after", d(p.PresumeLeftAfter)},
		{"longest-walkin", d(p.LongestWalkin)},
		{"allotment-share", fmt.Sprintf("%d%%", p.AllotmentShare)},
		{"pay-at-machine", map[bool]string{true: "yes", false: "no"}[p.PayAtMachine]},
		{"dynamic-price", dynamic},
		{"entry-passback", string(cmp.Or(p.EntryPassback, parking.PassbackHard))},
		{"exit-passback", string(cmp.Or(p.ExitPassback, parking.PassbackSoft))},
		{"passback-after", d(p.PassbackAfter)},
		{"pay-first", d(p.PayFirst)},
		{"tailgates", string(cmp.Or(p.Tailgates, parking.TailgatesCount))},
		{"offline", offline},
	}
}

// readOption reads an option that is JSON, or nil for the word that stands for none.
func readOption[T any](text, none, flag, example string) (*T, error) {
	if text == none {
		return nil, nil
	}
	v := new(T)
	read := json.NewDecoder(strings.NewReader(text))
	read.DisallowUnknownFields()
	err := read.Decode(v)
	if _, more := read.Token(); err == nil && !errors.Is(more, io.EOF) {
		err = errors.New("something follows it")
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, parking.CodePolicyInvalid, "What was given for "+flag+" cannot be read. Nothing was changed.").
			WithField(flag, "is neither "+none+" nor such as "+example)
	}
	return v, nil
}

const (
	example        = `{"min_percent":80,"max_percent":150,"occupancy":[{"from_percent":70,"add_percent":20}],"lead":[{"from_minutes":10080,"add_percent":-10}]}`
	offlineExample = `{"stages":[{"after_minutes":0,"allow":["walkins","unknown","unsigned","cloud_uses"]},{"after_minutes":240,"allow":["unknown"]}]}`
)
