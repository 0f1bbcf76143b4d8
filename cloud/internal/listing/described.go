package listing

import (
	"github.com/openlot/openlot/cloud/internal/parking"
)

// Edition counts changes of what parkings are, as opposed to of their numbers.
func (l *Listing) Edition() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.epoch
}

// Each calls with every parking, in no order, until that returns false. What it is given
// must not be changed.
func (l *Listing) Each(call func(*parking.Parking) bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, x := range l.lots {
		if !call(&x.Parking) {
			return
		}
	}
}
