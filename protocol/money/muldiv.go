package money

import "math/bits"

// mulDiv returns x*w/total rounded down and the remainder, for x, w >= 0 and
// total > 0, without overflow in between.
func mulDiv(x, w, total int64) (quotient, remainder int64, err error) {
	hi, lo := bits.Mul64(uint64(x), uint64(w))
	if hi >= uint64(total) {
		return 0, 0, ErrOverflow
	}
	q, r := bits.Div64(hi, lo, uint64(total))
	if q > 1<<63-1 {
		return 0, 0, ErrOverflow
	}
	return int64(q), int64(r), nil
}
