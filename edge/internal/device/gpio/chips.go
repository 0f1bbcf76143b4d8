package gpio

import (
	"errors"
	"fmt"
	"strings"
)

// Chip is a GPIO chip of this machine.
type Chip struct {
	Name  string // such as gpiochip0; may be another one after the next boot
	Label string // such as pinctrl-rp1
	Lines []LineInfo
}

// LineInfo is a line of a chip.
type LineInfo struct {
	Offset   int
	Name     string // or empty
	Output   bool
	Used     bool
	Consumer string // who uses it
}

// ErrNoGPIO is what a machine without kernel GPIO says.
var ErrNoGPIO = errors.New("this machine has no GPIO chips (they need Linux, and permission to use /dev/gpiochip*)")

// find gives the device of a line's chip and the line's offset on it.
func find(l Line) (chip string, offset int, err error) {
	chips, err := Chips()
	if err != nil {
		return "", 0, err
	}
	c, err := choose(chips, l.Chip)
	if err != nil {
		return "", 0, err
	}
	offset, err = c.offset(l)
	return c.Name, offset, err
}

// choose finds a chip by its label, or its name. A label that two chips have is
// no answer.
func choose(chips []Chip, wanted string) (Chip, error) {
	var found []Chip
	var known []string
	for _, c := range chips {
		if c.Label == wanted {
			found = append(found, c)
		}
		known = append(known, c.Label)
	}
	for _, c := range chips {
		if c.Name == wanted && len(found) == 0 {
			found = append(found, c)
		}
	}
	switch len(found) {
	case 0:
		return Chip{}, fmt.Errorf("there is no GPIO chip %q; this machine has %s", wanted, strings.Join(known, ", "))
	case 1:
		return found[0], nil
	default:
		return Chip{}, fmt.Errorf("%d GPIO chips have the label %q; name one of them", len(found), wanted)
	}
}

// offset finds a line by its name, or checks its number.
func (c Chip) offset(l Line) (int, error) {
	if l.Name == "" {
		if l.Offset < 0 || l.Offset >= len(c.Lines) {
			return 0, fmt.Errorf("the GPIO chip %q has lines 0 to %d, not %d", c.Label, len(c.Lines)-1, l.Offset)
		}
		return l.Offset, nil
	}
	found := -1
	for _, i := range c.Lines {
		if i.Name != l.Name {
			continue
		}
		if found >= 0 {
			return 0, fmt.Errorf("two lines of the GPIO chip %q have the name %q; give the offset", c.Label, l.Name)
		}
		found = i.Offset
	}
	if found < 0 {
		return 0, fmt.Errorf("the GPIO chip %q has no line %q", c.Label, l.Name)
	}
	return found, nil
}
