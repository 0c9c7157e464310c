package sketch

import "sort"

// couponEstimate is the number of distinct values that so many coupons stand
// for: cubic interpolation in a table of measured points, as in Java. Sketches
// write it into their images when they leave coupons behind. Coupons are never
// more than 3·2^16, so the table ends early.
func couponEstimate(count int) float64 {
	n := float64(count)
	at := min(max(sort.SearchFloat64s(couponX[:], n+1)-2, 0), len(couponX)-4)
	x, y := couponX[at:at+4], couponY[at:at+4]
	est := 0.0
	for i := range 4 {
		num, den := 1.0, 1.0
		for j := range 4 {
			if j != i {
				num *= n - x[j]
				den *= x[i] - x[j]
			}
		}
		est += y[i] * num / den
	}
	return max(est, n)
}

var (
	couponX = [...]float64{0, 1, 20, 400, 8000, 160000, 300000, 600000}
	couponY = [...]float64{
		0, 1, 20.0000009437402611, 400.0003963713384110,
		8000.1589294602090376, 160063.6067763759638183, 300223.7071597663452849, 600895.5933856170158833,
	}
)
