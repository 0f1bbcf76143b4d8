package conformance_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/protocol/conformance"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/till"
	"github.com/openlot/openlot/protocol/topic"
	"github.com/openlot/openlot/protocol/wire"
)

// What SPEC.md states as a fact is what the code does.
func TestSpecIsTrue(t *testing.T) {
	content, err := os.ReadFile("../SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	spec := string(content)
	says := func(text string) {
		t.Helper()
		if !strings.Contains(spec, text) {
			t.Errorf("SPEC.md does not say %q", text)
		}
	}
	for _, r := range wire.Reasons() {
		says(fmt.Sprintf("| `%s` | %s | %s |", r, r.Sentence(), r.Operator()))
	}
	if listed := strings.Count(spec, "| `ADMIT_") + strings.Count(spec, "| `REFUSE_"); listed != len(wire.Reasons()) {
		t.Errorf("%d reasons in SPEC.md", listed)
	}
	for _, v := range []wire.Verdict{wire.Accepted, wire.Rewound, wire.Retired, wire.Foreign} {
		says(fmt.Sprintf("| `%s` |", v))
	}
	says(fmt.Sprintf("`dresden-altmarkt` is in shard %d", topic.Shard("dresden-altmarkt")))
	says(fmt.Sprintf("up/{%s|%s|%s|%s|%s}", topic.Hello, topic.Events, topic.Beat, topic.Applied, topic.AskTime))
	says(fmt.Sprintf("down/{%s|%s|%s|%s|%s|%s}", topic.Welcome, topic.Ack, topic.Sync, topic.Resume, topic.Time, topic.Order))
	thousands := func(n int) string { return fmt.Sprintf("%d,%03d", n/1000, n%1000) }
	says("longer than **" + thousands(wire.MaxMessage) + " bytes**")
	says("| one event, encoded | " + thousands(wire.MaxEvent) + " bytes |")
	says(fmt.Sprintf("| events in a batch | %d |", wire.MaxBatch))
	says(fmt.Sprintf("| entries in a part of a sync | %d |", wire.MaxEntries))
	says(fmt.Sprintf("| allotments; pass keys; lanes; bays | %d; %d; %d; %d |", wire.MaxTypes, wire.MaxKeys, wire.MaxLanes, wire.MaxBays))
	says(fmt.Sprintf("| a plate; a bay; any other text | %d; %d; %d bytes |", wire.MaxPlate, wire.MaxBay, wire.MaxText))
	says(fmt.Sprintf("at most %d characters", pass.MaxText))
	says(fmt.Sprintf("%d credentials of an entry, %d stages of a policy", wire.MaxCredentials, wire.MaxStages))
	for _, s := range wire.DefaultStages() {
		says(fmt.Sprintf("| %s | %d |", time.Duration(s.After)*time.Second, s.Allow))
	}
	sampleKey := conformance.SampleGateKey()
	says("`" + sampleKey.Code(conformance.SamplePasses()["plain"].Reservation, 1) + "`")
	says("`" + till.ShopCode(sampleKey, 7, 42) + "`")
	says(fmt.Sprintf("number `u16`, 1 to %s, rising", thousands(wire.MaxShop)))
	says(fmt.Sprintf("33 serial `u32`, 1 to %s,", thousands(wire.MaxSerial)))
	says(fmt.Sprintf("minutes to %s", thousands(wire.MaxShopMinutes)))
	says(fmt.Sprintf("4 shops, up to %d", wire.MaxShops))
	plate := sampleKey.Plate("DDOL123")
	says("`" + hex.EncodeToString(plate[:]) + "`")
	says(fmt.Sprintf("protocol, version 1.%d", wire.Minor))
	says(fmt.Sprintf("since 1.%d, one message", wire.OrderSince))
	says(fmt.Sprintf("This section is since 1.%d. A machine", wire.PricesSince))
	says(fmt.Sprintf("This section is since 1.%d. What staff", wire.TillSince))
	says(fmt.Sprintf("1 to %d of {1 since `ms` · 2 document, bytes}, the newest first, of %s bytes together", wire.MaxEditions, thousands(wire.MaxDocuments)))
	says(fmt.Sprintf("zone `t`, up to %d bytes", wire.MaxZone))
	says(fmt.Sprintf("This section is since 1.%d. Both go with the policy", wire.SettingsSince))
	says(fmt.Sprintf("open, only with 9: up to %d of", wire.MaxOpen))
	says(fmt.Sprintf("2 label `t`, up to %d bytes", wire.MaxLabel))
	says(fmt.Sprintf("12 machines, up to %d, each once", wire.MaxMachines))
	says(fmt.Sprintf("3 languages `t`, up to %d bytes", wire.MaxSpoken))
	says(fmt.Sprintf("12 issuer `t`, up to %d bytes · 13 tax_id `t`, up to %d bytes", wire.MaxNotice, wire.MaxTaxID))
	says(fmt.Sprintf("command and code: at most %d bytes; who and why: at most %d", wire.MaxCommand, wire.MaxOrderText))
	says(fmt.Sprintf("more than %d s", wire.OrderLife/1000))

	says("`" + wire.TimePurpose + "`")

	sample := conformance.SamplePasses()["plain"]
	text, err := pass.Sign(sample, conformance.TestKey())
	if err != nil {
		t.Fatal(err)
	}
	says("\n" + text + "\n")
	says(sample.Reservation.String())
	key := conformance.TestKey().Public()
	says(hex.EncodeToString(key.ID))
}
