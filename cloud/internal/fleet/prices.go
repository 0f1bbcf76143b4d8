package fleet

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/cloud/internal/shop"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// Till is what an edge with a machine is told beside the rest, since minor version 5,
// so that it prices a stay as the exit does here.
type Till struct {
	Name     string
	Zone     string
	Editions []parking.Edition // the newest first; with a policy
	Payments map[id.Reservation]*payment.Payment
	Shops    []shop.Shop // by their numbers, whose codes are good; with a policy
}

// priced reports whether an edge is told prices.
func (d *down) priced() bool { return d.minor >= wire.PricesSince && d.machine != wire.NoMachine }

// pricesInline is how large documents of tariffs may be beside other things in one
// message; beyond it a delta becomes a snapshot, where they have a part of their own.
const pricesInline = 6 << 10

// prices are the editions as they are sent; nil when there are none.
func (t *Till) prices(minor uint8) (*wire.Prices, error) {
	if t == nil || len(t.Editions) == 0 {
		return nil, nil
	}
	out := &wire.Prices{Name: cut(t.Name, wire.MaxText), Zone: t.Zone}
	if len(t.Zone) > wire.MaxZone {
		out.Zone = ""
	}
	size := 0
	for i, e := range t.Editions {
		document, err := json.Marshal(e.Tariff)
		if err != nil {
			return nil, fmt.Errorf("encode edition %d of a tariff: %w", e.Tariff.Version, err)
		}
		if size += len(document); i == wire.MaxEditions || size > wire.MaxDocuments {
			break
		}
		since := max(e.Adopted.UnixMilli(), 0)
		if i == len(t.Editions)-1 {
			since = 0 // before there was any, the first one holds
		}
		out.Editions = append(out.Editions, wire.Edition{Since: since, Document: document})
	}
	if len(out.Editions) == 0 {
		return nil, nil
	}
	if minor >= wire.ShopsSince {
		for _, s := range t.Shops {
			if one, ok := s.Wire(time.Time{}); ok {
				out.Shops = append(out.Shops, one)
			}
		}
	}
	return out, nil
}

// shopBytes is how large a shop may be in a message.
const shopBytes = 100

// bytesOf is how large the documents are.
func bytesOf(p *wire.Prices) (n int) {
	if p != nil {
		for _, e := range p.Editions {
			n += len(e.Document)
		}
		n += shopBytes * len(p.Shops)
	}
	return n
}

// cut shortens a text to so many bytes, between characters.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	end := 0
	for i := range s {
		if i > limit {
			break
		}
		end = i
	}
	return s[:end]
}

// quote is what was agreed for a reservation, and how much of it is covered.
func (t *Till) quote(r *reservation.Reservation) *wire.Quote {
	q := &r.Quote
	out := &wire.Quote{
		Tariff: q.TariffVersion, Total: amount(q.Total.Minor), Currency: q.Total.Currency, Percent: uint16(min(max(q.DemandPercent(), 0), 1000)),
	}
	out.Tax = min(amount(q.Tax.Minor), out.Total)
	if p := t.Payments[r.ID]; p != nil && p.Amount.Currency == q.Total.Currency {
		out.Covered = amount(settlement.Covered(p))
	}
	if q.EarlyCharge != nil {
		out.Early = uint8(1 + min(max(*q.EarlyCharge, 0), 100))
	}
	if out.Percent == 100 {
		out.Percent = 0
	}
	return out
}

// amount is an amount that a message can carry.
func amount(minor int64) int64 { return min(max(minor, 0), wire.MaxAmount) }

// quotes puts their quotes to entries of reservations.
func (t *Till) quotes(entries []wire.Entry, rs []*reservation.Reservation) {
	by := make(map[id.Reservation]*reservation.Reservation, len(rs))
	for _, r := range rs {
		by[r.ID] = r
	}
	for i := range entries {
		if r := by[entries[i].Reservation]; r != nil && r.Quote.Total.Currency != "" {
			entries[i].Quote = t.quote(r)
		}
	}
}
