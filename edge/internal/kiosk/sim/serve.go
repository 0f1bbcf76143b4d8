package sim

import (
	"slices"

	"github.com/openlot/openlot/edge/internal/kiosk"
)

// serve does what staff has asked for, all of it at once and with its order's end in
// the same write; false: there was nothing to do.
func (c *Cash) serve() (bool, error) {
	before := worth(c.m)
	if c.todo.Kind == kiosk.OrderEmpty {
		c.m.Box = nil
	} else if i := slices.IndexFunc(c.m.Hoppers, func(h kiosk.Hopper) bool { return h.ID == c.todo.Hopper }); i >= 0 {
		c.m.Hoppers[i].Count = max(c.m.Hoppers[i].Count+c.todo.Count, 0)
	}
	did := worth(c.m) - before
	if did == 0 {
		return false, nil
	}
	c.m.Totals.Filled += did
	c.todo = nil
	return true, c.save()
}
