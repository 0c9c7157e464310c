package json

import (
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// parts are the pieces of a number in text form: ±0.d₁d₂…dₙ · 10^point, with
// the digits d in whole and fraction.
type parts struct {
	negative        bool
	whole, fraction []byte
	exponent        int
}

// maxExponent is where exponents are cut: far from every type's range, and far
// from overflow of int.
const maxExponent = 1 << 30

// split takes a number apart. It takes more forms than JSON has, those of
// Java's BigDecimal: "+1", ".5", "1.".
func split(v []byte) (p parts, ok bool) {
	if len(v) > 0 && (v[0] == '-' || v[0] == '+') {
		p.negative = v[0] == '-'
		v = v[1:]
	}
	n := digitsEnd(v, 0)
	p.whole, v = v[:n], v[n:]
	if len(v) > 0 && v[0] == '.' {
		n = digitsEnd(v, 1)
		p.fraction, v = v[1:n], v[n:]
	}
	if len(p.whole)+len(p.fraction) == 0 {
		return p, false
	}
	if len(v) == 0 {
		return p, true
	}
	if v[0] != 'e' && v[0] != 'E' {
		return p, false
	}
	v = v[1:]
	down := false
	if len(v) > 0 && (v[0] == '-' || v[0] == '+') {
		down = v[0] == '-'
		v = v[1:]
	}
	if len(v) == 0 || digitsEnd(v, 0) != len(v) {
		return p, false
	}
	for _, c := range v {
		p.exponent = min(p.exponent*10+int(c-'0'), maxExponent)
	}
	if down {
		p.exponent = -p.exponent
	}
	return p, true
}

// digit gives the i-th digit, counted over whole and fraction.
func (p *parts) digit(i int) byte {
	switch {
	case i < len(p.whole):
		return p.whole[i] - '0'
	case i-len(p.whole) < len(p.fraction):
		return p.fraction[i-len(p.whole)] - '0'
	}
	return 0
}

// scaled gives the number times 10^scale, rounded half up (away from zero). ok
// is false when it has more than 38 digits. rest tells that digits were lost.
func (p *parts) scaled(scale int) (n decimal128.Num, rest, ok bool) {
	total := len(p.whole) + len(p.fraction)
	first := 0
	for first < total && p.digit(first) == 0 {
		first++
	}
	if first == total {
		return n, false, true
	}
	keep := len(p.whole) + p.exponent + scale // digits before the cut
	if keep-first > 38 {
		return n, false, false
	}
	var high, low uint64
	for i := first; i < keep; i++ {
		high, low = mulAdd(high, low, uint64(p.digit(i)))
	}
	for i := max(keep, first); i < total && !rest; i++ {
		rest = p.digit(i) != 0
	}
	if keep >= 0 && keep < total && p.digit(keep) >= 5 {
		var carry uint64
		low, carry = bits.Add64(low, 1, 0)
		high += carry
	}
	n = decimal128.New(int64(high), low)
	if p.negative {
		n = n.Negate()
	}
	return n, rest, true
}

// mulAdd gives 10·n + d; n has at most 37 digits.
func mulAdd(high, low, d uint64) (uint64, uint64) {
	carry, low10 := bits.Mul64(low, 10)
	low10, c := bits.Add64(low10, d, 0)
	return high*10 + carry + c, low10
}

// parseInt reads a whole number of 64 bits, in any form: 12, 12.0, 1.2e1.
func parseInt(v []byte) (int64, bool) {
	if i, ok := plainInt(v); ok {
		return i, true
	}
	p, ok := split(v)
	if !ok {
		return 0, false
	}
	n, rest, ok := p.scaled(0)
	if !ok || rest || n.HighBits() != int64(n.LowBits())>>63 {
		return 0, false
	}
	return int64(n.LowBits()), true
}

// plainInt reads a whole number of at most 18 digits without point and
// exponent.
func plainInt(v []byte) (int64, bool) {
	digits := v
	if len(v) > 0 && v[0] == '-' {
		digits = v[1:]
	}
	if len(digits) == 0 || len(digits) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if len(digits) < len(v) {
		n = -n
	}
	return n, true
}
