package sim_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/kiosk/escpos"
	"github.com/openlot/openlot/edge/internal/kiosk/sim"
)

// The paper can be taken out of the simulated printer and put back; nonsense changes nothing.
func TestThePaperCanBeTakenOut(t *testing.T) {
	d, err := sim.Open(t.TempDir(), escpos.Head{Zone: time.UTC}, []int64{100}, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		query string
		code  int
		paper bool
	}{{"there=false", http.StatusOK, false}, {"there=perhaps", http.StatusConflict, false}, {"there=true", http.StatusOK, true}} {
		w := httptest.NewRecorder()
		d.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/kiosk/sim/paper?"+x.query, nil))
		if got := d.Printer.Report().Paper; w.Code != x.code || got != x.paper {
			t.Errorf("%s: %d, paper %t", x.query, w.Code, got)
		}
	}
}
