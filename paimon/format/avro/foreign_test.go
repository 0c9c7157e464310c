package avro

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/format/formattest"
	"github.com/tarndb/tarn/paimon/internal/avrofile"
	"github.com/tarndb/tarn/paimon/types"
)

// enc makes Avro bytes by hand.
type enc []byte

func (e enc) num(v int64) enc   { return binary.AppendVarint(e, v) }
func (e enc) text(s string) enc { return append(e.num(int64(len(s))), s...) }

func foreignFile(t testing.TB, schema string, rows int64, data []byte) []byte {
	var out bytes.Buffer
	w, err := avrofile.NewWriter(&out, &avrofile.Pool{}, schema, mustCodec(t, "snappy"))
	require.NoError(t, err)
	require.NoError(t, w.Block(rows, data))
	return out.Bytes()
}

func mustCodec(t testing.TB, name string) avrofile.Codec {
	c, err := avrofile.CodecByName(name, 1)
	require.NoError(t, err)
	return c
}

func field(id int, name, typ string) types.Field {
	parsed, err := types.Parse(typ)
	if err != nil {
		panic(err)
	}
	next := 100 * (id + 1)
	formattest.Number(&parsed, &next)
	return types.Field{ID: id, Name: name, Type: parsed}
}

// TestOtherWriters reads what Paimon does not write but Avro allows: NULL as
// second branch, unions of one type, fixed, enum, names referred to, parts of
// arrays with their length, unions of many types that nobody wants.
func TestOtherWriters(t *testing.T) {
	schema := `{"type":"record","name":"top","namespace":"a.b","doc":"x","fields":[
		{"name":"e","type":{"type":"enum","name":"color","symbols":["RED","BLUE"]}},
		{"name":"many","type":["null","int",{"type":"array","items":"string"},"a.b.color"]},
		{"name":"s","type":["string","null"]},
		{"name":"one","type":["long"]},
		{"name":"d","type":{"type":"fixed","name":"dec","size":5,"logicalType":"decimal","precision":10,"scale":2}},
		{"name":"d2","type":["null","dec"]},
		{"name":"f","type":{"type":"fixed","name":"raw","size":3}},
		{"name":"l","type":{"type":"array","items":["int","null"]}},
		{"name":"m","type":{"type":"map","values":"raw"}},
		{"name":"tm","type":{"type":"long","logicalType":"time-micros"}},
		{"name":"ts","type":{"type":"long","logicalType":"timestamp-nanos"}},
		{"name":"none","type":"null"},
		{"name":"r","type":["null",{"type":"record","name":"in","fields":[{"name":"x","type":"float"},{"name":"c","type":"color"}]}]}]}`
	var data enc
	for i := range int64(3) {
		data = data.num(1)                                            // BLUE
		data = data.num(2).num(-2).num(5).text("ab").text("c").num(0) // array of two strings in 5 bytes
		data = data.num(0).text("s" + string(rune('0'+i)))
		data = data.num(0).num(1 << 40)
		data = append(data, 0xff, 0xff, 0xff, 0xff, byte(-int8(i)-1)) // d: -1-i
		data = append(data.num(1), 0, 0, 0, 1, 0)                     // d2: 256
		data = append(data, "raw"...)
		data = data.num(-2).num(3).num(0).num(7).num(1).num(1).num(0).num(8).num(0) // l: [7, NULL, 8]
		data = append(data.num(1).text("k"), "map"...).num(0)
		data = data.num(3_600_000_999)
		data = data.num(-1)
		data = data.num(i % 2)
		if i%2 == 1 {
			data = append(binary.LittleEndian.AppendUint32(data, math.Float32bits(1.5)), 0)
		}
	}
	file := foreignFile(t, schema, 3, data)
	fields := []types.Field{field(0, "s", "STRING"), field(1, "one", "BIGINT"), field(2, "d", "DECIMAL(10, 2)"), field(3, "d2", "DECIMAL(12, 3)"),
		field(4, "f", "BINARY(3)"), field(5, "l", "ARRAY<INT>"), field(6, "m", "MAP<STRING, BYTES>"), field(7, "tm", "TIME(3)"),
		field(8, "ts", "TIMESTAMP(9)"), field(9, "r", "ROW<x DOUBLE>"), field(10, "absent", "INT")}
	got := formattest.Read(t, New(), file, format.ReadOptions{Fields: fields, BatchRows: 2})
	text := func(i int) string { return got.Column(i).String() }
	require.Equal(t, `["s0" "s1" "s2"]`, text(0))
	require.Equal(t, int64(1<<40), got.Column(1).(*array.Int64).Value(2))
	require.Equal(t, "-0.03", got.Column(2).ValueStr(2))
	require.Equal(t, "2.56", got.Column(3).ValueStr(0)) // cast to another scale
	require.Equal(t, "raw", string(got.Column(4).(*array.Binary).Value(1)))
	require.Equal(t, `[[7 (null) 8] [7 (null) 8] [7 (null) 8]]`, text(5))
	require.Equal(t, "map", string(got.Column(6).(*array.Map).Items().(*array.Binary).Value(2)))
	require.Equal(t, arrow.Time32(3_600_000), got.Column(7).(*array.Time32).Value(0))
	require.Equal(t, arrow.Timestamp(-1), got.Column(8).(*array.Timestamp).Value(0))
	require.Equal(t, `{[(null) 1.5 (null)]}`, text(9))
	require.Equal(t, 2, got.Column(9).NullN())
	require.Equal(t, 3, got.Column(10).NullN())

	_, err := New().Open(formattest.Open(file), format.ReadOptions{Fields: []types.Field{field(0, "many", "INT")}})
	require.ErrorIs(t, err, errs.ErrUnsupported)
	require.ErrorContains(t, err, "union of 4 types")
	_, err = New().Open(formattest.Open(file), format.ReadOptions{Fields: []types.Field{field(0, "e", "STRING")}})
	require.ErrorIs(t, err, errs.ErrUnsupported)
}

// TestEvolution reads columns by the names that the file's schema gave their
// ids, also in rows, and casts them.
func TestEvolution(t *testing.T) {
	old := []types.Field{field(0, "a", "INT"), field(1, "b", "STRING"), field(2, "r", "ROW<x INT, y STRING, z ARRAY<ROW<q INT, w BIGINT>>>"), field(3, "t", "TIMESTAMP(3)")}
	file := formattest.Write(t, New(), old, format.WriteOptions{}, fromJSON(t, old, `[
		{"a":1,"b":"x","r":{"x":5,"y":"yy","z":[{"q":1,"w":2},null]},"t":"2026-01-02 03:04:05.678"},
		{"a":null,"b":null,"r":null,"t":null}]`))

	renamed := field(2, "row", "ROW<new STRING, zz ARRAY<ROW<ww DOUBLE, n INT>>, y2 STRING>")
	inner := old[2].Type.Fields
	renamed.Type.Fields[0].ID = 9999
	renamed.Type.Fields[1].ID, renamed.Type.Fields[2].ID = inner[2].ID, inner[1].ID
	renamed.Type.Fields[1].Type.Elem.Fields[0].ID = inner[2].Type.Elem.Fields[1].ID
	renamed.Type.Fields[1].Type.Elem.Fields[1].ID = 9998
	want := []types.Field{renamed, field(0, "b", "BIGINT"), field(1, "a", "STRING"), field(3, "time", "TIMESTAMP(6)"), field(77, "t", "INT")}
	got := formattest.Read(t, New(), file, format.ReadOptions{Fields: want, FileFields: old})
	text, err := got.MarshalJSON()
	require.NoError(t, err)
	require.JSONEq(t, `[{"row":{"new":null,"zz":[{"ww":2,"n":null},null],"y2":"yy"},"b":1,"a":"x","time":"2026-01-02T03:04:05.678Z","t":null},
		{"row":null,"b":null,"a":null,"time":null,"t":null}]`, string(text))
}

func TestRefusedByName(t *testing.T) {
	for typ, reason := range map[string]string{
		"TIMESTAMP(9)": "precision of 6", "TIMESTAMP_LTZ(7)": "precision of 6", "TIME(6)": "TIME(3)", "VARIANT": "VARIANT",
		"ARRAY<TIMESTAMP(9)>": "precision of 6", "MULTISET<INT>": "elements have to be text",
	} {
		_, err := New().NewWriter(&bytes.Buffer{}, []types.Field{field(0, "c", typ)}, format.WriteOptions{})
		require.ErrorIs(t, err, errs.ErrUnsupported, typ)
		require.ErrorContains(t, err, reason, typ)
		require.ErrorIs(t, CheckFields([]types.Field{field(0, "c", typ)}), errs.ErrUnsupported)
	}
	for _, name := range []string{"a b", "1a", "a-b", "a.b", ""} {
		_, err := New().NewWriter(&bytes.Buffer{}, []types.Field{field(0, name, "INT")}, format.WriteOptions{})
		require.ErrorIs(t, err, errs.ErrUnsupported, name)
	}
	_, err := New().NewWriter(&bytes.Buffer{}, []types.Field{field(0, "名前", "INT")}, format.WriteOptions{})
	require.NoError(t, err)
	clash := []types.Field{field(0, "a", "ROW<b ROW<x INT>>"), field(1, "a_b", "ROW<y INT>")}
	_, err = New().NewWriter(&bytes.Buffer{}, clash, format.WriteOptions{})
	require.ErrorContains(t, err, `record_a_b`)
	for codec, reason := range map[string]string{"lz4": "lz4", "none": "null", "bzip2": "not written", "gzip": "gzip", "SNAPPY": "SNAPPY"} {
		_, err := New().NewWriter(&bytes.Buffer{}, clash[:1], format.WriteOptions{Compression: codec})
		require.ErrorIs(t, err, errs.ErrUnsupported, codec)
		require.ErrorContains(t, err, reason)
	}
	_, err = New().NewWriter(&bytes.Buffer{}, clash[:1], format.WriteOptions{Params: map[string]string{"avro.codec": "zstd"}})
	require.ErrorContains(t, err, "zstandard")
}

func TestNotNull(t *testing.T) {
	f := []types.Field{field(0, "r", "ROW<x INT NOT NULL>")}
	loose := []types.Field{field(0, "r", "ROW<x INT>")}
	w, err := New().NewWriter(&bytes.Buffer{}, f, format.WriteOptions{})
	require.NoError(t, err)
	err = w.Write(fromJSON(t, loose, `[{"r":{"x":null}}]`))
	require.ErrorIs(t, err, errs.ErrInvalid)
	require.ErrorContains(t, err, "NULL in a column of type INT NOT NULL")
}

func fromJSON(t testing.TB, fields []types.Field, text string) arrow.RecordBatch {
	b, _, err := array.RecordFromJSON(memory.DefaultAllocator, types.ArrowSchema(fields), strings.NewReader(text))
	require.NoError(t, err)
	return b
}
