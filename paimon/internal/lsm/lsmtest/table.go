// Package lsmtest holds a small table and data files in memory, with which the
// LSM tree is tested. Every file is checked as it is written.
package lsmtest

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/merge"
	"github.com/tarndb/tarn/paimon/types"
)

// Row is one row of the test table. TS is the sequence field; nil is NULL.
type Row struct {
	Kind types.RowKind
	Seq  int64
	K    string
	TS   *int64
	V    *int64
	S    string
}

// String gives kind and values, without the sequence number.
func (r Row) String() string {
	return fmt.Sprintf("%s %s %s %s %s", r.Kind, r.K, ptr(r.TS), ptr(r.V), r.S)
}

// Values is String without the kind.
func (r Row) Values() string { return r.String()[3:] }

func ptr(p *int64) string {
	if p == nil {
		return "-"
	}
	return fmt.Sprint(*p)
}

// Fields are the columns of the test table, with K as primary key.
func Fields() []types.Field {
	return []types.Field{
		{ID: 0, Name: "k", Type: types.String().NotNull()},
		{ID: 1, Name: "ts", Type: types.Of(types.BigInt)},
		{ID: 2, Name: "v", Type: types.Of(types.BigInt)},
		{ID: 3, Name: "s", Type: types.String()},
	}
}

// Table encodes rows of the test table.
type Table struct {
	// UserSeq makes ts the sequence.field.
	UserSeq bool
	// Options choose the merge engine.
	Options map[string]string
	// Engine changes the merge engine; nil for none.
	Engine func(merge.Engine) merge.Engine

	keys, seqs *columnar.KeyEncoder
}

// NewTable makes a table with these options.
func NewTable(options map[string]string) *Table {
	f := Fields()
	return &Table{
		UserSeq: options["sequence.field"] == "ts", Options: options,
		keys: columnar.NewKeyEncoder([]types.Type{f[0].Type}, columnar.KeyOptions{}),
		seqs: columnar.NewKeyEncoder([]types.Type{f[1].Type}, columnar.KeyOptions{}),
	}
}

// NewEngine makes the merge engine; it panics when the options are wrong.
func (t *Table) NewEngine() merge.Engine {
	e, err := merge.New(merge.Schema{Fields: Fields(), PrimaryKey: []string{"k"}}, t.Options)
	if err != nil {
		panic(err)
	}
	if t.Engine != nil {
		return t.Engine(e)
	}
	return e
}

// KeyOf is the lsm.KeyFunc of files in memory, which hold encoded keys.
func KeyOf(key []byte) ([]byte, error) { return key, nil }

// KV makes a batch of rows, in their order.
func (t *Table) KV(mem memory.Allocator, rows []Row) *columnar.KV {
	rb := array.NewRecordBuilder(mem, types.ArrowSchema(Fields()))
	defer rb.Release()
	seqs, kinds := make([]int64, len(rows)), make([]types.RowKind, len(rows))
	for i, r := range rows {
		rb.Field(0).(*array.StringBuilder).Append(r.K)
		appendInt(rb.Field(1).(*array.Int64Builder), r.TS)
		appendInt(rb.Field(2).(*array.Int64Builder), r.V)
		rb.Field(3).(*array.StringBuilder).Append(r.S)
		seqs[i], kinds[i] = r.Seq, r.Kind
	}
	return t.Wrap(rb.NewRecordBatch(), seqs, kinds)
}

func appendInt(b *array.Int64Builder, v *int64) {
	if v == nil {
		b.AppendNull()
	} else {
		b.Append(*v)
	}
}

// Wrap encodes the keys of a batch; it takes over the reference to it.
func (t *Table) Wrap(rows arrow.RecordBatch, seqs []int64, kinds []types.RowKind) *columnar.KV {
	out := &columnar.KV{Rows: rows, Seqs: seqs, Kinds: kinds}
	var err error
	if out.Keys, err = t.keys.Encode([]arrow.Array{rows.Column(0)}); err != nil {
		panic(err)
	}
	if t.UserSeq {
		if out.UserSeq, err = t.seqs.Encode([]arrow.Array{rows.Column(1)}); err != nil {
			panic(err)
		}
	}
	return out
}

// Rows reads a batch with all columns.
func Rows(b *columnar.KV) []Row {
	out := make([]Row, b.Len())
	k, s := b.Rows.Column(0).(*array.String), b.Rows.Column(3).(*array.String)
	for i := range out {
		out[i] = Row{Kind: b.Kinds[i], Seq: b.Seqs[i], K: k.Value(i), TS: intAt(b, 1, i), V: intAt(b, 2, i), S: s.Value(i)}
	}
	return out
}

func intAt(b *columnar.KV, col, i int) *int64 {
	c := b.Rows.Column(col).(*array.Int64)
	if c.IsNull(i) {
		return nil
	}
	v := c.Value(i)
	return &v
}
