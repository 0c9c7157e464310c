package blob

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/types"
)

type fileBytes struct{ *bytes.Reader }

func (fileBytes) Close() error { return nil }

// file makes a .blob file; nil is NULL.
func file(values ...[]byte) []byte {
	var out, index []byte
	last := int64(0)
	for _, v := range values {
		length := int64(-1)
		if v != nil {
			at := len(out)
			out = append(binary.LittleEndian.AppendUint32(out, magic), v...)
			length = int64(len(v) + overhead)
			out = binary.LittleEndian.AppendUint64(out, uint64(length))
			out = binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(out[at:]))
		}
		index = binary.AppendVarint(index, length-last)
		last = length
	}
	out = append(out, index...)
	return append(binary.LittleEndian.AppendUint32(out, uint32(len(index))), version)
}

var fields = []types.Field{{ID: 1, Name: "id", Type: types.Of(types.Int)}, {ID: 2, Name: "b", Type: types.Of(types.Blob)}}

// read gives the values; sizes are those of the batches.
func read(t testing.TB, b []byte, batchRows int) (values [][]byte, sizes []int, err error) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	r, err := Format{}.Open(fileBytes{bytes.NewReader(b)}, format.ReadOptions{Path: "f.blob", Fields: fields, FileFields: fields[1:], BatchRows: batchRows, Alloc: alloc})
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	for {
		b, err := r.Next()
		if err == io.EOF {
			require.EqualValues(t, r.Rows(), len(values))
			return values, sizes, nil
		}
		if err != nil {
			return nil, nil, err
		}
		require.EqualValues(t, len(values), r.Position())
		require.EqualValues(t, b.NumRows(), b.Column(0).NullN())
		c := b.Column(1).(*array.Binary)
		for i := range c.Len() {
			if c.IsNull(i) {
				values = append(values, nil)
			} else {
				values = append(values, append([]byte{}, c.Value(i)...))
			}
		}
		sizes = append(sizes, c.Len())
		b.Release()
	}
}

func TestRead(t *testing.T) {
	want := [][]byte{[]byte("one"), nil, {}, bytes.Repeat([]byte("x"), 300), nil, []byte("six")}
	for _, rows := range []int{0, 1, 4} {
		got, _, err := read(t, file(want...), rows)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	got, _, err := read(t, file(), 0)
	require.NoError(t, err)
	require.Empty(t, got)

	big := bytes.Repeat([]byte("y"), batchBytes*3/4)
	_, sizes, err := read(t, file(big, big, nil, nil, big), 0)
	require.NoError(t, err)
	require.Equal(t, []int{1, 3, 1}, sizes)
}

func TestDamaged(t *testing.T) {
	good := file([]byte("one"), nil, []byte("three"))
	for i := range good {
		_, _, err := read(t, good[:i], 0)
		require.Error(t, err, "cut at %d", i)
		bad := bytes.Clone(good)
		bad[i] ^= 0x41
		_, _, err = read(t, bad, 0)
		require.Error(t, err, "changed at %d", i)
		require.True(t, errors.Is(err, errs.ErrCorrupt) || errors.Is(err, errs.ErrUnsupported), err)
	}
	bad := bytes.Clone(good)
	bad[5] ^= 1
	_, _, err := read(t, bad, 0)
	require.ErrorIs(t, err, errs.ErrCorrupt)
	require.ErrorContains(t, err, "f.blob")
	require.ErrorContains(t, err, "checksum")

	index := binary.AppendVarint(nil, placeholder)
	_, _, err = read(t, append(binary.LittleEndian.AppendUint32(index, uint32(len(index))), version), 0)
	require.ErrorIs(t, err, errs.ErrUnsupported)
	_, err = Format{}.NewWriter(io.Discard, fields, format.WriteOptions{})
	require.ErrorIs(t, err, errs.ErrUnsupported)
}

func FuzzRead(f *testing.F) {
	f.Add(file([]byte("one"), nil, []byte("three")))
	f.Add(file())
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, err := read(t, b, 2)
		if err != nil && !errors.Is(err, errs.ErrCorrupt) && !errors.Is(err, errs.ErrUnsupported) {
			t.Fatal(err)
		}
	})
}
