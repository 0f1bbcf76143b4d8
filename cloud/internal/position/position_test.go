package position

import (
	"testing"

	"github.com/openlot/openlot/protocol/fault"
)

func TestAPositionReadsAsItIsWritten(t *testing.T) {
	for _, p := range []Position{0, 1, 0x3000148, 1 << 32, Unknown} {
		if got, err := Parse(p.String()); err != nil || got != p {
			t.Errorf("%s reads as %s, %v", p, got, err)
		}
	}
	for _, bad := range []string{"0", "/", "1/", "x/1", "0/100000000", "-1/0", "0/1/2", " 0/1"} {
		if _, err := Parse(bad); fault.Code(err) != CodeInvalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if p, err := Parse(""); p != 0 || err != nil {
		t.Errorf("nothing is %s, %v", p, err)
	}
}
