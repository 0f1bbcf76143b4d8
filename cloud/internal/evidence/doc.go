// Package evidence makes the pack that answers a dispute: one file that says what
// was agreed, what happened at the gate, and what became of the money, and that
// anybody can check without the network and without trusting its maker.
//
// A pack is a folder, or a zip of it. It holds
//   - README.txt: the story, in the order of time;
//   - reservation.json: what was reserved, by whom, and the quote with its lines;
//   - tariff-N.json: each edition of the tariff that anything was priced by, as
//     GET /parkings/{id}/tariffs/{version} publishes it;
//   - pass.json: the signed pass, and when each of its generations came to be;
//   - gate.json: every journal event of the edge about the reservation or the
//     stay, with its place in the journal (epoch, seq), the interval of time in
//     which it surely was, and the bytes that the edge wrote;
//   - payments.json and ledger.json: what was asked of the provider, and every
//     movement that was booked;
//   - incidents.json: what the cloud put on record about it;
//   - receipt.json and receipt.pdf, when there is a receipt;
//   - manifest.json: the length and SHA-256 of each of these, and what is missing
//     and why;
//   - manifest.sig: a COSE_Sign1 message without payload, base64url, over the
//     bytes of manifest.json with the external data "openlot evidence 1", by a key
//     that GET /keys publishes.
//
// There is no secret in it: no manage token, nothing of a card, not even the
// provider's token for it. The driver's address and plate are: a dispute is
// about that person. Whoever makes a pack keeps it accordingly.
//
// A zip of a pack has exactly one spelling, so that every altered byte is noticed.
package evidence
