//go:build !linux

package reader

import (
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/openlot/openlot/edge/internal/device"
)

// Keyboard needs Linux.
func Keyboard(_, _ string, screen Screen, log *slog.Logger) device.Reader {
	return &source{
		desk: desk{log: log, now: time.Now, screen: screen},
		open: func() (io.ReadCloser, error) { return nil, errors.New("readers that type need Linux") },
	}
}
