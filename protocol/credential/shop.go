package credential

import "encoding/binary"

// ShopBits is how long the mark of a shop's code is. Whoever guesses one, at the pace at
// which a machine looks at wrong codes, needs two thousand years.
const ShopBits = 33

// Shop is the mark of a shop's code: nobody without the key can make it.
func (k Key) Shop(number uint16, serial uint32) uint64 {
	sum := k.mac("shop", binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(nil, number), serial)...)
	return binary.BigEndian.Uint64(sum[:8]) >> (64 - ShopBits)
}
