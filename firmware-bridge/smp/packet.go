package smp

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

const (
	// HeaderSize is the length of a packet's header in bytes.
	HeaderSize = 8
	// MaxPacket is the largest packet sent or accepted, header included, in
	// bytes. It is what a small board must be able to hold.
	MaxPacket = 1024

	version2  = 1 // SMP version 2, as its header writes it
	cborMap   = 5 // CBOR major type
	majorBits = 5
)

// ErrPacket is wrapped by every refusal to encode or decode a packet.
var ErrPacket = errors.New("bad SMP packet")

// Op is what a packet wants or answers.
type Op uint8

// The operations. A response's is its request's plus one.
const (
	Read Op = iota
	ReadResponse
	Write
	WriteResponse
)

// Packet is one SMP packet. Payload is a CBOR map, or empty.
type Packet struct {
	Op      Op
	Flags   uint8
	Group   uint16
	Seq     uint8
	ID      uint8
	Payload []byte
}

// IsResponse says whether the packet answers another one.
func (p Packet) IsResponse() bool { return p.Op == ReadResponse || p.Op == WriteResponse }

// Response is the answer to a request, carrying payload.
func (p Packet) Response(payload []byte) Packet {
	return Packet{Op: p.Op + 1, Group: p.Group, Seq: p.Seq, ID: p.ID, Payload: payload}
}

// Append appends the packet's bytes to dst.
func (p Packet) Append(dst []byte) ([]byte, error) {
	if p.Op > WriteResponse {
		return dst, fmt.Errorf("%w: operation %d", ErrPacket, p.Op)
	}
	if n := HeaderSize + len(p.Payload); n > MaxPacket {
		return dst, fmt.Errorf("%w: %d bytes, at most %d", ErrPacket, n, MaxPacket)
	}
	dst = append(dst, version2<<3|byte(p.Op), p.Flags)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(p.Payload)))
	dst = binary.BigEndian.AppendUint16(dst, p.Group)
	dst = append(dst, p.Seq, p.ID)
	return append(dst, p.Payload...), nil
}

// Parse reads one packet that fills b exactly. The payload shares b's memory.
func Parse(b []byte) (Packet, error) {
	if len(b) < HeaderSize || len(b) > MaxPacket {
		return Packet{}, fmt.Errorf("%w: %d bytes", ErrPacket, len(b))
	}
	if b[0]>>3 != version2 || Op(b[0]&7) > WriteResponse {
		return Packet{}, fmt.Errorf("%w: first byte %#02x is not SMP version 2", ErrPacket, b[0])
	}
	if n := int(binary.BigEndian.Uint16(b[2:])); n != len(b)-HeaderSize {
		return Packet{}, fmt.Errorf("%w: header says %d bytes of data, there are %d", ErrPacket, n, len(b)-HeaderSize)
	}
	p := Packet{
		Op: Op(b[0] & 7), Flags: b[1], Group: binary.BigEndian.Uint16(b[4:]),
		Seq: b[6], ID: b[7], Payload: b[HeaderSize:],
	}
	if len(p.Payload) > 0 {
		if p.Payload[0]>>majorBits != cborMap {
			return Packet{}, fmt.Errorf("%w: data is not a CBOR map", ErrPacket)
		}
		if err := cbor.Wellformed(p.Payload); err != nil {
			return Packet{}, fmt.Errorf("%w: %w", ErrPacket, err)
		}
	}
	return p, nil
}
