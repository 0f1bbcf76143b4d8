package listing

import (
	"encoding/json"

	"github.com/openlot/openlot/protocol/id"
)

// Show is a parking as a list shows it now; false: it is not known.
func (l *Listing) Show(p id.Parking) (json.RawMessage, bool) {
	now, current := l.now().UTC(), l.current()
	l.mu.RLock()
	defer l.mu.RUnlock()
	x := l.lots[p]
	if x == nil {
		return nil, false
	}
	return whole(nil, x.fixed(nil), x.render(now, current, nil), -1, false), true
}

// HasPicture is whether what everybody sees of a parking names a file of a picture.
func (l *Listing) HasPicture(p id.Parking, hash string) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	x := l.lots[p]
	return x != nil && x.Parking.HasFile(hash)
}
