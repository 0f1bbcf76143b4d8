package gpio

import (
	"io/fs"
	"strings"
)

// keepsOutputs says that the kernel leaves an output driven after its owner has
// died, as Raspberry Pi OS does unless told otherwise: a pulse that was on then
// would stay on. sys is /sys.
func keepsOutputs(sys fs.FS) bool {
	for _, driver := range []string{"pinctrl_bcm2835", "pinctrl_rp1"} {
		for name, bad := range map[string]string{"persist_gpio_outputs": "Y", "strict_gpiod": "N"} {
			v, err := fs.ReadFile(sys, "module/"+driver+"/parameters/"+name)
			if err == nil && strings.TrimSpace(string(v)) == bad {
				return true
			}
		}
	}
	return false
}
