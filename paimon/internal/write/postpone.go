package write

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/internal/datafile"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/spec"
)

// postponed reports whether the writer leaves the buckets of its rows to a
// later compaction.
func postponed(t *table.Table, o Options) bool {
	return t.Options.Bucket == datafile.PostponeBucket && !(o.Batch && t.Options.Postpone.BatchFixedBucket)
}

// openPostponed makes the way of rows into postponed buckets.
func (w *Writer) openPostponed() error {
	var err error
	if w.plain, err = newPlain(w.t, w.o); err != nil {
		return err
	}
	user, id, clock := w.o.User, rand.Int32N(1<<31-1), newClock()
	if user == "" {
		user = uuid.NewString()
	}
	w.plain.file = func(ctx context.Context, bw *bucketWriter, _ int64) (lsm.Writer, error) {
		return bw.files.PostponedWriter(ctx, user, id, clock)
	}
	return nil
}

// newClock gives times that never go back: files are replayed in the order of
// their creation.
func newClock() func() time.Time {
	var last time.Time
	var lock sync.Mutex // buckets are flushed in parallel
	return func() time.Time {
		lock.Lock()
		defer lock.Unlock()
		if now := time.Now(); now.After(last) {
			last = now
		}
		return last
	}
}

// compactPostponed moves postponed rows to real buckets, by replaying them, and
// compacts the buckets of partitions that have none. All is one COMPACT commit.
// Source: CompactAction.buildForPostponeBucketCompaction, BucketFiles.
func compactPostponed(ctx context.Context, t *table.Table, snap *spec.Snapshot, splits []scan.Split, r CompactRequest) ([]spec.CommitMessage, error) {
	byCount := map[int][]scan.Split{}
	waiting := map[string]bool{}
	counts := realBuckets(splits)
	for _, s := range splits {
		if s.Bucket != datafile.PostponeBucket {
			continue
		}
		waiting[string(s.Partition)] = true
		n, ok := counts[string(s.Partition)]
		if !ok {
			n = t.Options.Postpone.Buckets(s.Rows(), sizeOf(s.Files))
		}
		byCount[n] = append(byCount[n], s)
	}
	var out []spec.CommitMessage
	for n, list := range byCount {
		messages, err := replay(ctx, t.WithBuckets(n), list, r)
		out = append(out, messages...)
		if err != nil {
			return out, err
		}
	}
	rest := slices.DeleteFunc(slices.Clone(splits), func(s scan.Split) bool { return s.Bucket < 0 || waiting[string(s.Partition)] })
	messages, err := compactKeyed(ctx, t, snap, rest, r.Full)
	return append(out, messages...), err
}

// realBuckets gives the number of buckets of the partitions that have some.
func realBuckets(splits []scan.Split) map[string]int {
	out := map[string]int{}
	for _, s := range splits {
		if s.Bucket >= 0 && s.TotalBuckets > 0 {
			out[string(s.Partition)] = s.TotalBuckets
		}
	}
	return out
}

func sizeOf(files []spec.DataFileMeta) int64 {
	var n int64
	for i := range files {
		n += files[i].FileSize
	}
	return n
}

// replay writes the rows of postponed files through a writer of real buckets.
func replay(ctx context.Context, t *table.Table, splits []scan.Split, r CompactRequest) ([]spec.CommitMessage, error) {
	w, err := New(ctx, t, Options{Budget: r.Budget, SpillDir: r.SpillDir, KindsGiven: true})
	if err != nil {
		return nil, err
	}
	defer w.Close(context.WithoutCancel(ctx))
	out := make([]spec.CommitMessage, 0, len(splits))
	for _, s := range splits {
		scan.InWrittenOrder(s.Files)
		files, err := t.Files(s.Partition, s.Bucket, nil)
		if err != nil {
			return nil, err
		}
		for i := range s.Files {
			if err := checkSchema(t, &s.Files[i]); err != nil {
				return nil, err
			}
			if err := w.replayFile(ctx, files, &s.Files[i]); err != nil {
				return nil, fmt.Errorf("postponed file %s: %w", s.Files[i].FileName, err)
			}
		}
		out = append(out, spec.CommitMessage{Partition: s.Partition, Bucket: s.Bucket, TotalBuckets: datafile.PostponeBucket, CompactBefore: s.Files})
	}
	messages, err := w.Prepare(ctx, true)
	for i := range messages {
		if derr := asCompaction(ctx, t, &messages[i]); err == nil {
			err = derr
		}
	}
	return append(out, messages...), err
}

func (w *Writer) replayFile(ctx context.Context, files *table.BucketFiles, f *spec.DataFileMeta) error {
	in, err := files.Open(ctx, f, lsm.OpenOptions{})
	if err != nil {
		return err
	}
	defer in.Close()
	for {
		kv, err := in.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		err = w.Write(ctx, columnar.Batch{Rows: kv.Rows, Kinds: kv.Kinds})
		kv.Release()
		if err != nil {
			return err
		}
	}
}

// asCompaction makes what a writer wrote part of a compaction: its rows were
// in the table already. Files that came and went are deleted.
func asCompaction(ctx context.Context, t *table.Table, m *spec.CommitMessage) error {
	var gone []spec.DataFileMeta
	var before []spec.DataFileMeta
	for _, f := range m.CompactBefore {
		same := func(o spec.DataFileMeta) bool { return o.FileName == f.FileName }
		at := slices.IndexFunc(m.NewFiles, same)
		if at < 0 {
			before = append(before, f)
			continue
		}
		m.NewFiles = slices.Delete(m.NewFiles, at, at+1)
		if !slices.ContainsFunc(m.CompactAfter, same) { // else it only changed level
			gone = append(gone, f)
		}
	}
	m.CompactBefore = before
	m.CompactAfter = slices.Concat(m.NewFiles, m.CompactAfter)
	m.CompactChangelog = slices.Concat(m.ChangelogFiles, m.CompactChangelog)
	m.NewFiles, m.ChangelogFiles = nil, nil
	files, err := t.Files(m.Partition, m.Bucket, nil)
	if err != nil {
		return err
	}
	return files.Delete(ctx, gone...)
}
