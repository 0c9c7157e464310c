package main

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/predicate"
	"github.com/tarndb/tarn/paimon/types"
)

const (
	planSnapshots  = 1000
	planPartitions = 10
)

// planning opens and plans a table of 10,000 files, first with 1,000 snapshots
// and then with one, with nothing cached and with everything cached.
func (b *bench) planning() error {
	ctx := context.Background()
	fields := columns("dt", "STRING NOT NULL", "k", "INT NOT NULL", "v", "BIGINT")
	t, err := b.table("planning", catalog.Definition{Fields: fields, PrimaryKeys: []string{"dt", "k"}, PartitionKeys: []string{"dt"},
		Options: map[string]string{"bucket": "1", "write-only": "true"}})
	if err != nil {
		return err
	}
	b.start()
	w, err := newWriter(t, planPartitions)
	if err != nil {
		return err
	}
	for n := range planSnapshots {
		rb := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(fields))
		for p := range planPartitions {
			rb.Field(0).(*array.StringBuilder).Append(fmt.Sprintf("2026-01-%02d", p+1))
			rb.Field(1).(*array.Int32Builder).Append(int32(n))
			rb.Field(2).(*array.Int64Builder).Append(int64(n * p))
		}
		rec := rb.NewRecordBatch()
		rb.Release()
		if err := w.write(rec); err != nil {
			return err
		}
	}
	if err := w.w.Close(ctx); err != nil {
		return err
	}
	b.report("planning_prepare", planSnapshots*planPartitions, map[string]any{"snapshots": planSnapshots})
	if err := b.plans("1000_snapshots"); err != nil {
		return err
	}
	for {
		out, err := t.Expire(ctx, paimon.ExpireOptions{RetainMax: 1, RetainMin: 1, OlderThan: time.Now().Add(time.Hour), MaxDeletes: planSnapshots})
		if err != nil {
			return err
		}
		if out.Snapshots == 0 {
			break
		}
	}
	return b.plans("1_snapshot")
}

// plans plans the whole table and one partition, many times.
func (b *bench) plans(name string) error {
	day, err := predicate.New("dt", types.String(), predicate.Eq, "2026-01-03")
	if err != nil {
		return err
	}
	for _, c := range []struct {
		name   string
		filter predicate.Filter
		cold   bool
	}{{"cold", nil, true}, {"cold_partition", predicate.Filter{day}, true}, {"warm", nil, false}, {"warm_partition", predicate.Filter{day}, false}} {
		const rounds = 30
		b.start()
		files := 0
		for range rounds {
			w := b.w
			if c.cold {
				store, err := fileio.NewLocal(b.dir)
				if err != nil {
					return err
				}
				w = paimon.Open(store, paimon.Options{})
			}
			if files, err = planOnce(w, c.filter); err != nil {
				return err
			}
		}
		b.report("planning_"+name+"_"+c.name, int64(files), map[string]any{"ms_a_plan": round(time.Since(b.started).Seconds() * 1000 / rounds)})
	}
	return nil
}

func planOnce(w *paimon.Warehouse, filter predicate.Filter) (int, error) {
	ctx := context.Background()
	t, err := w.Table(ctx, catalog.Identifier{Database: "bench", Table: "planning"}, nil)
	if err != nil {
		return 0, err
	}
	snap, err := t.LatestSnapshot(ctx)
	if err != nil {
		return 0, err
	}
	p, err := t.Plan(ctx, snap, filter)
	if err != nil {
		return 0, err
	}
	files := 0
	for i := range p.Splits {
		files += len(p.Splits[i].Files)
	}
	return files, nil
}
