package write

import (
	"cmp"
	"slices"

	"github.com/tarndb/tarn/paimon/internal/deletion"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/spec"
)

// appendPolicy decides which files of an append table are written together.
// It is pure: sizes in, lists of files out.
type appendPolicy struct {
	target     int64 // wanted size of a file in bytes
	small      int64 // a file below this is worth compacting
	openCost   int64 // bytes that opening a file counts as
	minFiles   int   // so many small files are worth it whatever their size
	rewriteAll bool
	maxDeleted float64 // share of deleted rows from which a file is worth it
}

// fullMinFiles is the least number of files that a full compaction of a
// bucket takes up.
const fullMinFiles = 3

// maxAge is how many plans a partition with too few small files waits for more
// of them before they are compacted all the same.
const maxAge = 5

func newAppendPolicy(o options.Table) appendPolicy {
	return appendPolicy{target: o.Files.TargetSize, small: int64(float64(o.Files.TargetSize) * o.Compaction.SmallFileRatio),
		openCost: o.Scan.SplitOpenCost, minFiles: o.Compaction.MinFileNum, rewriteAll: o.Compaction.ForceRewriteAll,
		maxDeleted: o.Compaction.DeleteRatio}
}

// candidates are the files that a compaction of an unaware bucket looks at:
// small ones and those with many deleted rows. Files with deleted rows are in
// marked.
func (p appendPolicy) candidates(files []spec.DataFileMeta, dead map[string]deletion.Location) (whole, marked []spec.DataFileMeta) {
	for _, f := range files {
		l, ok := dead[f.FileName]
		many := ok && (l.Cardinality == nil || float64(*l.Cardinality) > p.maxDeleted*float64(f.RowCount))
		switch {
		case f.FileSize >= p.small && !many:
		case ok:
			marked = append(marked, f)
		default:
			whole = append(whole, f)
		}
	}
	return whole, marked
}

// packMarked makes tasks of files with deleted rows: none of them waits.
// Source: AppendCompactCoordinator.SubCoordinator.packInDeletionVectorVMode.
func (p appendPolicy) packMarked(files []spec.DataFileMeta) [][]spec.DataFileMeta {
	tasks, rest := p.pack(files)
	if len(rest) > 0 {
		tasks = append(tasks, inOrder(rest))
	}
	return tasks
}

// pack makes tasks of the small files of one partition of an unaware-bucket
// table: bins of about twice the target size, the smallest files first; what is
// left makes a task if it is minFiles files. The rest waits.
// Source: AppendCompactCoordinator.SubCoordinator.pack.
func (p appendPolicy) pack(files []spec.DataFileMeta) (tasks [][]spec.DataFileMeta, rest []spec.DataFileMeta) {
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(a, b spec.DataFileMeta) int { return cmp.Compare(a.FileSize, b.FileSize) })
	start, size := 0, int64(0)
	for i := range files {
		size += files[i].FileSize + p.openCost
		if i > start && size >= 2*p.target {
			tasks = append(tasks, inOrder(files[start:i+1]))
			start, size = i+1, 0
		}
	}
	if len(files)-start >= max(p.minFiles, 2) {
		return append(tasks, inOrder(files[start:])), nil
	}
	return tasks, files[start:]
}

// inOrder sorts the files of a task by age, so that rows stay in the order
// that they came in as far as that is known.
func inOrder(files []spec.DataFileMeta) []spec.DataFileMeta {
	slices.SortStableFunc(files, func(a, b spec.DataFileMeta) int {
		return cmp.Or(a.CreationTime.Compare(b.CreationTime), cmp.Compare(a.MinSequence, b.MinSequence))
	})
	return files
}

// next picks neighbours among the files of a bucket whose order counts: the
// first minFiles in a row that are not too large together. Files before them
// are large enough and leave the queue.
// Source: BucketedAppendCompactManager.pickCompactBefore.
func (p appendPolicy) next(queue []spec.DataFileMeta) (picked, rest []spec.DataFileMeta) {
	bySequence(queue)
	from, size := 0, int64(0)
	for i := range queue {
		size += queue[i].FileSize
		switch {
		case i+1-from >= max(p.minFiles, 2):
			return queue[from : i+1], queue[i+1:]
		case size >= 2*p.target:
			size -= queue[from].FileSize
			from++
		}
	}
	return nil, queue[from:]
}

// full picks the files of a full compaction of a bucket: all behind the large
// ones at its head, if more than half of them are small or some has deleted
// rows.
// Source: BucketedAppendCompactManager.FullCompactTask.
func (p appendPolicy) full(files []spec.DataFileMeta, dead map[string]deletion.Location) []spec.DataFileMeta {
	bySequence(files)
	if p.rewriteAll {
		return files
	}
	marked := func(f spec.DataFileMeta) bool { _, ok := dead[f.FileName]; return ok }
	for len(files) > 0 && files[0].FileSize >= p.small && !marked(files[0]) {
		files = files[1:]
	}
	if slices.ContainsFunc(files, marked) {
		return files
	}
	few := 0
	for i := range files {
		if files[i].FileSize < p.small {
			few++
		}
	}
	if len(files) < fullMinFiles || few <= len(files)-few {
		return nil
	}
	return files
}

func bySequence(files []spec.DataFileMeta) {
	slices.SortStableFunc(files, func(a, b spec.DataFileMeta) int { return cmp.Compare(a.MinSequence, b.MinSequence) })
}
