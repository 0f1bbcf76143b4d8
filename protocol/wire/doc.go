// Package wire holds the messages between edge and cloud and their encoding.
//
// Messages are CBOR (RFC 8949) maps with small integer keys, encoded
// deterministically and decoded strictly: one definite-length item, no
// duplicate keys, no unknown keys, no tags, bounded depth, counts and size.
// SPEC.md is normative for topics, ordering, acknowledgements and refusals;
// this package is normative for the fields.
//
// Nothing here relies on the broker for durability or order: journal events
// carry a sequence number and are acknowledged by the cloud after its commit,
// and what the cloud sends carries the parking's revision.
package wire
