package manifest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/internal/binrow"
	"github.com/tarndb/tarn/paimon/internal/history"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// TestTablesOfPaimon reads all snapshots of tables that Paimon wrote: the live
// files have the rows that the snapshot says, and the records of the lists
// are those that this package makes of the entries.
func TestTablesOfPaimon(t *testing.T) {
	ctx := t.Context()
	store, err := fileio.NewLocal("testdata/paimon-1.4.2")
	require.NoError(t, err)
	f := func(table string, snapshots, manifests, live, index int) {
		t.Helper()
		h := history.Open(store, table, "")
		schema, err := h.Schemas.Latest(ctx)
		require.NoError(t, err)
		o := DefaultOptions()
		o.Arity, o.PartitionFields, o.Cache = spec.ArityOf(schema), schema.PartitionFields(), NewCache(1<<20)
		files, err := New(store, table, o)
		require.NoError(t, err)
		all, err := h.Snapshots.Range(ctx, 1, 1<<40)
		require.NoError(t, err)
		require.Len(t, all, snapshots)
		read := 0
		for _, snap := range all {
			metas, err := files.All(ctx, snap)
			require.NoError(t, err)
			entries, err := files.Live(ctx, metas, nil)
			require.NoError(t, err)
			require.Equal(t, snap.TotalRecordCount, rows(entries))
			for _, meta := range metas {
				entries, err := files.Read(ctx, meta.FileName)
				require.NoError(t, err)
				got, err := files.describe(entries)
				require.NoError(t, err)
				got.FileName, got.FileSize = meta.FileName, meta.FileSize
				require.Equal(t, meta, got)
				read++
			}
			changelog, err := files.Changelog(ctx, snap)
			require.NoError(t, err)
			require.Empty(t, changelog)
			if snap == all[len(all)-1] {
				in, err := files.Index(ctx, snap)
				require.NoError(t, err)
				require.Equal(t, []int{live, index}, []int{len(entries), len(in)}, table)
			}
		}
		require.Equal(t, manifests, read, table)
	}
	f("part.db_string_int_date", 4, 10, 58, 0)
	f("dv.db_append", 7, 18, 2, 1)
	f("bucket.db_dynamic_partitioned", 4, 10, 12, 6)
}

func rows(entries []spec.ManifestEntry) (n int64) {
	for i := range entries {
		n += entries[i].File.RowCount
	}
	return n
}

var dayField = []types.Field{{ID: 0, Name: "day", Type: types.Of(types.Int)}}

func day(n int) []byte {
	b := array.NewInt32Builder(memory.DefaultAllocator)
	defer b.Release()
	if n < 0 {
		b.AppendNull()
	} else {
		b.Append(int32(n))
	}
	return binrow.NewEncoder(spec.TypesOf(dayField)).Append(nil, []arrow.Array{b.NewArray()}, 0)
}

func entry(kind int8, name string, bucket, level int) spec.ManifestEntry {
	return spec.ManifestEntry{Kind: kind, Partition: binrow.Empty, Bucket: bucket, TotalBuckets: 4, File: spec.DataFileMeta{FileName: name, Level: level, RowCount: 1}}
}

func TestMergeEntries(t *testing.T) {
	// +name@level adds, -name@level deletes
	f := func(in, want string) {
		t.Helper()
		var entries []spec.ManifestEntry
		for _, w := range strings.Fields(in) {
			kind := spec.KindAdd
			if w[0] == '-' {
				kind = spec.KindDelete
			}
			var level int
			name, at, _ := strings.Cut(w[1:], "@")
			fmt.Sscan(at, &level)
			entries = append(entries, entry(kind, name, 0, level))
		}
		out, err := MergeEntries(entries)
		if strings.HasPrefix(want, "error") {
			require.ErrorContains(t, err, strings.TrimPrefix(want, "error "), in)
			return
		}
		require.NoError(t, err, in)
		var got []string
		for _, e := range out {
			got = append(got, fmt.Sprintf("%s%s@%d", []string{"+", "-"}[e.Kind], e.File.FileName, e.File.Level))
		}
		require.Equal(t, want, strings.Join(got, " "), in)
	}
	f("", "")
	f("+a@0 +b@0", "+a@0 +b@0")
	f("+a@0 +b@0 -a@0", "+b@0")
	f("+a@0 -a@0 +a@5", "+a@5") // upgrade: another level is another entry
	f("+a@0 +a@1", "+a@0 +a@1")
	f("-a@0 +b@0", "-a@0 +b@0") // the ADD is in an earlier manifest
	f("-a@0 -a@0", "-a@0")
	f("+a@0 -a@0 +b@0 +a@0", "+b@0 +a@0") // rolled back to: added again
	f("+a@0 +a@0", "error file a of level 0 in bucket 0 is added twice")
	f("-a@0 +a@0", "error deleted before it is added")
}

func TestIdentity(t *testing.T) {
	base := entry(spec.KindAdd, "f", 1, 2)
	path := "s3://x/f"
	var seen []string
	f := func(change func(e *spec.ManifestEntry)) {
		t.Helper()
		e := base
		change(&e)
		id := string(Identity(nil, &e))
		require.NotContains(t, seen, id)
		seen = append(seen, id)
	}
	f(func(e *spec.ManifestEntry) {})
	f(func(e *spec.ManifestEntry) { e.Bucket = 2 })
	f(func(e *spec.ManifestEntry) { e.Bucket = -2 })
	f(func(e *spec.ManifestEntry) { e.File.Level = 1 })
	f(func(e *spec.ManifestEntry) { e.File.FileName = "g" })
	f(func(e *spec.ManifestEntry) { e.Partition = day(1) })
	f(func(e *spec.ManifestEntry) { e.File.ExtraFiles = []string{"x"} })
	f(func(e *spec.ManifestEntry) { e.File.ExtraFiles = []string{"x", ""} })
	f(func(e *spec.ManifestEntry) { e.File.EmbeddedIndex = []byte{} })
	f(func(e *spec.ManifestEntry) { e.File.EmbeddedIndex = []byte("s3://x/f") })
	f(func(e *spec.ManifestEntry) { e.File.ExternalPath = &path })
	same := base
	same.Kind, same.File.RowCount, same.File.ExtraFiles = spec.KindDelete, 99, []string{}
	require.Equal(t, seen[0], string(Identity(nil, &same)))
}

// table is a model: it commits random changes and knows which files are live.
type table struct {
	t       *testing.T
	rnd     *rand.Rand
	files   *Files
	base    []spec.ManifestFileMeta
	delta   []spec.ManifestFileMeta
	live    map[string]spec.ManifestEntry
	dropped []spec.ManifestEntry
	next    int
}

func (m *table) commit(ctx context.Context) (rewritten int) {
	merged, written, err := m.files.Merge(ctx, append(slices.Clone(m.base), m.delta...))
	require.NoError(m.t, err)
	for _, w := range written {
		require.Contains(m.t, merged, w)
	}
	var changes []spec.ManifestEntry
	for range m.rnd.IntN(12) {
		m.next++
		e := entry(spec.KindAdd, fmt.Sprintf("data-%d", m.next), m.rnd.IntN(3), m.rnd.IntN(2))
		e.Partition, e.File.RowCount = day(m.rnd.IntN(6)-1), int64(m.next)
		changes = append(changes, e)
	}
	if n := len(m.dropped); n > 0 && m.rnd.IntN(3) == 0 { // an old snapshot is restored
		changes = append(changes, m.dropped[n-1])
		m.dropped = m.dropped[:n-1]
	}
	for id, e := range m.live {
		if m.rnd.IntN(5) == 0 {
			delete(m.live, id)
			e.Kind = spec.KindDelete
			changes = append(changes, e)
			e.Kind = spec.KindAdd
			if m.rnd.IntN(2) == 0 {
				m.dropped = append(m.dropped, e)
			} else {
				e.File.Level += 3 // upgrade
				changes = append(changes, e)
			}
		}
	}
	for _, e := range changes {
		if e.Kind == spec.KindAdd {
			m.live[string(Identity(nil, &e))] = e
		}
	}
	m.base = merged
	m.delta, err = m.files.Write(ctx, changes)
	require.NoError(m.t, err)
	return len(written)
}

func TestMergeKeepsTheLiveFiles(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	minor, full := 0, 0
	for round := range 12 {
		o := DefaultOptions()
		o.PartitionFields, o.Arity = dayField, spec.Arity{Partition: 1}
		o.TargetSize = []int64{900, 2500, 1 << 20}[round%3]
		o.MergeMinCount = 2 + rnd.IntN(6)
		o.FullCompactionSize = []int64{6000, 1 << 30}[round/3%2]
		o.Parallel = 1 + rnd.IntN(3)
		files, err := New(fileio.NewMem(), "t", o)
		require.NoError(t, err)
		m := &table{t: t, rnd: rnd, files: files, live: map[string]spec.ManifestEntry{}}
		for range 40 {
			n := m.commit(t.Context())
			if o.FullCompactionSize < 1<<30 {
				full += n
			} else {
				minor += n
			}
			all := append(slices.Clone(m.base), m.delta...)
			live, err := files.Live(t.Context(), all, nil)
			require.NoError(t, err)
			got := map[string]spec.ManifestEntry{}
			for _, e := range live {
				got[string(Identity(nil, &e))] = e
			}
			require.Len(t, got, len(m.live))
			for id, e := range m.live {
				require.Equal(t, e.File.RowCount, got[id].File.RowCount)
			}
			some, err := files.Live(t.Context(), all, func(e *spec.ManifestEntry) bool { return e.Bucket == 1 })
			require.NoError(t, err)
			for _, e := range some {
				require.Equal(t, 1, e.Bucket)
			}
		}
	}
	require.NotZero(t, minor)
	require.NotZero(t, full)
}

func TestFullMergeSkipsUntouchedPartitions(t *testing.T) {
	ctx, store := t.Context(), fileio.NewMem()
	o := DefaultOptions()
	o.PartitionFields, o.Arity = dayField, spec.Arity{Partition: 1}
	o.TargetSize, o.FullCompactionSize = 1, 1
	files, err := New(store, "t", o)
	require.NoError(t, err)
	var all []spec.ManifestFileMeta
	add := func(kind int8, name string, part int) {
		e := entry(kind, name, 0, 0)
		e.Partition = day(part)
		metas, err := files.Write(ctx, []spec.ManifestEntry{e})
		require.NoError(t, err)
		all = append(all, metas...)
	}
	add(spec.KindAdd, "a", 1)
	add(spec.KindAdd, "b", 2)
	add(spec.KindAdd, "c", -1) // NULL
	add(spec.KindDelete, "b", 2)
	// the manifest of partition 1 need not be read: it could not be
	require.NoError(t, store.Put(ctx, files.Path(all[0].FileName), []byte("gone")))
	merged, written, err := files.Merge(ctx, all)
	require.NoError(t, err)
	require.Empty(t, written)
	require.Equal(t, []string{all[0].FileName, all[2].FileName}, []string{merged[0].FileName, merged[1].FileName})
	require.Len(t, merged, 2)
}

func TestRolling(t *testing.T) {
	ctx := t.Context()
	o := DefaultOptions()
	o.TargetSize, o.Codec = 200_000, "null"
	files, err := New(fileio.NewMem(), "t", o)
	require.NoError(t, err)
	var in []spec.ManifestEntry
	for i := range 12_345 {
		in = append(in, entry(spec.KindAdd, fmt.Sprintf("data-%d", i), i%7, 0))
	}
	metas, err := files.Write(ctx, in)
	require.NoError(t, err)
	require.Greater(t, len(metas), 3)
	total := int64(0)
	for i, m := range metas {
		total += m.NumAdded
		info, err := files.store.Stat(ctx, files.Path(m.FileName))
		require.NoError(t, err)
		require.Equal(t, info.Size, m.FileSize)
		if i < len(metas)-1 {
			require.GreaterOrEqual(t, m.FileSize, o.TargetSize)
			require.Less(t, m.FileSize, 2*o.TargetSize)
		}
	}
	require.EqualValues(t, len(in), total)
	out, err := files.Entries(ctx, metas, nil)
	require.NoError(t, err)
	require.Len(t, out, len(in))
	require.Equal(t, in[12_344].File.FileName, out[12_344].File.FileName)

	none, err := files.Write(ctx, nil)
	require.NoError(t, err)
	require.Empty(t, none)
	name, size, err := files.WriteList(ctx, nil)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(name, "manifest-list-"))
	require.NotZero(t, size)
	empty, err := files.ReadList(ctx, name)
	require.NoError(t, err)
	require.Empty(t, empty)
}

// failing fails the n-th write.
type failing struct {
	fileio.Store
	left int
}

func (f *failing) Put(ctx context.Context, path string, data []byte) error {
	if f.left--; f.left == 0 {
		return fmt.Errorf("disk full")
	}
	return f.Store.Put(ctx, path, data)
}

func TestFailedWritesLeaveNothing(t *testing.T) {
	ctx, store := t.Context(), &failing{Store: fileio.NewMem(), left: 3}
	o := DefaultOptions()
	o.TargetSize = 1
	files, err := New(store, "t", o)
	require.NoError(t, err)
	var in []spec.ManifestEntry
	for i := range 4000 {
		in = append(in, entry(spec.KindAdd, fmt.Sprint(i), 0, 0))
	}
	_, err = files.Write(ctx, in)
	require.ErrorContains(t, err, "disk full")
	require.ErrorContains(t, err, "t/manifest/manifest-")
	for info, err := range store.List(ctx, "t/manifest") {
		require.NoError(t, err)
		t.Errorf("%s is left", info.Path)
	}
}

func TestDamageIsNamed(t *testing.T) {
	ctx, store := t.Context(), fileio.NewMem()
	files, err := New(store, "db.db/t", DefaultOptions())
	require.NoError(t, err)
	metas, err := files.Write(ctx, []spec.ManifestEntry{entry(spec.KindAdd, "a", 0, 0)})
	require.NoError(t, err)
	path := files.Path(metas[0].FileName)
	data, err := fileio.ReadAll(ctx, store, path, 1<<20)
	require.NoError(t, err)
	require.NoError(t, store.Put(ctx, path, data[:len(data)-20]))
	_, err = files.Live(ctx, metas, nil)
	require.ErrorIs(t, err, errs.ErrCorrupt)
	require.ErrorContains(t, err, path)
	require.NoError(t, store.Put(ctx, path, []byte("ORC…")))
	_, err = files.Read(ctx, metas[0].FileName)
	require.ErrorIs(t, err, errs.ErrCorrupt)
	require.ErrorContains(t, err, path+": manifest in ORC: no ORC postscript")
	_, err = files.Read(ctx, "manifest-none")
	require.ErrorIs(t, err, errs.ErrNotFound)
	_, err = files.Read(ctx, "../../x")
	require.ErrorIs(t, err, errs.ErrCorrupt)

	lone, err := files.Write(ctx, []spec.ManifestEntry{entry(spec.KindDelete, "a", 0, 0)})
	require.NoError(t, err)
	_, err = files.Live(ctx, lone, nil)
	require.ErrorContains(t, err, "file a of level 0 is deleted but no manifest adds it")
	o := DefaultOptions()
	o.TargetSize = 0
	_, err = New(store, "t", o)
	require.ErrorIs(t, err, errs.ErrInvalid)
}

func TestCache(t *testing.T) {
	c := NewCache(100)
	for i := range 10 {
		c.put(fmt.Sprint(i), i, 20)
	}
	for i, want := range []bool{false, false, false, false, false, true, true, true, true, true} {
		_, ok := c.get(fmt.Sprint(i))
		require.Equal(t, want, ok, i)
	}
	c.get("5")
	c.put("x", "x", 20)
	_, ok := c.get("5")
	require.True(t, ok)
	_, ok = c.get("6")
	require.False(t, ok)
	c.put("huge", 1, 26)
	_, ok = c.get("huge")
	require.False(t, ok)
	c.drop("5")
	_, ok = c.get("5")
	require.False(t, ok)
	require.EqualValues(t, 80, c.size)
	var none *Cache
	none.put("a", 1, 1)
	_, ok = none.get("a")
	require.False(t, ok)

	// a cached manifest needs no storage
	ctx, store := t.Context(), fileio.NewMem()
	o := DefaultOptions()
	o.Cache = NewCache(1 << 20)
	files, err := New(store, "t", o)
	require.NoError(t, err)
	metas, err := files.Write(ctx, []spec.ManifestEntry{entry(spec.KindAdd, "a", 0, 0)})
	require.NoError(t, err)
	first, err := files.Read(ctx, metas[0].FileName)
	require.NoError(t, err)
	require.NoError(t, store.Delete(ctx, files.Path(metas[0].FileName)))
	again, err := files.Read(ctx, metas[0].FileName)
	require.NoError(t, err)
	require.Same(t, &first[0], &again[0])
}

func BenchmarkMergeEntries(b *testing.B) {
	var in []spec.ManifestEntry
	for i := range 100_000 {
		in = append(in, entry(spec.KindAdd, fmt.Sprintf("data-0f03255d-112a-4a77-848c-59226d8f6c76-%d.parquet", i), i%16, 0))
	}
	for i := range 30_000 {
		e := in[i*3]
		e.Kind = spec.KindDelete
		in = append(in, e)
	}
	b.ReportAllocs()
	for b.Loop() {
		if out, err := MergeEntries(in); err != nil || len(out) != 70_000 {
			b.Fatal(len(out), err)
		}
	}
}
