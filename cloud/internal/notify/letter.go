package notify

import (
	"context"

	"github.com/openlot/openlot/cloud/internal/locale"
)

// Letter is a mail that is about no reservation.
type Letter struct {
	ID      string // the same each time that it is sent
	To      string
	Read    locale.Reader // by whom
	Subject string
	Heading [2]string // two lines
	Says    []string  // paragraphs
	Button  string    // what the link is called
	URL     string
	Keep    string // what is to be known about the link; empty: nothing
	Closing string // why there is this mail
}

// Post sends letters. Its error wraps ErrPermanent when sending it again cannot
// help.
type Post interface {
	Post(ctx context.Context, l Letter) error
}
