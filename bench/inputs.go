package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/tarndb/tarn/paimon/types"
)

func columns(list ...string) []types.Field {
	var out []types.Field
	for i := 0; i < len(list); i += 2 {
		t, err := types.Parse(list[i+1])
		if err != nil {
			panic(err)
		}
		out = append(out, types.Field{Name: list[i], Type: t})
	}
	return out
}

func orderInfo() []types.Field {
	return columns("order_id", "STRING NOT NULL", "product", "STRING", "qid", "STRING", "order_create_time", "TIMESTAMP(3)", "order_end_time", "TIMESTAMP(3)",
		"order_status", "INT", "order_real_fee", "DECIMAL(10, 2)", "sku_id", "INT")
}

func enrichOrder() []types.Field {
	return append(orderInfo(), columns("mid", "STRING", "client_type", "STRING", "android_id", "STRING", "idfa", "STRING", "client_version", "STRING", "os_name", "STRING", "ip", "STRING",
		"coupon_code", "STRING", "coupon_batch", "STRING", "ctime", "TIMESTAMP(3)", "coupon_type", "INT", "coupon_status", "INT", "coupon_discount", "STRING",
		"g_refund_seq", "INT", "refund_info", "ARRAY<ROW<refund_mer_trade_code STRING, refund_type INT, refund_status INT, refund_fee DECIMAL(10, 2), refund_time TIMESTAMP(3), refund_way INT>>")...)
}

// stream is one source of the wide table: which wide column each of its
// columns fills.
type stream struct {
	name  string
	wide  map[int]int // wide column → column of the source
	extra func(rec arrow.RecordBatch) map[int]arrow.Array
}

func streams() []stream {
	return []stream{
		{name: "order_info", wide: map[int]int{0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 7}},
		{name: "order_device_info", wide: map[int]int{0: 0, 8: 1, 9: 2, 10: 3, 11: 4, 12: 5, 13: 6, 14: 7}},
		{name: "order_coupon_info", wide: map[int]int{0: 0, 15: 1, 16: 3, 17: 4, 18: 5, 19: 6, 20: 7}},
		{name: "order_refund_info", wide: map[int]int{0: 0}, extra: refunds},
	}
}

// widen makes rows of the wide table.
func (s *stream) widen(rec arrow.RecordBatch) arrow.RecordBatch {
	schema := types.ArrowSchema(enrichOrder())
	var extra map[int]arrow.Array
	if s.extra != nil {
		extra = s.extra(rec)
	}
	cols := make([]arrow.Array, schema.NumFields())
	for i := range cols {
		switch at, ok := s.wide[i]; {
		case ok:
			cols[i] = rec.Column(at)
		case extra[i] != nil:
			cols[i] = extra[i]
			defer cols[i].Release()
		default:
			cols[i] = array.MakeArrayOfNull(memory.DefaultAllocator, schema.Field(i).Type, int(rec.NumRows()))
			defer cols[i].Release()
		}
	}
	return array.NewRecordBatch(schema, cols, rec.NumRows())
}

// refunds makes g_refund_seq = 1 and refund_info = [row(...)].
func refunds(rec arrow.RecordBatch) map[int]arrow.Array {
	n := int(rec.NumRows())
	seq := array.NewInt32Builder(memory.DefaultAllocator)
	offsets := array.NewInt32Builder(memory.DefaultAllocator)
	for i := range n {
		seq.Append(1)
		offsets.Append(int32(i))
	}
	offsets.Append(int32(n))
	list := types.ArrowSchema(enrichOrder()).Field(22).Type.(*arrow.ListType)
	var children []arrow.ArrayData
	for _, c := range []int{1, 3, 4, 5, 6, 7} {
		children = append(children, rec.Column(c).Data())
	}
	row := array.NewData(list.Elem(), n, []*memory.Buffer{nil}, children, 0, 0)
	defer row.Release()
	o := offsets.NewArray()
	defer o.Release()
	data := array.NewData(list, n, []*memory.Buffer{nil, o.Data().Buffers()[1]}, []arrow.ArrayData{row}, 0, 0)
	defer data.Release()
	return map[int]arrow.Array{21: seq.NewArray(), 22: array.NewListData(data)}
}

// source reads an input file in batches, in the library's Arrow types.
func (b *bench) source(name, phase string, visit func(arrow.RecordBatch) error) error {
	path := filepath.Join(b.data, name, phase, "part-0.parquet")
	f, err := file.OpenParquetFile(path, false)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: 8192}, memory.DefaultAllocator)
	if err != nil {
		return err
	}
	batches, err := r.GetRecordReader(context.Background(), nil, nil)
	if err != nil {
		return err
	}
	defer batches.Release()
	for batches.Next() {
		rec, err := cast(batches.RecordBatch())
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		err = visit(rec)
		rec.Release()
		if err != nil {
			return err
		}
	}
	return batches.Err()
}

// cast gives timestamps the unit and zone of TIMESTAMP(3).
func cast(rec arrow.RecordBatch) (arrow.RecordBatch, error) {
	cols := make([]arrow.Array, rec.NumCols())
	fields := make([]arrow.Field, rec.NumCols())
	for i, c := range rec.Columns() {
		cols[i], fields[i] = c, rec.Schema().Field(i)
		t, ok := c.DataType().(*arrow.TimestampType)
		if !ok {
			continue
		}
		if t.Unit != arrow.Millisecond {
			return nil, fmt.Errorf("column %s: %s: want milliseconds", fields[i].Name, t)
		}
		fields[i].Type = types.TimestampOf(3).Arrow()
		d := array.NewData(fields[i].Type, c.Len(), c.Data().Buffers(), nil, c.NullN(), c.Data().Offset())
		cols[i] = array.MakeFromData(d)
		d.Release()
		defer cols[i].Release()
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, rec.NumRows()), nil
}
