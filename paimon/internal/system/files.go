package system

import (
	"context"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/format/cast"
	"github.com/tarndb/tarn/paimon/internal/binrow"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// fileRow is a live file with what its bucket says of it.
type fileRow struct {
	partition string
	bucket    int
	path      string
	meta      *spec.DataFileMeta
}

// liveFiles gives the live files of all levels, by partition and bucket.
func liveFiles(ctx context.Context, of Of) ([]fileRow, error) {
	buckets, err := of.Table.Scanner.Live(ctx, of.Snapshot, scan.Request{AllLevels: true})
	if err != nil {
		return nil, err
	}
	texts := partitionTexts{of: of.Table, seen: map[string]string{}}
	local, isLocal := of.Table.Store.(fileio.Locator)
	var out []fileRow
	for i := range buckets {
		b := &buckets[i]
		if b.Bucket == -2 { // postponed rows are not in the table yet
			continue
		}
		partition, err := texts.of1(b.Partition)
		if err != nil {
			return nil, err
		}
		paths, err := of.Table.Files(b.Partition, b.Bucket, nil)
		if err != nil {
			return nil, err
		}
		for j := range b.Files {
			f := &b.Files[j]
			at := paths.Path(f)
			if isLocal && f.ExternalPath == nil {
				at = local.LocalPath(at)
			}
			out = append(out, fileRow{partition, b.Bucket, at, f})
		}
	}
	return out, nil
}

// partitionTexts casts partitions to text as Java casts a ROW: {2025-01-01, 3}.
type partitionTexts struct {
	of   *table.Table
	seen map[string]string
}

func (p *partitionTexts) of1(row []byte) (string, error) {
	if text, ok := p.seen[string(row)]; ok {
		return text, nil
	}
	text, err := rowText(p.of.Schema.PartitionFields(), row)
	if err != nil {
		return "", fmt.Errorf("partition: %w", err)
	}
	p.seen[string(row)] = text
	return text, nil
}

func rowText(fields []types.Field, row []byte) (string, error) {
	if len(fields) == 0 {
		return "{}", nil
	}
	b, err := binrow.Rows(fields, [][]byte{row})
	if err != nil {
		return "", err
	}
	defer b.Release()
	s := array.RecordToStructArray(b)
	defer s.Release()
	c, err := cast.New(types.RowOf(fields...), types.String(), memory.DefaultAllocator)
	if err != nil {
		return "", err
	}
	out, err := c(s)
	if err != nil {
		return "", err
	}
	defer out.Release()
	return strings.Clone(out.(*array.String).Value(0)), nil
}

// common writes the columns that $files and $file_key_ranges begin with.
func (f *fileRow) common(of *table.Table, w *writer) error {
	w.text(f.partition)
	w.int(f.bucket)
	w.text(f.path)
	w.text(strings.TrimPrefix(path.Ext(f.meta.FileName), "."))
	w.long(f.meta.SchemaID)
	w.int(f.meta.Level)
	w.long(f.meta.RowCount)
	w.long(f.meta.FileSize)
	for _, key := range [][]byte{f.meta.MinKey, f.meta.MaxKey} {
		text, err := keyText(of, key)
		if err != nil {
			return fmt.Errorf("file %s: key: %w", f.meta.FileName, err)
		}
		w.textOrNull(text)
	}
	return nil
}

// keyText prints a key as [1, a]; nil for files without keys. Types of key
// columns never change, so those of the table's schema will do.
func keyText(of *table.Table, key []byte) (*string, error) {
	fields := of.Schema.TrimmedPrimaryKeyFields()
	if len(fields) == 0 || len(key) == 0 {
		return nil, nil
	}
	values, err := rowValues(fields, key)
	if err != nil {
		return nil, err
	}
	text := "[" + strings.Join(values, ", ") + "]"
	return &text, nil
}

func rowValues(fields []types.Field, row []byte) ([]string, error) {
	b, err := binrow.Rows(fields, [][]byte{row})
	if err != nil {
		return nil, err
	}
	defer b.Release()
	out := make([]string, len(fields))
	for i, f := range fields {
		if out[i], err = binrow.Text(f.Type, b.Column(i)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// loadFiles mirrors FilesTable.
func loadFiles(ctx context.Context, of Of) (rows, error) {
	all, err := liveFiles(ctx, of)
	return rows{n: len(all), row: func(i int, w *writer) error {
		f, m := &all[i], all[i].meta
		if err := f.common(of.Table, w); err != nil {
			return err
		}
		if err := writeStats(of.Table, m, w); err != nil {
			return fmt.Errorf("file %s: statistics: %w", m.FileName, err)
		}
		w.long(m.MinSequence)
		w.long(m.MaxSequence)
		w.wall(&m.CreationTime)
		w.longOrNull(m.DeleteRowCount)
		switch {
		case m.FileSource == nil:
			w.null()
		case *m.FileSource == spec.SourceAppend:
			w.text("APPEND")
		default:
			w.text("COMPACT")
		}
		w.longOrNull(m.FirstRowID)
		list := w.next().(*array.ListBuilder)
		if m.WriteCols == nil {
			list.AppendNull()
			return nil
		}
		list.Append(true)
		for _, c := range m.WriteCols {
			list.ValueBuilder().(*array.StringBuilder).Append(c)
		}
		return nil
	}}, err
}

// loadFileKeyRanges mirrors FileKeyRangesTable.
func loadFileKeyRanges(ctx context.Context, of Of) (rows, error) {
	all, err := liveFiles(ctx, of)
	return rows{n: len(all), row: func(i int, w *writer) error {
		err := all[i].common(of.Table, w)
		w.longOrNull(all[i].meta.FirstRowID)
		return err
	}}, err
}

// loadBuckets mirrors BucketsTable.
func loadBuckets(ctx context.Context, of Of) (rows, error) {
	type sum struct {
		partition          string
		bucket             int
		rows, bytes, files int64
		last               time.Time
	}
	buckets, err := of.Table.Scanner.Live(ctx, of.Snapshot, scan.Request{})
	if err != nil {
		return rows{}, err
	}
	texts := partitionTexts{of: of.Table, seen: map[string]string{}}
	all := make([]sum, 0, len(buckets))
	for i := range buckets {
		b := &buckets[i]
		s := sum{bucket: b.Bucket, files: int64(len(b.Files))}
		if s.partition, err = texts.of1(b.Partition); err != nil {
			return rows{}, err
		}
		for j := range b.Files {
			s.rows += b.Files[j].RowCount
			s.bytes += b.Files[j].FileSize
			if at := b.Files[j].CreationTime; at.After(s.last) {
				s.last = at
			}
		}
		all = append(all, s)
	}
	sort.SliceStable(all, func(i, j int) bool {
		return all[i].partition < all[j].partition || all[i].partition == all[j].partition && all[i].bucket < all[j].bucket
	})
	return rows{n: len(all), row: func(i int, w *writer) error {
		s := &all[i]
		w.text(s.partition)
		w.int(s.bucket)
		w.long(s.rows)
		w.long(s.bytes)
		w.long(s.files)
		w.wall(&s.last)
		return nil
	}}, nil
}

// loadPartitions mirrors PartitionsTable; a catalog of files knows nothing of
// who made a partition.
func loadPartitions(ctx context.Context, of Of) (rows, error) {
	if of.Snapshot == nil {
		return rows{}, nil
	}
	all, err := of.Partitions(ctx)
	return rows{n: len(all), row: func(i int, w *writer) error {
		p := &all[i]
		w.text(p.Name)
		w.long(p.Rows)
		w.long(p.Bytes)
		w.long(p.Files)
		w.wall(&p.LastFile)
		for range 4 {
			w.null()
		}
		return nil
	}}, err
}

// loadManifests mirrors ManifestsTable: those of a snapshot's state and of its
// changelog.
func loadManifests(ctx context.Context, of Of) (rows, error) {
	if of.Snapshot == nil {
		return rows{}, nil
	}
	all, err := of.Table.Manifests.All(ctx, of.Snapshot)
	if err != nil {
		return rows{}, err
	}
	changelog, err := of.Table.Manifests.Changelog(ctx, of.Snapshot)
	if err != nil {
		return rows{}, err
	}
	all = append(slices.Clone(all), changelog...)
	fields := of.Table.Schema.PartitionFields()
	return rows{n: len(all), row: func(i int, w *writer) error {
		m := &all[i]
		w.text(m.FileName)
		w.long(m.FileSize)
		w.long(m.NumAdded)
		w.long(m.NumDeleted)
		w.long(m.SchemaID)
		for _, row := range [][]byte{m.PartitionStats.Min, m.PartitionStats.Max} {
			text, err := rowText(fields, row)
			if err != nil {
				return fmt.Errorf("manifest %s: %w", m.FileName, err)
			}
			w.text(text)
		}
		w.longOrNull(m.MinRowID)
		w.longOrNull(m.MaxRowID)
		return nil
	}}, nil
}

// loadIndexes mirrors TableIndexesTable.
func loadIndexes(ctx context.Context, of Of) (rows, error) {
	if of.Snapshot == nil {
		return rows{}, nil
	}
	all, err := of.Table.Manifests.Index(ctx, of.Snapshot)
	texts := partitionTexts{of: of.Table, seen: map[string]string{}}
	return rows{n: len(all), row: func(i int, w *writer) error {
		e := &all[i]
		partition, err := texts.of1(e.Partition)
		if err != nil {
			return err
		}
		w.text(partition)
		w.int(e.Bucket)
		w.text(e.File.IndexType)
		w.text(e.File.FileName)
		w.long(e.File.FileSize)
		w.long(e.File.RowCount)
		list := w.next().(*array.ListBuilder)
		if e.File.Deletions == nil {
			list.AppendNull()
			return nil
		}
		list.Append(true)
		row := list.ValueBuilder().(*array.StructBuilder)
		for _, d := range e.File.Deletions {
			row.Append(true)
			row.FieldBuilder(0).(*array.StringBuilder).Append(d.DataFile)
			row.FieldBuilder(1).(*array.Int32Builder).Append(d.Offset)
			row.FieldBuilder(2).(*array.Int32Builder).Append(d.Length)
			if c := row.FieldBuilder(3).(*array.Int64Builder); d.Cardinality == nil {
				c.AppendNull()
			} else {
				c.Append(*d.Cardinality)
			}
		}
		return nil
	}}, err
}

// writeStats writes null counts and bounds of all columns by name, as Java
// prints a TreeMap: {a=1, b=null}. Those of a file of an older schema are
// turned into the table's types; a column that the file has not is NULL in all
// of its rows. Source: FilesTable.StatsLazyGetter, SimpleStatsEvolution.
func writeStats(t *table.Table, m *spec.DataFileMeta, w *writer) error {
	fields, err := t.SchemaFields(m.SchemaID)
	if err != nil {
		return err
	}
	kept, names := fields, m.ValueStatsCols
	if names == nil {
		names = m.WriteCols // of files that hold some columns only
	}
	if names != nil {
		kept = nil
		for _, name := range names {
			if i := slices.IndexFunc(fields, func(f types.Field) bool { return f.Name == name }); i >= 0 {
				kept = append(kept, fields[i])
			}
		}
	}
	bounds, err := binrow.Rows(kept, [][]byte{m.ValueStats.Min, m.ValueStats.Max})
	if err != nil {
		return err
	}
	defer bounds.Release()
	by := func(list []types.Field, id int) int {
		return slices.IndexFunc(list, func(f types.Field) bool { return f.ID == id })
	}
	texts := [3]map[string]string{{}, {}, {}}
	for _, f := range t.Schema.Fields {
		at := by(kept, f.ID)
		if at < 0 && m.ValueStatsCols == nil && m.WriteCols != nil {
			continue // Java shows what the file has
		}
		for k := range texts {
			texts[k][f.Name] = "null"
		}
		if at < 0 {
			if by(fields, f.ID) < 0 && (m.ValueStatsCols == nil || len(m.ValueStatsCols) > 0) {
				texts[0][f.Name] = fmt.Sprint(m.RowCount)
			}
			continue
		}
		if at < len(m.ValueStats.NullCounts) && m.ValueStats.NullCounts[at] != nil {
			texts[0][f.Name] = fmt.Sprint(*m.ValueStats.NullCounts[at])
		}
		for k := range 2 {
			if texts[k+1][f.Name], err = boundText(kept[at].Type, f.Type, bounds.Column(at), k); err != nil {
				return fmt.Errorf("column %s: %w", f.Name, err)
			}
		}
	}
	for _, values := range texts {
		names := make([]string, 0, len(values))
		for n := range values {
			names = append(names, n)
		}
		slices.Sort(names)
		for i, n := range names {
			names[i] = n + "=" + values[n]
		}
		w.text("{" + strings.Join(names, ", ") + "}")
	}
	return nil
}

func boundText(from, to types.Type, col arrow.Array, row int) (string, error) {
	one := array.NewSlice(col, int64(row), int64(row+1))
	defer one.Release()
	if one.IsNull(0) || from.IsNested() {
		return "null", nil
	}
	c, err := cast.New(from, to, memory.DefaultAllocator)
	if err != nil {
		return "", err
	}
	if c == nil {
		return binrow.Text(to, one)
	}
	out, err := c(one)
	if err != nil {
		return "", err
	}
	defer out.Release()
	return binrow.Text(to, out)
}
