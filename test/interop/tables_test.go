//go:build witness

package interop

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/tarndb/tarn/paimon/bitmap"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/types"
)

// How a table is compacted while it is written.
const (
	compactAuto = "auto" // by the writers, when the options say so
	compactNone = "none" // write-only, with a dedicated compaction in the middle
	compactFull = "full" // full compactions in the middle and at the end
)

// table is one table that Tarn writes and Java takes over.
type table struct {
	name        string
	columns     []string // "name TYPE"
	keys, parts []string
	options     map[string]string
	compaction  string
	commits     int
	values      values
	deletes     float64    // share of -D rows
	updates     float64    // share of -U rows
	fills       [][]string // columns that a commit fills, in turn; nil: all
	bags        []string   // array columns whose order is not defined
	bitmaps     map[string]bitmap.Form
	sketches    map[string]string // column to the column of the fixture with such sketches
	kindColumn  string            // holds the rows' kinds, which the batches do not tell
	external    bool              // data files lie outside the table
	rescale     int               // buckets after the middle
	order       string            // how compactions sort, by orderBy
	orderBy     []string
	rowDeletes  bool // rows are deleted one by one between commits
}

func (t *table) id() catalog.Identifier {
	return catalog.Identifier{Database: "t", Table: t.name}
}

func (t *table) definition() (catalog.Definition, error) {
	d := catalog.Definition{PrimaryKeys: t.keys, PartitionKeys: t.parts, Options: t.options}
	for _, c := range t.columns {
		name, text, _ := strings.Cut(c, " ")
		typ, err := types.Parse(text)
		if err != nil {
			return d, fmt.Errorf("table %s, column %s: %w", t.name, name, err)
		}
		d.Fields = append(d.Fields, types.Field{Name: name, Type: typ})
	}
	return d, nil
}

var scalars = []string{
	"c_bool BOOLEAN", "c_tiny TINYINT", "c_small SMALLINT", "c_int INT", "c_big BIGINT", "c_float FLOAT", "c_double DOUBLE",
	"c_dec9 DECIMAL(9, 2)", "c_dec18 DECIMAL(18, 6)", "c_dec19 DECIMAL(19, 0)", "c_dec38 DECIMAL(38, 10)", "c_char CHAR(5)",
	"c_varchar VARCHAR(12)", "c_string STRING", "c_binary BINARY(4)", "c_varbinary VARBINARY(16)", "c_bytes BYTES", "c_date DATE",
	"c_time TIME(3)", "c_time0 TIME(0)", "c_ts0 TIMESTAMP(0)", "c_ts3 TIMESTAMP(3)", "c_ts6 TIMESTAMP(6)", "c_ts9 TIMESTAMP(9)",
	"c_ltz0 TIMESTAMP_LTZ(0)", "c_ltz3 TIMESTAMP_LTZ(3)", "c_ltz6 TIMESTAMP_LTZ(6)", "c_ltz9 TIMESTAMP_LTZ(9)",
}

var nested = []string{
	"n_arr ARRAY<INT>", "n_arr_str ARRAY<STRING>", "n_arr_dec ARRAY<DECIMAL(20, 4)>", "n_arr_ts ARRAY<TIMESTAMP(6)>",
	"n_arr_arr ARRAY<ARRAY<BIGINT>>", "n_map MAP<STRING, INT>", "n_map_arr MAP<STRING, ARRAY<STRING>>",
	"n_row ROW<a INT, b STRING, c ROW<d DATE, e DOUBLE>>", "n_arr_row ARRAY<ROW<x STRING, y DECIMAL(10, 2), z TIMESTAMP(3)>>",
	"n_map_int MAP<INT, ROW<p BOOLEAN, q BYTES>>", "n_multiset MULTISET<STRING>",
}

// shape is an engine with columns that exercise it.
type shape struct {
	name             string
	columns          []string
	options          map[string]string
	values           values
	deletes, updates float64
	fills            [][]string
	bags             []string
	bitmaps          map[string]bitmap.Form // of columns that hold serialized bitmaps
	sketches         map[string]string
	kindColumn       string
	external         bool
	changelogs       []string
}

var allChangelogs = []string{"none", "input", "lookup", "full-compaction"}

var keyedShapes = []shape{
	{name: "dedup_scalars", columns: scalars, values: values{nulls: 0.15}, deletes: 0.15, updates: 0.1, changelogs: allChangelogs},
	{name: "dedup_nested", columns: nested, values: values{nulls: 0.15}, deletes: 0.15, changelogs: allChangelogs},
	{name: "dedup_sequence", columns: []string{"s1 INT", "s2 TIMESTAMP(3)", "a STRING", "b DECIMAL(12, 2)"}, values: values{nulls: 0.1, small: true}, deletes: 0.1,
		options: map[string]string{"sequence.field": "s1,s2"}, changelogs: []string{"none", "lookup"}},
	{name: "vectors_scalars", columns: scalars, values: values{nulls: 0.15}, deletes: 0.15, updates: 0.1, changelogs: []string{"none", "input", "lookup"},
		options: map[string]string{"deletion-vectors.enabled": "true"}},
	{name: "vectors_nested", columns: nested, values: values{nulls: 0.15}, deletes: 0.15, changelogs: []string{"none", "lookup"},
		options: map[string]string{"deletion-vectors.enabled": "true", "deletion-vectors.bitmap64": "true"}},
	{name: "vectors_sequence", columns: []string{"s1 INT", "a STRING", "b DECIMAL(12, 2)"}, values: values{nulls: 0.1, small: true}, changelogs: []string{"none", "lookup"},
		options: map[string]string{"deletion-vectors.enabled": "true", "sequence.field": "s1"}},
	{name: "vectors_partial", columns: scalars, values: values{nulls: 0.5}, changelogs: []string{"none", "lookup"},
		options: map[string]string{"deletion-vectors.enabled": "true", "merge-engine": "partial-update", "deletion-vectors.bitmap64": "true"}},
	{name: "vectors_agg", columns: []string{"i INT", "l BIGINT", "hi STRING", "kept STRING"}, values: values{nulls: 0.2, small: true}, changelogs: []string{"none", "input", "lookup"},
		options: aggregates("i", "sum", "l", "sum", "hi", "max", "kept", "last_non_null_value", "deletion-vectors.enabled", "true")},
	{name: "firstrow_scalars", columns: scalars, values: values{nulls: 0.15}, options: map[string]string{"merge-engine": "first-row"}, changelogs: []string{"none", "lookup"}},
	{name: "firstrow_nested", columns: nested, values: values{nulls: 0.15}, deletes: 0.1, changelogs: []string{"lookup"},
		options: map[string]string{"merge-engine": "first-row", "ignore-delete": "true"}},
	{name: "partial_plain", columns: slices.Concat(scalars, nested), values: values{nulls: 0.5}, options: map[string]string{"merge-engine": "partial-update"}, changelogs: allChangelogs},
	{name: "partial_remove", columns: []string{"a INT", "b STRING"}, values: values{nulls: 0.5}, deletes: 0.15, changelogs: []string{"none", "lookup", "full-compaction"},
		options: map[string]string{"merge-engine": "partial-update", "partial-update.remove-record-on-delete": "true"}},
	{name: "partial_groups", values: values{nulls: 0.2, small: true}, deletes: 0.1, changelogs: allChangelogs, bags: []string{"refunds"},
		columns: []string{
			"g1 INT", "a INT", "b STRING", "g2 INT", "g3 BIGINT", "c DECIMAL(12, 2)", "d TIMESTAMP(3)",
			"g4 INT", "total BIGINT", "amount DECIMAL(20, 2)", "top INT", "last STRING",
			"g5 INT", "refunds ARRAY<ROW<id INT, amount DECIMAL(10, 2)> NOT NULL>", "free STRING",
		},
		fills: [][]string{
			{"g1", "a", "b"}, {"g2", "g3", "c", "d"}, {"g4", "total", "amount", "top", "last"}, {"g5", "refunds"}, nil, {"g1", "a", "b", "g5", "refunds", "free"},
		},
		options: map[string]string{
			"merge-engine": "partial-update", "fields.g1.sequence-group": "a,b", "fields.g2,g3.sequence-group": "c,d",
			"fields.g4.sequence-group": "total,amount,top,last", "fields.total.aggregate-function": "sum", "fields.amount.aggregate-function": "sum",
			"fields.top.aggregate-function": "max", "fields.top.ignore-retract": "true", "fields.last.aggregate-function": "last_non_null_value",
			"fields.g5.sequence-group": "refunds", "fields.refunds.aggregate-function": "nested_update", "fields.refunds.nested-key": "id",
		}},
	{name: "agg", values: values{nulls: 0.2, small: true}, changelogs: allChangelogs, bags: []string{"distinct_values", "lines"},
		columns: []string{
			"i INT", "l BIGINT", "d DECIMAL(20, 2)", "f DOUBLE", "hi STRING", "lo DATE", "top DECIMAL(30, 3)", "latest TIMESTAMP(6)", "kept STRING",
			"first STRING", "first_set INT", "text STRING", "any_true BOOLEAN", "all_true BOOLEAN", "all_values ARRAY<INT>", "distinct_values ARRAY<STRING>",
			"m MAP<STRING, INT>", "lines ARRAY<ROW<id INT, amount DECIMAL(10, 2)> NOT NULL>",
		},
		options: aggregates("i", "sum", "l", "sum", "d", "sum", "f", "max", "hi", "max", "lo", "min", "top", "max", "latest", "last_value", "kept", "last_non_null_value",
			"first", "first_value", "first_set", "first_non_null_value", "text", "listagg", "any_true", "bool_or", "all_true", "bool_and", "all_values", "collect",
			"distinct_values", "collect", "fields.distinct_values.distinct", "true", "m", "merge_map", "lines", "nested_update", "fields.lines.nested-key", "id")},
	{name: "agg_retract", values: values{nulls: 0.2, small: true}, deletes: 0.2, changelogs: allChangelogs,
		columns: []string{"i INT", "l BIGINT", "d DECIMAL(20, 2)", "hi INT", "kept STRING"},
		options: aggregates("i", "sum", "l", "sum", "d", "sum", "hi", "max", "fields.hi.ignore-retract", "true", "kept", "last_value")},
	{name: "agg_bitmaps", values: values{nulls: 0.2, small: true}, changelogs: allChangelogs,
		columns: []string{"l BIGINT", "b32 VARBINARY(2147483647)", "b64 VARBINARY(2147483647)"},
		bitmaps: map[string]bitmap.Form{"b32": bitmap.RBM32, "b64": bitmap.RBM64},
		options: aggregates("l", "sum", "b32", "rbm32", "b64", "rbm64")},
}

// aggregates makes the options of an aggregation table from column, function
// pairs; names that hold a dot are options themselves.
func aggregates(pairs ...string) map[string]string {
	out := map[string]string{"merge-engine": "aggregation"}
	for i := 0; i < len(pairs); i += 2 {
		key := pairs[i]
		if !strings.Contains(key, ".") {
			key = "fields." + key + ".aggregate-function"
		}
		out[key] = pairs[i+1]
	}
	return out
}

// keyColumns are primary keys, taken in turn. There is no VARBINARY: Java
// cannot look such keys up.
var keyColumns = [][]string{
	{"k INT"}, {"k STRING"}, {"k BIGINT", "k2 STRING"}, {"k DECIMAL(20, 4)"}, {"k DATE", "k2 SMALLINT"}, {"k TIMESTAMP(3)", "k2 TINYINT"}, {"k CHAR(3)", "k2 DOUBLE"},
	{"k DECIMAL(9, 2)", "k2 BOOLEAN"}, {"k TIMESTAMP_LTZ(6)"}, {"k TIME(3)", "k2 FLOAT"}, {"k TIMESTAMP(9)"},
}

// partitionColumns are partitionings, taken in turn.
var partitionColumns = [][]string{{"p STRING"}, {"p DATE"}, {"p INT", "p2 STRING"}}

// fileOptions are options of files that a reader must not notice, in turn.
// Those with Avro files leave out columns that Avro has no type for.
var fileOptions = []map[string]string{
	{}, {"data-file.thin-mode": "true"}, {"file.compression": "snappy"}, {"target-file-size": "8 kb"}, {"metadata.stats-mode": "full"},
	{"file.compression": "lz4"}, {"file.compression": "none", "metadata.stats-mode": "none"}, {"metadata.stats-dense-store": "false", "metadata.stats-mode": "counts"},
	{"file.format": "avro"},
	{"file.format.per.level": "0:avro,5:parquet", "file.compression.per.level": "0:snappy", "metadata.stats-mode.per.level": "0:none", "changelog-file.format": "avro"},
	{"file.suffix.include.compression": "true", "data-file.path-directory": "data/files", "metadata.stats-keep-first-n-columns": "2"},
	{"file.format": "avro", "file.compression": "deflate", "data-file.thin-mode": "true", "changelog-file.format": "parquet", "changelog-file.compression": "gzip", "changelog-file.stats-mode": "counts"},
	{"file.format": "avro", "avro.codec": "null", "metadata.stats-mode": "full", "manifest.compression": "deflate"},
	{"file.format": "orc"},
	{"file.format": "orc", "file.compression": "zlib", "metadata.stats-mode": "full", "data-file.thin-mode": "true", "changelog-file.format": "parquet", "changelog-file.compression": "gzip"},
	{"file.format.per.level": "0:orc,5:parquet", "file.compression.per.level": "0:lz4", "changelog-file.format": "orc", "changelog-file.compression": "snappy"},
}

// avroColumns leaves out what no Avro file holds: times finer than
// microseconds.
func avroColumns(options map[string]string, columns []string) []string {
	if !strings.Contains(options["file.format"]+options["file.format.per.level"]+options["changelog-file.format"], "avro") {
		return columns
	}
	return slices.DeleteFunc(slices.Clone(columns), func(c string) bool { return strings.Contains(c, "(9)") && strings.Contains(c, "TIMESTAMP") })
}

// tables gives all tables of a run. What belongs to a table depends on its
// name and the seed only.
func tables(seed uint64) []*table {
	var out []*table
	for _, s := range keyedShapes {
		for _, changelog := range s.changelogs {
			buckets := []string{"1", "2", "-1"}
			if changelog == "input" || changelog == "full-compaction" {
				buckets = buckets[len(out)%3:][:1] // little of theirs depends on the bucket
			}
			for _, bucket := range buckets {
				out = append(out, s.table(len(out), seed, changelog, bucket))
			}
		}
	}
	for i, columns := range [][]string{scalars, nested} {
		for _, bucket := range []string{"-1", "2"} {
			for _, partitioned := range []bool{false, true} {
				out = append(out, appendTable(len(out), seed, []string{"scalars", "nested"}[i], columns, bucket, partitioned))
			}
		}
	}
	for _, bucket := range []string{"-1", "2"} {
		for i, how := range []map[string]string{{}, {"deletion-vectors.enabled": "true"}, {"deletion-vectors.enabled": "true", "deletion-vectors.bitmap64": "true", "deletion-vector.index-file.target-size": "100 b"}} {
			t := appendTable(len(out), seed, []string{"rewritten", "vectors", "vectors64"}[i], scalars, bucket, i == 1)
			maps.Copy(t.options, how)
			delete(t.options, "target-file-size") // no file of so many columns is small then, and Java 2.0 takes that for the end of its scan
			t.rowDeletes, t.commits = true, 7
			out = append(out, t)
		}
	}
	out = append(out, bucketTables(seed)...)
	return append(out, optionTables(len(out), seed)...)
}

func (s shape) table(n int, seed uint64, changelog, bucket string) *table {
	t := &table{
		name: fmt.Sprintf("%s_%s_%s", s.name, strings.ReplaceAll(changelog, "-", "_"), strings.ReplaceAll(bucket, "-1", "dynamic")), values: s.values,
		deletes: s.deletes, updates: s.updates, fills: s.fills, bags: s.bags, bitmaps: s.bitmaps, sketches: s.sketches,
		kindColumn: s.kindColumn, external: s.external, commits: max(5, len(s.fills)), compaction: []string{compactAuto, compactNone, compactFull}[n/2%3],
	}
	t.options = map[string]string{"bucket": bucket, "changelog-producer": changelog}
	maps.Copy(t.options, s.options)
	maps.Copy(t.options, fileOptions[n%len(fileOptions)])
	switch t.compaction {
	case compactNone:
		t.options["write-only"] = "true"
	default:
		t.options["num-sorted-run.compaction-trigger"] = "3"
	}
	if bucket == "-1" {
		t.options["dynamic-bucket.target-row-num"] = "15"
	}
	keys := keyColumns[n%len(keyColumns)]
	if len(avroColumns(t.options, keys)) < len(keys) {
		keys = keyColumns[0]
	}
	t.columns = avroColumns(t.options, slices.Concat(s.columns[:1:1], keys, s.columns[1:]))
	if n%2 == 1 {
		parts := partitionColumns[n/2%len(partitionColumns)]
		t.columns = append(slices.Clone(t.columns), parts...)
		t.parts = names(parts)
	}
	t.keys = slices.Concat(t.parts, names(keys))
	t.seed(seed)
	return t
}

func appendTable(n int, seed uint64, name string, columns []string, bucket string, partitioned bool) *table {
	t := &table{
		name: fmt.Sprintf("append_%s_%s", name, strings.ReplaceAll(bucket, "-1", "unaware")), columns: columns, commits: 5,
		values: values{nulls: 0.15}, compaction: []string{compactAuto, compactFull}[n/2%2], options: map[string]string{"bucket": bucket},
	}
	if bucket != "-1" {
		t.options["bucket-key"] = "b"
		t.columns = append([]string{"b STRING"}, columns...)
	}
	if partitioned {
		parts := partitionColumns[n%len(partitionColumns)]
		t.name += "_partitioned"
		t.columns = append(slices.Clone(t.columns), parts...)
		t.parts = names(parts)
	}
	maps.Copy(t.options, fileOptions[n%len(fileOptions)])
	delete(t.options, "data-file.thin-mode")
	t.columns = avroColumns(t.options, t.columns)
	t.seed(seed)
	return t
}

func (t *table) seed(seed uint64) {
	h := fnv.New64a()
	h.Write([]byte(t.name))
	t.values.r = rand.New(rand.NewPCG(seed, h.Sum64()))
}

func names(columns []string) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i], _, _ = strings.Cut(c, " ")
	}
	return out
}
