package till

import "github.com/openlot/openlot/protocol/id"

// codeLetters are easy to read and to type: no I, L, O or U.
const codeLetters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// CreditCode is what a slip calls a payment, such as "7K3M-Q2PX": 40 of its random
// bits. The cloud finds the payment by it among those of the parking.
func CreditCode(p id.Payment) string {
	b := p.Bytes()
	var n uint64
	for _, x := range b[len(b)-5:] {
		n = n<<8 | uint64(x)
	}
	out := make([]byte, 0, 9)
	for i := range 8 {
		if i == 4 {
			out = append(out, '-')
		}
		out = append(out, codeLetters[n>>(35-5*i)&31])
	}
	return string(out)
}
