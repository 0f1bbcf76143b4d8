// Package mqtt is the cloud's connection to its broker.
//
// Sessions are clean: what the broker would keep for an absent client is not
// wanted, since the protocol above recovers by itself. After a lost connection
// the client connects again by itself and subscribes again to everything.
package mqtt
