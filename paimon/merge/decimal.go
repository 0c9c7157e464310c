package merge

import (
	"math/big"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"github.com/tarndb/tarn/paimon/errs"
)

// decimals computes with DECIMAL(precision, scale) as Paimon's DecimalUtils
// and Java's BigDecimal do.
type decimals struct{ precision, scale int32 }

// compact decimals are longs in Paimon and sums of them are not checked
// against the precision.
func (d *decimals) compact() bool { return d.precision <= 18 }

func (d *decimals) add(a, b decimal128.Num) (decimal128.Num, bool, error) {
	sum := a.Add(b)
	if d.compact() && fitsLong(sum) {
		return sum, true, nil
	}
	// The sum of two 38-digit numbers may leave 128 bits.
	if a.Sign() == b.Sign() && a.Sign() != 0 && sum.Sign() != a.Sign() {
		return decimal128.Num{}, false, nil
	}
	return sum, sum.FitsInPrecision(d.precision), nil
}

func (d *decimals) sub(a, b decimal128.Num) (decimal128.Num, bool, error) {
	return d.add(a, b.Negate())
}

func (d *decimals) negate(a decimal128.Num) (decimal128.Num, bool) {
	n := a.Negate()
	return n, n.FitsInPrecision(d.precision)
}

func fitsLong(n decimal128.Num) bool {
	return n.HighBits() == 0 && n.LowBits() < 1<<63 || n.HighBits() == -1 && n.LowBits() >= 1<<63
}

func (d *decimals) multiply(a, b decimal128.Num) (decimal128.Num, bool, error) {
	p := new(big.Int).Mul(a.BigInt(), b.BigInt())
	return d.rounded(p, d.pow10(d.scale))
}

// divide is BigDecimal.divide, which has no result for quotients without end.
func (d *decimals) divide(a, b decimal128.Num) (decimal128.Num, bool, error) {
	if b.Sign() == 0 {
		return decimal128.Num{}, false, errs.Invalid("aggregate function product: take back a factor 0")
	}
	q := new(big.Rat).SetFrac(a.BigInt(), b.BigInt())
	if !terminates(q.Denom()) {
		return decimal128.Num{}, false, errs.Invalid("aggregate function product: take back factor %s of %s: the quotient has no end as a decimal", b.ToString(d.scale), a.ToString(d.scale))
	}
	return d.rounded(new(big.Int).Mul(q.Num(), d.pow10(d.scale)), q.Denom())
}

func (d *decimals) pow10(n int32) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// rounded gives num/den, halves away from zero; false when it has too many
// digits.
func (d *decimals) rounded(num, den *big.Int) (decimal128.Num, bool, error) {
	q, r := new(big.Int).QuoRem(num, den, new(big.Int))
	if r.Abs(r).Lsh(r, 1).Cmp(den) >= 0 {
		q.Add(q, big.NewInt(int64(num.Sign())))
	}
	if new(big.Int).Abs(q).Cmp(d.pow10(d.precision)) >= 0 {
		return decimal128.Num{}, false, nil
	}
	return decimal128.FromBigInt(q), true, nil
}

// terminates reports whether 1/n is a finite decimal.
func terminates(n *big.Int) bool {
	n = new(big.Int).Set(n)
	for _, prime := range []int64{2, 5} {
		f, r := big.NewInt(prime), new(big.Int)
		for {
			q, r := new(big.Int).QuoRem(n, f, r)
			if r.Sign() != 0 {
				break
			}
			n = q
		}
	}
	return n.IsInt64() && n.Int64() == 1
}
