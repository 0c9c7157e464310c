package merge

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/bitmap"
	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

var bitmapForms = map[string]bitmap.Form{"rbm32": bitmap.RBM32, "rbm64": bitmap.RBM64}

func mergeBitmaps(t testing.TB, function string, values ...any) (any, error) {
	s := Schema{PrimaryKey: []string{"k"}, Fields: []types.Field{
		{Name: "k", Type: types.Of(types.Int).NotNull()}, {ID: 1, Name: "b", Type: types.Of(types.Varbinary)},
	}}
	e, err := New(s, map[string]string{"merge-engine": Aggregation, "fields.b.aggregate-function": function})
	require.NoError(t, err)
	var rows []version
	for i, v := range values {
		rows = append(rows, version{seq: int64(i), vals: []any{int64(1), v}})
	}
	kv := toKV(s, rows)
	encodeKeys(kv, s, nil, false)
	out, err := mergeKVs(e, []*columnar.KV{kv}, 2, false)
	if err != nil {
		return nil, err
	}
	return out[0].vals[1], nil
}

func bitmapBytes(t testing.TB, function string, vals ...uint64) string {
	raw, err := bitmap.Of(vals...).Append(nil, bitmapForms[function])
	require.NoError(t, err)
	return string(raw)
}

// The bytes that Java makes are in java.jsonl.gz (agg.sketches) and in the tests of paimon/bitmap.
func TestBitmapUnion(t *testing.T) {
	for name := range bitmapForms {
		got, err := mergeBitmaps(t, name, bitmapBytes(t, name, 1, 5), nil, bitmapBytes(t, name, 2, 5, 1<<30))
		require.NoError(t, err)
		require.Equal(t, bitmapBytes(t, name, 1, 2, 5, 1<<30), got)
		got, err = mergeBitmaps(t, name, nil, "not a bitmap", nil)
		require.NoError(t, err)
		require.Equal(t, "not a bitmap", got, "a single value passes as it is")
		got, err = mergeBitmaps(t, name, nil, nil)
		require.NoError(t, err)
		require.Nil(t, got)
		_, err = mergeBitmaps(t, name, bitmapBytes(t, name, 1), "not a bitmap")
		require.ErrorIs(t, err, errs.ErrInvalid)
		require.ErrorIs(t, err, errs.ErrCorrupt)
		require.ErrorContains(t, err, "aggregate function "+name)
	}
	_, err := mergeBitmaps(t, "rbm32", bitmapBytes(t, "rbm64", 1), bitmapBytes(t, "rbm64", 2))
	require.ErrorIs(t, err, errs.ErrInvalid, "the other function's bytes")
	_, err = mergeBitmaps(t, "rbm64", bitmapBytes(t, "rbm32", 1), bitmapBytes(t, "rbm32", 2))
	require.ErrorIs(t, err, errs.ErrInvalid, "the other function's bytes")
}

// FuzzBitmap feeds damaged bitmaps: an error, never a crash.
func FuzzBitmap(f *testing.F) {
	f.Add([]byte(bitmapBytes(f, "rbm32", 1, 2, 70000)), []byte(bitmapBytes(f, "rbm32", 3)))
	f.Add([]byte(bitmapBytes(f, "rbm64", 1, 2, 1<<40)), []byte(bitmapBytes(f, "rbm64", 3)))
	f.Add([]byte(":0\x00\x00\x01\x00\x00\x00\x00\x00\x01\x00"), []byte(";0\x00\x00"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		for name := range bitmapForms {
			if _, err := mergeBitmaps(t, name, string(a), string(b)); err != nil {
				require.ErrorIs(t, err, errs.ErrInvalid)
				require.True(t, strings.Contains(err.Error(), name), err.Error())
			}
		}
	})
}
