package pass

// Base45 of RFC 9285: the characters of a QR code's alphanumeric mode.
const base45Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

var base45Values = func() (t [256]int8) {
	for i := range t {
		t[i] = -1
	}
	for i := range len(base45Alphabet) {
		t[base45Alphabet[i]] = int8(i)
	}
	return t
}()

// encodeBase45 writes two bytes as three characters and a last single byte as
// two, least significant character first.
func encodeBase45(b []byte) string {
	out := make([]byte, 0, (len(b)+1)/2*3)
	for ; len(b) >= 2; b = b[2:] {
		n := int(b[0])<<8 | int(b[1])
		out = append(out, base45Alphabet[n%45], base45Alphabet[n/45%45], base45Alphabet[n/(45*45)])
	}
	if len(b) == 1 {
		out = append(out, base45Alphabet[b[0]%45], base45Alphabet[b[0]/45])
	}
	return string(out)
}

// decodeBase45 is the inverse of encodeBase45, false for text that it cannot
// have written.
func decodeBase45(s string) ([]byte, bool) {
	if len(s)%3 == 1 {
		return nil, false
	}
	out := make([]byte, 0, len(s)/3*2+1)
	for len(s) > 0 {
		group := min(3, len(s))
		n, weight := 0, 1
		for i := range group {
			v := base45Values[s[i]]
			if v < 0 {
				return nil, false
			}
			n += int(v) * weight
			weight *= 45
		}
		switch {
		case group == 3 && n <= 0xffff:
			out = append(out, byte(n>>8), byte(n))
		case group == 2 && n <= 0xff:
			out = append(out, byte(n))
		default:
			return nil, false
		}
		s = s[group:]
	}
	return out, true
}
