package paimon_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/fileio/faultio"
)

// damaged makes a table of three commits of which the second's file is lost.
func damaged(t *testing.T) (*lake, string) {
	t.Helper()
	l := newLake(t, fileio.NewMem(), catalog.Definition{PrimaryKeys: []string{"id"}, Options: map[string]string{"bucket": "1", "write-only": "true"}})
	require.NoError(t, l.write("", 1, 2))
	before := l.dataFiles()
	require.NoError(t, l.write("", 2, 3))
	var lost string
	for name := range l.dataFiles() {
		if !before[name] {
			lost = name
		}
	}
	require.NoError(t, l.write("", 4))
	require.NoError(t, l.store.Delete(l.ctx, lost))
	return l, lost
}

func (l *lake) dataFiles() map[string]bool {
	out := map[string]bool{}
	for info, err := range l.store.List(l.ctx, "d.db/users/bucket-0") {
		require.NoError(l.t, err)
		out[info.Path] = true
	}
	return out
}

func TestRemoveUnexistingFiles(t *testing.T) {
	l, lost := damaged(t)
	_, err := l.read(l.table(""), nil)
	require.NoError(t, err)
	snap, err := l.table("").LatestSnapshot(l.ctx)
	require.NoError(t, err)
	_, err = l.read(l.table(""), snap)
	require.ErrorIs(t, err, errs.ErrNotFound)
	for _, dry := range []bool{true, false} {
		paths, err := l.table("").RemoveUnexistingFiles(l.ctx, dry)
		require.NoError(t, err)
		require.Equal(t, []string{lost}, paths)
	}
	l.newest(t, "repaired", "+I1v1,+I2v2,+I4v5")
	paths, err := l.table("").RemoveUnexistingFiles(l.ctx, false)
	require.NoError(t, err)
	require.Empty(t, paths)
	require.NoError(t, l.write("", 5))
	l.newest(t, "written on", "+I1v1,+I2v2,+I4v5,+I5v6")
}

// TestRemoveUnexistingFilesFailsAnywhere fails each write once, in each way;
// doing it again has to complete it.
func TestRemoveUnexistingFilesFailsAnywhere(t *testing.T) {
	origin, _ := damaged(t)
	for _, mode := range []faultio.Mode{faultio.Fail, faultio.LostReply, faultio.Crash} {
		for at := int64(1); ; at++ {
			l := origin.copy(t)
			faulty := faultio.New(l.store, mode, at)
			l.store = faulty
			_, _ = l.table("").RemoveUnexistingFiles(l.ctx, false)
			whole := faulty.Writes() < at
			faulty.Heal()
			_, err := l.table("").RemoveUnexistingFiles(l.ctx, false)
			require.NoError(t, err)
			l.newest(t, "done again", "+I1v1,+I2v2,+I4v5")
			if whole {
				require.Greater(t, at, int64(2))
				break
			}
		}
	}
}
