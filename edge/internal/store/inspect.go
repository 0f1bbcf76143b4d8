package store

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// Inspection is what a file holds, for people. It names no plate and no pass.
type Inspection struct {
	Path      string       `json:"path"`
	Journal   id.Journal   `json:"journal"`
	Epoch     uint32       `json:"epoch"`
	LastSeq   uint64       `json:"last_seq"`
	AckedSeq  uint64       `json:"acked_seq"`
	Clean     bool         `json:"ended_cleanly"`
	TrustedLo int64        `json:"trusted_lo_ms"`
	Revision  uint64       `json:"revision"`
	Entries   int          `json:"entries"`
	Keys      int          `json:"keys"`
	Sessions  int          `json:"sessions"`
	Uses      int          `json:"uses"`
	Allotment []Allotment  `json:"allotments"`
	Pending   []wire.Event `json:"pending"`
	Rebuilt   *Rebuilt     `json:"rebuilt,omitempty"` // the last time that it was damaged
}

// Allotment is an allotment and how much of it is in use.
type Allotment struct {
	SpaceType id.SpaceType `json:"space_type"`
	Units     uint16       `json:"units"`
	Version   uint64       `json:"version"`
	Adopted   uint64       `json:"adopted"`
	Until     int64        `json:"until"` // Unix seconds
}

// Inspect reads a store without changing it. It needs the store for itself. A
// damaged one is a CorruptError: see Repair.
func Inspect(path string, choices ...Option) (Inspection, error) {
	v, err := alone(path, choices, func(o options) (*survey, error) {
		v, _, err := look(context.Background(), path, lookBy{check: o.check, readOnly: true, keep: true})
		return v, err
	})
	if err != nil {
		return Inspection{}, err
	}
	if !v.believed() {
		return Inspection{}, &CorruptError{path, "a survey", fmt.Errorf("%v", v.damage)}
	}
	h, s := v.file.head, v.file.state
	out := Inspection{
		Path: path, Journal: h.Journal, Epoch: h.Epoch, LastSeq: h.LastSeq, AckedSeq: h.AckedSeq,
		Clean: h.Clean, TrustedLo: h.Anchor.Lo, Revision: s.Revision,
		Entries: len(s.Entries), Keys: len(s.Keys), Sessions: len(s.Sessions), Uses: len(s.Uses),
	}
	for _, j := range v.file.journal {
		e, err := wire.Unmarshal[wire.Event](j.raw)
		if err != nil {
			return Inspection{}, &CorruptError{path, "the journal", err}
		}
		out.Pending = append(out.Pending, e)
	}
	for _, a := range s.Allotments {
		out.Allotment = append(out.Allotment, Allotment{a.SpaceType, a.Units, a.Version, a.Adopted, a.Until})
	}
	if b, err := os.ReadFile(rebuiltPath(path)); err == nil {
		_ = json.Unmarshal(b, &out.Rebuilt) // it is for people only
	}
	return out, nil
}

// alone does something while no agent uses the store.
func alone[T any](path string, choices []Option, do func(options) (T, error)) (T, error) {
	o := defaults()
	for _, choose := range choices {
		choose(&o)
	}
	var none T
	l, err := lock(path)
	if err != nil {
		return none, err
	}
	out, err := do(o)
	if closed := l.unlock(); err == nil {
		err = closed
	}
	return out, err
}

// Repair says what a start would do about damage, and with apply does it. It
// needs the store for itself. No damage: nothing to do.
func Repair(path string, apply bool, choices ...Option) (Rebuilt, error) {
	return alone(path, choices, func(o options) (Rebuilt, error) {
		v, _, err := look(context.Background(), path, lookBy{check: o.check, readOnly: true, keep: true})
		if err != nil || v.believed() {
			return Rebuilt{}, err
		}
		if !apply {
			return v.plan(path, time.Now()), nil
		}
		return v.rebuild(path, time.Now())
	})
}
