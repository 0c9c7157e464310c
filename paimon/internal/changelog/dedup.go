package changelog

import (
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/paimon/columnar"
)

// Dedup finds updates that change nothing:
// `changelog-producer.row-deduplicate`.
type Dedup struct {
	// Columns are the value columns that are compared, by index: all but
	// `changelog-producer.row-deduplicate-ignore-fields`.
	Columns []int
}

func (d *Dedup) same(a arrow.RecordBatch, i int, b arrow.RecordBatch, j int) bool {
	for _, c := range d.Columns {
		if !columnar.EqualRows(a.Column(c), i, b.Column(c), j) {
			return false
		}
	}
	return true
}
