package cast

import "github.com/apache/arrow-go/v18/arrow"

const nanosPerDay = 86400_000_000_000

// Units turns times of one unit into another; finer ones are cut off towards
// the past.
func Units(from, to arrow.TimeUnit) func(dst, src []int64) {
	a, b := int64(from.Multiplier()), int64(to.Multiplier())
	return func(dst, src []int64) {
		for i, v := range src {
			if a > b {
				dst[i] = v * (a / b)
			} else {
				dst[i] = FloorDiv(v, b/a)
			}
		}
	}
}

// FloorDiv divides by d > 0 and rounds down.
func FloorDiv(v, d int64) int64 {
	q := v / d
	if v%d < 0 {
		q--
	}
	return q
}
