package mysqlwire

import (
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/extensions"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"
)

// Types that an engine may return beside those of Paimon tables, and values
// nested in others.
func TestEncodeOtherTypes(t *testing.T) {
	shanghai := time.FixedZone("+08:00", 8*3600)
	p := arrow.PrimitiveTypes
	text := arrow.BinaryTypes.String
	ltz := &arrow.TimestampType{Unit: arrow.Second, TimeZone: "UTC"}
	for _, tc := range []struct {
		name   string
		dt     arrow.DataType
		json   string // an array of values
		text   []string
		binary string // of the first value; "" when it is the text with its length
	}{
		{"large string", arrow.BinaryTypes.LargeString, `["x",null]`, []string{"x", "NULL"}, ""},
		{"string view", arrow.BinaryTypes.StringView, `["a text that is not inlined"]`, []string{"a text that is not inlined"}, ""},
		{"fixed binary", &arrow.FixedSizeBinaryType{ByteWidth: 2}, `["AAE="]`, []string{"\x00\x01"}, ""},
		{"decimal of 256 bits", &arrow.Decimal256Type{Precision: 60, Scale: 3}, `["-123456789012345678901234567890123456789012345.678"]`,
			[]string{"-123456789012345678901234567890123456789012345.678"}, ""},
		{"decimal of 32 bits", &arrow.Decimal32Type{Precision: 5, Scale: 2}, `["-0.05"]`, []string{"-0.05"}, ""},
		{"decimal of 64 bits", &arrow.Decimal64Type{Precision: 15, Scale: 0}, `["12"]`, []string{"12"}, ""},
		{"date of milliseconds", p.Date64, `["2025-06-01"]`, []string{"2025-06-01"}, "\x04\xe9\x07\x06\x01"},
		{"time of seconds", arrow.FixedWidthTypes.Time32s, `["01:02:03"]`, []string{"01:02:03"}, "\x08\x00\x00\x00\x00\x00\x01\x02\x03"},
		{"time of microseconds", arrow.FixedWidthTypes.Time64us, `["01:02:03.000004"]`, []string{"01:02:03.000004"}, "\x0c\x00\x00\x00\x00\x00\x01\x02\x03\x04\x00\x00\x00"},
		{"time of nanoseconds", arrow.FixedWidthTypes.Time64ns, `["01:02:03.000000004"]`, []string{"01:02:03.000000004"}, ""},
		{"instant", ltz, `["2025-06-01 20:00:00"]`, []string{"2025-06-02 04:00:00"}, "\x07\xe9\x07\x06\x02\x04\x00\x00"},
		{"midnight", &arrow.TimestampType{Unit: arrow.Microsecond}, `["2025-06-01 00:00:00"]`, []string{"2025-06-01 00:00:00.000000"}, "\x04\xe9\x07\x06\x01"},
		{"uuid", extensions.NewUUIDType(), `["6ba7b810-9dad-11d1-80b4-00c04fd430c8",null]`, []string{"6ba7b810-9dad-11d1-80b4-00c04fd430c8", "NULL"}, ""},
		{"dictionary", &arrow.DictionaryType{IndexType: p.Int8, ValueType: text}, `["a","b",null,"a"]`, []string{"a", "b", "NULL", "a"}, ""},
		{"null", arrow.Null, `[null]`, []string{"NULL"}, ""},
		{"list of booleans", arrow.ListOf(arrow.FixedWidthTypes.Boolean), `[[true,false]]`, []string{"[1,0]"}, ""},
		{"large list of text", arrow.LargeListOf(text), `[["a\"b",null]]`, []string{`["a\"b",null]`}, ""},
		{"fixed list", arrow.FixedSizeListOf(2, p.Float64), `[[1.5,1e20],[0,1]]`, []string{"[1.5,1e20]", "[0,1]"}, ""},
		{"list of lists", arrow.ListOf(arrow.ListOf(p.Int8)), `[[[1],[],null]]`, []string{"[[1],[],null]"}, ""},
		{"list of instants", arrow.ListOf(ltz), `[["2025-06-01 20:00:00"]]`, []string{`["2025-06-02 04:00:00"]`}, ""},
		{"list of binaries", arrow.ListOf(arrow.BinaryTypes.Binary), `[["AP8="]]`, []string{`["00ff"]`}, ""},
		{"list of dictionary", arrow.ListOf(&arrow.DictionaryType{IndexType: p.Int8, ValueType: text}), `[["a","b"]]`, []string{`["a","b"]`}, ""},
		{"map of numbers", arrow.MapOf(p.Int32, arrow.ListOf(p.Int32)), `[[{"key":7,"value":[1]}],[]]`, []string{"{7:[1]}", "{}"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			arr, _, err := array.FromJSON(memory.DefaultAllocator, tc.dt, strings.NewReader(tc.json))
			require.NoError(t, err)
			require.Equal(t, tc.text, encodeText(t, arr, shanghai))
			// The same out of the middle of a longer array.
			longer, err := array.Concatenate([]arrow.Array{arr, arr, arr}, memory.DefaultAllocator)
			require.NoError(t, err)
			n := int64(arr.Len())
			require.Equal(t, tc.text, encodeText(t, array.NewSlice(longer, n, 2*n), shanghai))
			if arr.IsNull(0) || tc.dt == arrow.Null {
				return
			}
			want := tc.binary
			if want == "" {
				want = string(appendLenencString(nil, tc.text[0]))
			}
			got := binaryOf(arr, shanghai, func(err error) { t.Error(err) })(nil, 0)
			require.Equal(t, want, string(got))
		})
	}
}

func encodeText(t *testing.T, arr arrow.Array, zone *time.Location) []string {
	t.Helper()
	_, err := wireTypes([]Column{{Name: "c", Type: arr.DataType()}})
	require.NoError(t, err)
	null, value := nullsOf(arr), textOf(arr, zone)
	var out []string
	for i := range arr.Len() {
		if null != nil && null(i) {
			out = append(out, "NULL")
		} else {
			out = append(out, string(value(nil, i)))
		}
	}
	return out
}

func TestRefusedTypes(t *testing.T) {
	interval := arrow.FixedWidthTypes.MonthDayNanoInterval
	for _, dt := range []arrow.DataType{
		interval, arrow.FixedWidthTypes.Duration_s, arrow.ListOf(interval), arrow.MapOf(arrow.PrimitiveTypes.Int8, interval),
		arrow.StructOf(arrow.Field{Name: "a", Type: interval}), arrow.RunEndEncodedOf(arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int8),
		&arrow.Decimal128Type{Precision: 10, Scale: -2}, arrow.FixedWidthTypes.Float16,
	} {
		_, err := wireTypes([]Column{{Name: "c", Type: dt}})
		require.ErrorContains(t, err, `column "c": type `, dt)
	}
}
