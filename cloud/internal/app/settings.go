package app

import (
	"time"

	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/picture"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/settings"
)

// replaysAtOnce is how many replays of past stays an instance runs at a time: each takes
// a core while it lasts.
const replaysAtOnce = 2

// settings is how parkings are run, for whoever runs them.
func (c *cloud) settings() *settings.Service {
	return &settings.Service{
		Store: postgres.NewSettings(c.db, c.reports), People: postgres.NewAccounts(c.db, nil), Now: time.Now,
		Capacity: &capacity.Service{Store: postgres.NewCapacity(c.db), Commits: c.committer, Now: time.Now},
		Replays:  make(chan struct{}, replaysAtOnce),
	}
}

// pictureMemory is how many bytes of pictures an instance keeps in memory: a few hundred.
const pictureMemory = 32 << 20

// pictures are those of parkings.
func (c *cloud) pictures() *picture.Service {
	return picture.New(postgres.NewPictures(c.db), c.listing.HasPicture, pictureMemory)
}
