package lookup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/binrow"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// Options of a Lookup.
type Options struct {
	// Columns are the positions of the wanted columns; nil for all.
	Columns []int
	// Dir is where segments lie, as files that vanish with the process; "" for
	// the heap.
	Dir string
	// MaxBytes bounds the segments, 0 for no bound: of the disk with Dir, else
	// of memory. A call may go over it by what it needs itself.
	MaxBytes int64
}

// Lookup gets rows of one table by key. It serves one goroutine.
type Lookup struct {
	t        *table.Table
	o        Options
	read     []int // columns that segments have; nil: all
	merge    lsm.ReadOptions
	snapshot int64
	parts    map[string]*partition
	files    map[string]*file
	cache    cache

	keyTypes []types.Type // of the primary key
	trimmed  []int        // positions in the primary key of the trimmed one
	partAt   []int        // and of the partition columns
	bucketAt []int
	keys     *columnar.KeyEncoder
	rows     *binrow.Encoder // of partitions
	buckets  map[int]*binrow.Bucketer
	schema   *arrow.Schema
	bucketOf []int32
	scratch  []byte
}

type partition struct {
	total   int // buckets
	buckets map[int32]*bucket
	all     []*bucket
}

// bucket has its files as gets ask them: those of level 0, newest first, then
// the levels, each in key order.
type bucket struct {
	level0 []*file
	levels [][]*file
	// first says that the first version found is the row.
	first bool
	sp    scan.Split
}

// New opens a Lookup on a table; Refresh gives it a snapshot.
func New(t *table.Table, o Options) (*Lookup, error) {
	if !t.Keyed() {
		return nil, errs.Unsupported("look up rows of table %s: it has no primary key", t.Name)
	}
	l := &Lookup{t: t, o: o, snapshot: -1, parts: map[string]*partition{}, files: map[string]*file{}, cache: cache{limit: o.MaxBytes}, buckets: map[int]*binrow.Bucketer{}}
	var err error
	if l.merge, l.read, err = t.ReadOptions(o.Columns); err != nil {
		return nil, err
	}
	l.merge.DropDeletes, l.merge.Keys = true, true
	keys := t.Schema.PrimaryKeys
	for _, k := range keys {
		f, _ := t.Schema.Field(k)
		l.keyTypes = append(l.keyTypes, f.Type)
	}
	at := func(names []string) (out []int, ts []types.Type) {
		for _, n := range names {
			i := slices.Index(keys, n)
			out = append(out, i)
			if i >= 0 {
				ts = append(ts, l.keyTypes[i])
			}
		}
		return out, ts
	}
	var trimmed, parts []types.Type
	l.trimmed, trimmed = at(t.Schema.TrimmedPrimaryKeys())
	l.keys = columnar.NewKeyEncoder(trimmed, columnar.KeyOptions{})
	if l.partAt, parts = at(t.Schema.PartitionKeys); slices.Contains(l.partAt, -1) {
		return nil, errs.Unsupported("look up rows of table %s: the primary key lacks partition columns (%v)", t.Name, t.Schema.PartitionKeys)
	}
	l.rows = binrow.NewEncoder(parts)
	if t.Options.Bucket > 0 {
		fields, err := t.Schema.BucketKeyFields()
		if err != nil {
			return nil, err
		}
		for _, f := range fields {
			l.bucketAt = append(l.bucketAt, slices.Index(keys, f.Name))
		}
	}
	fields := t.Schema.Fields
	if o.Columns != nil {
		fields = nil
		for _, c := range o.Columns {
			fields = append(fields, t.Schema.Fields[c])
		}
	}
	l.schema = types.ArrowSchema(fields)
	return l, nil
}

// Snapshot is the id of the snapshot that is looked at; 0 for the empty table,
// -1 before the first Refresh.
func (l *Lookup) Snapshot() int64 { return l.snapshot }

// Schema describes the rows given.
func (l *Lookup) Schema() *arrow.Schema { return l.schema }

// Refresh looks at another snapshot, nil for the empty table. Segments of files
// that it has too stay.
func (l *Lookup) Refresh(ctx context.Context, snap *spec.Snapshot) error {
	id := int64(0)
	if snap != nil {
		id = snap.ID
	}
	if id == l.snapshot {
		return nil
	}
	splits, err := l.t.Scanner.Plan(ctx, snap, scan.Request{})
	if err != nil {
		return err
	}
	parts, files := map[string]*partition{}, map[string]*file{}
	for i := range splits {
		if err := l.addSplit(ctx, parts, files, &splits[i]); err != nil {
			return err
		}
	}
	for name, f := range l.files {
		if files[name] != f {
			if derr := l.cache.drop(f); derr != nil {
				err = errors.Join(err, derr)
			}
		}
	}
	l.parts, l.files, l.snapshot = parts, files, id
	for _, p := range parts {
		for _, b := range p.all {
			l.arrange(b)
		}
	}
	return err
}

// addSplit adds the files of a split to its bucket.
func (l *Lookup) addSplit(ctx context.Context, parts map[string]*partition, files map[string]*file, sp *scan.Split) error {
	p := parts[string(sp.Partition)]
	if p == nil {
		p = &partition{total: sp.TotalBuckets, buckets: map[int32]*bucket{}}
		parts[string(sp.Partition)] = p
	}
	b := p.buckets[int32(sp.Bucket)]
	if b == nil {
		b = &bucket{sp: *sp}
		b.sp.Files = nil
		p.buckets[int32(sp.Bucket)] = b
		p.all = append(p.all, b)
	}
	from, err := l.t.Files(sp.Partition, sp.Bucket, l.read)
	if err != nil {
		return err
	}
	dead := l.t.Deletions(sp.Deletions)
	for i := range sp.Files {
		m := sp.Files[i]
		b.sp.Files = append(b.sp.Files, m)
		f := l.files[m.FileName]
		if f == nil {
			lf, err := lsm.NewFile(m, l.merge.KeyOf)
			if err != nil {
				return err
			}
			f = &file{File: lf, from: from}
		} else if f.Level != m.Level { // moved up as it is
			lf := *f.File
			lf.DataFileMeta = m
			f.File = &lf
		}
		f.dead = nil
		if dead != nil {
			if f.dead, err = dead.Vector(ctx, m.FileName); err != nil {
				return err
			}
		}
		files[m.FileName] = f
		if m.Level == 0 {
			b.level0 = append(b.level0, f)
			continue
		}
		for len(b.levels) < m.Level {
			b.levels = append(b.levels, nil)
		}
		b.levels[m.Level-1] = append(b.levels[m.Level-1], f)
	}
	return nil
}

// arrange puts a bucket's files in the order of gets.
func (l *Lookup) arrange(b *bucket) {
	slices.SortStableFunc(b.level0, func(x, y *file) int {
		switch { // newest first
		case x.MaxSequence != y.MaxSequence:
			return int(min(max(y.MaxSequence-x.MaxSequence, -1), 1))
		case x.MinSequence != y.MinSequence:
			return int(min(max(y.MinSequence-x.MinSequence, -1), 1))
		}
		return 0
	})
	runs := 0
	for _, level := range b.levels {
		slices.SortFunc(level, func(x, y *file) int { return bytes.Compare(x.Min, y.Min) })
		if len(level) > 0 {
			runs++
		}
	}
	o := &l.t.Options
	oneRow := len(b.level0) == 0 && (runs <= 1 || o.DeletionVectors.Enabled)
	byAge := o.MergeEngine == options.Deduplicate && len(o.SequenceFields) == 0 && !o.IgnoreDelete && !o.DeletionVectors.Enabled
	b.first = byAge || oneRow && l.final(b)
}

// final reports whether the rows of a compacted bucket are results as they are.
func (l *Lookup) final(b *bucket) bool {
	for i := range b.sp.Files {
		if d := b.sp.Files[i].DeleteRowCount; d == nil || *d > 0 {
			return false
		}
	}
	return true
}

// segment gives the segment of a file, made now if need be.
func (l *Lookup) segment(ctx context.Context, f *file) (*segment, error) {
	f.used = l.cache.now
	if f.seg != nil {
		return f.seg, nil
	}
	in, err := f.from.Open(ctx, &f.DataFileMeta, lsm.OpenOptions{})
	if err != nil {
		return nil, err
	}
	defer in.Close()
	s, err := buildSegment(in, f.RowCount, l.o.Dir)
	if err != nil {
		return nil, fmt.Errorf("data file %s: %w", f.FileName, err)
	}
	return s, l.cache.put(f, s)
}

// Close drops all segments.
func (l *Lookup) Close() error {
	var err error
	for _, f := range l.files {
		err = errors.Join(err, l.cache.drop(f))
	}
	l.files, l.parts, l.snapshot = map[string]*file{}, map[string]*partition{}, -1
	return err
}
