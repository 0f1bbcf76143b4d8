// Package topic is the only place that knows how topics are spelled.
//
// Every edge talks on openlot/1/{shard}/{parking}/up/{channel} and listens on
// openlot/1/{shard}/{parking}/down/{channel}. The 1 is the protocol's major
// version. The shard, two decimal digits, is a hash of the parking's id, so
// that a cloud instance can own a slice of the fleet by subscribing to one
// level of the tree.
package topic

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/openlot/openlot/protocol/id"
)

// Shards is how many slices the fleet is divided into. It is part of the
// protocol: changing it moves every edge.
const Shards = 64

const root = "openlot/1"

// Up names a channel from the edge to the cloud.
type Up string

// The channels an edge publishes to.
const (
	Hello   Up = "hello"   // wire.Hello: once per connection and when asked to resume
	Events  Up = "events"  // wire.EventBatch: the journal, in order
	Beat    Up = "beat"    // wire.Beat: liveness and what the lanes look like now
	Applied Up = "applied" // wire.Applied: cumulative acknowledgement of wire.Sync
	AskTime Up = "time"    // wire.AskTime: what time is it
)

// Down names a channel from the cloud to the edge.
type Down string

// The channels an edge subscribes to.
const (
	Welcome Down = "welcome" // wire.Welcome: the answer to hello
	Ack     Down = "ack"     // wire.Ack: cumulative, sent after the commit
	Sync    Down = "sync"    // wire.Sync: snapshots and deltas of what the edge caches
	Resume  Down = "resume"  // wire.Resume: say hello again
	Time    Down = "time"    // wire.Time: the answer to AskTime, signed
	Order   Down = "order"   // wire.Order: have a lane do something (since 1.4)
)

// ErrMalformed is wrapped by every parse failure of this package.
var ErrMalformed = errors.New("malformed topic")

// Shard is the slice of the fleet a parking belongs to: FNV-1a (32 bit) of its
// id, modulo Shards.
func Shard(p id.Parking) uint8 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(p))
	return uint8(h.Sum32() % Shards)
}

// ForUp is the topic on which an edge publishes.
func ForUp(p id.Parking, c Up) string { return base(p) + "/up/" + string(c) }

// ForDown is the topic on which an edge listens.
func ForDown(p id.Parking, c Down) string { return base(p) + "/down/" + string(c) }

// DownFilter matches everything that is sent to one edge.
func DownFilter(p id.Parking) string { return base(p) + "/down/+" }

// ShardFilter matches everything that the edges of one shard publish.
func ShardFilter(shard uint8) string { return fmt.Sprintf("%s/%02d/+/up/+", root, shard) }

// PublishGrant and SubscribeGrant are the filters of all that one edge may
// publish to and subscribe to.
func PublishGrant(p id.Parking) string { return base(p) + "/up/+" }

// SubscribeGrant is described at PublishGrant.
func SubscribeGrant(p id.Parking) string { return base(p) + "/down/+" }

// ClientID is the MQTT client id of an edge with that secret. A broker drops the
// older of two connections with one client id, so nobody else may know it: it is
// "edge-" and the first 16 bytes, in hex, of the SHA-256 of the text "openlot
// mqtt client id", a zero byte, and the secret. A secret is 256 random bits,
// which nobody finds from that.
func ClientID(secret string) string {
	sum := sha256.Sum256([]byte("openlot mqtt client id\x00" + secret))
	return "edge-" + hex.EncodeToString(sum[:16])
}

// ParseUp takes apart a topic that an edge published on and checks that the
// shard is the parking's.
func ParseUp(t string) (id.Parking, Up, error) {
	p, dir, c, err := parse(t)
	if err != nil {
		return "", "", err
	}
	switch Up(c) {
	case Hello, Events, Beat, Applied, AskTime:
		if dir == "up" {
			return p, Up(c), nil
		}
	}
	return "", "", fmt.Errorf("%w: no such channel", ErrMalformed)
}

// ParseDown takes apart a topic that an edge listens on.
func ParseDown(t string) (id.Parking, Down, error) {
	p, dir, c, err := parse(t)
	if err != nil {
		return "", "", err
	}
	switch Down(c) {
	case Welcome, Ack, Sync, Resume, Time, Order:
		if dir == "down" {
			return p, Down(c), nil
		}
	}
	return "", "", fmt.Errorf("%w: no such channel", ErrMalformed)
}

func base(p id.Parking) string { return fmt.Sprintf("%s/%02d/%s", root, Shard(p), p) }

func parse(t string) (p id.Parking, dir, channel string, err error) {
	rest, ok := strings.CutPrefix(t, root+"/")
	if !ok {
		return "", "", "", fmt.Errorf("%w: not below %s", ErrMalformed, root)
	}
	parts := strings.Split(rest, "/")
	if len(parts) != 4 {
		return "", "", "", fmt.Errorf("%w: %d levels", ErrMalformed, len(parts)+2)
	}
	p, err = id.ParseParking(parts[1])
	if err != nil {
		return "", "", "", fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if parts[0] != fmt.Sprintf("%02d", Shard(p)) {
		return "", "", "", fmt.Errorf("%w: the shard is not the parking's", ErrMalformed)
	}
	return p, parts[2], parts[3], nil
}
