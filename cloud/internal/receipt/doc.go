// Package receipt makes receipts that anybody can check: with the prices and the
// books in the open, and the gate's own words beside them.
//
// A receipt is one JSON document, {"receipt": …, "signature": …}. It holds
//   - the bill as it was decided (package bill): by which rule, which run of
//     time, which lines of which edition of the tariff, and the tax in it;
//   - those editions of the tariff, with the SHA-256 of the document that is
//     published at GET /parkings/{id}/tariffs/{version};
//   - the journal events by which the edge recorded that the vehicle went in and
//     out, as the bytes that it journalled before it opened the barrier
//     (protocol/wire), each with its place in the journal;
//   - every movement of money about it in the ledger, and what they add up to.
//
// There is nothing in it by which a person could be found: no plate, address or
// number, no name of a card.
//
// The signature is a COSE_Sign1 message without its payload, base64url, by a
// key that GET /keys publishes. It is over the receipt's compact JSON with the
// external data "openlot receipt 1". The document has exactly one spelling, so
// that every altered byte is noticed; and whoever does not trust the signer
// recomputes it with Verify.
//
// The same facts always make the same receipt, byte for byte: it is issued as
// of the last thing that is on it.
package receipt
