package binrow

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// lines calls f with every line of a file of JSON objects.
func lines(t *testing.T, file string, f func(line []byte)) {
	t.Helper()
	in, err := os.Open(file)
	require.NoError(t, err)
	defer in.Close()
	for s := bufio.NewScanner(in); s.Scan(); {
		f(s.Bytes())
	}
}

// column makes an array of texts (NULL for nil, hex for bytes).
func column(t *testing.T, typ types.Type, texts []*string) arrow.Array {
	t.Helper()
	b := array.NewBuilder(memory.DefaultAllocator, typ.Arrow())
	defer b.Release()
	for _, text := range texts {
		if text == nil {
			b.AppendNull()
			continue
		}
		if bytes, ok := b.(*array.BinaryBuilder); ok {
			v, err := hex.DecodeString(*text)
			require.NoError(t, err)
			bytes.Append(v)
			continue
		}
		require.NoError(t, parseValue(b, typ, *text), *text)
	}
	return b.NewArray()
}

type bucketTable struct {
	Table    string
	Function string
	Buckets  int
	Types    []string

	columns [][]*string
	want    []int32
}

// TestBucketsOfPaimon checks the buckets of all key types: testdata/buckets.jsonl
// holds the keys that Paimon wrote, with the bucket whose directory held them.
func TestBucketsOfPaimon(t *testing.T) {
	var tables []*bucketTable
	lines(t, "testdata/buckets.jsonl", func(line []byte) {
		var head bucketTable
		require.NoError(t, json.Unmarshal(line, &head))
		if head.Table != "" {
			head.columns = make([][]*string, len(head.Types))
			tables = append(tables, &head)
			return
		}
		var row struct {
			B int32
			V []*string
		}
		require.NoError(t, json.Unmarshal(line, &row))
		last := tables[len(tables)-1]
		last.want = append(last.want, row.B)
		for i, v := range row.V {
			last.columns[i] = append(last.columns[i], v)
		}
	})
	require.Len(t, tables, 25)
	keys := 0
	for _, tb := range tables {
		ts, cols := make([]types.Type, len(tb.Types)), make([]arrow.Array, len(tb.Types))
		for i, text := range tb.Types {
			var err error
			ts[i], err = types.Parse(text)
			require.NoError(t, err)
			cols[i] = column(t, ts[i], tb.columns[i])
		}
		b, err := NewBucketer(tb.Function, ts, tb.Buckets)
		require.NoError(t, err)
		got := make([]int32, len(tb.want))
		require.NoError(t, b.Buckets(cols, got))
		require.Equal(t, tb.want, got, tb.Table)
		keys += len(got)

		// the row form agrees with the batch form
		e, hashes := NewEncoder(ts), make([]int32, len(got))
		e.HashRows(cols, hashes)
		for i, h := range hashes {
			require.Equal(t, h, Hash(e.Encode(cols, i)), tb.Table)
		}
	}
	require.Equal(t, 780, keys)
}

func text(s string) *string { return &s }

func TestModBuckets(t *testing.T) {
	b, err := NewBucketer("mod", []types.Type{types.Of(types.Int)}, 4)
	require.NoError(t, err)
	out := make([]int32, 5)
	require.NoError(t, b.Buckets([]arrow.Array{column(t, types.Of(types.Int), []*string{text("-1"), text("-8"), text("7"), nil, text("-2147483648")})}, out))
	require.Equal(t, []int32{3, 0, 3, 0, 0}, out)

	_, err = NewBucketer("mod", []types.Type{types.String()}, 4)
	require.ErrorIs(t, err, errs.ErrInvalid)
	_, err = NewBucketer("range", nil, 4)
	require.ErrorIs(t, err, errs.ErrUnsupported)
	_, err = NewBucketer("", nil, 0)
	require.ErrorIs(t, err, errs.ErrInvalid)
	_, err = NewBucketer("hive", []types.Type{types.TimestampOf(3)}, 4)
	require.ErrorIs(t, err, errs.ErrInvalid)
}

// TestHiveHashes compares with what the Java classes of the values say
// (String.hashCode of ASCII, Long.hashCode, BigDecimal.hashCode, …).
func TestHiveHashes(t *testing.T) {
	f := func(typ types.Type, value string, want int32) {
		t.Helper()
		col := column(t, typ, []*string{&value})
		require.Equal(t, want, hiveHasher(typ, col)(0), "%s %s", typ, value)
	}
	f(types.Of(types.Boolean), "true", 1)
	f(types.Of(types.TinyInt), "-3", -3)
	f(types.Of(types.SmallInt), "300", 300)
	f(types.Of(types.Int), "-7", -7)
	f(types.Of(types.BigInt), "-1", 0)
	f(types.Of(types.BigInt), "4294967298", 3)
	f(types.Of(types.Float), "-0", 0)
	f(types.Of(types.Float), "1.5", 1069547520)
	f(types.Of(types.Double), "1.5", 1073217536)
	f(types.String(), "hello", 99162322)
	f(types.Of(types.Date), "1970-01-05", 4)
	f(types.DecimalOf(10, 2), "0.00", 0)
	f(types.DecimalOf(10, 2), "12.30", 31*123+1)
	f(types.DecimalOf(10, 2), "-100.00", 31*-100)
	f(types.DecimalOf(20, 0), "4294967297", 31*(31+1))
	require.Equal(t, int32(31*-(31*(31+2)+3)), hiveDecimal(new(big.Int).Neg(bigWords(1, 2, 3)), 0))

	b, err := NewBucketer("hive", []types.Type{types.Of(types.Int), types.String()}, 10)
	require.NoError(t, err)
	out := make([]int32, 2)
	require.NoError(t, b.Buckets([]arrow.Array{
		column(t, types.Of(types.Int), []*string{text("5"), nil}), column(t, types.String(), []*string{text("hello"), text("b")}),
	}, out))
	require.Equal(t, []int32{(31*5 + 99162322) % 10, 98 % 10}, out)
}

// bigWords makes a number of 32-bit words, the highest first.
func bigWords(words ...int64) *big.Int {
	v := new(big.Int)
	for _, w := range words {
		v.Lsh(v, 32).Add(v, big.NewInt(w))
	}
	return v
}
