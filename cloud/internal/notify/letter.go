package notify

import "context"

// Letter is a mail that is about no reservation.
type Letter struct {
	ID      string // the same each time that it is sent
	To      string
	Subject string
	Text    string
}

// Post sends letters. Its error wraps ErrPermanent when sending it again cannot
// help.
type Post interface {
	Post(ctx context.Context, l Letter) error
}
