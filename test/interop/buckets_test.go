//go:build witness

package interop

import (
	"context"
	"fmt"
	"slices"

	"github.com/tarndb/tarn/paimon"
)

// bucketTables are tables of the rarer bucket modes: keys that move between
// partitions, postponed and rescaled buckets, append tables in an order.
func bucketTables(seed uint64) []*table {
	columns := []string{"v1 STRING", "v2 INT", "v3 DECIMAL(20, 3)"}
	var out []*table
	add := func(t *table) {
		t.columns = append(slices.Clone(columns), t.columns...)
		t.commits, t.values.nulls = 6, 0.15
		t.seed(seed)
		out = append(out, t)
	}
	for _, changelog := range []string{"none", "lookup"} {
		add(&table{name: "cross_" + changelog, columns: []string{"k INT", "p STRING"}, keys: []string{"k"}, parts: []string{"p"}, deletes: 0.1, compaction: compactAuto,
			options: map[string]string{"bucket": "-1", "changelog-producer": changelog, "dynamic-bucket.target-row-num": "4", "num-sorted-run.compaction-trigger": "3"}})
		add(&table{name: "postponed_" + changelog, columns: []string{"k STRING", "p INT"}, keys: []string{"p", "k"}, parts: []string{"p"}, deletes: 0.15, compaction: compactFull,
			options: map[string]string{"bucket": "-2", "changelog-producer": changelog, "postpone.default-bucket-num": "2"}})
	}
	for _, parts := range [][]string{nil, {"p"}} {
		t := &table{name: fmt.Sprint("rescaled_", len(parts)), columns: []string{"k INT"}, keys: append(slices.Clone(parts), "k"), parts: parts, deletes: 0.1, compaction: compactAuto, rescale: 3,
			options: map[string]string{"bucket": "2", "num-sorted-run.compaction-trigger": "3"}}
		if parts != nil {
			t.columns = append(t.columns, "p DATE")
		}
		add(t)
	}
	for _, order := range []string{"order", "zorder", "hilbert"} {
		add(&table{name: "append_by_" + order, columns: []string{"p INT"}, parts: []string{"p"}, compaction: compactFull, order: order, orderBy: []string{"v2", "v1"},
			options: map[string]string{"bucket": "-1"}})
	}
	return out
}

// rescaled gives the table another number of buckets.
func (h *history) rescaled(ctx context.Context) error {
	if err := h.close(ctx); err != nil {
		return err
	}
	n := h.def.rescale
	if err := h.w.Catalog().AlterOptions(ctx, h.def.id(), map[string]string{"bucket": fmt.Sprint(n)}, nil); err != nil {
		return err
	}
	var err error
	if h.t, err = h.w.Table(ctx, h.def.id(), nil); err != nil {
		return err
	}
	if _, err = h.t.Rescale(ctx, paimon.RescaleOptions{}); err != nil {
		return fmt.Errorf("rescale: %w", err)
	}
	h.def.rescale = 0
	return nil
}
