package main

import "context"

// deletions writes order_info into a table with deletion vectors, in commits
// with compaction, and scans it.
func (b *bench) deletions() error {
	t, err := b.orderTable("deletions", map[string]string{"deletion-vectors.enabled": "true"})
	if err != nil {
		return err
	}
	b.start()
	w, err := newWriter(t, b.every)
	if err != nil {
		return err
	}
	if err := b.source("order_info", "base", w.write); err != nil {
		return err
	}
	if err := w.close(); err != nil {
		return err
	}
	snap, err := t.LatestSnapshot(context.Background())
	if err != nil {
		return err
	}
	b.report("deletions_write", w.total, map[string]any{"commits": w.id, "bytes": b.size(t), "rows_in_files": snap.TotalRecordCount})
	return b.scans("deletions", t)
}
