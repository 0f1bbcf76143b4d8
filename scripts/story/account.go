package story

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/openlot/openlot/protocol/wire"
	"github.com/openlot/openlot/scripts/client"
)

// account checks everything at the end, and reports all that is wrong.
func (t *teller) account(ctx context.Context) error {
	var failed []error
	for _, check := range []func(context.Context) (string, error){
		t.eventsOnce, t.reasons, t.captured, t.receipts, t.ledger, t.inventory, t.onlookers, t.mail,
	} {
		says, err := check(ctx)
		if err != nil {
			t.say("  FAILED  %v", err)
			failed = append(failed, err)
			continue
		}
		t.say("  ok  %s", says)
	}
	return errors.Join(failed...)
}

func (t *teller) eventsOnce(ctx context.Context) (string, error) {
	total := uint64(0)
	for _, site := range t.stack.Sites {
		err := within(ctx, 10*time.Second, func(ctx context.Context) error {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for {
				s, err := site.State(ctx)
				if err != nil {
					return err
				}
				j, err := t.books.Journal(ctx, site.Parking)
				if err != nil {
					return err
				}
				err = errors.Join(j.Check(), expect("watermark and the edge's last event", s.LastSeq, j.Seq), expect("acknowledged", s.LastSeq, s.AckedSeq), expect("epoch", s.Epoch, j.Epoch))
				if err == nil {
					total += j.Seq
					return nil
				}
				// An event may have happened this moment.
				select {
				case <-tick.C:
				case <-ctx.Done():
					return fmt.Errorf("journal of %s: %w", site.Parking, err)
				}
			}
		})
		if err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d journal events of %d edges, each applied exactly once and acknowledged", total, len(t.stack.Sites)), nil
}

// reasons checks the verdicts in the journal, in their order.
func (t *teller) reasons(ctx context.Context) (string, error) {
	events, err := t.books.Observations(ctx, t.site.Parking)
	if err != nil {
		return "", err
	}
	var got []wire.Reason
	for _, e := range events {
		if e.Kind == wire.Admitted || e.Kind == wire.Released || e.Kind == wire.Refused {
			got = append(got, e.Reason)
		}
	}
	want := []wire.Reason{
		wire.AdmitReservation, wire.AdmitWalkin, // in
		wire.AdmitReservation,                   // anna, out offline
		wire.AdmitPassOffline,                   // bert, unheard of
		wire.RefuseBadSignature,                 // the altered pass
		wire.RefusePassback,                     // anna's pass again
		wire.AdmitWalkin, wire.AdmitReservation, // out
	}
	if !slices.Equal(got, want) {
		return "", fmt.Errorf("verdicts at the gates: expected %v, saw %v", want, got)
	}
	incidents, err := t.books.Incidents(ctx)
	if err != nil {
		return "", err
	}
	if len(incidents) > 0 {
		return "", fmt.Errorf("incidents: expected none, saw %v", incidents)
	}
	return fmt.Sprintf("the verdicts are on record, no incident: %v", got), nil
}

func (t *teller) captured(ctx context.Context) (string, error) {
	holds, err := t.cloud.Holds(ctx, t.site.Parking)
	if err != nil {
		return "", err
	}
	var says []string
	for _, s := range []*stay{t.first, t.second} {
		ours, err := t.books.Payment(ctx, s.ID)
		if err != nil {
			return "", err
		}
		theirs := int64(-1)
		for _, h := range holds {
			if h.ReservationID == s.ID {
				theirs = h.Captured
			}
		}
		if err := errors.Join(
			expect("our payment's state", "captured", ours.State),
			expect("captured, by our books", s.Price.Minor, ours.Captured),
			expect("captured, by the provider's books", s.Price.Minor, theirs),
		); err != nil {
			return "", err
		}
		says = append(says, s.Price.String())
	}
	if err := expect("holds at the provider", 2, len(holds)); err != nil {
		return "", err
	}
	return "captured to the cent, in our books and in the provider's: " + strings.Join(says, " and "), nil
}

// receipts has each receipt recomputed by openlot itself, from the file alone and
// what the cloud publishes.
func (t *teller) receipts(ctx context.Context) (string, error) {
	var says []string
	for _, s := range []*stay{t.first, t.second} {
		document, err := t.cloud.Receipt(ctx, s.ID, s.ManageToken, "json")
		if err != nil {
			return "", err
		}
		var r struct {
			Receipt struct {
				Number string `json:"number"`
				Bill   struct {
					Due client.Money `json:"due"`
				} `json:"bill"`
				Tariffs []struct {
					Version uint32 `json:"version"`
				} `json:"tariffs"`
			} `json:"receipt"`
		}
		if err := json.Unmarshal(document, &r); err != nil {
			return "", fmt.Errorf("receipt of %s: %w", s.ID, err)
		}
		if err := errors.Join(expect("due on the receipt", s.Price, r.Receipt.Bill.Due), expect("editions of the tariff", 1, len(r.Receipt.Tariffs))); err != nil {
			return "", err
		}
		published, err := t.cloud.Tariff(ctx, t.site.Parking, r.Receipt.Tariffs[0].Version)
		if err != nil {
			return "", err
		}
		file, edition := filepath.Join(t.dir, s.ID+".json"), filepath.Join(t.dir, "tariff.json")
		if err := errors.Join(os.WriteFile(file, document, 0o600), os.WriteFile(edition, published, 0o600)); err != nil {
			return "", err
		}
		out, err := exec.CommandContext(ctx, filepath.Join(t.cfg.Bin, "openlot"), "receipt", "verify", file, "--keys", t.cloud.URL+"/keys", "--tariff", edition).CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("verify the receipt of %s: %w\n%s", s.ID, err, out)
		}
		says = append(says, r.Receipt.Number)
	}
	return "both receipts were recomputed from the published tariff and the gate's own events: " + strings.Join(says, " and "), nil
}

func (t *teller) ledger(ctx context.Context) (string, error) {
	sums, err := t.books.Ledger(ctx)
	if err != nil {
		return "", err
	}
	if err := expect("currencies in the ledger", 1, len(sums)); err != nil {
		return "", err
	}
	l, taken := sums[0], t.first.Price.Minor+t.second.Price.Minor
	if err := errors.Join(
		expect("sum of the ledger in "+l.Currency, 0, l.Sum),
		expect("still held", 0, l.Accounts["held"]),
		expect("owed by the provider", taken, l.Accounts["provider"]),
		expect("revenue and tax", -taken, l.Accounts["revenue"]+l.Accounts["tax_payable"]),
	); err != nil {
		return "", err
	}
	return fmt.Sprintf("the ledger's %d lines sum to zero in %s: %v", l.Entries, l.Currency, l.Accounts), nil
}

func (t *teller) inventory(ctx context.Context) (string, error) {
	n, err := t.books.SettledInventory(ctx, 5*time.Second)
	return fmt.Sprintf("free = capacity − claims, recomputed: %d comparisons of quarter-hours", n), err
}

func (t *teller) onlookers(context.Context) (string, error) {
	if err := errors.Join(t.detail.check(t.counts), t.list.check(t.counts)); err != nil {
		return "", err
	}
	return fmt.Sprintf("both onlookers saw every count in order, versions never went back: %v", t.counts), nil
}

func (t *teller) mail(ctx context.Context) (says string, err error) {
	err = within(ctx, 10*time.Second, func(ctx context.Context) error {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			inbox, err := t.cloud.Inbox(ctx)
			if err != nil {
				return err
			}
			sent := map[string][]string{}
			for _, m := range inbox {
				for _, driver := range []string{"anna", "bert"} {
					if slices.Contains(m.To, driver+"@example.org") {
						sent[driver] = append(sent[driver], m.Subject)
					}
				}
			}
			if len(sent["anna"]) == 2 && len(sent["bert"]) == 2 {
				says = fmt.Sprintf("both have their confirmation and their receipt by mail: %q", sent["anna"])
				return nil
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return fmt.Errorf("mail: expected two to anna and two to bert, saw %v", inbox)
			}
		}
	})
	return says, err
}
