package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
)

// lookup gets random rows of the table that scan has left, one by one: keys
// that are there, and keys between them that are not.
func (b *bench) lookup() error {
	const gets = 200_000
	ctx := context.Background()
	t, err := b.w.Table(ctx, catalog.Identifier{Database: "bench", Table: "mor_order_info"}, nil)
	if err != nil {
		return err
	}
	var ids []string
	err = b.source("order_info", "base", func(rec arrow.RecordBatch) error {
		c := rec.Column(0).(*array.String)
		for i := range c.Len() {
			ids = append(ids, string([]byte(c.Value(i)))) // the batch goes
		}
		return nil
	})
	if err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(1, 1))
	keys := make([]string, gets)
	for i := range keys {
		keys[i] = ids[r.IntN(len(ids))]
	}
	ids = nil
	b.start()
	l, err := t.NewLookup(ctx, paimon.LookupOptions{})
	if err != nil {
		return err
	}
	defer l.Close()
	if _, err := find(l, keys[:1], ""); err != nil {
		return err
	}
	b.report("lookup_open_and_first", 1, nil)
	for iter := range 3 {
		for _, c := range []struct{ name, suffix string }{{"hit", ""}, {"miss", "x"}} {
			b.start()
			took, err := find(l, keys, c.suffix)
			if err != nil {
				return err
			}
			slices.Sort(took.each)
			b.report("lookup_"+c.name, gets, map[string]any{"iter": iter, "hits": took.hits, "ns_per_get": time.Since(b.started).Nanoseconds() / gets,
				"p50_ns": took.each[gets/2], "p99_ns": took.each[gets*99/100], "max_ns": took.each[gets-1], "sum_status": took.sum})
		}
	}
	return nil
}

type found struct {
	hits, sum int64
	each      []int64 // nanoseconds
}

// find gets keys with a suffix, and reads one column of what it finds.
func find(l *paimon.Lookup, keys []string, suffix string) (found, error) {
	ctx := context.Background()
	out := found{each: make([]int64, len(keys))}
	key := l.NewKey()
	asked := make([]string, len(keys))
	for i, k := range keys {
		asked[i] = k + suffix
	}
	for i, k := range asked {
		at := time.Now()
		if err := key.SetText(0, k); err != nil {
			return out, err
		}
		rows, row, err := l.Find(ctx, key)
		if err != nil {
			return out, err
		}
		if row >= 0 {
			out.hits++
			out.sum += int64(rows.Column(5).(*array.Int32).Value(row))
		}
		out.each[i] = time.Since(at).Nanoseconds()
	}
	return out, nil
}
