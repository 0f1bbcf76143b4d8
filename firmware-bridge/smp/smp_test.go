package smp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// The vectors were made by an independent program (Python, binascii.crc_hqx),
// not by this package.
var golden = []struct {
	name   string
	packet Packet
	line   string
}{
	{
		"echo request of the OS group",
		Packet{Op: Write, Group: 0, Seq: 66, ID: 0, Payload: unhex("a161646568656c6c6f")},
		"\x06\tABMKAAAJAABCAKFhZGVoZWxsb0YZ\n",
	},
	{
		"read inputs of gate 0",
		Packet{Op: Read, Group: 64, Seq: 1, ID: 2, Payload: unhex("a1616700")},
		"\x06\tAA4IAAAEAEABAqFhZwD5rA==\n",
	},
	{
		"response without data",
		Packet{Op: WriteResponse, Group: 64, Seq: 255, ID: 1},
		"\x06\tAAoLAAAAAED/Adjc\n",
	},
	{
		"150 bytes over two lines",
		Packet{Op: Write, Group: 64, Seq: 7, ID: 3, Payload: append(unhex("a161635896"), sevens(150)...)},
		"\x06\tAKUKAACbAEAHA6FhY1iWAAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tng5+71AQgPFh0kKzI5QEdOVVxjanF4f4aNlJuiqbC3vsXM09rh6O/2AgkQFx4l\n" +
			"\x04\x14LDM6QUhPVl1ka3J5gIeOlZyjqrG4v8bN1Nvi6fD3AwoRGB8mLTQ7QklQV15lbHN6gYiPlp2kq7K5wMfO1dzj6vH4BAsSGSAngwI=\n",
	},
}

// sevens is n bytes 0, 7, 14, … modulo 251.
func sevens(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 % 251)
	}
	return b
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func same(a, b Packet) bool {
	return a.Op == b.Op && a.Flags == b.Flags && a.Group == b.Group && a.Seq == b.Seq && a.ID == b.ID && bytes.Equal(a.Payload, b.Payload)
}

func all(t interface{ Fatalf(string, ...any) }, r io.Reader) []Packet {
	d := NewDecoder(r)
	var got []Packet
	for {
		p, err := d.Next()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatalf("decoder: %v", err)
		}
		got = append(got, p)
	}
}

func TestGolden(t *testing.T) {
	if crc16([]byte("123456789")) != 0x31c3 {
		t.Fatal("this is not CRC-16/XMODEM")
	}
	for _, g := range golden {
		t.Run(g.name, func(t *testing.T) {
			line, err := AppendFrames(nil, g.packet)
			if err != nil {
				t.Fatal(err)
			}
			if string(line) != g.line {
				t.Errorf("encoded\n%q, want\n%q", line, g.line)
			}
			got := all(t, iotest.OneByteReader(bytes.NewReader([]byte(g.line))))
			if len(got) != 1 || !same(got[0], g.packet) {
				t.Errorf("decoded %+v, want %+v", got, g.packet)
			}
		})
	}
}

func TestLinesAreShort(t *testing.T) {
	p := Packet{Op: Write, Payload: append(unhex("a1616159"), byte((MaxPacket-HeaderSize-6)>>8), byte((MaxPacket-HeaderSize-6)&0xff))}
	p.Payload = append(p.Payload, make([]byte, MaxPacket-HeaderSize-6)...)
	b, err := AppendFrames(nil, p)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range bytes.SplitAfter(b, []byte("\n")) {
		if len(line) > MaxFrame {
			t.Errorf("line of %d bytes, at most %d", len(line), MaxFrame)
		}
	}
	if got := all(t, bytes.NewReader(b)); len(got) != 1 || !same(got[0], p) {
		t.Error("the largest packet did not come through")
	}
	p.Payload = append(p.Payload, 0)
	if _, err := AppendFrames(nil, p); !errors.Is(err, ErrPacket) {
		t.Errorf("a packet above the limit: %v", err)
	}
}

// A line that promises 64 kB and an endless continuation must not grow memory
// nor swallow the frame after them.
func TestOversizeLength(t *testing.T) {
	var b []byte
	b = append(b, "\x06\x09//8KAAAJAABCAKFhZGVoZWxsb0YZ\n"...)
	for range 1000 {
		b = append(b, "\x04\x14"+golden[3].line[2:126]+"\n"...)
	}
	b = append(b, bytes.Repeat([]byte("A"), 1<<20)...)
	b = append(b, golden[1].line...)
	d := NewDecoder(bytes.NewReader(b))
	if p, err := d.Next(); err != nil || !same(p, golden[1].packet) {
		t.Fatalf("got %+v, %v", p, err)
	}
	if cap(d.pkt) > lenSize+MaxPacket+crcSize {
		t.Errorf("the buffer grew to %d bytes", cap(d.pkt))
	}
}

func packets() *rapid.Generator[Packet] {
	return rapid.Custom(func(t *rapid.T) Packet {
		data := rapid.SliceOfN(rapid.Byte(), 0, 400).Draw(t, "data")
		payload := append(unhex("a1616459"), byte(len(data)>>8), byte(len(data)))
		return Packet{
			Op:    Op(rapid.IntRange(0, 3).Draw(t, "op")),
			Group: rapid.Uint16().Draw(t, "group"), Seq: rapid.Byte().Draw(t, "seq"), ID: rapid.Byte().Draw(t, "id"),
			Payload: append(payload, data...),
		}
	})
}

// chunked reads in the given sizes, a size of zero being a read without data.
type chunked struct {
	b     []byte
	sizes []int
}

func (c *chunked) Read(p []byte) (int, error) {
	if len(c.b) == 0 {
		return 0, io.EOF
	}
	n := 1
	if len(c.sizes) > 0 {
		n, c.sizes = c.sizes[0], c.sizes[1:]
	}
	n = copy(p[:min(n, len(p))], c.b)
	c.b = c.b[n:]
	return n, nil
}

// Whatever noise stands between packets and however the stream is cut, every
// packet that was left whole arrives, once, in order and unchanged; one whose
// bytes were damaged does not arrive.
func TestNoiseBetweenAndDamageInPackets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream []byte
		var want []Packet
		for range rapid.IntRange(0, 6).Draw(t, "packets") {
			noise := rapid.SliceOfN(rapid.OneOf(rapid.Byte(), rapid.SampledFrom([]byte("\x06\x09\x04\x14\n\rAB="))), 0, 60)
			stream = append(stream, noise.Draw(t, "noise")...)
			p := packets().Draw(t, "packet")
			b, err := AppendFrames(nil, p)
			if err != nil {
				t.Fatal(err)
			}
			switch rapid.IntRange(0, 3).Draw(t, "damage") {
			case 0: // a flipped bit
				i := rapid.IntRange(0, len(b)-1).Draw(t, "at")
				b[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			case 1: // truncated by more than noise could give back by chance
				b = b[:rapid.IntRange(0, len(b)-8).Draw(t, "keep")]
			default:
				want = append(want, p)
			}
			stream = append(stream, b...)
		}
		sizes := rapid.SliceOfN(rapid.IntRange(0, 200), 0, 40).Draw(t, "cuts")
		got := all(t, &chunked{b: stream, sizes: sizes})
		if len(got) != len(want) {
			t.Fatalf("%d packets arrived, %d were whole", len(got), len(want))
		}
		for i := range got {
			if !same(got[i], want[i]) {
				t.Fatalf("packet %d arrived as %+v, was %+v", i, got[i], want[i])
			}
		}
	})
}

func FuzzDecoder(f *testing.F) {
	for _, g := range golden {
		f.Add([]byte(g.line))
	}
	f.Add([]byte("\x06\x09\n\x04\x14\x06\x06\x09AA==\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, p := range all(t, bytes.NewReader(b)) {
			again, err := AppendFrames(nil, p)
			if err != nil {
				t.Fatalf("delivered a packet that cannot be sent: %v", err)
			}
			if back := all(t, bytes.NewReader(again)); len(back) != 1 || !same(back[0], p) {
				t.Fatalf("%+v came back as %+v", p, back)
			}
		}
		// A good packet after anything arrives.
		tail := all(t, bytes.NewReader(append(append([]byte(nil), b...), golden[1].line...)))
		if len(tail) == 0 || !same(tail[len(tail)-1], golden[1].packet) {
			t.Fatal("the packet after the noise was lost")
		}
	})
}
