package ordersim

import (
	"maps"
	"slices"
	"time"
)

// Refund is a refund as the business database has it.
type Refund struct {
	Day   string // of its time: 2006-01-02
	Code  string
	Order string
	// Status and Fee as SQL prints them; \N for NULL.
	Status, Fee string
}

// Refunds gives all refunds that there are now, by their code.
func (e *Expected) Refunds() []Refund {
	rows := e.rows[Refunds]
	out := make([]Refund, 0, len(rows))
	for _, code := range slices.Sorted(maps.Keys(rows)) {
		r := rows[code]
		out = append(out, Refund{time.UnixMilli(r[refundTime].N).UTC().Format(time.DateOnly), code, r[orderID].Text,
			string(lineCells(nil, []Column{{Kind: Integer}}, r[refundStatus:refundStatus+1], 0)),
			string(lineCells(nil, []Column{{Kind: Money}}, r[refundFee:refundFee+1], 0))})
	}
	return out
}
