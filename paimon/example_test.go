package paimon_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/predicate"
	"github.com/tarndb/tarn/paimon/types"
)

// orders makes shop.orders (id INT primary key, status STRING) in memory;
// fileio.NewLocal gives a store in a directory.
func orders(options map[string]string) *paimon.Table {
	ctx := context.Background()
	w := paimon.Open(fileio.NewMem(), paimon.Options{})
	must(w.Catalog().CreateDatabase(ctx, "shop"))
	id := catalog.Identifier{Database: "shop", Table: "orders"}
	must(w.Catalog().CreateTable(ctx, id, catalog.Definition{
		Fields:      []types.Field{{Name: "id", Type: types.Of(types.Int)}, {Name: "status", Type: types.String()}},
		PrimaryKeys: []string{"id"},
		Options:     options,
	}))
	t, err := w.Table(ctx, id, nil)
	must(err)
	return t
}

// order is a batch of one row.
func order(t *paimon.Table, kind types.RowKind, id int32, status string) paimon.Batch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(t.Fields()))
	defer b.Release()
	b.Field(0).(*array.Int32Builder).Append(id)
	b.Field(1).(*array.StringBuilder).Append(status)
	return paimon.Batch{Rows: b.NewRecordBatch(), Kinds: []types.RowKind{kind}}
}

// write commits rows as one commit of a job.
func write(t *paimon.Table, job string, commit int64, rows ...paimon.Batch) {
	ctx := context.Background()
	w, err := t.NewWriter(ctx, paimon.WriteOptions{})
	must(err)
	defer w.Close(ctx)
	for _, r := range rows {
		must(w.Write(ctx, r))
	}
	messages, err := w.Prepare(ctx, true)
	must(err)
	_, err = t.NewCommitter(job).Commit(ctx, paimon.Commit{Identifier: commit, Messages: messages})
	must(err)
}

// show prints the rows of a reader.
func show(r *paimon.Reader) {
	defer r.Close()
	var lines []string
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		must(err)
		id, status := b.Rows.Column(0).(*array.Int32), b.Rows.Column(1).(*array.String)
		for i := range id.Len() {
			lines = append(lines, fmt.Sprintf("%s %d %s", b.Kind(i), id.Value(i), status.Value(i)))
		}
		b.Rows.Release()
	}
	slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(a[3:4], b[3:4]) })
	fmt.Println(strings.Join(lines, "\n"))
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// Rows with the same key are one row of the table: the last one wins.
func Example() {
	ctx := context.Background()
	t := orders(map[string]string{"bucket": "1"})
	write(t, "load", 1, order(t, types.Insert, 1, "new"), order(t, types.Insert, 2, "new"))
	write(t, "load", 2, order(t, types.UpdateAfter, 1, "paid"))

	snap, err := t.LatestSnapshot(ctx)
	must(err)
	plan, err := t.Plan(ctx, snap, nil)
	must(err)
	show(plan.Read(ctx, plan.Splits, nil))
	// Output:
	// +I 1 paid
	// +I 2 new
}

// A job goes on after its last commit, whatever stopped it: the commit's
// identifier and properties are in the snapshot, with the rows.
func ExampleCommitter_Last() {
	ctx := context.Background()
	t := orders(map[string]string{"bucket": "1"})
	job := t.NewCommitter("my-job")
	w, err := t.NewWriter(ctx, paimon.WriteOptions{})
	must(err)
	defer w.Close(ctx)
	must(w.Write(ctx, order(t, types.Insert, 1, "new")))
	messages, err := w.Prepare(ctx, true)
	must(err)
	commit := paimon.Commit{Identifier: 1, Messages: messages, Properties: map[string]string{"read.up.to": "4711"}}
	_, err = job.Commit(ctx, commit)
	must(err)

	// After a crash, or when the reply was lost: asking again changes nothing.
	again, err := job.Commit(ctx, commit)
	must(err)
	last, err := t.NewCommitter("my-job").Last(ctx)
	must(err)
	fmt.Println(again.ID, last.CommitIdentifier, last.Properties["read.up.to"])
	// Output: 1 1 4711
}

// A stream gives the changes of every snapshot. With a changelog producer they
// are what really changed in the table.
func ExampleTable_Stream() {
	ctx := context.Background()
	t := orders(map[string]string{"bucket": "1", "changelog-producer": "lookup"})
	write(t, "load", 1, order(t, types.Insert, 1, "new"))
	write(t, "load", 2, order(t, types.Insert, 1, "paid"))

	s, err := t.Stream(1) // the changes of snapshot 1 and all after it
	must(err)
	defer s.Close()
	for {
		piece, err := s.TryNext(ctx) // Next waits
		must(err)
		if piece == nil {
			break
		}
		if piece.Rows() == 0 {
			continue
		}
		r, err := piece.Read(ctx, nil)
		must(err)
		show(r)
	}
	// Output:
	// +I 1 new
	// -U 1 new
	// +U 1 paid
}

// Options of a read, as Flink's OPTIONS hint, are given when a table is opened.
func ExampleTable_Travel() {
	ctx := context.Background()
	t := orders(map[string]string{"bucket": "1"})
	write(t, "load", 1, order(t, types.Insert, 1, "new"))
	write(t, "load", 2, order(t, types.Insert, 1, "paid"))
	must(t.CreateTag(ctx, "done", paimon.TagOptions{}))

	past, err := t.With(ctx, map[string]string{"scan.snapshot-id": "1"})
	must(err)
	snap, err := past.Travel(ctx)
	must(err)
	plan, err := past.Plan(ctx, snap, nil)
	must(err)
	show(plan.Read(ctx, plan.Splits, nil))
	// Output: +I 1 new
}

// A filter lets a plan skip files; who reads applies it to rows again.
func ExampleTable_Plan() {
	ctx := context.Background()
	t := orders(map[string]string{"bucket": "1"})
	write(t, "load", 1, order(t, types.Insert, 1, "new"))
	write(t, "load", 2, order(t, types.Insert, 100, "new"))

	big, err := predicate.New("id", types.Of(types.Int), predicate.Gt, "50")
	must(err)
	snap, err := t.LatestSnapshot(ctx)
	must(err)
	plan, err := t.Plan(ctx, snap, predicate.Filter{big})
	must(err)
	fmt.Println(plan.Rows(), "row in the files that are left")
	// Output: 1 row in the files that are left
}

// Compaction may run in any process. When another one was faster, it tells so
// and the next round sees what that one did.
func ExampleTable_Compact() {
	ctx := context.Background()
	t := orders(map[string]string{"bucket": "1", "write-only": "true"})
	write(t, "load", 1, order(t, types.Insert, 1, "new"))
	write(t, "load", 2, order(t, types.Delete, 1, "new"))

	snap, err := t.Compact(ctx, paimon.CompactOptions{Full: true})
	if errors.Is(err, errs.ErrConflict) {
		return // try again later
	}
	must(err)
	fmt.Println(snap.CommitKind, snap.TotalRecordCount)
	// Output: COMPACT 0
}
