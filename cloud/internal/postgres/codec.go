package postgres

import (
	"encoding/hex"
	"time"

	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// This file spells the rows of commit_batch that travel as JSON: those that
// few commits bring. A row's keys are the columns' names; a zero time or id is
// null. batch.go spells the others.

// changeRow is a change of a reservation that is not paid for yet.
type changeRow struct {
	From      time.Time         `json:"from"`
	To        time.Time         `json:"to"`
	SpaceType id.SpaceType      `json:"space_type"`
	ClaimFrom timerange.Q       `json:"claim_from_q"`
	ClaimTo   timerange.Q       `json:"claim_to_q"`
	Quote     reservation.Quote `json:"quote"`
	Payment   id.Payment        `json:"payment"`
	Until     time.Time         `json:"until"`
	Renews    bool              `json:"renews,omitempty"`
}

func newChangeRow(c *reservation.Change) *changeRow {
	if c == nil {
		return nil
	}
	return &changeRow{c.Window.From, c.Window.To, c.SpaceType, c.Claim.From, c.Claim.To, c.Quote, c.Payment, c.Until, c.Renews}
}

func (c *changeRow) change() *reservation.Change {
	if c == nil {
		return nil
	}
	return &reservation.Change{
		Window: timerange.Range{From: c.From.UTC(), To: c.To.UTC()}, SpaceType: c.SpaceType,
		Claim: timerange.Quarters{From: c.ClaimFrom, To: c.ClaimTo}, Quote: c.Quote, Payment: c.Payment, Until: c.Until.UTC(), Renews: c.Renews,
	}
}

type sessionRow struct {
	Parking     id.Parking    `json:"parking"`
	ID          uuid          `json:"id"`
	Version     int64         `json:"version"`
	Reservation *uuid         `json:"reservation"`
	SpaceType   id.SpaceType  `json:"space_type"`
	State       session.State `json:"state"`
	Allotted    bool          `json:"allotted"`
	ClaimTo     timerange.Q   `json:"claim_to_q"`
	EnteredAt   time.Time     `json:"entered_at"`
	ExitedAt    *time.Time    `json:"exited_at"`
	EntryLane   id.Lane       `json:"entry_lane"`
	ExitLane    id.Lane       `json:"exit_lane"`
	EntryReason string        `json:"entry_reason"`
	ExitReason  string        `json:"exit_reason"`
	Inferred    bool          `json:"inferred"`
	Currency    *string       `json:"currency"`
	Due         *int64        `json:"due"`
	Owed        *int64        `json:"owed"`

	TariffVersion uint32         `json:"tariff_version"`
	Credit        int64          `json:"credit"`
	Payments      []session.Paid `json:"payments"`
	Paying        *uuid          `json:"paying"`
}

func newSessionRow(p id.Parking, s *session.Session) sessionRow {
	row := sessionRow{
		Parking: p, ID: s.ID.UUID(), Version: s.Version, Reservation: optional(s.Reservation.UUID()), SpaceType: s.SpaceType,
		State: s.State, Allotted: s.Allotted, ClaimTo: s.ClaimTo, EnteredAt: s.EnteredAt, ExitedAt: optionalTime(s.ExitedAt),
		EntryLane: s.EntryLane, ExitLane: s.ExitLane, EntryReason: string(s.EntryReason), ExitReason: string(s.ExitReason),
		Inferred: s.Inferred, TariffVersion: s.TariffVersion, Credit: s.Credit, Payments: s.Payments,
		Paying: optional(s.Paying.UUID()),
	}
	if s.Due != nil {
		c := string(s.Due.Currency)
		row.Currency, row.Due = &c, &s.Due.Minor
	}
	if s.Owed != nil {
		row.Owed = &s.Owed.Minor
	}
	return row
}

type allotmentRow struct {
	Parking   id.Parking   `json:"parking"`
	SpaceType id.SpaceType `json:"space_type"`
	Version   int64        `json:"version"`
	Units     int16        `json:"units"`
	Granted   int16        `json:"granted"`
	Until     timerange.Q  `json:"until_q"`
}

type watermarkRow struct {
	Parking   id.Parking `json:"parking"`
	Version   int64      `json:"version"`
	Journal   uuid       `json:"journal"`
	Epoch     uint32     `json:"epoch"`
	Seq       uint64     `json:"seq"`
	Hash      string     `json:"hash"`
	TrustedLo *time.Time `json:"trusted_lo"`
}

type ledgerRow struct {
	Parking     id.Parking     `json:"parking"`
	Txn         uuid           `json:"txn"`
	Line        int            `json:"line"`
	Kind        ledger.Kind    `json:"kind"`
	Account     ledger.Account `json:"account"`
	Currency    string         `json:"currency"`
	Amount      int64          `json:"amount"`
	Reservation *uuid          `json:"reservation"`
	Session     *uuid          `json:"session"`
	Payment     *uuid          `json:"payment"`
	At          time.Time      `json:"at"`
}

type incidentRow struct {
	Parking     id.Parking `json:"parking"`
	ID          uuid       `json:"id"`
	Class       string     `json:"class"`
	Reservation *uuid      `json:"reservation"`
	Session     *uuid      `json:"session"`
	Detail      string     `json:"detail"`
	At          time.Time  `json:"at"`
}

type observationRow struct {
	Parking id.Parking `json:"parking"`
	Epoch   uint32     `json:"epoch"`
	Seq     uint64     `json:"seq"`
	Kind    uint8      `json:"kind"`
	At      time.Time  `json:"at"`
	Raw     string     `json:"raw"`
}

// uuid prints as a canonical UUID in JSON.
type uuid [16]byte

// MarshalJSON implements json.Marshaler.
func (u uuid) MarshalJSON() ([]byte, error) {
	var b [38]byte
	b[0], b[37] = '"', '"'
	hex.Encode(b[1:9], u[0:4])
	hex.Encode(b[10:14], u[4:6])
	hex.Encode(b[15:19], u[6:8])
	hex.Encode(b[20:24], u[8:10])
	hex.Encode(b[25:37], u[10:16])
	b[9], b[14], b[19], b[24] = '-', '-', '-', '-'
	return b[:], nil
}

func optional(u [16]byte) *uuid {
	if u == [16]byte{} {
		return nil
	}
	v := uuid(u)
	return &v
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
