package app

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The folder of a process that is gone is removed by the next one, that of a
// living one and what others put there is not.
func TestTempFolder(t *testing.T) {
	base := t.TempDir()
	old := time.Now().Add(-time.Hour)
	living, err := newTempFolder(base)
	require.NoError(t, err)
	require.NoError(t, os.Chtimes(filepath.Join(living.path, "lock"), old, old))
	dead, err := newTempFolder(base)
	require.NoError(t, err)
	require.NoError(t, os.Chtimes(filepath.Join(dead.path, "lock"), old, old))
	require.NoError(t, dead.lock.Close()) // as a kill does
	other := filepath.Join(base, tempPrefix+"other")
	require.NoError(t, os.Mkdir(other, 0o755))

	next, err := newTempFolder(base)
	require.NoError(t, err)
	require.NoDirExists(t, dead.path)
	require.DirExists(t, living.path)
	require.DirExists(t, other)
	require.NoError(t, next.Close())
	require.NoError(t, living.Close())
	require.NoDirExists(t, living.path)
}
