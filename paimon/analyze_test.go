package paimon_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// typed makes a table of columns such as "id INT NOT NULL" and commits each
// list of JSON rows.
func typed(t *testing.T, d catalog.Definition, columns []string, commits ...string) *paimon.Table {
	t.Helper()
	ctx := context.Background()
	w := paimon.Open(fileio.NewMem(), paimon.Options{})
	require.NoError(t, w.Catalog().CreateDatabase(ctx, "d"))
	for _, c := range columns {
		name, text, _ := strings.Cut(c, " ")
		typ, err := types.Parse(text)
		require.NoError(t, err)
		d.Fields = append(d.Fields, types.Field{Name: name, Type: typ})
	}
	require.NoError(t, w.Catalog().CreateTable(ctx, users, d))
	table, err := w.Table(ctx, users, nil)
	require.NoError(t, err)
	for i, rows := range commits {
		b, _, err := array.RecordFromJSON(memory.DefaultAllocator, types.ArrowSchema(table.Fields()), strings.NewReader(rows))
		require.NoError(t, err)
		writer, err := table.NewWriter(ctx, paimon.WriteOptions{})
		require.NoError(t, err)
		commit(t, writer, table.NewCommitter(""), int64(i+1), paimon.Batch{Rows: b})
		writer.Close(ctx)
	}
	return table
}

func statsText(t *testing.T, s *spec.Statistics, column string) string {
	t.Helper()
	c, ok := s.Columns[column]
	require.True(t, ok, column)
	text := func(s *string) string {
		if s == nil {
			return "-"
		}
		return *s
	}
	return fmt.Sprintf("%d: %d %s..%s null %d len %d %d", c.ColumnID, *c.DistinctCount, text(c.Min), text(c.Max), *c.NullCount, *c.AvgLen, *c.MaxLen)
}

// TestAnalyzeTypes has the rows and the results of Paimon's AnalyzeTableTestBase,
// and types and values that it has not.
func TestAnalyzeTypes(t *testing.T) {
	ctx := context.Background()
	table := typed(t, catalog.Definition{PrimaryKeys: []string{"id"}, Options: map[string]string{"bucket": "1"}},
		[]string{"id STRING NOT NULL", "name STRING", "byte_col TINYINT", "short_col SMALLINT", "int_col INT", "long_col BIGINT", "float_col FLOAT", "double_col DOUBLE",
			"decimal_col DECIMAL(10, 5)", "boolean_col BOOLEAN", "date_col DATE", "timestamp_col TIMESTAMP(6)", "binary BYTES", "char_col CHAR(20)", "varchar_col VARCHAR(20)",
			"ltz TIMESTAMP(3) WITH LOCAL TIME ZONE", "wide DECIMAL(38, 2)", "time_col TIME(3)", "no_text STRING", "no_bytes BYTES", "no_int INT", "fixed BINARY(3)"},
		`[{"id":"1","name":"a","byte_col":1,"short_col":1,"int_col":1,"long_col":1,"float_col":1.0,"double_col":1.0,"decimal_col":"12.12345","boolean_col":true,"date_col":"2020-01-01","timestamp_col":"2020-01-01 00:00:00","binary":"ZXhhbXBsZSBiaW5hcnkx","char_col":"a","varchar_col":"a","ltz":"2020-01-01 00:00:00.500","wide":"-1.50","time_col":"00:00:01","fixed":"AAAA"}]`,
		`[{"id":"2","name":"aaa","byte_col":1,"int_col":1,"long_col":1,"float_col":1.0,"double_col":1.0,"decimal_col":"12.12345","boolean_col":true,"date_col":"2020-01-02","timestamp_col":"2020-01-02 00:00:00","binary":"ZXhhbXBsZSBiaW5hcnkx","char_col":"aaa","varchar_col":"aaa","wide":"99999999999999999999.25"}]`,
		`[{"id":"3","name":"überwältigend","byte_col":9,"short_col":9,"int_col":-9}]`,
		`[{"id":"3","name":"bbbb","byte_col":2,"short_col":1,"int_col":1,"long_col":1,"float_col":1.0,"double_col":1.0,"decimal_col":"22.12345","boolean_col":true,"date_col":"2020-01-02","timestamp_col":"2020-01-02 00:00:00","char_col":"bbbb","varchar_col":"bbbb"}]`,
		`[{"id":"4","name":"bbbbbbbb","byte_col":2,"short_col":2,"int_col":2,"long_col":2,"float_col":2.0,"double_col":2.0,"decimal_col":"22.12345","boolean_col":false,"date_col":"2020-01-01","timestamp_col":"2020-01-01 00:00:00","binary":"ZXhhbXBsZSBiaW5hcnky","char_col":"bbbbbbbb","varchar_col":"übbbbbbb"}]`)
	snap, err := table.Analyze(ctx, paimon.AnalyzeOptions{AllColumns: true})
	require.NoError(t, err)
	require.Equal(t, spec.CommitAnalyze, snap.CommitKind)
	s, err := table.Statistics(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 4, *s.MergedRecordCount)
	require.Equal(t, snap.ID-1, s.SnapshotID)
	for column, want := range map[string]string{
		"id": "0: 4 -..- null 0 len 1 1", "name": "1: 4 -..- null 0 len 4 8",
		"byte_col": "2: 2 1..2 null 0 len 1 1", "short_col": "3: 2 1..2 null 1 len 2 2", "int_col": "4: 2 1..2 null 0 len 4 4", "long_col": "5: 2 1..2 null 0 len 8 8",
		"float_col": "6: 2 1.0..2.0 null 0 len 4 4", "double_col": "7: 2 1.0..2.0 null 0 len 8 8", "decimal_col": "8: 2 12.12345..22.12345 null 0 len 8 8",
		"boolean_col": "9: 2 false..true null 0 len 1 1", "date_col": "10: 2 18262..18263 null 0 len 4 4",
		"timestamp_col": "11: 2 2020-01-01 00:00:00.000000..2020-01-02 00:00:00.000000 null 0 len 8 8",
		"binary":        "12: 2 -..- null 1 len 15 15", "char_col": "13: 4 -..- null 0 len 20 20", "varchar_col": "14: 4 -..- null 0 len 4 8",
		"ltz":  "15: 1 2020-01-01 00:00:00.500..2020-01-01 00:00:00.500 null 3 len 8 8",
		"wide": "16: 2 -1.50..99999999999999999999.25 null 2 len 16 16", "time_col": "17: 1 1000..1000 null 3 len 4 4",
		"no_text": "18: 0 -..- null 4 len 20 20", "no_bytes": "19: 0 -..- null 4 len 100 100", "no_int": "20: 0 -..- null 4 len 4 4", "fixed": "21: 1 -..- null 3 len 3 3",
	} {
		require.Equal(t, want, statsText(t, s, column), column)
	}
}

func TestAnalyzeFloats(t *testing.T) {
	ctx := context.Background()
	table := typed(t, catalog.Definition{}, []string{"f FLOAT", "d DOUBLE"},
		`[{"f":0.0,"d":-1e300},{"f":-0.0,"d":1e-5},{"f":1.5e9,"d":12345678.5},{"f":null,"d":0.001}]`)
	_, err := table.Analyze(ctx, paimon.AnalyzeOptions{Columns: []string{"d", "f", "d"}})
	require.NoError(t, err)
	s, err := table.Statistics(ctx)
	require.NoError(t, err)
	require.Equal(t, "0: 2 -0.0..1.5E9 null 1 len 4 4", statsText(t, s, "f"))
	require.Equal(t, "1: 4 -1.0E300..1.23456785E7 null 0 len 8 8", statsText(t, s, "d"))
}

func TestAnalyzeRefusals(t *testing.T) {
	ctx := context.Background()
	empty := typed(t, catalog.Definition{}, []string{"id INT", "m MAP<INT, INT>"})
	snap, err := empty.Analyze(ctx, paimon.AnalyzeOptions{})
	require.NoError(t, err)
	require.Nil(t, snap)
	s, err := empty.Statistics(ctx)
	require.NoError(t, err)
	require.Nil(t, s)
	for _, c := range []struct {
		o    paimon.AnalyzeOptions
		kind error
		text string
	}{
		{paimon.AnalyzeOptions{Columns: []string{"m"}}, errs.ErrUnsupported, "Analyzing on col: m, data type: MAP<INT, INT> is not supported"},
		{paimon.AnalyzeOptions{AllColumns: true}, errs.ErrUnsupported, "Analyzing on col: m"},
		{paimon.AnalyzeOptions{AllColumns: true, Columns: []string{"id"}}, errs.ErrUnsupported, "only one of them"},
		{paimon.AnalyzeOptions{Columns: []string{"x"}}, errs.ErrInvalid, "Column x not found in d.users"},
	} {
		_, err := empty.Analyze(ctx, c.o)
		require.ErrorIs(t, err, c.kind)
		require.ErrorContains(t, err, c.text)
	}
}

// TestAnalyzeRandomTables analyzes tables of all kinds as they grow and
// compares with what a read of them gives.
func TestAnalyzeRandomTables(t *testing.T) {
	seed := seedOf(t)
	kinds := versionKinds()
	kinds["vectors"] = catalog.Definition{PrimaryKeys: []string{"id"}, Options: map[string]string{"bucket": "1", "deletion-vectors.enabled": "true"}}
	for name, d := range kinds {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			l := newLake(t, fileio.NewMem(), d)
			for range 6 {
				var ids []int
				for range 1 + r.IntN(60) {
					id := 1 + r.IntN(80)
					if name != "append" && name != "firstrow" && r.IntN(4) == 0 {
						id = -id
					}
					ids = append(ids, id)
				}
				require.NoError(t, l.write("", ids...))
				o := paimon.AnalyzeOptions{AllColumns: r.IntN(3) > 0}
				before, err := l.table("").LatestSnapshot(l.ctx)
				require.NoError(t, err)
				rows, err := l.read(l.table(""), before)
				require.NoError(t, err)
				_, err = l.table("").Analyze(l.ctx, o)
				require.NoError(t, err)
				s, err := l.table("").Statistics(l.ctx)
				require.NoError(t, err)
				list := strings.FieldsFunc(rows, func(c rune) bool { return c == ',' })
				require.EqualValues(t, len(list), *s.MergedRecordCount, rows)
				distinct := map[string]bool{}
				for _, row := range list {
					distinct[row[2:strings.Index(row, "v")]] = true
				}
				if o.AllColumns {
					require.EqualValues(t, len(distinct), *s.Columns["id"].DistinctCount)
					require.EqualValues(t, len(list), *s.Columns["name"].DistinctCount)
				}
			}
			l.check("analyzed")
		})
	}
}

// statistics lists the statistics files.
func (l *lake) statistics() (out []string) {
	for info, err := range l.store.List(l.ctx, "d.db/users/statistics") {
		require.NoError(l.t, err)
		out = append(out, info.Name)
	}
	return out
}

// TestStatisticsStay follows the statistics file through later commits, expiry,
// tags, branches, orphan removal and a change of the schema.
func TestStatisticsStay(t *testing.T) {
	l := newLake(t, fileio.NewMem(), catalog.Definition{PrimaryKeys: []string{"id"}, Options: map[string]string{"bucket": "1"}})
	latest := func() *spec.Snapshot {
		s, err := l.table("").LatestSnapshot(l.ctx)
		require.NoError(t, err)
		return s
	}
	expire := func() {
		_, err := l.table("").Expire(l.ctx, paimon.ExpireOptions{RetainMax: 1, RetainMin: 1, OlderThan: time.Now().Add(time.Hour)})
		require.NoError(t, err)
	}
	analyze := func() *spec.Snapshot {
		s, err := l.table("").Analyze(l.ctx, paimon.AnalyzeOptions{AllColumns: true})
		require.NoError(t, err)
		return s
	}
	require.NoError(t, l.write("", 1, 2))
	first := analyze()
	require.NoError(t, l.write("", 3))
	require.Equal(t, first.Statistics, latest().Statistics, "kept")
	expire()
	require.Empty(t, l.orphans())
	require.Equal(t, []string{*first.Statistics}, l.statistics(), "the newest snapshot uses it")

	require.NoError(t, l.table("").CreateTag(l.ctx, "held", paimon.TagOptions{}))
	second := analyze()
	expire()
	require.Len(t, l.statistics(), 2, "the tag holds the first one")
	require.NoError(t, l.table("").CreateBranch(l.ctx, "b", paimon.BranchOptions{Tag: "held"}))
	require.NoError(t, l.table("").DeleteTag(l.ctx, "held"))
	s, err := l.table("b").Statistics(l.ctx)
	require.NoError(t, err)
	require.EqualValues(t, 2, *s.MergedRecordCount, "of the first ANALYZE")
	require.NoError(t, l.table("").DeleteBranch(l.ctx, "b"))
	_, err = l.table("").RemoveOrphans(l.ctx, time.Now().Add(time.Hour), false)
	require.NoError(t, err)
	require.Equal(t, []string{*second.Statistics}, l.statistics())

	stale := l.table("")
	w := paimon.Open(l.store, paimon.Options{})
	require.NoError(t, w.Catalog().AlterTable(l.ctx, users, []catalog.SchemaChange{catalog.AddColumn{Path: []string{"more"}, Type: types.Of(types.Int)}}))
	_, err = stale.Analyze(l.ctx, paimon.AnalyzeOptions{})
	require.ErrorIs(t, err, errs.ErrConflict)
	require.ErrorContains(t, err, "analyze the table again")
	require.Equal(t, []string{*second.Statistics}, l.statistics(), "nothing is left of the failure")
	_, err = l.table("").CompactManifests(l.ctx)
	require.NoError(t, err)
	require.Nil(t, latest().Statistics, "of another schema")
	expire()
	require.Empty(t, l.statistics())

	third := analyze()
	s, err = l.table("").Statistics(l.ctx)
	require.NoError(t, err)
	require.EqualValues(t, 1, s.SchemaID)
	require.Contains(t, s.Columns, "more")
	require.NoError(t, l.store.Delete(l.ctx, "d.db/users/statistics/"+*third.Statistics))
	require.NoError(t, l.compactManifestsForSure())
	require.Nil(t, latest().Statistics, "a lost file stops no writer")
}

// compactManifestsForSure commits a snapshot that changes nothing.
func (l *lake) compactManifestsForSure() error {
	_, err := l.table("").NewCommitter("").Commit(l.ctx, paimon.Commit{Identifier: 1, KeepEmpty: true})
	return err
}

// TestStatisticsOfOlderSchema: Java's ANALYZE after an ALTER makes a snapshot of
// the new schema with statistics of the old one; the next commit drops them.
func TestStatisticsOfOlderSchema(t *testing.T) {
	l := newLake(t, fileio.NewMem(), catalog.Definition{PrimaryKeys: []string{"id"}, Options: map[string]string{"bucket": "1"}})
	require.NoError(t, l.write("", 1, 2))
	snap, err := l.table("").Analyze(l.ctx, paimon.AnalyzeOptions{})
	require.NoError(t, err)
	path := "d.db/users/statistics/" + *snap.Statistics
	data, err := fileio.ReadAll(l.ctx, l.store, path, 1<<20)
	require.NoError(t, err)
	var s map[string]any
	require.NoError(t, json.Unmarshal(data, &s))
	s["schemaId"] = 7
	data, err = json.Marshal(s)
	require.NoError(t, err)
	require.NoError(t, l.store.Put(l.ctx, path, data))
	require.NoError(t, l.compactManifestsForSure())
	after, err := l.table("").LatestSnapshot(l.ctx)
	require.NoError(t, err)
	require.Greater(t, after.ID, snap.ID)
	require.Nil(t, after.Statistics)
}
