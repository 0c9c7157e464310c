// Package table is what reading, writing and compacting one table share: its
// schema, options, metadata and the way to its data files.
package table

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/internal/binrow"
	"github.com/tarndb/tarn/paimon/internal/datafile"
	"github.com/tarndb/tarn/paimon/internal/deletion"
	"github.com/tarndb/tarn/paimon/internal/fileindex"
	"github.com/tarndb/tarn/paimon/internal/history"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/internal/manifest"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/merge"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// Table is one branch of a table under one schema. It is not changed after
// Open and may be shared by goroutines.
type Table struct {
	Name      string // "db.table"
	Dir       string
	Store     fileio.Store
	Schema    *spec.TableSchema
	Raw       options.Map // options with those of the hint
	Options   options.Table
	History   *history.History
	Manifests *manifest.Files
	Scanner   *scan.Scanner
	Parts     *binrow.Partitioner

	// KeyAt are the positions of the trimmed primary key, PartAt those of the
	// partition columns, SeqAt those of `sequence.field`.
	KeyAt, PartAt, SeqAt []int
	keyTypes             []types.Type
	vectors              deletion.Cache  // nil: none
	formats              format.Registry // one for the table: it pools compressors
}

// Config says which table to open.
type Config struct {
	Name   string
	Dir    string
	Branch string
	Store  fileio.Store
	Schema *spec.TableSchema // newest
	Hint   map[string]string // dynamic options
	Cache  *manifest.Cache
}

// Open prepares a table; it reads no file.
func Open(c Config) (*Table, error) {
	t := &Table{Name: c.Name, Dir: c.Dir, Store: c.Store, Schema: c.Schema, Raw: options.Map(c.Schema.Options).With(c.Hint), formats: datafile.Formats()}
	if err := options.CheckReadable(t.Raw); err != nil {
		return nil, fmt.Errorf("open table %s: %w", c.Name, err)
	}
	var err error
	if t.Options, err = options.Parse(t.Raw, t.Keyed()); err != nil {
		return nil, fmt.Errorf("open table %s: %w", c.Name, err)
	}
	if t.KeyAt, err = c.Schema.Indexes(c.Schema.TrimmedPrimaryKeys()); err == nil {
		if t.PartAt, err = c.Schema.Indexes(c.Schema.PartitionKeys); err == nil {
			t.SeqAt, err = c.Schema.Indexes(t.Options.SequenceFields)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open table %s: %w", c.Name, err)
	}
	for _, f := range c.Schema.TrimmedPrimaryKeyFields() {
		t.keyTypes = append(t.keyTypes, f.Type)
	}
	t.History = history.Open(c.Store, c.Dir, c.Branch)
	f := t.Options.Files
	m := manifest.DefaultOptions()
	m.TargetSize, m.MergeMinCount, m.FullCompactionSize, m.Codec = f.ManifestTargetSize, f.ManifestMergeMin, f.ManifestFullSize, f.ManifestCompression
	m.PartitionFields, m.Arity, m.Cache = c.Schema.PartitionFields(), spec.ArityOf(c.Schema), c.Cache
	if t.Manifests, err = manifest.New(c.Store, c.Dir, m); err != nil {
		return nil, fmt.Errorf("open table %s: %w", c.Name, err)
	}
	t.Parts = binrow.NewPartitioner(c.Schema.PartitionFields(), f.PartitionDefaultName, f.PartitionLegacyName)
	t.Scanner = &scan.Scanner{Manifests: t.Manifests, Schema: c.Schema, Options: t.Options, SchemaFields: t.SchemaFields, IndexPath: t.IndexPath, OpenExtra: t.openExtra}
	if c.Cache != nil {
		t.vectors = c.Cache
	}
	return t, nil
}

// Keyed reports whether the table has a primary key.
func (t *Table) Keyed() bool { return len(t.Schema.PrimaryKeys) > 0 }

// SchemaFields gives the columns of a schema by id.
func (t *Table) SchemaFields(id int64) ([]types.Field, error) {
	if id == t.Schema.ID {
		return t.Schema.Fields, nil
	}
	s, err := t.History.Schemas.Get(context.Background(), id)
	if err != nil {
		return nil, err
	}
	return s.Fields, nil
}

// KeyOf encodes a BinaryRow of the trimmed primary key so that bytes order
// like keys.
func (t *Table) KeyOf(row []byte) ([]byte, error) {
	b, err := binrow.Decode(t.keyTypes, row)
	if err != nil {
		return nil, err
	}
	defer b.Release()
	keys, err := columnar.NewKeyEncoder(t.keyTypes, columnar.KeyOptions{}).Encode(b.Columns())
	if err != nil {
		return nil, err
	}
	return slices.Clone(keys.At(0)), nil
}

// Folds reports whether the merge engine may be applied to its own results in
// any grouping: engines that pick whole rows may.
func (t *Table) Folds() bool {
	return t.Options.MergeEngine == options.Deduplicate || t.Options.MergeEngine == options.FirstRow
}

// Policy is how versions of a key are merged in reads and compactions.
func (t *Table) Policy() lsm.Policy {
	switch {
	case t.Options.MergeEngine == options.FirstRow:
		return lsm.MergeFirstRow
	case t.Options.NeedsLookup():
		return lsm.MergeLookup
	}
	return lsm.MergeAll
}

// ReadOptions gives the merge options for reading columns (positions; nil for
// all), and the columns that have to be read for it: engines look at more than
// they give.
func (t *Table) ReadOptions(columns []int) (o lsm.ReadOptions, read []int, err error) {
	schema := merge.Schema{Fields: t.Schema.Fields, PrimaryKey: t.Schema.PrimaryKeys}
	newEngine := func() (merge.Engine, error) { return merge.New(schema, t.Raw) }
	o = lsm.ReadOptions{KeyOf: t.KeyOf, Policy: t.Policy()}
	if columns != nil {
		if read, o.Columns, err = t.required(schema, columns); err != nil {
			return o, nil, fmt.Errorf("table %s: %w", t.Name, err)
		}
		names := make([]string, len(read))
		for i, c := range read {
			names[i] = t.Schema.Fields[c].Name
		}
		newEngine = func() (merge.Engine, error) { return merge.NewProjected(schema, t.Raw, names) }
	}
	if _, err := newEngine(); err != nil { // report now; the factory below cannot
		return o, nil, fmt.Errorf("table %s: %w", t.Name, err)
	}
	o.NewEngine = func() merge.Engine { e, _ := newEngine(); return e }
	return o, read, nil
}

// required gives the columns to read, in table order behind the wanted ones,
// and where the wanted ones are among them.
func (t *Table) required(schema merge.Schema, columns []int) (read, at []int, err error) {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = t.Schema.Fields[c].Name
	}
	needed, err := merge.RequiredColumns(schema, t.Raw, names)
	if err != nil {
		return nil, nil, err
	}
	read = slices.Clone(columns)
	at = make([]int, len(columns))
	for i := range at {
		at[i] = i
	}
	for _, n := range needed {
		if c := t.Schema.Index(n); !slices.Contains(read, c) {
			read = append(read, c)
		}
	}
	return read, at, nil
}

// PartitionColumns gives one-row arrays of the partition's values by position.
func (t *Table) PartitionColumns(row []byte) (map[int]arrow.Array, error) {
	if len(t.PartAt) == 0 {
		return nil, nil
	}
	b, err := binrow.Rows(t.Schema.PartitionFields(), [][]byte{row})
	if err != nil {
		return nil, fmt.Errorf("table %s: partition: %w", t.Name, err)
	}
	out := make(map[int]arrow.Array, len(t.PartAt))
	for i, at := range t.PartAt {
		out[at] = b.Column(i) // kept by the reader; the Go heap frees it
	}
	return out, nil
}

// PathOptions gives the naming of data files.
func (t *Table) PathOptions() datafile.PathOptions {
	f := t.Options.Files
	o := datafile.PathOptions{Table: t.Dir, DataPrefix: f.Prefix, ChangelogPrefix: t.Options.Changelog.FilePrefix, Directory: f.Directory, Store: t.Store,
		External: datafile.External{Roots: f.External.Paths, Entropy: f.External.Entropy, Weights: f.External.Weights}}
	if f.SuffixCompression {
		o.Compression = f.Compression
	}
	return o
}

// CheckWritable refuses tables that Tarn cannot write.
func (t *Table) CheckWritable() error {
	if err := options.CheckWritable(t.Raw); err != nil {
		return fmt.Errorf("write table %s: %w", t.Name, err)
	}
	if err := fileindex.Validate(t.Raw, t.Schema.Fields); err != nil {
		return fmt.Errorf("write table %s: %w", t.Name, err)
	}
	for _, f := range t.Schema.Fields {
		if f.Type.Root == types.Variant || f.Type.Root == types.Blob {
			return errs.Unsupported("write table %s: column %s: this version of Tarn reads %s columns, it does not write them", t.Name, f.Name, f.Type)
		}
	}
	switch {
	case t.Keyed() && t.Schema.CrossPartition() && t.Options.Bucket != -1:
		return errs.Invalid("write table %s: the primary key %v lacks partition columns (%v): set 'bucket' = '-1', or add them to the key", t.Name, t.Schema.PrimaryKeys, t.Schema.PartitionKeys)
	case t.Keyed() && t.Schema.CrossPartition() && len(t.Options.SequenceFields) > 0:
		return errs.Invalid("write table %s: 'sequence.field' cannot be used when the primary key %v lacks partition columns (%v): rows of two partitions are not compared", t.Name, t.Schema.PrimaryKeys, t.Schema.PartitionKeys)
	}
	for _, uri := range t.Options.Files.External.Paths {
		if _, err := datafile.KeyOf(t.Store, uri); err != nil {
			return fmt.Errorf("write table %s: 'data-file.external-paths': %w", t.Name, err)
		}
	}
	for _, id := range t.Options.Formats() {
		if err := t.formats.CheckWrite(id, t.Schema.Fields); err != nil {
			return fmt.Errorf("write table %s: %w", t.Name, err)
		}
	}
	return nil
}
