package deletion

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
)

// said is the length that the index manifest of Java has for an entry.
func said(raw []byte, wide bool) int32 {
	if wide {
		return int32(len(raw))
	}
	return int32(len(raw) - frame)
}

// goldens are entries that Java wrote: of seven shapes, then again with more
// rows.
func goldens(t testing.TB) map[string][]byte {
	paths, err := filepath.Glob("testdata/paimon-1.4.2/*.dv")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	out := map[string][]byte{}
	for _, p := range paths {
		raw, err := os.ReadFile(p)
		require.NoError(t, err)
		out[strings.TrimSuffix(filepath.Base(p), ".dv")] = raw
	}
	return out
}

func TestBytesAreThoseOfJava(t *testing.T) {
	all := goldens(t)
	var more []uint64
	for row := uint64(1000); row < 9000; row += 2 {
		more = append(more, row)
	}
	for row := uint64(70000); row < 70100; row++ {
		more = append(more, row)
	}
	for name, raw := range all {
		wide := strings.Contains(name, "64")
		v, err := Decode(raw, said(raw, wide))
		require.NoError(t, err, name)
		got, length, err := Append([]byte("before"), v, wide)
		require.NoError(t, err, name)
		require.Equal(t, raw, got[len("before"):], name)
		require.Equal(t, said(raw, wide), length)
		if want, ok := all[name+"-more"]; ok {
			before := v.Rows()
			got, _, err := Append(nil, v.With(slices.Clone(more)...), wide)
			require.NoError(t, err, name)
			require.Equal(t, want, got, name)
			require.Equal(t, before, v.Rows(), "a vector changes")
		}
	}
	far, err := Decode(all["far64"], said(all["far64"], true))
	require.NoError(t, err)
	require.True(t, far.Contains(2<<32+5))
	require.EqualValues(t, 2<<32+6, far.Max())
	_, _, err = Append(nil, far, false)
	require.ErrorIs(t, err, errs.ErrUnsupported)
}

func TestDamageIsFound(t *testing.T) {
	raw := goldens(t)["mixed32"]
	for _, at := range []int{0, 3, 4, 7, 8, 20, len(raw) - 5, len(raw) - 1} {
		bad := slices.Clone(raw)
		bad[at] ^= 4
		_, err := Decode(bad, said(raw, false))
		require.Error(t, err, "byte %d", at)
	}
	for n := range len(raw) {
		_, err := Decode(raw[:n], said(raw, false))
		require.Error(t, err, "%d bytes", n)
	}
	_, err := Decode(raw, said(raw, false)+1)
	require.ErrorContains(t, err, "its index manifest says")
}

func TestKeptRows(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 200 {
		n := int64(1 + r.IntN(200))
		dead := map[int64]bool{}
		var rows []uint64
		for range r.IntN(int(n)) {
			row := r.Int64N(n)
			dead[row] = true
			rows = append(rows, uint64(row))
		}
		v := NewVector(rows...)
		require.EqualValues(t, len(dead), v.Rows())
		from := r.Int64N(n)
		to := from + r.Int64N(n-from+1)
		kept := map[int64]bool{}
		last := int64(-1)
		for _, s := range v.AppendKept(nil, from, to) {
			require.Greater(t, s.From, last)
			require.Greater(t, s.To, s.From)
			last = s.To
			for row := s.From; row < s.To; row++ {
				kept[from+row] = true
			}
		}
		for row := from; row < to; row++ {
			require.Equal(t, !dead[row], kept[row])
			require.Equal(t, dead[row], v.Contains(row))
		}
	}
	var none *Vector
	require.Equal(t, []Stretch{{0, 5}}, none.AppendKept(nil, 5, 10))
}

// counting counts how often files are opened.
type counting struct {
	fileio.Store
	opened int
}

func (c *counting) Open(ctx context.Context, path string) (fileio.Reader, error) {
	c.opened++
	return c.Store.Open(ctx, path)
}

type mapCache map[string]any

func (m mapCache) Load(k string) (any, bool)     { v, ok := m[k]; return v, ok }
func (m mapCache) Keep(k string, v any, _ int64) { m[k] = v }

func TestAFileIsReadOnce(t *testing.T) {
	ctx := context.Background()
	store := &counting{Store: fileio.NewMem()}
	data := []byte{version}
	at := map[string]Location{}
	for i, name := range []string{"a", "b", "c"} {
		offset := len(data)
		var length int32
		var err error
		data, length, err = Append(data, NewVector(uint64(i), 100_000), i == 1)
		require.NoError(t, err)
		at[name] = Location{Path: "t/index/index-1", Offset: int32(offset), Length: length}
		data = append(data, make([]byte, 5000)...) // far offsets: the version is read by itself
	}
	require.NoError(t, store.Put(ctx, "t/index/index-1", data))
	cache := mapCache{}
	set := NewSet(store, cache, at)
	for i, name := range []string{"c", "a", "b"} {
		v, err := set.Vector(ctx, name)
		require.NoError(t, err)
		require.EqualValues(t, 2, v.Rows())
		require.True(t, v.Contains(100_000))
		require.Equal(t, 1, store.opened, i)
	}
	v, err := set.Vector(ctx, "no such file")
	require.NoError(t, err)
	require.Nil(t, v)
	_, err = NewSet(store, cache, at).Vector(ctx, "a")
	require.NoError(t, err)
	require.Equal(t, 1, store.opened, "the cache has them")

	one := map[string]Location{"c": at["c"]}
	got, err := Read(ctx, store, nil, one)
	require.NoError(t, err)
	require.True(t, got["c"].Contains(2))

	n := int64(3)
	l := at["a"]
	l.Cardinality = &n
	_, err = Read(ctx, store, nil, map[string]Location{"a": l})
	require.ErrorIs(t, err, errs.ErrCorrupt)
	require.ErrorContains(t, err, "t/index/index-1")
	require.NoError(t, store.Put(ctx, "t/index/index-1", append([]byte{2}, data[1:]...)))
	for _, at := range []map[string]Location{{"a": at["a"]}, {"c": at["c"]}} {
		_, err = Read(ctx, store, nil, at)
		require.ErrorIs(t, err, errs.ErrUnsupported)
	}
	require.NoError(t, store.Put(ctx, "t/index/index-1", data[:20]))
	_, err = Read(ctx, store, nil, at)
	require.ErrorIs(t, err, errs.ErrCorrupt)
}

func FuzzDecode(f *testing.F) {
	for name, raw := range goldens(f) {
		if len(raw) < 12_000 {
			f.Add(raw, said(raw, strings.Contains(name, "64")))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, length int32) {
		v, err := Decode(raw, length)
		if err != nil {
			return
		}
		wide := binary.BigEndian.Uint32(raw[4:]) != magic32
		if v.Max() > 1<<40 || !wide && v.Max() >= maxRow32 {
			return
		}
		again, n, err := Append(nil, v, wide)
		require.NoError(t, err)
		w, err := Decode(again, n)
		require.NoError(t, err)
		require.Equal(t, v.Rows(), w.Rows())
	})
}
