//go:build witness

package interop

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// indexes gives scalars indexes of every kind, in the manifests below threshold
// and in files of their own above it.
func indexes(threshold string, more ...string) map[string]string {
	out := map[string]string{
		"file-index.bloom-filter.columns": "c_string,c_big,c_double,c_date,c_ts6", "file-index.bloom-filter.c_string.items": "100",
		"file-index.bitmap.columns": "c_bool,c_tiny,c_char,c_int,c_ts3", "file-index.bitmap.c_int.version": "1",
		"file-index.bsi.columns":           "c_small,c_int,c_date,c_dec18,c_time,c_ltz6",
		"file-index.range-bitmap.columns":  "c_int,c_varchar,c_ts0,c_string,c_big",
		"file-index.in-manifest-threshold": threshold,
	}
	for i := 0; i < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}

// optionShapes are keyed tables with options that no other shape has.
var optionShapes = []shape{
	{name: "indexed_files", columns: scalars, values: values{nulls: 0.15}, deletes: 0.1, changelogs: []string{"none", "lookup"}, options: indexes("1 b")},
	{name: "indexed_embedded", columns: scalars, values: values{nulls: 0.15}, deletes: 0.1, changelogs: []string{"none", "lookup"},
		options: indexes("10 mb", "deletion-vectors.enabled", "true")},
	{name: "agg_sketches", columns: []string{"l BIGINT", "unique BYTES", "both BYTES"}, values: values{nulls: 0.2, small: true}, changelogs: allChangelogs,
		sketches: map[string]string{"unique": "hll", "both": "theta"}, options: aggregates("l", "sum", "unique", "hll_sketch", "both", "theta_sketch")},
	{name: "rowkinds", columns: []string{"a INT", "op STRING NOT NULL", "b STRING"}, values: values{nulls: 0.2}, deletes: 0.15, updates: 0.1, changelogs: []string{"none", "input", "lookup"},
		kindColumn: "op", options: map[string]string{"rowkind.field": "op"}},
	{name: "agg_default", columns: []string{"a INT", "b STRING", "c DATE"}, values: values{nulls: 0.4, small: true}, changelogs: []string{"none", "lookup"},
		options: aggregates("a", "sum", "fields.default-aggregate-function", "first_non_null_value")},
	{name: "agg_product", columns: []string{"a DECIMAL(38, 4)", "b INT", "c STRING"}, values: values{nulls: 0.4, small: true}, changelogs: []string{"none", "full-compaction"},
		options: aggregates("a", "product", "b", "primary-key", "c", "listagg", "fields.c.list-agg-delimiter", "--", "fields.c.distinct", "true", "full-compaction.delta-commits", "2")},
	{name: "agg_remove", columns: []string{"a BIGINT", "b STRING"}, values: values{nulls: 0.2, small: true}, deletes: 0.2, changelogs: []string{"none", "lookup"},
		options: aggregates("a", "sum", "b", "max", "aggregation.remove-record-on-delete", "true")},
	{name: "partial_group_remove", columns: []string{"g1 INT", "a INT", "g2 INT", "b STRING"}, values: values{nulls: 0.2, small: true}, deletes: 0.2, changelogs: []string{"none", "lookup"},
		options: map[string]string{"merge-engine": "partial-update", "fields.g1.sequence-group": "a", "fields.g2.sequence-group": "b",
			"partial-update.remove-record-on-sequence-group": "g1"}},
	{name: "dedup_changes", columns: []string{"a BOOLEAN", "b TINYINT"}, values: values{nulls: 0.3, small: true}, deletes: 0.1, changelogs: []string{"lookup", "full-compaction"},
		options: map[string]string{"changelog-producer.row-deduplicate": "true"}},
	{name: "dedup_ignoring", columns: []string{"a INT", "b STRING"}, values: values{nulls: 0.3}, deletes: 0.1, updates: 0.2, changelogs: []string{"none", "lookup"},
		options: map[string]string{"ignore-delete": "true"}},
	{name: "expiring", columns: []string{"at INT NOT NULL", "b STRING"}, values: values{nulls: 0.3}, changelogs: []string{"none", "lookup"},
		options: map[string]string{"record-level.expire-time": "20000 d", "record-level.time-field": "at"}},
	{name: "named_files", columns: []string{"a STRING", "b BIGINT", "c DECIMAL(30, 2)"}, values: values{nulls: 0.2}, deletes: 0.1, changelogs: allChangelogs,
		options: map[string]string{
			"data-file.prefix": "part-", "changelog-file.prefix": "log-", "file.compression.zstd-level": "9", "parquet.enable.dictionary": "false",
			"manifest.delete-file-drop-stats": "true", "index-file-in-data-file-dir": "true", "num-levels": "3",
			"dynamic-bucket.max-buckets": "3", "dynamic-bucket.initial-buckets": "2", "target-file-row-num": "10", "partition.default-name": "__none__",
			"manifest.merge-min-count": "2", "manifest.full-compaction-threshold-size": "1 b",
		}},
	{name: "outside", columns: []string{"a STRING", "b BIGINT"}, values: values{nulls: 0.2}, deletes: 0.1, changelogs: []string{"none", "lookup"}, external: true,
		options: map[string]string{"data-file.external-paths.strategy": "round-robin"}},
}

// optionTables are tables with options that no other has; n tables are before
// them.
func optionTables(n int, seed uint64) []*table {
	var out []*table
	for _, s := range optionShapes {
		for _, changelog := range s.changelogs {
			bucket := []string{"1", "2", "-1"}[(n+len(out))%3]
			out = append(out, s.table(n+len(out), seed, changelog, bucket))
		}
	}
	for i, how := range []map[string]string{indexes("1 b"), indexes("10 mb"), indexes("500 b", "deletion-vectors.enabled", "true", "deletion-vectors.bitmap64", "true")} {
		t := appendTable(n+len(out), seed, []string{"indexed_files", "indexed_embedded", "indexed_vectors"}[i], scalars, "-1", i == 1)
		t.rowDeletes, t.commits = i == 2, 6
		maps.Copy(t.options, how)
		delete(t.options, "target-file-size") // no file of so many columns is small then
		out = append(out, t)
	}
	for _, legacy := range []string{"true", "false"} {
		t := &table{
			name: "modulo_" + legacy, columns: []string{"k INT", "v STRING", "p DATE"}, keys: []string{"p", "k"}, parts: []string{"p"}, deletes: 0.1, commits: 5, compaction: compactAuto,
			options: map[string]string{"bucket": "3", "bucket-key": "k", "bucket-function.type": "mod", "partition.legacy-name": legacy, "num-sorted-run.compaction-trigger": "3"},
		}
		t.seed(seed)
		out = append(out, t)
	}
	return out
}

// sketches gives the sketches that Java made for a fixture, by its columns.
func sketches(t *testing.T) map[string][][]byte {
	t.Helper()
	out := map[string][][]byte{}
	for _, s := range readSteps(t, filepath.Join(unpack(t), "input", "agg.sketches.jsonl")) {
		for _, line := range s.rows {
			var row map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(line, &row))
			for _, column := range []string{"hll", "theta"} {
				var text *string
				require.NoError(t, json.Unmarshal(row[column], &text))
				if text != nil {
					raw, err := base64.StdEncoding.DecodeString(*text)
					require.NoError(t, err)
					out[column] = append(out[column], raw)
				}
			}
		}
	}
	require.NotEmpty(t, out["hll"])
	require.NotEmpty(t, out["theta"])
	return out
}
