package merge

import (
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

func bitmapSchema() (Schema, map[string]string) {
	return Schema{PrimaryKey: []string{"k"}, Fields: []types.Field{
		{Name: "k", Type: types.Of(types.Int).NotNull()}, {ID: 1, Name: "b", Type: types.Of(types.Varbinary)},
	}}, map[string]string{"merge-engine": Aggregation, "fields.b.aggregate-function": "rbm32"}
}

func mergeBitmaps(t testing.TB, values ...any) (any, error) {
	s, options := bitmapSchema()
	e, err := New(s, options)
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

func bitmapBytes(t testing.TB, vals ...uint32) string {
	raw, err := roaring.BitmapOf(vals...).ToBytes()
	require.NoError(t, err)
	return string(raw)
}

func TestBitmapUnion(t *testing.T) {
	got, err := mergeBitmaps(t, bitmapBytes(t, 1, 5), nil, bitmapBytes(t, 2, 5, 1<<30))
	require.NoError(t, err)
	require.Equal(t, bitmapBytes(t, 1, 2, 5, 1<<30), got)
	got, err = mergeBitmaps(t, nil, "not a bitmap", nil)
	require.NoError(t, err)
	require.Equal(t, "not a bitmap", got, "a single value passes as it is")
	_, err = mergeBitmaps(t, bitmapBytes(t, 1), "not a bitmap")
	require.ErrorIs(t, err, errs.ErrInvalid)
}

// FuzzBitmap feeds damaged bitmaps: an error, never a crash.
func FuzzBitmap(f *testing.F) {
	f.Add([]byte(bitmapBytes(f, 1, 2, 70000)), []byte(bitmapBytes(f, 3)))
	f.Add([]byte(":0\x00\x00\x01\x00\x00\x00\x00\x00\x01\x00"), []byte(";0\x00\x00"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		_, err := mergeBitmaps(t, string(a), string(b))
		if err != nil {
			require.ErrorIs(t, err, errs.ErrInvalid)
		}
	})
}
