package paimon

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/uuid"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/binrow"
	"github.com/tarndb/tarn/paimon/internal/commit"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/internal/write"
	"github.com/tarndb/tarn/paimon/spec"
)

// CommitMessage is what a Writer hands to a Committer.
type CommitMessage = spec.CommitMessage

// BatchIdentifier is the commit identifier of batch jobs.
const BatchIdentifier = spec.BatchIdentifier

// WriteOptions of a Writer.
type WriteOptions struct {
	// Overwrite says that the commit will replace partitions.
	Overwrite bool
	// Batch says that this writer's commit is all that the job writes. Batch
	// jobs write the rows of tables with postponed buckets to real buckets,
	// unless 'postpone.batch-write-fixed-bucket' is false.
	Batch bool
	// User is the commit user of the job, part of the names of postponed files.
	User string
}

// Writer buffers rows and writes data files. It serves one goroutine.
type Writer struct {
	w *write.Writer
}

// NewWriter starts writing on the newest snapshot.
func (t *Table) NewWriter(ctx context.Context, o WriteOptions) (*Writer, error) {
	return t.newWriter(ctx, write.Options{Overwrite: o.Overwrite, Batch: o.Batch || o.Overwrite, User: o.User})
}

func (t *Table) newWriter(ctx context.Context, o write.Options) (*Writer, error) {
	o.Budget, o.SpillDir = t.w.budget, t.w.o.SpillDir
	w, err := write.New(ctx, t.t, o)
	if err != nil {
		return nil, err
	}
	return &Writer{w}, nil
}

// Write takes rows with all columns of the table, in order. Memory of the
// batch must not change afterwards; the caller may release it.
func (w *Writer) Write(ctx context.Context, b Batch) error { return w.w.Write(ctx, b) }

// Rows is the number of rows buffered since the last Prepare.
func (w *Writer) Rows() int64 { return w.w.Rows() }

// Prepare writes what is buffered. With wait it also waits for compactions.
func (w *Writer) Prepare(ctx context.Context, wait bool) ([]CommitMessage, error) {
	return w.w.Prepare(ctx, wait)
}

// Close drops what was not prepared.
func (w *Writer) Close(ctx context.Context) error { return w.w.Close(ctx) }

// Commit is one unit of a job's progress.
type Commit struct {
	// Identifier grows with every commit of a user; BatchIdentifier for batch
	// jobs.
	Identifier int64
	Watermark  *int64 // epoch milliseconds
	// Properties go into the snapshot: how a job finds its sources' positions
	// again.
	Properties map[string]string
	Messages   []CommitMessage
	// Overwrite replaces partitions; nil appends.
	Overwrite *Overwrite
	// Operation is what a statement did ("DELETE", "UPDATE", …), for the
	// snapshot; "" for none.
	Operation string
	// KeepEmpty commits even if nothing changed, for the properties' sake.
	KeepEmpty bool
	// Base, when set, is the state that the rows were made for: if another
	// commit has added rows or taken some away since, this one is
	// errs.ErrConflict and changes nothing. Compactions do not count.
	Base *Base
}

// Base is the state of a table at a snapshot.
type Base struct {
	Snapshot *spec.Snapshot // nil: the empty table
	Growing  bool           // rows that others have added do not count
}

// Overwrite says what an overwrite replaces.
type Overwrite struct {
	// Static names partition values; partitions that have them are replaced.
	// Empty means all. Ignored when Dynamic.
	Static map[string]string
	// Dynamic replaces just the partitions that the messages write to.
	Dynamic bool
}

// Committer commits for one user (a job). It serves one goroutine.
type Committer struct {
	t *Table
	c *commit.Committer
}

// NewCommitter makes a committer; user "" is a fresh one, for batch jobs.
func (t *Table) NewCommitter(user string) *Committer {
	if user == "" {
		user = t.t.Options.Commit.UserPrefix + uuid.NewString()
	}
	return &Committer{t: t, c: commit.New(t.t.History, t.t.Manifests, commit.Options{
		Table: t.Name(), User: user, Commit: t.t.Options.Commit, Bucket: t.t.Options.Bucket, HasKey: t.t.Keyed(),
		KeyOf: t.t.KeyOf, PartitionString: t.t.Parts.String, OnCommit: t.w.committed(t.t.Dir),
	})}
}

// Last gives the newest snapshot of the committer's user, nil if it has none.
// A job resumes from its properties and goes on after its identifier.
func (c *Committer) Last(ctx context.Context) (*spec.Snapshot, error) {
	return c.c.LastIdentifier(ctx)
}

// Commit writes the snapshots of one commit and gives the newest; nil if there
// was nothing to write. It is safe to call again with the same Commit after
// an error: what was written is recognised.
func (c *Committer) Commit(ctx context.Context, b Commit) (*spec.Snapshot, error) {
	in := commit.Committable{Identifier: b.Identifier, Watermark: b.Watermark, Properties: b.Properties, Messages: b.Messages, KeepEmpty: b.KeepEmpty, Operation: b.Operation}
	if b.Base != nil {
		in.Base = &commit.Base{Snapshot: b.Base.Snapshot, Growing: b.Base.Growing}
	}
	if b.Overwrite != nil {
		matches, err := c.replaced(b)
		if err != nil {
			return nil, err
		}
		if partial := b.Overwrite.Dynamic || len(b.Overwrite.Static) > 0; partial && len(b.Messages) > 0 && c.t.t.Schema.CrossPartition() {
			return nil, errs.Unsupported("overwrite some partitions of table %s: its primary key lacks partition columns, and keys of the new rows may be in others; overwrite the whole table ('dynamic-partition-overwrite' = 'false'), or insert", c.t.Name())
		}
		if b.Overwrite.Dynamic && len(c.t.t.PartAt) > 0 && len(b.Messages) == 0 {
			return nil, nil
		}
		for i := range b.Messages {
			if p := b.Messages[i].Partition; !matches(p) {
				return nil, errs.Invalid("overwrite table %s: rows were written to partition %s, which is not among those replaced (%v)", c.t.Name(), c.t.PartitionString(p), b.Overwrite.Static)
			}
		}
		in.Overwrite = &commit.Overwrite{Matches: matches}
	}
	return c.c.Commit(ctx, in)
}

func (c *Committer) replaced(b Commit) (func([]byte) bool, error) {
	t := c.t.t
	if b.Overwrite.Dynamic && len(t.PartAt) > 0 {
		written := map[string]bool{}
		for i := range b.Messages {
			written[string(b.Messages[i].Partition)] = true
		}
		return func(p []byte) bool { return written[string(p)] }, nil
	}
	return partitionMatcher(t, b.Overwrite.Static)
}

// partitionMatcher tests partitions for values of some of their columns. The
// text of a value is read as the column's type: a date matches as a day and as
// the day number of paths, 03 matches the number 3.
func partitionMatcher(t *table.Table, values map[string]string) (func([]byte) bool, error) {
	if len(values) == 0 {
		return func([]byte) bool { return true }, nil
	}
	fields := t.Schema.PartitionFields()
	wanted := map[int]arrow.Array{}
	for k, v := range values {
		at := slices.Index(t.Schema.PartitionKeys, k)
		if at < 0 {
			return nil, errs.Invalid("table %s: %q is not a partition column; they are %v", t.Name, k, t.Schema.PartitionKeys)
		}
		value, err := t.Parts.Value(fields[at], v)
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", t.Name, err)
		}
		wanted[at] = value
	}
	return func(p []byte) bool {
		have, err := binrow.Rows(fields, [][]byte{p})
		if err != nil {
			return false
		}
		defer have.Release()
		for at, v := range wanted {
			if !array.Equal(have.Column(at), v) {
				return false
			}
		}
		return true
	}, nil
}

// Abort deletes the files of messages that will surely not be committed.
func (t *Table) Abort(ctx context.Context, messages []CommitMessage) {
	for i := range messages {
		write.Discard(ctx, t.t, &messages[i])
	}
}

// PartitionString prints a partition: "dt=2025-06-01/hh=3".
func (t *Table) PartitionString(row []byte) string {
	return t.t.Parts.String(row)
}
