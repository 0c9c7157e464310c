// Package system gives the tables about a table: its snapshots, files,
// options and so on, with the columns of Paimon's org.apache.paimon.table.system.
package system

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// batchRows is how many rows a batch of a system table has.
const batchRows = 4096

// Table is one system table of a table.
type Table struct {
	Fields []types.Field
	load   func(ctx context.Context, of Of) (rows, error)
}

// Of is what a system table is about.
type Of struct {
	Table *table.Table
	// Snapshot is the one that a batch read shows; nil for an empty table.
	Snapshot *spec.Snapshot
	// Partitions lists the partitions of the snapshot.
	Partitions func(ctx context.Context) ([]Partition, error)
}

// Partition is what $partitions shows of a partition.
type Partition struct {
	Name     string // "dt=2025-06-01/hh=3"
	Rows     int64
	Bytes    int64
	Files    int64
	LastFile time.Time
}

// rows are the rows of a system table, made when they are wanted.
type rows struct {
	n   int
	row func(i int, w *writer) error
}

// Names lists the system tables of this package.
func Names() []string {
	names := make([]string, 0, len(tables))
	for n := range tables {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// tables are the system tables by name. Source: SystemTableLoader.
var tables = map[string]Table{
	"snapshots": {load: loadSnapshots, Fields: columns("snapshot_id BIGINT!", "schema_id BIGINT!", "commit_user STRING!", "commit_identifier BIGINT!",
		"commit_kind STRING!", "commit_time TIMESTAMP(3)!", "base_manifest_list STRING!", "delta_manifest_list STRING!", "changelog_manifest_list STRING",
		"total_record_count BIGINT", "delta_record_count BIGINT", "changelog_record_count BIGINT", "watermark BIGINT", "next_row_id BIGINT")},
	"schemas": {load: loadSchemas, Fields: columns("schema_id BIGINT!", "fields STRING!", "partition_keys STRING!", "primary_keys STRING!", "options STRING!",
		"comment STRING", "update_time TIMESTAMP(3)!")},
	"options": {load: loadOptions, Fields: columns("key STRING!", "value STRING!")},
	"files": {load: loadFiles, Fields: columns("partition STRING", "bucket INT!", "file_path STRING!", "file_format STRING!", "schema_id BIGINT!", "level INT!",
		"record_count BIGINT!", "file_size_in_bytes BIGINT!", "min_key STRING", "max_key STRING", "null_value_counts STRING!", "min_value_stats STRING!",
		"max_value_stats STRING!", "min_sequence_number BIGINT", "max_sequence_number BIGINT", "creation_time TIMESTAMP(3)", "deleteRowCount BIGINT",
		"file_source STRING", "first_row_id BIGINT", "write_cols ARRAY<STRING>")},
	"file_key_ranges": {load: loadFileKeyRanges, Fields: columns("partition STRING", "bucket INT!", "file_path STRING!", "file_format STRING!", "schema_id BIGINT!",
		"level INT!", "record_count BIGINT!", "file_size_in_bytes BIGINT!", "min_key STRING", "max_key STRING", "first_row_id BIGINT")},
	"manifests": {load: loadManifests, Fields: columns("file_name STRING!", "file_size BIGINT!", "num_added_files BIGINT!", "num_deleted_files BIGINT!",
		"schema_id BIGINT!", "min_partition_stats STRING", "max_partition_stats STRING", "min_row_id BIGINT", "max_row_id BIGINT")},
	"partitions": {load: loadPartitions, Fields: columns("partition STRING", "record_count BIGINT!", "file_size_in_bytes BIGINT!", "file_count BIGINT!",
		"last_update_time TIMESTAMP(3)", "created_at TIMESTAMP(3)", "created_by STRING", "updated_by STRING", "options STRING")},
	"buckets": {load: loadBuckets, Fields: columns("partition STRING", "bucket INT!", "record_count BIGINT!", "file_size_in_bytes BIGINT!", "file_count BIGINT!",
		"last_update_time TIMESTAMP(3)")},
	"tags": {load: loadTags, Fields: columns("tag_name STRING!", "snapshot_id BIGINT!", "schema_id BIGINT!", "commit_time TIMESTAMP(3)!", "record_count BIGINT",
		"create_time TIMESTAMP(3)", "time_retained STRING")},
	"branches":           {load: loadBranches, Fields: columns("branch_name STRING!", "create_time TIMESTAMP(3)!")},
	"consumers":          {load: loadConsumers, Fields: columns("consumer_id STRING!", "next_snapshot_id BIGINT!")},
	"aggregation_fields": {load: loadAggregations, Fields: columns("field_name STRING!", "field_type STRING!", "function STRING", "function_options STRING", "comment STRING")},
	"statistics": {load: loadStatistics, Fields: columns("snapshot_id BIGINT!", "schema_id BIGINT!", "mergedRecordCount BIGINT", "mergedRecordSize BIGINT",
		"colstat STRING")},
	"table_indexes": {load: loadIndexes, Fields: columns("partition STRING", "bucket INT!", "index_type STRING!", "file_name STRING!", "file_size BIGINT!",
		"row_count BIGINT!", "dv_ranges ARRAY<ROW<f0 STRING NOT NULL, f1 INT NOT NULL, f2 INT NOT NULL, _CARDINALITY BIGINT>>")},
}

// columns reads "name TYPE", with ! for NOT NULL.
func columns(list ...string) []types.Field {
	out := make([]types.Field, len(list))
	for i, c := range list {
		name, text, _ := strings.Cut(c, " ")
		bare, notNull := strings.CutSuffix(text, "!")
		t, err := types.Parse(bare)
		if err != nil {
			panic(err) // the lists above are constants, and a test reads them
		}
		if t.Nullable = !notNull; t.Elem != nil {
			for j := range t.Elem.Fields {
				t.Elem.Fields[j].ID = j
			}
		}
		out[i] = types.Field{ID: i, Name: name, Type: t}
	}
	return out
}

// Open finds a system table by name.
func Open(name string) (Table, bool) {
	t, ok := tables[name]
	return t, ok
}

// Read gives the rows, which the caller releases by Reader.Close.
func (t Table) Read(ctx context.Context, of Of) (*Reader, error) {
	r, err := t.load(ctx, of)
	if err != nil {
		return nil, err
	}
	return &Reader{rows: r, w: writer{b: array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(t.Fields))}}, nil
}

// Reader makes batches out of the rows of a system table. It serves one
// goroutine.
type Reader struct {
	rows rows
	at   int
	w    writer
}

// Next gives the next batch, which the caller releases; nil at the end.
func (r *Reader) Next() (arrow.RecordBatch, error) {
	if r.at >= r.rows.n {
		return nil, nil
	}
	for end := min(r.at+batchRows, r.rows.n); r.at < end; r.at++ {
		r.w.col = 0
		if err := r.rows.row(r.at, &r.w); err != nil {
			return nil, err
		}
		if r.w.col != len(r.w.b.Fields()) {
			return nil, fmt.Errorf("row %d has %d values for %d columns", r.at, r.w.col, len(r.w.b.Fields()))
		}
	}
	return r.w.b.NewRecordBatch(), nil
}

// Close frees the reader.
func (r *Reader) Close() { r.w.b.Release() }

// writer appends the values of a row from left to right.
type writer struct {
	b   *array.RecordBuilder
	col int
}

func (w *writer) next() array.Builder {
	w.col++
	return w.b.Field(w.col - 1)
}

func (w *writer) text(v string) { w.next().(*array.StringBuilder).Append(v) }
func (w *writer) long(v int64)  { w.next().(*array.Int64Builder).Append(v) }
func (w *writer) int(v int)     { w.next().(*array.Int32Builder).Append(int32(v)) }
func (w *writer) null()         { w.next().AppendNull() }

func (w *writer) textOrNull(v *string) {
	if v == nil {
		w.null()
	} else {
		w.text(*v)
	}
}

func (w *writer) longOrNull(v *int64) {
	if v == nil {
		w.null()
	} else {
		w.long(*v)
	}
}

// millis is a time of day and date in UTC; Java shows that of its machine.
func (w *writer) millis(ms int64) { w.next().(*array.TimestampBuilder).Append(arrow.Timestamp(ms)) }

// wall is a time as the clock of its writer showed it.
func (w *writer) wall(at *time.Time) {
	if at == nil || at.IsZero() {
		w.null()
	} else {
		w.millis(at.UnixMilli())
	}
}
