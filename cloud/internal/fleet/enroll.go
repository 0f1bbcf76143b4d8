package fleet

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"time"

	"github.com/openlot/openlot/protocol/id"
)

// Credentials let an edge in. They are shown once: the cloud keeps a hash of
// the secret only.
type Credentials struct {
	Edge   id.Edge
	Secret string // 256 random bits, base64url without padding
}

// String implements fmt.Stringer, so that the secret is in no log.
func (c Credentials) String() string { return "credentials of " + c.Edge.String() }

// LogValue implements slog.LogValuer for the same reason.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// EnrollStore keeps who is enrolled.
type EnrollStore interface {
	// PutEdge makes edge the parking's, in place of one before. It returns a
	// fault of kind NotFound when there is no such parking.
	PutEdge(ctx context.Context, parking id.Parking, edge id.Edge, secretHash [sha256.Size]byte) error
}

// Enroll makes new credentials for a parking's edge. Those made before are
// worth nothing from now on, at the edge's next connection.
func Enroll(ctx context.Context, store EnrollStore, parking id.Parking, now time.Time) (Credentials, error) {
	var secret [32]byte
	if _, err := rand.Read(secret[:]); err != nil {
		return Credentials{}, fmt.Errorf("make a secret: %w", err)
	}
	c := Credentials{Edge: id.New[id.Edge](now), Secret: base64.RawURLEncoding.EncodeToString(secret[:])}
	if err := store.PutEdge(ctx, parking, c.Edge, sha256.Sum256([]byte(c.Secret))); err != nil {
		return Credentials{}, err
	}
	return c, nil
}
