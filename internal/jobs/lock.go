package jobs

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/tarndb/tarn/paimon/errs"
)

// lockJob keeps other processes from running the job. The system frees the
// lock when the process ends, however it ends.
func lockJob(dir, name string) (unlock func(), err error) {
	if dir == "" {
		return func() {}, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("lock job %s: %w", name, err)
	}
	f, err := os.OpenFile(filepath.Join(dir, url.PathEscape(name)+".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock job %s: %w", name, err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		f.Close()
		return nil, errs.Kinded(errs.ErrExists, "job %s is running in another process; stop it first, or give this one another name with SET 'pipeline.name' = '…'", name)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock job %s: %w", name, err)
	}
	return func() { f.Close() }, nil
}
