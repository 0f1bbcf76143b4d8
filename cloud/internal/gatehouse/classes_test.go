package gatehouse_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/gatehouse"
	"github.com/openlot/openlot/cloud/internal/payout"
	"github.com/openlot/openlot/cloud/internal/reconcile"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/cloud/internal/webhook"
)

// Every class of incident that is raised has a title, says how it was settled, and has
// words in both languages of the dashboard, which offers no class that there is not.
func TestEveryClassOfIncidentIsKnown(t *testing.T) {
	raised := []string{
		booking.ClassUnpriced, booking.ClassWalked, booking.ClassVoided, booking.ClassRefunded, webhook.ClassRefunded,
		fleet.ClassRetired, fleet.ClassCode, fleet.ClassLane, fleet.ClassCount, fleet.ClassCash,
		settlement.Disputed, settlement.WrittenOff, settlement.TakenElsewhere, settlement.HoldLost, settlement.RefundFailed,
		payout.SentBack, reconcile.Incident,
	}
	for n := range 11 {
		raised = append(raised, fmt.Sprintf("X%d", n+1))
	}
	inFleet := regexp.MustCompile(`raise\(w, "(\w+)"`)
	for _, file := range []string{"enter.go", "apply.go"} {
		b, err := os.ReadFile("../fleet/" + file)
		if err != nil {
			t.Fatal(err)
		}
		found := inFleet.FindAllStringSubmatch(string(b), -1)
		if len(found) == 0 {
			t.Fatalf("%s raises nothing in the way that is looked for", file)
		}
		for _, m := range found {
			raised = append(raised, m[1])
		}
	}
	unknown := gatehouse.RuleOf("nobody raises this")
	for _, class := range raised {
		if r := gatehouse.RuleOf(class); r.Title == unknown.Title || r.Settled == unknown.Settled || r.Code != class {
			t.Errorf("%s is not known", class)
		}
	}
	words, err := os.ReadFile("../../web/owner/src/incidents/words.ts")
	if err != nil {
		t.Fatal(err)
	}
	titles := regexp.MustCompile(`(?s)titles: \{(.*?)\n  \}`).FindAllStringSubmatch(string(words), -1)
	if len(titles) != 2 {
		t.Fatalf("titles in %d languages", len(titles))
	}
	named := regexp.MustCompile(`(?m)(?:^|, )\s*(\w+): '`)
	for _, language := range titles {
		has := map[string]bool{}
		for _, m := range named.FindAllStringSubmatch(language[1], -1) {
			has[m[1]] = true
		}
		for _, class := range raised {
			if !has[class] {
				t.Errorf("%s has no title in %s…", class, strings.TrimSpace(language[1])[:40])
			}
		}
		for _, class := range raised { // some are raised in several places
			delete(has, class)
		}
		for class := range has {
			t.Errorf("nobody raises %s", class)
		}
	}
}
