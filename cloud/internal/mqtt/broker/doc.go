// Package broker is the embedded MQTT broker: a NATS server with its MQTT
// listener and nothing else that listens.
//
// It is a courier, not a store. Nothing relies on its durability or its order:
// what an edge sends is acknowledged by the cloud after its own commit, so that
// the store is not synchronised to disk with every message.
//
// Who connects is asked for by an Authenticator and may publish and subscribe
// within its Grant only; a refused subscription is answered as MQTT answers it,
// and a message to a foreign topic reaches nobody. A refused login is logged
// with its reason: the client itself sees no more than a closed connection.
//
// One instance of the cloud can use it. Several need a broker of their own
// right, named by OPENLOT_MQTT_URL.
package broker
