package gpio

import (
	"testing"
	"testing/fstest"
)

func TestAKernelThatKeepsOutputsIsNoticed(t *testing.T) {
	for path, c := range map[string]struct {
		value string
		keeps bool
	}{
		"module/pinctrl_rp1/parameters/persist_gpio_outputs":     {"Y\n", true},
		"module/pinctrl_bcm2835/parameters/persist_gpio_outputs": {"N\n", false},
		"module/pinctrl_bcm2835/parameters/strict_gpiod":         {"N\n", true},
		"module/pinctrl_rp1/parameters/strict_gpiod":             {"Y\n", false},
		"module/pinctrl_rp1/parameters/other":                    {"Y\n", false},
	} {
		if got := keepsOutputs(fstest.MapFS{path: {Data: []byte(c.value)}}); got != c.keeps {
			t.Errorf("%s = %q: %v", path, c.value, got)
		}
	}
}
