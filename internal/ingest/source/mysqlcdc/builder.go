package mysqlcdc

import (
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/types"
)

// builder gathers rows of the declared columns. The layout in use gives it the
// appenders; when the layout changes they are made again over the same Arrow
// builders, so that a batch may span an ALTER TABLE.
type builder struct {
	rb        *array.RecordBuilder
	kinds     []types.RowKind
	watermark time.Time
	bytes     int // of row images, to bound a batch
	appenders []appender
	bound     *layout // that appenders are made for
}

func newBuilder(schema *arrow.Schema) *builder {
	return &builder{rb: array.NewRecordBuilder(memory.DefaultAllocator, schema)}
}

// ensure makes the appenders for a layout, when it is another one than before.
func (b *builder) ensure(l *layout) error {
	if b.bound == l {
		return nil
	}
	put, err := l.appenders(b.rb.Fields())
	if err == nil {
		b.appenders, b.bound = put, l
	}
	return err
}

func (b *builder) rows() int { return len(b.kinds) }

// take gives the gathered rows and starts anew. Kinds are nil when all rows are
// inserts.
func (b *builder) take() (arrow.RecordBatch, []types.RowKind, time.Time) {
	kinds, watermark := b.kinds, b.watermark
	b.kinds, b.watermark, b.bytes = nil, time.Time{}, 0
	all := true
	for _, k := range kinds {
		all = all && k == types.Insert
	}
	if all {
		kinds = nil
	}
	return b.rb.NewRecordBatch(), kinds, watermark
}

// reset drops the gathered rows, also a row that was only half appended.
func (b *builder) reset() {
	for _, f := range b.rb.Fields() {
		f.NewArray().Release()
	}
	b.kinds, b.watermark, b.bytes = nil, time.Time{}, 0
}

func (b *builder) release() { b.rb.Release() }
