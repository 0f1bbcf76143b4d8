package app

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/openlot/openlot/cloud/internal/mqtt/broker"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/topic"
)

// secrets finds what an edge's password is checked against.
type secrets interface {
	EdgeSecret(ctx context.Context, edge id.Edge) (id.Parking, []byte, error)
}

// gatekeeper lets an enrolled edge onto the broker, and there to its own
// topics only.
type gatekeeper struct{ secrets secrets }

var errWrongSecret = errors.New("the password is not the edge's")

// Authenticate implements broker.Authenticator. The user name is the edge's id
// and the password its secret.
func (g gatekeeper) Authenticate(ctx context.Context, user, password string) (broker.Grant, error) {
	edge, err := id.Parse[id.Edge](user)
	if err != nil {
		return broker.Grant{}, fmt.Errorf("the user name is no edge's id: %w", err)
	}
	parking, hash, err := g.secrets.EdgeSecret(ctx, edge)
	if err != nil {
		return broker.Grant{}, err
	}
	got := sha256.Sum256([]byte(password))
	if subtle.ConstantTimeCompare(got[:], hash) != 1 {
		return broker.Grant{}, errWrongSecret
	}
	return broker.Grant{Publish: []string{topic.PublishGrant(parking)}, Subscribe: []string{topic.SubscribeGrant(parking)}}, nil
}
