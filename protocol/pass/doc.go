// Package pass signs and verifies the gate pass: what a driver shows as a QR
// code, and what an edge believes though it has never heard of the
// reservation.
//
// A pass is the text "PK1:" followed by the Base45 (RFC 9285) of a tagged
// COSE_Sign1 message (RFC 9052) with EdDSA over Ed25519, whose payload is a
// CWT claims map (RFC 8392) in deterministic CBOR. SPEC.md gives it byte by
// byte.
//
// There is exactly one text for a pass and a signature: Verify decodes,
// encodes again and compares, so nobody can make a second text of a pass that
// they were given. Whether the pass opens this gate now (parking, window,
// generation, passback) is not decided here but by admission.
package pass
