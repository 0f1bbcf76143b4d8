// Package smp speaks SMP version 2, the management protocol of MCUmgr, over a
// serial line, so that stock tools and boot loaders can share the wire with
// Openlot's boards.
//
// A packet is an eight-byte big-endian header and one CBOR map:
//
//	byte 0    reserved (3 bits, zero), version (2 bits, 1), operation (3 bits)
//	byte 1    flags
//	byte 2-3  length of the map in bytes
//	byte 4-5  group
//	byte 6    sequence number; a response repeats its request's
//	byte 7    command
//
// On the line a packet travels as
//
//	base64( len16 | packet | CRC-16/XMODEM of packet ), len16 = packet + 2
//
// cut into lines of at most 127 bytes. The first begins with 06 09, the others
// with 04 14, and each ends with a newline.
//
// The decoder expects a bad line. Whatever arrives between, before or instead
// of frames is skipped; a packet is delivered only if its lengths, its checksum
// and its CBOR agree; memory is bounded by MaxPacket. A packet that was
// interrupted is lost, never patched: repeating it is its sender's business.
package smp
