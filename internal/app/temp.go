package app

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const tempPrefix = "tarn-"

// tempFolder makes a folder for temporary files in base ("" for the system's)
// and removes those of processes that were killed. A folder is held by a lock,
// which the system frees when the process ends, however it ends.
type tempFolder struct {
	path string
	lock *os.File
}

func newTempFolder(base string) (*tempFolder, error) {
	if base == "" {
		base = os.TempDir()
	}
	sweepTemp(base)
	path, err := os.MkdirTemp(base, tempPrefix)
	if err != nil {
		return nil, fmt.Errorf("make the folder for temporary files: %w", err)
	}
	t := &tempFolder{path: path}
	if t.lock, err = os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600); err == nil {
		err = unix.Flock(int(t.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err != nil {
		_ = os.RemoveAll(path)
		return nil, fmt.Errorf("lock the folder for temporary files: %w", err)
	}
	return t, nil
}

// Close removes the folder.
func (t *tempFolder) Close() error {
	err := os.RemoveAll(t.path)
	_ = t.lock.Close()
	return err
}

// sweepTemp removes folders whose process is gone; what cannot be removed
// stays. A young folder may be about to be locked.
func sweepTemp(base string) {
	locks, _ := filepath.Glob(filepath.Join(base, tempPrefix+"*", "lock"))
	for _, name := range locks {
		if st, err := os.Stat(name); err != nil || time.Since(st.ModTime()) < time.Minute {
			continue
		}
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			_ = os.RemoveAll(filepath.Dir(name))
		}
		_ = f.Close()
	}
}
