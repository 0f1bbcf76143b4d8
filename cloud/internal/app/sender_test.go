package app

import (
	"context"
	"testing"

	"github.com/openlot/openlot/cloud/internal/notify"
)

// tellsOnly tells drivers, and posts nothing that is written elsewhere.
type tellsOnly struct{}

func (tellsOnly) Send(context.Context, notify.Kind, notify.Mail) error { return nil }

type posts struct{ tellsOnly }

func (posts) Post(context.Context, notify.Letter) error { return nil }

// A sender that cannot post the mails about accounts is found at the start, and not when
// the first is to be sent.
func TestASenderThatPostsNothingFailsAtTheStart(t *testing.T) {
	if _, err := poster(tellsOnly{}); err == nil {
		t.Error("it was taken")
	}
	if p, err := poster(posts{}); err != nil || p == nil {
		t.Error(err)
	}
}
