package listing

import (
	"slices"
	"strings"
	"testing"

	"github.com/openlot/openlot/cloud/api"
)

// What the contract has as a parameter of the query is known, and nothing else is.
func TestTheContractsParametersAreKnown(t *testing.T) {
	t.Parallel()
	doc, err := api.Load()
	if err != nil {
		t.Fatal(err)
	}
	for path, known := range map[string]string{"/parkings": ofList, "/parking": ofOne, "/parkings/{id}": ofNamed} {
		var promised []string
		for _, p := range doc.Paths.Value(path).Get.Parameters {
			if p.Value.In == "query" {
				promised = append(promised, p.Value.Name)
			}
		}
		taken := strings.Split(strings.Trim(known, ","), ",")
		slices.Sort(promised)
		slices.Sort(taken)
		if !slices.Equal(promised, taken) {
			t.Errorf("%s: the contract has %v, the listing knows %v", path, promised, taken)
		}
	}
}
