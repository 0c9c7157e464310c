package paimon_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/fileio"
)

// openFiles counts the files that are being written.
type openFiles struct {
	fileio.Store
	now, most atomic.Int64
}

func (o *openFiles) Create(ctx context.Context, path string) (fileio.Writer, error) {
	w, err := o.Store.Create(ctx, path)
	if err != nil {
		return nil, err
	}
	n := o.now.Add(1)
	for m := o.most.Load(); n > m && !o.most.CompareAndSwap(m, n); m = o.most.Load() {
	}
	return &countedFile{w, o}, nil
}

type countedFile struct {
	fileio.Writer
	o *openFiles
}

func (c *countedFile) Close() error { c.o.now.Add(-1); return c.Writer.Close() }
func (c *countedFile) Abort()       { c.o.now.Add(-1); c.Writer.Abort() }

// TestFanOut writes hundreds of buckets in one commit, again and again into
// each, with little memory: files are open for a few of them at a time.
func TestFanOut(t *testing.T) {
	for kind, d := range map[string]catalog.Definition{
		"keyed":     {PrimaryKeys: []string{"p", "k"}, PartitionKeys: []string{"p"}, Options: map[string]string{"bucket": "5"}},
		"append":    {PartitionKeys: []string{"p"}},
		"bucketed":  {PartitionKeys: []string{"p"}, Options: map[string]string{"bucket": "5", "bucket-key": "k"}},
		"postponed": {PrimaryKeys: []string{"p", "k"}, PartitionKeys: []string{"p"}, Options: map[string]string{"bucket": "-2"}},
	} {
		t.Run(kind, func(t *testing.T) {
			store := &openFiles{Store: fileio.NewMem()}
			m := newModes(t, store, d)
			m.memory = 200_000
			table := m.table(nil)
			const partitions, rounds = 100, 6
			w, err := table.NewWriter(m.ctx, paimon.WriteOptions{})
			require.NoError(t, err)
			defer w.Close(m.ctx)
			var want []cells
			for round := range int32(rounds) {
				var list []cells
				for p := range int32(partitions) {
					for k := range int32(10) {
						list = append(list, cells{p: p, k: 10*round + k, n: int64(round), v: fmt.Sprint("value ", p, k)})
					}
				}
				want = append(want, list...)
				require.NoError(t, w.Write(m.ctx, batchOf(table, list)))
			}
			messages, err := w.Prepare(m.ctx, true)
			require.NoError(t, err)
			_, err = table.NewCommitter("").Commit(m.ctx, paimon.Commit{Identifier: 1, Messages: messages})
			require.NoError(t, err)
			require.LessOrEqual(t, store.most.Load(), int64(10+16), "files open at once")
			if kind == "postponed" {
				_, err = table.Compact(m.ctx, paimon.CompactOptions{})
				require.NoError(t, err)
			}
			m.sameRows(table, want, kind == "bucketed")
		})
	}
}

// TestGiantValue writes, compacts and sorts a value that is larger than the
// memory for buffers.
func TestGiantValue(t *testing.T) {
	giant := strings.Repeat("x", 16<<20)
	for kind, d := range map[string]catalog.Definition{
		"keyed":  {PrimaryKeys: []string{"k"}, Options: map[string]string{"bucket": "1"}},
		"append": {Options: map[string]string{"compaction.min.file-num": "2", "write-buffer-for-append": "true"}},
	} {
		t.Run(kind, func(t *testing.T) {
			m := newModes(t, fileio.NewMem(), d)
			m.memory = 2 << 20
			for k := range int32(2) {
				require.NoError(t, m.insert(m.table(nil), cells{k: k, v: giant}, cells{k: 10 + k, v: "small"}))
			}
			_, err := m.table(nil).Compact(m.ctx, paimon.CompactOptions{Full: true})
			require.NoError(t, err)
			rows := m.rows(m.table(nil))
			require.Len(t, rows, 4)
			large := 0
			for _, r := range rows {
				if len(r) > len(giant) {
					large++
				}
			}
			require.Equal(t, 2, large)
		})
	}
}
