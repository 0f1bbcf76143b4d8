//go:build !linux

package gpio

// Chips lists the GPIO chips of this machine: none.
func Chips() ([]Chip, error) { return nil, ErrNoGPIO }

func drivers() map[Driver]driver { return nil }
