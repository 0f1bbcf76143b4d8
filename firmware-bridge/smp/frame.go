package smp

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
)

const (
	// MaxFrame is the longest line in bytes, marker and newline included.
	MaxFrame = 127

	frameText = MaxFrame - 3      // base64 characters of one line
	frameRaw  = frameText / 4 * 3 // bytes that they carry

	startA, startB = 0x06, 0x09
	contA, contB   = 0x04, 0x14

	lenSize = 2
	crcSize = 2
)

// crc16 is CRC-16/XMODEM: polynomial 0x1021, start 0, no reflection.
func crc16(b []byte) uint16 {
	var crc uint16
	for _, c := range b {
		crc ^= uint16(c) << 8
		for range 8 {
			carry := crc&0x8000 != 0
			crc <<= 1
			if carry {
				crc ^= 0x1021
			}
		}
	}
	return crc
}

// AppendFrames appends the packet to dst as it goes over a serial line.
func AppendFrames(dst []byte, p Packet) ([]byte, error) {
	raw := make([]byte, lenSize, lenSize+HeaderSize+len(p.Payload)+crcSize)
	raw, err := p.Append(raw)
	if err != nil {
		return dst, err
	}
	binary.BigEndian.PutUint16(raw, uint16(len(raw)-lenSize+crcSize))
	raw = binary.BigEndian.AppendUint16(raw, crc16(raw[lenSize:]))

	marker := [2]byte{startA, startB}
	for len(raw) > 0 {
		n := min(len(raw), frameRaw)
		dst = append(dst, marker[:]...)
		dst = base64.StdEncoding.AppendEncode(dst, raw[:n])
		dst = append(dst, '\n')
		raw, marker = raw[n:], [2]byte{contA, contB}
	}
	return dst, nil
}

// Stats counts what a decoder met on the line.
type Stats struct {
	Packets uint64 // delivered
	Dropped uint64 // begun and given up: checksum, length, order or form was wrong
}

// Decoder finds packets in a stream of bytes. It is for one goroutine.
type Decoder struct {
	r     io.Reader
	in    []byte // read and not yet looked at
	buf   [512]byte
	line  [frameText]byte // base64 text of the line being read
	n     int             // length of line
	pkt   []byte          // bytes of the packet being put together
	state state
	stats Stats
}

type state uint8

const (
	outside  state = iota // between lines
	gotStart              // 06 seen
	gotCont               // 04 seen
	inStart               // in the text of a first line
	inCont                // in the text of a continuation
)

// NewDecoder makes a decoder that reads from r. A read of zero bytes without
// an error means that nothing has come yet, as serial ports have it.
func NewDecoder(r io.Reader) *Decoder {
	return &Decoder{r: r, pkt: make([]byte, 0, lenSize+MaxPacket+crcSize)}
}

// Stats tells what has been met so far; call it from the decoder's goroutine.
func (d *Decoder) Stats() Stats { return d.stats }

// Next returns the next intact packet as soon as its last byte has arrived.
// Its payload is the caller's. The only errors are the reader's own.
func (d *Decoder) Next() (Packet, error) {
	for {
		for i, c := range d.in {
			if p, ok := d.step(c); ok {
				d.in = d.in[i+1:]
				return p, nil
			}
		}
		n, err := d.r.Read(d.buf[:])
		d.in = d.buf[:n]
		if n == 0 && err != nil {
			return Packet{}, err
		}
	}
}

// step takes one byte. A marker's first byte never occurs in base64 text, so
// it always begins a new line, wherever it stands: that is how the decoder
// finds its feet after anything.
func (d *Decoder) step(c byte) (Packet, bool) {
	switch {
	case c == startA:
		d.abandonLine()
		d.state = gotStart
	case c == contA:
		d.abandonLine()
		d.state = gotCont
	case d.state == gotStart && c == startB:
		d.drop()
		d.state, d.n = inStart, 0
	case d.state == gotCont && c == contB && len(d.pkt) > 0:
		d.state, d.n = inCont, 0
	case d.state == gotStart || d.state == gotCont:
		d.state = outside
	case d.state == outside:
	case c == '\n':
		d.state = outside
		return d.endLine()
	case c == '\r': // some consoles add one
	case d.n == len(d.line):
		d.abandonLine()
	default:
		d.line[d.n] = c
		d.n++
	}
	return Packet{}, false
}

// abandonLine gives up a line that did not end as one, and its packet.
func (d *Decoder) abandonLine() {
	switch d.state {
	case inStart:
		d.stats.Dropped++
		d.pkt = d.pkt[:0]
	case inCont:
		d.drop()
	case outside, gotStart, gotCont:
	}
	d.state = outside
}

// drop forgets a packet that was begun.
func (d *Decoder) drop() {
	if len(d.pkt) > 0 {
		d.stats.Dropped++
		d.pkt = d.pkt[:0]
	}
}

func (d *Decoder) endLine() (Packet, bool) {
	var raw [frameRaw]byte
	n, err := base64.StdEncoding.Strict().Decode(raw[:], d.line[:d.n])
	if err != nil || n == 0 {
		d.stats.Dropped++
		d.pkt = d.pkt[:0]
		return Packet{}, false
	}
	if len(d.pkt)+n > cap(d.pkt) {
		d.drop()
		return Packet{}, false
	}
	d.pkt = append(d.pkt, raw[:n]...)
	if len(d.pkt) < lenSize {
		d.drop()
		return Packet{}, false
	}
	want := lenSize + int(binary.BigEndian.Uint16(d.pkt))
	if want > cap(d.pkt) || len(d.pkt) > want {
		d.drop()
		return Packet{}, false
	}
	if len(d.pkt) < want {
		return Packet{}, false
	}
	p, err := unwrap(d.pkt[lenSize:])
	if err != nil {
		d.drop()
		return Packet{}, false
	}
	d.pkt = d.pkt[:0]
	d.stats.Packets++
	return p, true
}

// unwrap checks the checksum at the end of b and parses what stands before it.
func unwrap(b []byte) (Packet, error) {
	if len(b) < HeaderSize+crcSize {
		return Packet{}, fmt.Errorf("%w: %d bytes", ErrPacket, len(b))
	}
	body, sum := b[:len(b)-crcSize], binary.BigEndian.Uint16(b[len(b)-crcSize:])
	if crc16(body) != sum {
		return Packet{}, fmt.Errorf("%w: checksum", ErrPacket)
	}
	return Parse(append([]byte(nil), body...))
}
