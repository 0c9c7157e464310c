package paimon_test

import (
	"context"
	"fmt"
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
	"github.com/tarndb/tarn/paimon/predicate"
	"github.com/tarndb/tarn/paimon/types"
)

// newTableOf makes a table in a warehouse of its own; columns are "name TYPE".
func newTableOf(t testing.TB, columns []string, keys string, partitions []string, options map[string]string) (*paimon.Table, error) {
	t.Helper()
	w := paimon.Open(fileio.NewMem(), paimon.Options{SpillDir: t.TempDir()})
	ctx := context.Background()
	require.NoError(t, w.Catalog().CreateDatabase(ctx, "d"))
	d := catalog.Definition{PrimaryKeys: strings.Split(keys, ","), PartitionKeys: partitions, Options: options}
	for _, c := range columns {
		name, typ, _ := strings.Cut(c, " ")
		parsed, err := types.Parse(typ)
		require.NoError(t, err)
		d.Fields = append(d.Fields, types.Field{Name: name, Type: parsed})
	}
	if err := w.Catalog().CreateTable(ctx, users, d); err != nil {
		return nil, err
	}
	return w.Table(ctx, users, nil)
}

// linesBatch makes rows of lines such as "+I 1 NULL x".
func linesBatch(t testing.TB, table *paimon.Table, lines ...string) paimon.Batch {
	t.Helper()
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(table.Fields()))
	defer b.Release()
	var kinds []types.RowKind
	for _, line := range lines {
		words := strings.Fields(line)
		require.Len(t, words, len(table.Fields())+1, line)
		k, err := types.ParseRowKind(words[0])
		require.NoError(t, err)
		kinds = append(kinds, k)
		for i, w := range words[1:] {
			if w == "NULL" {
				b.Field(i).AppendNull()
			} else {
				require.NoError(t, b.Field(i).AppendValueFromString(w))
			}
		}
	}
	return paimon.Batch{Rows: b.NewRecordBatch(), Kinds: kinds}
}

// writeLines writes rows in a commit of their own.
func writeLines(t testing.TB, table *paimon.Table, lines ...string) error {
	t.Helper()
	ctx := context.Background()
	w, err := table.NewWriter(ctx, paimon.WriteOptions{})
	if err != nil {
		return err
	}
	defer func() { require.NoError(t, w.Close(ctx)) }()
	if err := w.Write(ctx, linesBatch(t, table, lines...)); err != nil {
		return err
	}
	messages, err := w.Prepare(ctx, true)
	require.NoError(t, err)
	_, err = table.NewCommitter("").Commit(ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Messages: messages})
	return err
}

func TestRowKindField(t *testing.T) {
	columns := []string{"k INT", "op STRING", "v STRING"}
	table, err := newTableOf(t, columns, "k", nil, map[string]string{"bucket": "1", "rowkind.field": "op", "ignore-update-before": "true"})
	require.NoError(t, err)
	require.NoError(t, writeLines(t, table, "+I 1 +I a", "+I 2 +I b", "-D 3 +I c"), "the row's own kind does not count")
	require.NoError(t, writeLines(t, table, "+I 1 -U a", "+I 1 +U a2", "+I 2 -D b", "+I 4 +U d"))
	require.Equal(t, []string{"1 +U a2", "3 +I c", "4 +U d"}, state(t, table))
	require.ErrorIs(t, writeLines(t, table, "+I 5 NULL e"), errs.ErrInvalid)
	require.ErrorContains(t, writeLines(t, table, "+I 5 +X e"), `"+X"`)
	d, err := table.DeleteWhere(context.Background(), leaf(t, "k", types.Of(types.Int), predicate.Eq, "3"))
	require.NoError(t, err)
	require.EqualValues(t, 1, d.Rows)
	require.Equal(t, []string{"1 +U a2", "4 +U d"}, state(t, table), "a deleted row does not come back for its +I")
	for field, typ := range map[string]string{"nope": "STRING", "op": "INT"} {
		_, err = newTableOf(t, []string{"k INT", "op " + typ}, "k", nil, map[string]string{"rowkind.field": field})
		require.ErrorIs(t, err, errs.ErrInvalid)
		require.ErrorContains(t, err, "rowkind.field")
	}
}

// Rows whose time is over go when they are compacted, and not before.
func TestRecordExpiry(t *testing.T) {
	ctx := context.Background()
	now := time.Now().Unix()
	times := map[string]func(sec int64) string{
		"INT":    func(sec int64) string { return fmt.Sprint(sec) },
		"BIGINT": func(sec int64) string { return fmt.Sprint(sec + 999*sec*(sec&1)) }, // odd ones as milliseconds
		"TIMESTAMP(3)": func(sec int64) string {
			return time.Unix(sec, 0).UTC().Format("2006-01-02T15:04:05.000")
		},
		"TIMESTAMP(9)": func(sec int64) string {
			return time.Unix(sec, 0).UTC().Format("2006-01-02T15:04:05.000000000")
		},
	}
	for typ, at := range times {
		for _, producer := range []string{"none", "lookup", "full-compaction"} {
			t.Run(typ+"/"+producer, func(t *testing.T) {
				table, err := newTableOf(t, []string{"k INT", "at " + typ, "v STRING"}, "k", nil, map[string]string{
					"bucket": "1", "record-level.expire-time": "1 h", "record-level.time-field": "at", "write-only": "true", "changelog-producer": producer,
				})
				require.NoError(t, err)
				line := func(k int, sec int64, v string) string { return fmt.Sprintf("+I %d %s %s", k, at(sec), v) }
				old := now - 7300
				require.NoError(t, writeLines(t, table, line(1, old, "gone"), line(2, now-60, "stays"), "+I 3 NULL forever", line(4, old+1, "gone")))
				require.NoError(t, writeLines(t, table, line(5, now, "new"), line(2, old, "older")))
				require.Len(t, state(t, table), 5, "reads show what compaction has not dropped")
				_, err = table.Compact(ctx, paimon.CompactOptions{Full: true})
				require.NoError(t, err)
				var got []string
				for _, s := range state(t, table) {
					words := strings.Fields(s)
					got = append(got, words[0]+" "+words[len(words)-1])
				}
				// The expired version of key 2 goes before versions are merged.
				require.Equal(t, []string{"2 stays", "3 forever", "5 new"}, got)
			})
		}
	}
}

// A file that could stay as it is, being at the top, is rewritten for the rows
// in it that have expired since.
func TestRecordExpiryOfTopFiles(t *testing.T) {
	ctx := context.Background()
	now := time.Now().Unix()
	options := map[string]string{"bucket": "1", "record-level.expire-time": "1 h", "record-level.time-field": "at", "write-only": "true"}
	table, err := newTableOf(t, []string{"k INT", "at BIGINT"}, "k", nil, options)
	require.NoError(t, err)
	soon := now - 3600 + 1
	require.NoError(t, writeLines(t, table, fmt.Sprintf("+I 1 %d", soon), fmt.Sprintf("+I 2 %d", now+900)))
	_, err = table.Compact(ctx, paimon.CompactOptions{Full: true})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err = table.Compact(ctx, paimon.CompactOptions{Full: true})
		require.NoError(t, err)
		return len(state(t, table)) == 1
	}, 20*time.Second, 200*time.Millisecond)
	snap, err := table.Travel(ctx)
	require.NoError(t, err)
	_, err = table.Compact(ctx, paimon.CompactOptions{Full: true})
	require.NoError(t, err)
	again, err := table.Travel(ctx)
	require.NoError(t, err)
	require.Equal(t, snap.ID, again.ID, "nothing is left to rewrite")
	for _, bad := range []map[string]string{
		{"record-level.expire-time": "1 h"}, {"record-level.expire-time": "1 h", "record-level.time-field": "v"},
		{"record-level.time-field": "nope"}, {"record-level.expire-time": "soon", "record-level.time-field": "k"},
	} {
		_, err := newTableOf(t, []string{"k INT", "v STRING"}, "k", nil, bad)
		require.ErrorIs(t, err, errs.ErrInvalid, bad)
	}
}

func TestSequenceFieldAcrossPartitions(t *testing.T) {
	_, err := newTableOf(t, []string{"p INT", "k INT", "s INT"}, "k", []string{"p"}, map[string]string{"bucket": "-1", "sequence.field": "s"})
	require.ErrorIs(t, err, errs.ErrInvalid)
	require.ErrorContains(t, err, "sequence.field")
}

func TestForcedChangelogOfDeletes(t *testing.T) {
	ctx := context.Background()
	for _, force := range []string{"false", "true"} {
		table, err := newTableOf(t, []string{"p INT", "k INT"}, "p,k", []string{"p"}, map[string]string{
			"bucket": "1", "changelog-producer": "input", "delete.force-produce-changelog": force,
		})
		require.NoError(t, err)
		require.NoError(t, writeLines(t, table, "+I 1 1", "+I 1 2", "+I 2 1"))
		d, err := table.DeleteWhere(ctx, leaf(t, "p", types.Of(types.Int), predicate.Eq, "1"))
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"false": 0, "true": 2}[force], d.Rows)
		require.Equal(t, []string{"2 1"}, state(t, table))
		snap, err := table.Travel(ctx)
		require.NoError(t, err)
		require.Equal(t, force == "true", snap.ChangelogManifestList != nil)
	}
}
