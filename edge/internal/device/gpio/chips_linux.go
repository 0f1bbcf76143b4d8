package gpio

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/warthog618/go-gpiocdev"
)

// Chips lists the GPIO chips of this machine and their lines.
func Chips() ([]Chip, error) {
	var out []Chip
	var denied error
	seen := map[string]bool{}
	for _, name := range gpiocdev.Chips() {
		c, err := gpiocdev.NewChip(name, gpiocdev.WithConsumer(consumer))
		if errors.Is(err, gpiocdev.ErrNotCharacterDevice) {
			continue // Raspberry Pi OS keeps old numbers alive by symbolic links
		}
		if err != nil {
			denied = fmt.Errorf("look at %s: %w", filepath.Join("/dev", name), err)
			continue
		}
		if !seen[c.Name] {
			seen[c.Name] = true
			out = append(out, describe(c))
		}
		_ = c.Close() // it was only looked at
	}
	if len(out) == 0 {
		if errors.Is(denied, os.ErrPermission) {
			denied = fmt.Errorf("%w; the user must be in the group gpio", denied)
		}
		return nil, errors.Join(ErrNoGPIO, denied)
	}
	return out, nil
}

func describe(c *gpiocdev.Chip) Chip {
	out := Chip{Name: c.Name, Label: c.Label}
	for n := range c.Lines() {
		info, err := c.LineInfo(n)
		if err != nil {
			info.Name = ""
		}
		out.Lines = append(out.Lines, LineInfo{
			Offset: n, Name: info.Name, Used: info.Used, Consumer: info.Consumer,
			Output: info.Config.Direction == gpiocdev.LineDirectionOutput,
		})
	}
	return out
}
