package write

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/internal/deletion"
	"github.com/tarndb/tarn/paimon/spec"
)

// sized makes files of these sizes; a file's name is its place.
func sized(sizes string) []spec.DataFileMeta {
	var out []spec.DataFileMeta
	for i, s := range strings.Fields(sizes) {
		n, _ := strconv.Atoi(s)
		out = append(out, spec.DataFileMeta{FileName: fmt.Sprint(i), FileSize: int64(n), MinSequence: int64(10 * i), MaxSequence: int64(10*i + 9)})
	}
	return out
}

func names(files []spec.DataFileMeta) string {
	var out []string
	for i := range files {
		out = append(out, files[i].FileName)
	}
	return strings.Join(out, " ")
}

func TestPackUnaware(t *testing.T) {
	p := appendPolicy{target: 100, small: 70, openCost: 5, minFiles: 4}
	f := func(sizes, tasks, rest string) {
		t.Helper()
		whole, marked := p.candidates(sized(sizes), nil)
		require.Empty(t, marked)
		got, left := p.pack(whole)
		var list []string
		for _, task := range got {
			list = append(list, names(task))
		}
		require.Equal(t, tasks, strings.Join(list, " | "), sizes)
		require.Equal(t, rest, names(left), sizes)
	}
	f("10 10 10", "", "0 1 2")
	f("10 10 10 10", "0 1 2 3", "")
	f("10 10 80 10 70 10", "0 1 3 5", "")   // large ones stay
	f("60 65 60", "0 1 2", "")              // enough bytes, with the cost of opening
	f("60 65 60 65 60 1", "0 2 4 5", "1 3") // the smallest first
}

func TestPickBucketed(t *testing.T) {
	p := appendPolicy{target: 100, small: 70, minFiles: 3}
	f := func(sizes, picked, rest string) {
		t.Helper()
		got, left := p.next(sized(sizes))
		require.Equal(t, picked, names(got), sizes)
		require.Equal(t, rest, names(left), sizes)
	}
	f("10 10", "", "0 1")
	f("10 10 10", "0 1 2", "")
	f("10 10 10 10", "0 1 2", "3")
	f("190 20 10 10", "1 2 3", "") // together too large: the window moves on
	f("200 10", "", "1")
}

func TestPickBucketedFull(t *testing.T) {
	p := appendPolicy{target: 100, small: 70, minFiles: 3}
	f := func(sizes, picked string) {
		t.Helper()
		require.Equal(t, picked, names(p.full(sized(sizes), nil)), sizes)
	}
	f("10 10", "")
	f("10 10 10", "0 1 2")
	f("90 10 10 10", "1 2 3")
	f("10 90 90 10", "") // no more small than large ones
	f("10 90 10 10", "0 1 2 3")
	p.rewriteAll = true
	f("90", "0")
}

func TestFilesWithDeletedRows(t *testing.T) {
	p := appendPolicy{target: 100, small: 70, openCost: 5, minFiles: 4, maxDeleted: 0.2}
	files := sized("90 90 90 10 10")
	dead := map[string]deletion.Location{}
	for i := range files {
		files[i].RowCount = 100
	}
	mark := func(i int, rows int64) { dead[files[i].FileName] = deletion.Location{Cardinality: &rows} }
	mark(0, 20)
	mark(1, 21)
	mark(3, 1)
	whole, marked := p.candidates(files, dead)
	require.Equal(t, names(files[4:]), names(whole))
	require.Equal(t, names([]spec.DataFileMeta{files[1], files[3]}), names(marked))
	tasks := p.packMarked(marked)
	require.Len(t, tasks, 1, "they do not wait for others")
	require.Equal(t, names(files), names(p.full(files, dead)))
	require.Empty(t, p.full(files, nil))
}
