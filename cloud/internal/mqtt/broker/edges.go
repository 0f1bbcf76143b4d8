package broker

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/topic"
)

// Secrets knows the enrolled edges.
type Secrets interface {
	// EdgeSecret is the parking an edge is enrolled for and the SHA-256 of its
	// secret; a fault of kind NotFound says that there is no such edge.
	EdgeSecret(ctx context.Context, edge id.Edge) (id.Parking, []byte, error)
}

// Edges lets enrolled edges in: the user is the edge's id, the password its
// secret. An edge may publish its own parking's up channels and subscribe to
// its down channels.
type Edges struct{ Secrets Secrets }

var _ Authenticator = Edges{}

// Authenticate implements Authenticator.
func (e Edges) Authenticate(ctx context.Context, user, password string) (Grant, error) {
	edge, err := id.Parse[id.Edge](user)
	if err != nil {
		return Grant{}, errors.New("the user name is not an edge's id")
	}
	parking, want, err := e.Secrets.EdgeSecret(ctx, edge)
	if fault.From(err) != nil && fault.From(err).Kind == fault.NotFound {
		return Grant{}, fmt.Errorf("edge %s is not enrolled, or was enrolled again under another name", edge)
	}
	if err != nil {
		return Grant{}, fmt.Errorf("look up edge %s: %w", edge, err)
	}
	// The secret is 256 random bits: a plain hash cannot be searched.
	got := sha256.Sum256([]byte(password))
	if subtle.ConstantTimeCompare(got[:], want) != 1 {
		return Grant{}, fmt.Errorf("wrong secret for edge %s of %s", edge, parking)
	}
	return Grant{
		Publish:   []string{topic.PublishGrant(parking)},
		Subscribe: []string{topic.SubscribeGrant(parking)},
	}, nil
}
