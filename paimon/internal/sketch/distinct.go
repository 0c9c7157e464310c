package sketch

import (
	"math/bits"

	"github.com/zeebo/xxh3"
)

// distinctLgK makes sketches of 16 KiB whose estimates have a standard error of
// 0.65 %.
const distinctLgK = 14

// Distinct estimates how many distinct values it was given. A few thousand
// values are counted as good as exactly, as their coupons are kept. It serves
// one goroutine.
type Distinct struct{ s hll }

// NewDistinct makes an empty one.
func NewDistinct() *Distinct {
	d := &Distinct{}
	d.s.clear(distinctLgK)
	return d
}

// Add counts in a value by its bytes.
func (d *Distinct) Add(value []byte) { d.add(xxh3.Hash128(value)) }

// AddText is Add for text.
func (d *Distinct) AddText(value string) { d.add(xxh3.HashString128(value)) }

func (d *Distinct) add(h xxh3.Uint128) {
	const most = 62 // the largest value of a coupon
	v := min(bits.LeadingZeros64(h.Hi), most) + 1
	d.s.update(uint32(v)<<couponKeyBits | uint32(h.Lo)&couponKeyMask)
}

// Estimate gives the estimate.
func (d *Distinct) Estimate() int64 {
	if d.s.mode == hllRegisters {
		return int64(d.s.hip + 0.5)
	}
	return int64(couponEstimate(d.s.count) + 0.5)
}
